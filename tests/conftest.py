"""The cluster that tests of all kinds share, and the marker of those that use it."""

from collections.abc import Iterator

import hypothesis
import pytest

from hack.localcluster import Cluster
from tests.helpers import cluster as clusters

# A time limit per example measures the machine, not the code.
hypothesis.settings.register_profile("strongroom", deadline=None)
hypothesis.settings.load_profile("strongroom")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist uses the cluster of the process that started it
        clusters.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        clusters.end_run()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by use, so that `-m "not cluster"` can be trusted.

    The time limit of such a test leaves fixtures out: whichever comes first may have to build the control plane.
    """
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")
            item.add_marker(pytest.mark.timeout(func_only=True))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """A real control plane, started once per run. The first build of its binaries takes minutes and says so."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return clusters.shared_cluster()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """The name of a namespace that only this test uses."""
    with clusters.new_namespace(cluster) as name:
        yield name
