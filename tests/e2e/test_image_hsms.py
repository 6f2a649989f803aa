"""The image's content runs the chart's pod with several HSM sidecars: a pool of two tokens, and a dedicated one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
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
from tests.helpers import imagepods
from tests.helpers.eventually import eventually
from tests.helpers.hsm import LABEL, USER_PIN, TokenHome
from tests.helpers.system import secret, vault

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
SIDECARS = {"hsm": "a", "hsm-pool-b": "b", "hsm-class-bank": "bank"}

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

    def apply(self, *bodies: dict[str, Any]) -> None:
        self.cluster.kubectl_run("apply", "-f", "-", input="\n---\n".join(map(json.dumps, bodies)))

    def is_available(self, kind: str, name: str) -> bool:
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].reason}"
        return self.cluster.kubectl_run("get", kind, name, "-n", "default", "-o", path) == "Available"

    def answers_ready(self) -> bool:
        return imagepods.answers_ready(self.metrics)

    def status(self, sidecar: str) -> str:
        return self.pod.execute(sidecar, "strongroom", "hsm", "status").stdout


@pytest.fixture(scope="module")
def homes() -> Iterator[dict[str, TokenHome]]:
    """Two tokens of one geography, and a dedicated one, as the pod's user has them."""
    made = {name: TokenHome.make() for name in SIDECARS.values()}
    for home in made.values():
        home.create_token()
    assert made["a"].init().returncode == 0
    assert made["bank"].init("--dedicated", geography="bank").returncode == 0
    a, b = made["a"], made["b"]
    joined = b.strongroom(
        "hsm", "join", "--token-label", LABEL, "--pin-file", str(b.pin_file), "--so-pin-file", str(b.so_pin_file),
        "--sponsor-token-label", LABEL, "--sponsor-pin-file", str(a.pin_file),
        "--sponsor-so-pin-file", str(a.so_pin_file), "--sponsor-environment", f"SOFTHSM2_CONF={a.configuration}",
    )  # fmt: skip
    assert joined.returncode == 0, joined.stderr
    for home in made.values():
        for path in [home.root, *home.root.rglob("*")]:
            shutil.chown(path, imagepods.USER, imagepods.USER)
    yield made
    for home in made.values():
        home.remove()


def values(homes: dict[str, TokenHome]) -> str:
    def token(name: str) -> dict[str, Any]:
        home = homes[name]
        return {
            "tokenLabel": LABEL,
            "pinSecret": f"pin-{name}",
            "extraEnv": [{"name": "SOFTHSM2_CONF", "value": str(home.configuration)}],
            "extraVolumes": [{"name": name, "emptyDir": {}}],
            "extraVolumeMounts": [{"name": name, "mountPath": str(home.root)}],
        }

    further = {name: {"name": name, "module": MODULE, **token(name)} for name in ("b", "bank")}
    first = {"kind": "pkcs11", "pkcs11": {"module": MODULE}, **token("a")}
    return json.dumps({"hsm": {**first, "pool": [further["b"]], "classes": [further["bank"]]}})


@pytest.fixture(scope="module")
def running(homes: dict[str, TokenHome], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The chart's objects in a cluster, the controller's pod on this machine."""
    scratch = tmp_path_factory.mktemp("pod")
    (scratch / "values.json").write_text(values(homes))
    options = ("--namespace", "strongroom-system")
    with running_cluster(f"hsms-{os.getpid()}") as cluster, imagepods.service(cluster) as address:
        install = ("install", "strongroom", CHART, *options, "--create-namespace", "--values", scratch / "values.json")
        helm.run(*install, kubeconfig=cluster.kubeconfig)
        text = helm.run("get", "manifest", "strongroom", *options, kubeconfig=cluster.kubeconfig)
        (spec,) = [
            body["spec"]["template"]["spec"]
            for body in yaml.safe_load_all(text)
            if body and body["kind"] == "Deployment"
        ]
        _free_ports(spec)
        metrics, server = free_port(), urlsplit(cluster.url)
        environment = {
            "STRONGROOM_METRICS_PORT": str(metrics),
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port),
        }
        volumes = _volumes(scratch, cluster, homes)
        pod = Pod(spec, image.built(), volumes, scratch, f"{address} kubernetes.default.svc\n", environment)
        try:
            pod.start()
            running = Running(cluster, pod, metrics)
            eventually(running.answers_ready, 60)
            yield running
        finally:
            pod.stop()


def _free_ports(spec: dict[str, Any]) -> None:
    """The pod has its own network; here it is the machine's."""
    for container in spec["containers"]:
        for variable in container["env"]:
            if variable["name"] == "STRONGROOM_HSM_METRICS_PORT":
                variable["value"] = str(free_port())


def _volumes(scratch: Path, cluster: Cluster, homes: dict[str, TokenHome]) -> dict[str, Path]:
    volumes = {name: imagepods.empty_dir(scratch, name) for name in ("run", "run-pool-b", "run-class-bank", "audit")}
    for name in ("pin", "pin-pool-b", "pin-class-bank"):
        volumes[name] = scratch / f"volume-{name}"
        volumes[name].mkdir()
        imagepods.give_to_pod(volumes[name] / "pin", USER_PIN)
    volumes |= {name: home.root for name, home in homes.items()}
    return volumes | {"api-token": imagepods.api_token(scratch, cluster)}


def test_vaults_of_the_geography_and_of_a_dedicated_hsm_are_served(running: Running) -> None:
    running.apply(vault("default"), vault("default", "bank", tier="Premium", hsm={"dedicated": "bank"}))
    running.apply(secret("default", "db"), secret("default", "iban", "bank"))
    everything = (("vault", "demo"), ("vault", "bank"), ("vaultsecret", "db"), ("vaultsecret", "iban"))
    eventually(lambda: all(running.is_available(*each) for each in everything))
    geographies = {sidecar: running.status(sidecar).partition("geography")[2].split()[0] for sidecar in SIDECARS}
    assert geographies == {"hsm": "test-1", "hsm-pool-b": "test-1", "hsm-class-bank": "bank"}


def test_a_sidecar_sees_no_others_token_pin_or_socket(running: Running, homes: dict[str, TokenHome]) -> None:
    for sidecar, own in SIDECARS.items():
        others = [str(homes[name].root) for name in SIDECARS.values() if name != own]
        found = running.pod.execute(
            sidecar, "sh", "-c", f"ls -d {' '.join(others)} /run/strongroom-hsm; ls /run/strongroom"
        )
        assert found.stdout.split() == ["hsm"]


def test_without_one_of_its_tokens_the_pod_serves_on(running: Running) -> None:
    """Last of all."""
    running.pod.processes["hsm"].terminate()
    running.pod.processes["hsm"].wait(timeout=20)
    running.apply(vault("default", "later"), secret("default", "later", "later"))
    eventually(lambda: running.is_available("vaultsecret", "later"))
    assert running.answers_ready()
