"""docs/how-to as its reader goes through it: every block that is meant to be run does and prints what the page says.

Each page has a namespace of its own, in which its kubectl works when it names none.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hack.localcluster import KubectlFailed, Provider, choose
from hack.localcluster.paths import REPOSITORY
from tests.helpers.consoles import Shell, follow, tour
from tests.helpers.system import System

HOW_TO = REPOSITORY / "docs" / "how-to"
NOT_RUN = {
    "audit.md": "its commands need the journal of a data plane; tests/e2e/test_audit.py gives them one",
    "develop.md": "what it tells is done by every run of the tests",
    "encrypt-kubernetes-secrets.md": "needs an API server of its own; tests/e2e/test_kms.py follows it on one",
    "issue-by-acme.md": "needs an authority and a DNS server; tests/component/acme has Pebble and BIND",
    "release-keys.md": "needs an attestation authority; tests/component/dataplane/test_release.py has one",
    "install-with-helm.md": "needs an image and a node; what can be tried without is tried by tests/component/chart",
}
TOURS = sorted(page for page in HOW_TO.glob("*.md") if page.name not in NOT_RUN)

_MADE = re.compile(r"^(?:\$ )?kubectl create (namespace|clusterrole|clusterrolebinding) ([a-z0-9.-]+)", re.MULTILINE)


@pytest.fixture
def reader(system: System, namespace: str, tmp_path: Path) -> Iterator[Shell]:
    """A reader's shell in the root of a clone, where examples are and files may be written."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_bytes(system.cluster.kubeconfig.read_bytes())
    system.kubectl("config", "set-context", "--current", f"--namespace={namespace}", f"--kubeconfig={kubeconfig}")
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "examples").symlink_to(REPOSITORY / "examples")
    (clone / ".run" / "socket").mkdir(parents=True)
    (clone / ".run" / "socket" / "hsm.sock").symlink_to(system.sidecar.socket)
    command = system.controller.command
    (clone / ".run" / "controller.kubeconfig").symlink_to(command[command.index("--kubeconfig") + 1])
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "KUBECACHEDIR": str(tmp_path / "kubectl-cache"),
        "STRONGROOM_METRICS_URL": system.controller.metrics_url,
        "PATH": f"{Path(sys.executable).parent}:{system.cluster.kubectl.parent}:/usr/local/bin:/usr/bin:/bin",
    }
    with Shell(clone, environment, tmp_path) as shell:
        yield shell


@pytest.mark.parametrize("page", TOURS, ids=lambda page: page.stem)
def test_every_block_does_what_the_page_says(page: Path, reader: Shell, system: System, namespace: str) -> None:
    text = page.read_text()
    made = _MADE.findall(text)
    if made and choose.provider() is Provider.EXISTING:
        pytest.skip("makes things beside its own namespace, which may exist in a cluster that is used for more")
    with ExitStack() as cleaning:
        for kind, name in made:
            cleaning.callback(_remove, system, kind, name)
        follow(reader, page, tour(text), namespace=namespace)


def _remove(system: System, kind: str, name: str) -> None:
    try:
        system.kubectl("delete", "--ignore-not-found", "--timeout=60s", kind, name)
    except KubectlFailed as failed:
        print(failed)


@pytest.mark.parametrize("page", TOURS, ids=lambda page: page.stem)
def test_a_page_has_something_to_run(page: Path) -> None:
    assert tour(page.read_text()), f"name {page.name} in NOT_RUN, with the reason, if nothing of it can be run"


def test_no_two_pages_make_the_same() -> None:
    """What was deleted is kept in the store by its name, and would be in the next page's way."""
    pages = [*TOURS, REPOSITORY / "docs" / "tutorial.md"]
    made = Counter(name for page in pages for name in set(_MADE.findall(page.read_text())))
    assert [name for name, pages in made.items() if pages > 1] == []


def test_what_is_not_run_exists() -> None:
    assert all((HOW_TO / name).exists() for name in NOT_RUN)
