"""A real ACME server and a real DNS server that it asks, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.bootstrap.debs import BIND
from hack.localcluster.errors import BuildFailed
from tests.helpers import bind, pebble
from tests.helpers.bind import Bind
from tests.helpers.pebble import Pebble


@pytest.fixture(scope="session")
def servers() -> None:
    """Build and fetch what the servers are."""
    BIND.ensure()
    if BIND.find() is None:
        pytest.skip("BIND cannot be had: Debian's package bind9")
    try:
        pebble.program()
    except (BuildFailed, OSError) as error:
        pytest.skip(f"Pebble cannot be built: {str(error).splitlines()[0]}")


@pytest.fixture(scope="module")
def dns(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    """A DNS server for the tests of one module."""
    with bind.running(tmp_path_factory.mktemp("bind")) as server:
        yield server


@pytest.fixture(scope="module")
def acme(dns: Bind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """An ACME server that refuses one nonce of twenty, as Pebble does by itself."""
    with pebble.running(tmp_path_factory.mktemp("pebble"), dns.address, ALTERNATE_ROOTS="2") as server:
        yield server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a test's own server keeps its files."""
    return tmp_path / "pebble"
