"""docs/tutorial.md as its reader runs it: every command does and prints what the page says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.localcluster import KubectlFailed, Provider, choose
from hack.localcluster.paths import REPOSITORY
from tests.helpers.consoles import Shell, follow, steps
from tests.helpers.system import System

TUTORIAL = REPOSITORY / "docs" / "tutorial.md"

pytestmark = pytest.mark.skipif(
    choose.provider() is Provider.EXISTING,
    reason="writes to the namespace default, where the deleted vault of an earlier run may be kept",
)


@pytest.fixture
def shell(system: System, tmp_path: Path) -> Iterator[Shell]:
    """A reader's shell after `make up` and `. .run/env`; what the tutorial leaves is removed."""
    environment = {
        "KUBECONFIG": str(system.cluster.kubeconfig),
        "KUBECACHEDIR": str(tmp_path / "kubectl-cache"),
        "PATH": f"{system.cluster.kubectl.parent}:/usr/local/bin:/usr/bin:/bin",
    }
    try:
        with Shell(REPOSITORY, environment, tmp_path) as shell:
            yield shell
    finally:
        for leftover in (
            ("clusterrolebinding", "rita"),
            ("namespace", "shop", "--wait=false"),
            ("vaultsecrets", "-n", "default", "--all"),
            ("vaults", "-n", "default", "--all"),
        ):
            try:
                system.kubectl("delete", "--ignore-not-found", *leftover)
            except KubectlFailed as failed:
                print(failed)


def test_every_command_does_what_the_page_says(shell: Shell) -> None:
    follow(shell, TUTORIAL, steps(TUTORIAL.read_text()))
