"""Which cluster a machine gets."""

import pytest

from hack.localcluster import LocalClusterError, choose
from hack.localcluster.choose import Provider

DOCKER, NO_DOCKER = (lambda: True), (lambda: False)


@pytest.mark.parametrize(
    ("environment", "kind_usable", "expected"),
    [
        ({}, DOCKER, Provider.KIND),
        ({}, NO_DOCKER, Provider.PROCESSES),
        ({"KUBEBUILDER_ASSETS": "/assets"}, DOCKER, Provider.PROCESSES),
        ({"USE_EXISTING_CLUSTER": "true", "KUBECONFIG": "/mine"}, DOCKER, Provider.EXISTING),
        ({"USE_EXISTING_CLUSTER": "false", "KUBECONFIG": "/mine"}, NO_DOCKER, Provider.PROCESSES),
        ({"KUBECONFIG": "/mine"}, NO_DOCKER, Provider.PROCESSES),
    ],
)
def test_whoever_names_a_cluster_means_it_and_docker_comes_before_processes(environment, kind_usable, expected):
    assert choose.provider(environment, kind_usable, system="Linux") is expected


def test_an_existing_cluster_must_be_named():
    with pytest.raises(LocalClusterError, match="KUBECONFIG is not"):
        choose.provider({"USE_EXISTING_CLUSTER": "true"}, NO_DOCKER, system="Linux")


def test_local_processes_need_linux():
    with pytest.raises(LocalClusterError, match="start Docker and install kind"):
        choose.provider({}, NO_DOCKER, system="Darwin")
