"""``strongroom hsm``: the sidecar and its status, from arguments, environment and files; and the ceremonies.

Every option may come from the environment as ``STRONGROOM_HSM_<NAME>``. A PIN never does: it is in a file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.domain.errors import StrongroomError
from strongroom.entrypoints.hsmceremonies import add_ceremonies
from strongroom.entrypoints.hsmoptions import add_token, environment, module_of
from strongroom.hsm.sidecar.settings import (
    DEFAULT_HUNG_AFTER,
    DEFAULT_RECYCLE_AFTER,
    DEFAULT_WORKERS,
    Settings,
)
from strongroom.telemetry import logs

if TYPE_CHECKING:
    from strongroom.hsm.client import Status

_DEFAULT_SOCKET = "/run/strongroom/hsm/hsm.sock"


def main(arguments: list[str]) -> int:
    """Return 0 when done, 1 when it could not be done (the reason is on standard error), 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    logs.configure("info", getattr(options, "log_format", "text"))
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except StrongroomError as error:
        print(f"strongroom hsm: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("strongroom hsm", description="Serve the HSM on a Unix socket.")
    _add_socket(parser)
    _add_serving(parser)
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(title="instead of serving", metavar="{init,join,rotate-world,status}")
    add_ceremonies(commands)
    status = commands.add_parser("status", help="show what a running sidecar knows of its token")
    _add_socket(status)
    status.set_defaults(run=_status)

    worker = commands.add_parser("worker")  # started by the supervisor only
    _add_socket(worker)
    _add_serving(worker)
    worker.add_argument("--parent", type=int, required=True)
    worker.add_argument("--restarts", type=int, required=True)
    worker.add_argument("--report-to", type=int, required=True)
    worker.add_argument("--refused")
    worker.set_defaults(run=_work)
    return parser


def _add_socket(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--socket", type=Path, default=environment("socket", _DEFAULT_SOCKET))


def _add_serving(parser: argparse.ArgumentParser) -> None:
    add_token(parser)
    parser.add_argument(
        "--dedicated",
        action="store_true",
        default=environment("dedicated") == "true",
        help="the token was made by strongroom hsm init --dedicated: it stands alone, and KEKs live in it",
    )
    parser.add_argument("--metrics-port", type=int, default=environment("metrics-port"), help="default: no metrics")
    parser.add_argument("--log-format", default=environment("log-format", "text"), choices=logs.FORMATS)
    parser.add_argument("--workers", type=int, default=environment("workers", str(DEFAULT_WORKERS)))
    parser.add_argument("--recycle-after", type=int, default=environment("recycle-after", str(DEFAULT_RECYCLE_AFTER)))
    parser.add_argument("--hung-after", type=float, default=environment("hung-after", str(DEFAULT_HUNG_AFTER)))


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        module=module_of(options),
        token_label=options.token_label,
        pin_file=options.pin_file,
        socket=options.socket,
        module_parameters=options.module_parameters,
        dedicated=options.dedicated,
        metrics_port=options.metrics_port,
        workers=options.workers,
        recycle_after=options.recycle_after,
        hung_after=options.hung_after,
    )


def _serve(options: argparse.Namespace) -> int:
    from strongroom.hsm.sidecar.supervisor import Supervisor

    settings = _settings(options)
    return Supervisor(settings.socket, lambda *life: _worker_command(settings, options.log_format, *life)).run()


def _worker_command(
    settings: Settings, log_format: str, restarts: int, report_to: int, refused: str | None
) -> list[str]:
    # -P: a file in the working directory must not be imported by a process that holds a PIN.
    command = [sys.executable, "-P", "-m", "strongroom.entrypoints.main", "hsm", "worker"]
    options = {
        "--module": settings.module,
        "--module-parameters": settings.module_parameters,
        "--token-label": settings.token_label,
        "--pin-file": settings.pin_file,
        "--socket": settings.socket,
        "--metrics-port": settings.metrics_port,
        "--workers": settings.workers,
        "--recycle-after": settings.recycle_after,
        "--hung-after": settings.hung_after,
        "--log-format": log_format,
        "--parent": os.getpid(),
        "--restarts": restarts,
        "--report-to": report_to,
        "--refused": refused,
    }
    flags = ["--dedicated"] if settings.dedicated else []
    return command + flags + [f"{name}={value}" for name, value in options.items() if value is not None]


def _work(options: argparse.Namespace) -> int:
    from strongroom.hsm.sidecar import worker

    worker.main(
        _settings(options),
        parent=options.parent,
        restarts=options.restarts,
        report_to=options.report_to,
        refused=options.refused,
    )


def _status(options: argparse.Namespace) -> int:
    from strongroom.hsm.client import HsmClient

    async def ask() -> int:
        async with HsmClient(options.socket) as client:
            status = await client.status()
        for name, value in _rows(status).items():
            print(f"{name:<12}{value}")
        return 0 if status.serving else 1

    return asyncio.run(ask())


def _rows(status: Status) -> dict[str, object]:
    token = status.token
    return {
        "state": status.state.name,
        "detail": status.detail,
        "geography": status.geography,
        "world key": status.world,
        "held": ", ".join(world.rpartition(".")[2] for world in status.worlds),
        "token": token.label,
        "model": f"{token.manufacturer} {token.model}, serial {token.serial}",
        "firmware": f"{token.firmware_version}, hardware {token.hardware_version}",
        "module": token.library,
        "mechanisms": len(token.mechanisms),
        "sessions": status.sessions,
        "keys held": status.cached_keys,
        "restarts": status.restarts,
    }
