"""docs/how-to/install-with-helm.md, command by command, on a real API server, from an empty cluster to an empty one.

What needs nodes or an image is left out by name, so that a new command is either run or looked at.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack import helm
from hack.localcluster import Cluster, Provider, choose, running_cluster
from hack.localcluster.paths import REPOSITORY
from tests.component.chart.rendering import rendered

PAGE = (REPOSITORY / "docs/how-to/install-with-helm.md").read_text()
WITHOUT_NODES = ("docker build", "kind load", "install -d", "kubectl -n strongroom-system rollout status")

pytestmark = pytest.mark.timeout(300, func_only=True)


def commands(section: str) -> list[str]:
    """The commands of a section of the page, as they are to be typed."""
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0].replace("\\\n", " ")
    blocks = re.findall(r"(?:^    .+\n)+|(?<=```sh\n)[^`]+", text, re.MULTILINE)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """An empty one; the working directory is like a clone, with PIN files in it."""
    for name in ("helm", "examples"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    for name in ("pin", "so-pin"):
        (tmp_path / name).write_text("123456")
    monkeypatch.chdir(tmp_path)
    with running_cluster(f"page-{os.getpid()}") as cluster:
        yield cluster


def run(cluster: Cluster, lines: list[str]) -> list[str]:
    """Type the commands; return those that were left out."""
    left_out = []
    for line in lines:
        program, *arguments = shlex.split(line)
        if line.startswith(WITHOUT_NODES):
            left_out.append(line)
        elif program == "helm":
            helm.run(*arguments, kubeconfig=cluster.kubeconfig)
            if arguments[0] == "install":
                until_listed(cluster)
        else:
            assert program == "kubectl", line
            cluster.kubectl_run(*arguments)
    return left_out


def until_listed(cluster: Cluster) -> None:
    """Ask for each of our kinds, as the controller would.

    An API server makes a kind's storage when it is first asked for. Where that is the deletion of the kind's
    definition, the deletion fails ("storage is (re)initializing"), and is tried again minutes later.
    """
    cluster.kubectl_run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    for kind in ("vaults", "vaultsecrets", "vaultkeys", "vaultcertificates"):
        cluster.kubectl_run("get", "--raw", f"/apis/strongroom.dev/v1alpha1/{kind}?resourceVersion=0&limit=1")


@pytest.mark.skipif(
    choose.provider() is Provider.EXISTING, reason="installs cluster-wide guards: never into a developer's own cluster"
)
def test_every_command_does_what_the_page_says(cluster: Cluster) -> None:
    everything = "crd,namespaces,clusterroles,validatingadmissionpolicies,persistentvolumes"
    assert "strongroom" not in cluster.kubectl_run("get", everything, "-o", "name")
    trial = commands("A trial on one node")
    pins = trial.index("kubectl create namespace strongroom-system")
    assert len(run(cluster, trial[:pins])) == 3
    assert "db-password" in cluster.kubectl_run("get", "vaultsecrets", "-A")
    assert run(cluster, commands("Upgrade")) == []
    removing = [*commands("Uninstall"), *commands("Remove everything for good")]
    for way in (trial[pins:], commands("Standbys")):
        run(cluster, removing)
        assert "strongroom" not in cluster.kubectl_run("get", everything, "-o", "name")
        run(cluster, way)
        assert "strongroom-controller" in cluster.kubectl_run("get", "deployments", "-A")


def test_every_block_of_values_renders(tmp_path: Path) -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)]
    assert len(blocks) == 2
    for values in blocks:
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
        assert rendered("--values", tmp_path / "values.yaml")
