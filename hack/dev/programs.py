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


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def hsm_init(run: RunDir, module: Path) -> Program:
    """Makes the token with random PINs in the files named and, in it, the world key of a new geography."""
    command = [STRONGROOM, "hsm", "init", *_token(run, module), "--so-pin-file", str(run.so_pin)]
    return Program("hsm-init", [*command, "--geography", GEOGRAPHY, "--create-token"], _softhsm(run))


def programs(run: RunDir, module: Path, metrics_port: int) -> list[Program]:
    """What runs in the background, in the order in which it is started."""
    socket, kubeconfig = str(run.socket), str(run.controller_kubeconfig)
    hsm = [STRONGROOM, "hsm", *_token(run, module), "--socket", socket]
    controller = [STRONGROOM, "controller", "--kubeconfig", kubeconfig, "--hsm-socket", socket]
    return [
        Program("hsm", hsm, _softhsm(run)),
        Program("controller", [*controller, "--metrics-port", str(metrics_port)]),
    ]


def environment(program: Program, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Without KUBECONFIG: no process may fall back to the administrator's."""
    return {name: value for name, value in base.items() if name != "KUBECONFIG"} | program.environment


def _token(run: RunDir, module: Path) -> list[str]:
    return ["--module", str(module), "--token-label", HSM_LABEL, "--pin-file", str(run.pin)]


def _softhsm(run: RunDir) -> dict[str, str]:
    return {"SOFTHSM2_CONF": str(run.softhsm_conf)}
