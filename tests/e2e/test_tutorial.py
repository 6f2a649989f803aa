"""docs/tutorial.md as its reader runs it: every command does and prints what the page says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.dev import demovault
from hack.localcluster import KubectlFailed, Provider, choose
from hack.localcluster.paths import REPOSITORY
from tests.helpers.consoles import Shell, follow, steps
from tests.helpers.dataplane import DataPlane, serving
from tests.helpers.system import System

TUTORIAL = REPOSITORY / "docs" / "tutorial.md"

pytestmark = pytest.mark.skipif(
    choose.provider() is Provider.EXISTING,
    reason="writes to the namespace default, where the deleted vault of an earlier run may be kept",
)


@pytest.fixture
def vaults(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """Under the port of the URLs that the controller writes into status."""
    with serving(system, tmp_path_factory.mktemp("dataplane"), "--external-port", "443") as running:
        yield running


@pytest.fixture
def shell(system: System, vaults: DataPlane, tmp_path: Path) -> Iterator[Shell]:
    """A reader's shell after `make up` and `. .run/env`; what the tutorial leaves is removed."""
    environment = {
        "KUBECONFIG": str(system.cluster.kubeconfig),
        "KUBECACHEDIR": str(tmp_path / "kubectl-cache"),
        "PATH": f"{Path(sys.executable).parent}:{system.cluster.kubectl.parent}:/usr/local/bin:/usr/bin:/bin",
        "STRONGROOM_CONNECT_TO": f"127.0.0.1:{vaults.port}",
    }
    demovault.declare(system.cluster)
    try:
        with Shell(REPOSITORY, environment, tmp_path) as shell:
            yield shell
    finally:
        for leftover in (
            ("clusterrolebinding", "rita"),
            ("namespace", "shop", "--wait=false"),
            ("vaultsecrets,vaultkeys", "-n", "default", "--all"),
            ("serviceaccount", demovault.ACCOUNT, "-n", "default"),
            ("vaults", "-n", "default", "--all"),
        ):
            try:
                system.kubectl("delete", "--ignore-not-found", *leftover)
            except KubectlFailed as failed:
                print(failed)


def test_every_command_does_what_the_page_says(shell: Shell) -> None:
    follow(shell, TUTORIAL, steps(TUTORIAL.read_text()))
