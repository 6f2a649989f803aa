"""``strongroom dataplane``: the HTTPS API of the vaults, from arguments, environment and files.

Every option may come from the environment as ``STRONGROOM_<NAME>``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import resource
import signal
import socket
import time
import uuid
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import uvloop
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from strongroom.dataplane.assembly import ApiSettings
from strongroom.dataplane.runtime import DataPlane, DataPlaneSettings
from strongroom.dataplane.server import ServerSettings
from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import DEFAULT_DOMAIN
from strongroom.domain.network import parse_range
from strongroom.entrypoints.attestations import read_authorities
from strongroom.entrypoints.auditing import add_sinks, sinks
from strongroom.entrypoints.hsms import hsm_of
from strongroom.entrypoints.issuers import read_issuers
from strongroom.entrypoints.options import add_hsm_sockets, add_logging, environment
from strongroom.kube import errors, transport
from strongroom.kube.client import KubeClient
from strongroom.service.identity.assembly import IdentitySettings
from strongroom.telemetry import logs, probes
from strongroom.telemetry.audit.writer import JournalSettings
from strongroom.telemetry.dataplane import DataPlaneMetrics

_GC = (50_000, 20, 50)  # what is watched is live for good: the default looks through it all the time
_log = logging.getLogger("strongroom.dataplane")


def main(arguments: list[str]) -> int:
    """Return 0 after a signal, 1 when the process must be started again, 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    logs.configure(options.log_level, options.log_format)
    gc.set_threshold(*_GC)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold opened keys
    _allow_many_connections()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(options))
    except (errors.ApiError, InvalidInput) as error:
        _log.error("cannot start: %s", error)
    except OSError as error:
        _log.error("cannot start: %s", error.strerror or type(error).__name__)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("strongroom dataplane", description="Serve the vaults' API over HTTPS.")
    add = parser.add_argument
    add("--kubeconfig", type=Path, default=environment("kubeconfig"), help="default: the Pod's ServiceAccount")
    add_hsm_sockets(parser)
    add("--domain", default=environment("domain", DEFAULT_DOMAIN), help="domain of vault URLs")
    add("--host", default=environment("host", "0.0.0.0"), help="address to listen on")  # noqa: S104
    add("--port", type=int, default=environment("port", "8443"))
    add(
        "--external-port",
        type=int,
        default=environment("external-port", "443"),
        help="the port in URLs, as clients reach the service; default: 443",
    )
    add(
        "--http01-port",
        type=int,
        default=environment("http01-port"),
        help="where proofs of names are shown to ACME authorities, by plain http; default: nowhere",
    )
    add("--reuse-port", action="store_true", help="share the port with other processes: one per core")
    add("--connections", type=int, default=environment("connections", "4096"), help="that are open at a time")
    add(
        "--drain-seconds",
        type=float,
        default=environment("drain-seconds", "5"),
        help="for which requests are still taken after SIGTERM",
    )
    add(
        "--oidc-issuers",
        type=Path,
        default=environment("oidc-issuers"),
        help="JSON file with the identity providers of people",
    )
    add(
        "--attestation-authorities",
        type=Path,
        default=environment("attestation-authorities"),
        help="JSON file with those whose word lets exportable keys be released; default: none, and no key is",
    )
    add(
        "--audit-directory",
        type=Path,
        default=environment("audit-directory", "/var/lib/strongroom/audit"),
        help="volume of the audit journal, for this process alone",
    )
    add(
        "--audit-bytes",
        type=int,
        default=environment("audit-bytes", str(4 * 2**30)),
        help="that the journal may take on it",
    )
    add_sinks(parser)
    add("--replica", default=environment("replica"), help="name of this process; default: unique to it")
    add("--trusted-services", default=environment("trusted-services", ""), help="<namespace>/<ServiceAccount>, …")
    add("--trusted-proxies", default=environment("trusted-proxies", ""), help="CIDR ranges, separated by commas")
    add("--total-bytes", type=int, default=environment("total-bytes", str(2**30)), help="limit of all vaults together")
    add("--record-cache", type=int, default=environment("record-cache", str(64 * 2**20)), help="octets in memory")
    add("--requests-per-caller", type=int, default=environment("requests-per-caller", "128"), help="at a time")
    add("--metrics-port", type=int, default=environment("metrics-port", "9090"))
    add("--metrics-host", default=environment("metrics-host", "127.0.0.1"))
    add_logging(parser)
    return parser


def _allow_many_connections() -> None:
    """Each connection is a file; the usual limit of 1,024 is there for programs that use ``select``."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _clock() -> float:
    return time.time()


def _settings(options: argparse.Namespace) -> DataPlaneSettings:
    return DataPlaneSettings(
        identity=IdentitySettings(
            domain=options.domain.lower(),
            port=options.external_port,
            issuers=read_issuers(options.oidc_issuers) if options.oidc_issuers else (),
        ),
        server=ServerSettings(
            host=options.host,
            port=options.port,
            reuse_port=options.reuse_port,
            connections=options.connections,
        ),
        api=_api_settings(options),
        record_cache=options.record_cache,
        http01_port=options.http01_port,
        drain_seconds=options.drain_seconds,
    )


def _api_settings(options: argparse.Namespace) -> ApiSettings:
    trusted: Path | None = options.attestation_authorities
    replica = options.replica or f"{socket.gethostname().lower()}-{uuid.uuid4().hex[:8]}"
    return ApiSettings(
        journal=JournalSettings(directory=options.audit_directory, replica=replica, total=options.audit_bytes),
        replica=replica,
        sinks=sinks(options, replica, _clock),
        trusted_services=frozenset(_service_account(text) for text in _words(options.trusted_services)),
        attestation_authorities=read_authorities(trusted) if trusted else (),
        proxies=tuple(parse_range(text) for text in _words(options.trusted_proxies)),
        total_octets=options.total_bytes,
        per_caller=options.requests_per_caller,
        service_version=version("strongroom"),
    )


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _service_account(text: str) -> Subject:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise InvalidInput("a trusted service is named <namespace>/<name of its ServiceAccount>")
    return Subject(SubjectKind.SERVICE_ACCOUNT, name, namespace)


async def _run(options: argparse.Namespace) -> int:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    metrics, settings = DataPlaneMetrics(registry), _settings(options)
    connection = await (transport.from_kubeconfig(options.kubeconfig) if options.kubeconfig else transport.in_cluster())
    async with KubeClient(connection) as client, hsm_of(options, metrics.hsm_called) as hsm:
        data_plane = DataPlane(
            client=client, keys=hsm, hsm=hsm, settings=settings, metrics=metrics, registry=registry, clock=_clock
        )
        readiness = data_plane.readiness
        probes.serve(options.metrics_host, options.metrics_port, registry, readiness.alive, readiness.ready)
        await data_plane.run(_signalled())
    return 0


def _signalled() -> asyncio.Event:
    """Return what SIGINT and SIGTERM set."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
