"""What Helm installs, with its controller run beside the cluster: there is no node for its pods."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from hack import helm
from hack.helm import CHART
from hack.localcluster import Cluster
from hack.localcluster.layout import free_ports
from tests.helpers.hsm import Sidecar
from tests.helpers.system import CONTROLLER_ACCOUNT, Controller, System

NAMESPACE = ("--namespace", "strongroom-system")


@contextmanager
def helm_installed(cluster: Cluster, sidecar: Sidecar, scratch: Path, *options: str) -> Iterator[System]:
    """Install the chart; the controller is not started yet, and stopped at the end."""
    helm.run("install", "strongroom", CHART, *NAMESPACE, "--create-namespace", *options, kubeconfig=cluster.kubeconfig)
    cluster.kubectl_run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    system = System(cluster, sidecar, _controller(cluster, sidecar.socket, scratch, options))
    try:
        yield system
    finally:
        if not system.controller.died():
            system.controller.stop()


def _controller(cluster: Cluster, socket: Path, scratch: Path, options: tuple[str, ...]) -> Controller:
    """The container's process, with what a node would have given it in the place of the pod's."""
    token = cluster.kubectl_run("create", "token", CONTROLLER_ACCOUNT, *NAMESPACE, "--duration=1h").strip()
    kubeconfig = cluster.kubeconfig_for_token(scratch / f"{cluster.name}.kubeconfig", token)
    port = free_ports().apiserver
    of_pod = ["--kubeconfig", str(kubeconfig), "--hsm-socket", str(socket), "--metrics-port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"} | _told(options)
    command = ["controller", *of_pod, "--identity", cluster.name]
    return Controller(command, scratch / f"{cluster.name}.log", environment, f"http://127.0.0.1:{port}/metrics")


def _told(options: tuple[str, ...]) -> dict[str, str]:
    """The environment that the chart gives the controller."""
    objects = yaml.safe_load_all(helm.run("template", "strongroom", CHART, *NAMESPACE, *options))
    (deployment,) = [body for body in objects if body and body["kind"] == "Deployment"]
    (container,) = [
        each for each in deployment["spec"]["template"]["spec"]["containers"] if each["name"] == "controller"
    ]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}
