"""One installed system for all end-to-end tests; tests that break it mend it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.localcluster import Cluster
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome
from tests.helpers.system import System, installed, vault


@pytest.fixture(scope="session")
def system(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Everything, running."""
    home = TokenHome.make()
    home.create_token()
    made = home.init()
    assert made.returncode == 0, made.stderr
    with hsm.running(home) as sidecar:
        scratch: Path = tmp_path_factory.mktemp("system")
        with installed(cluster, sidecar, scratch) as running:
            yield running
    (scratch / "hsm.log").write_bytes(sidecar.log.read_bytes())
    home.remove()


@pytest.fixture
def demo(system: System, namespace: str) -> str:
    """A namespace with a ready vault named demo."""
    system.apply(vault(namespace))
    system.until_ready(namespace, "demo", "vault")
    return namespace
