"""The cluster that tests share: started once for all workers, and gone however the run ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hack.localcluster import Cluster, Provider, choose
from hack.localcluster.paths import REPOSITORY, state_root
from tests.helpers.eventually import eventually

pytestmark = pytest.mark.skipif(
    choose.provider() is not Provider.PROCESSES, reason="counts processes that only the local control plane has"
)
TESTS = """
import os, pathlib, time
import pytest

@pytest.mark.parametrize("number", range(4))
def test_which(cluster, namespace, number):
    here = pathlib.Path(os.environ["SEEN_IN"])
    (here / f"{number}").write_text(f"{cluster.url} {namespace}")
    time.sleep(float(os.environ["SLEEP"]))
"""


def _run(directory: Path, *options: str, sleep: float, **variables: str) -> "subprocess.Popen[bytes]":
    """A test run of its own, with the project's conftest, in a session of its own as in a terminal."""
    (directory / "test_which.py").write_text(TESTS)
    seen = directory / "seen"
    seen.mkdir()
    command = [sys.executable, "-m", "pytest", "-c", REPOSITORY / "pyproject.toml", "-p", "tests.conftest"]
    environment = os.environ | {"SEEN_IN": str(seen), "SLEEP": str(sleep)} | variables
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.Popen(
        [*command, "-q", "-p", "no:cacheprovider", *options, directory / "test_which.py"],
        cwd=REPOSITORY,
        env=environment,
        start_new_session=True,
    )


def _left_over(run: "subprocess.Popen[bytes]") -> bool:
    return (state_root() / f"test-{run.pid}").exists()


def test_workers_share_one_cluster_and_no_namespace(tmp_path: Path) -> None:
    run = _run(tmp_path, "-n", "2", sleep=0)
    assert run.wait(120) == 0
    seen = [path.read_text().split() for path in (tmp_path / "seen").iterdir()]
    assert len(seen) == 4
    assert len({url for url, _ in seen}) == 1
    assert len({namespace for _, namespace in seen}) == 4
    assert not _left_over(run)


def test_a_cluster_that_was_there_already_is_used_and_left_running(cluster: Cluster, tmp_path: Path) -> None:
    run = _run(tmp_path, sleep=0, USE_EXISTING_CLUSTER="true", KUBECONFIG=str(cluster.kubeconfig))
    assert run.wait(120) == 0
    seen = [path.read_text().split() for path in (tmp_path / "seen").iterdir()]
    assert {url for url, _ in seen} == {cluster.url}
    assert not _left_over(run)
    assert cluster.kubectl_run("get", "--raw", "/readyz") == "ok"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, end: signal.Signals) -> None:
    run = _run(tmp_path, sleep=600)
    eventually(lambda: any((tmp_path / "seen").iterdir()), seconds=60)
    os.killpg(run.pid, end)
    run.wait(30)
    eventually(lambda: not _left_over(run))
