"""The command line of every Strongroom process: the one table to change when an option changes."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .rundir import RunDir

STRONGROOM = str(Path(sys.executable).with_name("strongroom"))
HSM_LABEL = "strongroom-demo"
GEOGRAPHY = "demo"
DOMAIN = "vault.strongroom.internal"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ports:
    """Free ones of the loopback address."""

    metrics: int  # of the controller
    vaults: int
    vaults_metrics: int


def hsm_init(run: RunDir, module: Path) -> Program:
    """Makes the token with random PINs in the files named and, in it, the world key of a new geography."""
    command = [STRONGROOM, "hsm", "init", *_token(run, module), "--so-pin-file", str(run.so_pin)]
    return Program("hsm-init", [*command, "--geography", GEOGRAPHY, "--create-token"], _softhsm(run))


def programs(run: RunDir, module: Path, ports: Ports, *, alone: bool = False) -> list[Program]:
    """What runs in the background, in the order in which it is started. One sidecar serves both of its clients here.

    ``alone``: the controller with nothing beside it, and without a journal.
    """
    socket = str(run.socket)
    hsm = [STRONGROOM, "hsm", *_token(run, module), "--socket", socket]
    urls = ["--hsm-socket", socket, "--domain", DOMAIN, "--external-port", str(ports.vaults)]
    controller = ["--kubeconfig", str(run.controller_kubeconfig), "--metrics-port", str(ports.metrics)]
    controller += ["--issuer-networks", "0.0.0.0/0,::/0"]  # also an ACME server on this machine
    controller += [] if alone else ["--audit-directory", str(run.root / "audit-controller")]
    vaults = ["--kubeconfig", str(run.dataplane_kubeconfig), "--metrics-port", str(ports.vaults_metrics)]
    vaults += [
        "--host",
        HOST,
        "--port",
        str(ports.vaults),
        "--drain-seconds",
        "0",
        "--audit-directory",
        str(run.root / "audit"),
    ]
    served = [] if alone else [Program("dataplane", [STRONGROOM, "dataplane", *urls, *vaults])]
    return [
        Program("hsm", hsm, _softhsm(run)),
        Program("controller", [STRONGROOM, "controller", *urls, *controller]),
        *served,
    ]


def environment(program: Program, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Without KUBECONFIG: no process may fall back to the administrator's."""
    return {name: value for name, value in base.items() if name != "KUBECONFIG"} | program.environment


def _token(run: RunDir, module: Path) -> list[str]:
    return ["--module", str(module), "--token-label", HSM_LABEL, "--pin-file", str(run.pin)]


def _softhsm(run: RunDir) -> dict[str, str]:
    return {"SOFTHSM2_CONF": str(run.softhsm_conf)}
