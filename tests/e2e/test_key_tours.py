"""The how-to pages about using keys, which need a data plane: in ``bash`` what needs it, in ``sh`` what does not.

Azure's library asks DNS for the names of the vaults; here all names lead to the loopback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.localcluster.paths import REPOSITORY
from tests.helpers.consoles import Shell, follow, tour
from tests.helpers.dataplane import DOMAIN, DataPlane, serving
from tests.helpers.system import System

PAGES = {"use-keys": "works", "envelope-encryption": "archive", "use-certificates": "certs"}

_LOOPBACK = """
import socket
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, *more, **options: resolve("127.0.0.1", {port}, *more, **options)
"""


@pytest.fixture(scope="module")
def vaults(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """Under the port of the URLs that the controller writes into status."""
    with serving(system, tmp_path_factory.mktemp("dataplane"), "--external-port", "443") as running:
        yield running


@pytest.fixture
def environment(vaults: DataPlane, system: System, namespace: str, tmp_path: Path) -> dict[str, str]:
    """Of somebody with a kubeconfig in a namespace of his own, for whom all vaults' names lead to the data plane."""
    kubeconfig, names = tmp_path / "kubeconfig", tmp_path / "names"
    kubeconfig.write_bytes(system.cluster.kubeconfig.read_bytes())
    system.kubectl("config", "set-context", "--current", f"--namespace={namespace}", f"--kubeconfig={kubeconfig}")
    names.mkdir()
    (names / "sitecustomize.py").write_text(_LOOPBACK.format(port=vaults.port))
    hosts = [f"{vault}.{namespace}.{DOMAIN}:443:127.0.0.1:{vaults.port}" for vault in PAGES.values()]
    (tmp_path / ".curlrc").write_text("".join(f'connect-to = "{host}"\n' for host in hosts))
    return {
        "PATH": f"{Path(sys.executable).parent}:{system.cluster.kubectl.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(kubeconfig),
        "STRONGROOM_CONNECT_TO": f"127.0.0.1:{vaults.port}",
    }


@pytest.mark.parametrize("name", PAGES)
def test_the_page_does_what_it_says(name: str, environment: dict[str, str], namespace: str, tmp_path: Path) -> None:
    page = REPOSITORY / "docs" / "how-to" / f"{name}.md"
    steps = tour(page.read_text().replace("```bash", "```sh"))
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "names"} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with Shell(tmp_path, environment | {"PATH": f"{python.parent}:{environment['PATH']}"}, tmp_path) as shell:
        follow(shell, page, steps, namespace=namespace)
