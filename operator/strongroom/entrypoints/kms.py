"""``strongroom kms``: Kubernetes' encryption at rest with a key of a vault, from arguments, environment and files.

Every option may come from the environment as ``STRONGROOM_<NAME>``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import signal
import time
from pathlib import Path
from typing import Final

import uvloop

from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.options import add_hsm_sockets, add_logging, environment, hsm_sockets
from strongroom.hsm.client import HsmClient
from strongroom.hsm.places import prepare_directory
from strongroom.hsm.pool import HsmPool
from strongroom.kms.refreshing import Source
from strongroom.kms.runtime import KmsSettings, Plugin
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.telemetry import logs

_DEADLINE: Final = 2.0  # seconds of a call of the token: an API server waits for three
_log = logging.getLogger("strongroom.kms")


def main(arguments: list[str]) -> int:
    """Return 0 after a signal, 1 when it could not begin, 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    logs.configure(options.log_level, options.log_format)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold seeds
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(options))
    except (InvalidInput, RuntimeError) as error:
        _log.error("cannot start: %s", error)
    except OSError as error:
        _log.error("cannot start: %s: %s", error.filename or "file or socket", error.strerror or type(error).__name__)
    else:
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("strongroom kms", description="Serve Kubernetes' KMS API v2 on a Unix socket.")
    add = parser.add_argument
    add(
        "--socket",
        type=Path,
        default=environment("socket", "/run/strongroom/kms/kms.sock"),
        help="that the API server's EncryptionConfiguration names, in a directory of this user alone",
    )
    add_hsm_sockets(parser)
    add(
        "--key-file",
        type=Path,
        default=environment("key-file", "/var/lib/strongroom/kms/keys.json"),
        help="where the wrapped versions of the key are kept: back it up together with etcd",
    )
    add(
        "--key-secret",
        type=_secret,
        default=environment("key-secret"),
        metavar="NAMESPACE/NAME",
        help="Secret of the VaultKey's wrappedKeyTarget, to learn new versions from; default: the key file is all",
    )
    add("--kubeconfig", type=Path, default=environment("kubeconfig"), help="default: the Pod's ServiceAccount")
    add(
        "--poll-seconds",
        type=_seconds,
        default=environment("poll-seconds", "15"),
        help="from one look at the Secret to the next",
    )
    add(
        "--use-after-seconds",
        type=_seconds,
        default=environment("use-after-seconds", "60"),
        help="for which a new version is only read with, until the other API servers' plugins have it too",
    )
    add_logging(parser)
    return parser


def _secret(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise argparse.ArgumentTypeError("a Secret is named NAMESPACE/NAME")
    return namespace, name


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("more than 0 and at most 3600 seconds")
    return seconds


def _settings(options: argparse.Namespace) -> KmsSettings:
    return KmsSettings(options.socket, options.key_file, options.poll_seconds, options.use_after_seconds)


def _source(options: argparse.Namespace) -> Source | None:
    if options.key_secret is None:
        return None
    path: Path | None = options.kubeconfig

    async def connect() -> KubeClient:
        return KubeClient(await (transport.from_kubeconfig(path) if path else transport.in_cluster()))

    return Source(connect, *options.key_secret)


async def _run(options: argparse.Namespace) -> None:
    settings, stopping = _settings(options), _signalled()
    prepare_directory(settings.socket)
    async with HsmPool([HsmClient(socket, deadline=_DEADLINE) for socket in hsm_sockets(options)]) as token:
        await Plugin(settings, token, _source(options), time.monotonic).run(stopping)


def _signalled() -> asyncio.Event:
    """Return what SIGINT and SIGTERM set."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
