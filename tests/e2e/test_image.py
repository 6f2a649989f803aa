"""The image's content runs the chart's pod: read-only root, user 65532, no capabilities; the quick start works in it.

In a cluster of its own, because the chart is installed in it. What the API server would mount is put there by hand.
"""

import base64
import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from hack import helm, image
from hack.helm import CHART
from hack.image.pod import Pod
from hack.localcluster import Cluster, Provider, choose, running_cluster
from hack.localcluster.layout import free_port
from hack.localcluster.paths import REPOSITORY
from tests.helpers import imagepods
from tests.helpers.eventually import eventually

pytestmark = [
    pytest.mark.skipif(choose.provider() is not Provider.PROCESSES, reason="needs the API server on this machine"),
    pytest.mark.skipif(bool(image.unsupported()), reason=image.unsupported() or "never"),
    pytest.mark.timeout(300, func_only=True),  # the first one may have to build the image
]


@dataclass
class Running:
    cluster: Cluster
    pod: Pod
    metrics: int

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl_run(*arguments)

    def is_ready(self) -> bool:
        for name, process in self.pod.processes.items():
            assert process.poll() is None, self.pod.log(name).read_text()
        return imagepods.answers_ready(self.metrics)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The chart's objects in a cluster, its one pod on this machine."""
    layers = image.built()
    options = ("--namespace", "strongroom-system")
    with running_cluster(f"image-{os.getpid()}") as cluster, imagepods.service(cluster) as address:
        helm.run("install", "strongroom", CHART, *options, "--create-namespace", kubeconfig=cluster.kubeconfig)
        text = helm.run("get", "manifest", "strongroom", *options, kubeconfig=cluster.kubeconfig)
        bodies = {body["kind"]: body for body in yaml.safe_load_all(text) if body}
        scratch = tmp_path_factory.mktemp("pod")
        metrics, server = free_port(), urlsplit(cluster.url)
        environment = {
            "STRONGROOM_METRICS_PORT": str(metrics),
            "STRONGROOM_HSM_METRICS_PORT": str(free_port()),
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port),
        }
        spec = bodies["Deployment"]["spec"]["template"]["spec"]
        pod = Pod(
            spec,
            layers,
            _volumes(scratch, cluster, bodies),
            scratch,
            f"{address} kubernetes.default.svc\n",
            environment,
        )
        try:
            pod.initialise()
            pod.start()
            running = Running(cluster, pod, metrics)
            eventually(running.is_ready, 60)
            yield running
        finally:
            pod.stop()


def _volumes(scratch: Path, cluster: Cluster, bodies: dict[str, dict[str, Any]]) -> dict[str, Path]:
    """As the kubelet makes them: emptyDir and claim belong to root and to the group of the pod."""
    volumes = _token_volumes(scratch, bodies)
    volumes |= {name: imagepods.empty_dir(scratch, name) for name in ("run", "audit")}
    return volumes | {"api-token": imagepods.api_token(scratch, cluster)}


def _token_volumes(scratch: Path, bodies: dict[str, dict[str, Any]]) -> dict[str, Path]:
    volumes = {name: scratch / f"volume-{name}" for name in ("token", "softhsm")}
    imagepods.give_group(volumes["token"], 0o2775)
    volumes["softhsm"].mkdir()
    for name, content in bodies["ConfigMap"]["data"].items():
        (volumes["softhsm"] / name).write_text(content)
    return volumes


def test_the_quick_start_works(running: Running) -> None:
    running.kubectl("apply", "-f", str(REPOSITORY / "examples/quickstart"))
    secret = ("get", "secret", "db-credentials", "-n", "default", "-o", "json", "--ignore-not-found")
    eventually(lambda: bool(running.kubectl(*secret)), 60)
    assert len(base64.b64decode(json.loads(running.kubectl(*secret))["data"]["value"])) == 32
    eventually(lambda: running.pod.is_ready("hsm"))
    sealed = running.kubectl("get", "secrets", "-n", "strongroom-system", "-o", "jsonpath={.items[*].type}")
    assert "strongroom.dev/sealed" in sealed


def test_the_lease_names_the_pods_uid(running: Running) -> None:
    leases = json.loads(running.kubectl("get", "leases", "-n", "strongroom-system", "-o", "json"))["items"]
    assert [lease["spec"]["holderIdentity"] for lease in leases] == [running.pod.uid]


def test_initialising_again_changes_nothing(running: Running) -> None:
    before = _token_files(running)
    running.pod.initialise()
    assert "already initialised, geography trial" in running.pod.log("hsm-init").read_text()
    assert _token_files(running) == before


def test_pods_that_initialise_at_the_same_time_make_one_token(tmp_path: Path) -> None:
    bodies = _rendered()
    volumes = _token_volumes(tmp_path, bodies)
    pods = [_pod(tmp_path / name, bodies, volumes) for name in ("one", "two", "three")]
    with ThreadPoolExecutor() as threads:
        list(threads.map(Pod.initialise, pods))
    said = [pod.log("hsm-init").read_text().splitlines()[-1] for pod in pods]
    assert sorted(line.partition(",")[0] for line in said) == ["already initialised"] * 2 + ["initialised"]
    assert len({line.partition(",")[2] for line in said}) == 1
    assert len(list((volumes["token"] / "tokens").iterdir())) == 1


def test_with_pins_in_a_secret_the_officers_pin_is_needed_once(tmp_path: Path) -> None:
    bodies = _rendered("--set=hsm.pinSecret=pins")
    volumes = _token_volumes(tmp_path, bodies)
    for name, pin in (("pin", "123456"), ("so-pin", "654321")):
        volumes[name] = tmp_path / f"volume-{name}"
        volumes[name].mkdir()
        imagepods.give_to_pod(volumes[name] / name, pin)
    pod = _pod(tmp_path / "pod", bodies, volumes)
    pod.initialise()
    (volumes["so-pin"] / "so-pin").unlink()
    pod.initialise()
    assert "already initialised" in pod.log("hsm-init").read_text().splitlines()[-1]
    assert list((volumes["token"] / "pins").iterdir()) == []


def _pod(scratch: Path, bodies: dict[str, dict[str, Any]], volumes: dict[str, Path]) -> Pod:
    scratch.mkdir()
    return Pod(bodies["Deployment"]["spec"]["template"]["spec"], image.built(), volumes, scratch)


def _rendered(*options: str) -> dict[str, dict[str, Any]]:
    text = helm.run("template", "strongroom", CHART, "--namespace", "strongroom-system", *options)
    return {body["kind"]: body for body in yaml.safe_load_all(text) if body}


def _token_files(running: Running) -> dict[str, bytes]:
    """Keys and PINs; token.object counts logins."""
    files = [path for path in running.pod.volumes["token"].rglob("*") if path.suffix == ".object" or "pin" in path.name]
    return {str(path): path.read_bytes() for path in files if path.is_file() and path.name != "token.object"}


def test_token_pins_and_socket_are_for_the_pods_user_alone(running: Running) -> None:
    token, run = running.pod.volumes["token"], running.pod.volumes["run"]
    for path in [*(token / "pins").iterdir(), *(token / "tokens").rglob("*"), token / "pins", run / "hsm"]:
        status = path.stat()
        assert status.st_uid == imagepods.USER, path
        assert stat.S_IMODE(status.st_mode) & 0o077 == 0, path


@pytest.mark.parametrize("name", ["controller", "hsm"])
def test_a_container_can_write_nowhere_but_into_its_volumes(running: Running, name: str) -> None:
    script = (
        "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs):' /proc/self/status; touch /opt/x /tmp/x /etc/x; cat /etc/shadow"
    )
    said = running.pod.execute(name, "sh", "-c", script)
    assert said.stdout.split() == [str(imagepods.USER), "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]
    assert said.stderr.count("Read-only file system") == 3
    assert "Permission denied" in said.stderr


def test_the_controller_cannot_see_token_or_pins(running: Running) -> None:
    said = running.pod.execute("controller", "sh", "-c", "ls /var/lib/strongroom /etc/strongroom; true")
    assert said.stdout.split() == ["/var/lib/strongroom:", "audit"]
    assert said.stderr.count("No such file or directory") == 1


def test_the_image_holds_nothing_that_builds_or_installs(running: Running) -> None:
    script = "for name in pip pip3 uv gcc cc make git curl wget; do command -v $name; done; true"
    assert running.pod.execute("controller", "sh", "-c", script).stdout == ""
    assert running.pod.execute("controller", "python3", "-c", "import pip").returncode != 0


def test_both_end_well_when_the_pod_is_told_to(running: Running) -> None:
    """Last of all; what was sealed opens again afterwards."""
    assert running.pod.stop() == {"controller": 0, "hsm": 0}
    running.pod.initialise()
    running.pod.start()
    eventually(running.is_ready, 60)
    running.kubectl("annotate", "vaultsecret", "db-password", "strongroom.dev/rotate=again", "-n", "default")
    path = "jsonpath={.status.versions[*].version}"
    eventually(
        lambda: len(running.kubectl("get", "vaultsecret", "db-password", "-n", "default", "-o", path).split()) > 1
    )


def test_no_mount_is_left_on_the_machine() -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    assert "volume-token" not in mounts
    assert "/strongroom/image/" not in mounts
