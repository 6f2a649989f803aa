"""``strongroom controller``: the custom resources' controller, from arguments, environment and files.

Every option may come from the environment as ``STRONGROOM_<NAME>``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from strongroom.controllers import shards, watches
from strongroom.controllers.audit import AuditSettings
from strongroom.controllers.kopfdoor import Account
from strongroom.controllers.runtime import Controller, ControllerSettings, Ended
from strongroom.domain.acts import COLLECTIONS
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import DEFAULT_DOMAIN
from strongroom.domain.network import Network, parse_range
from strongroom.domain.notices import Notice
from strongroom.domain.reach import Reach
from strongroom.entrypoints import mailing
from strongroom.entrypoints.auditing import add_sinks, sinks
from strongroom.entrypoints.hsms import hsm_of
from strongroom.entrypoints.namegrants import read_grants
from strongroom.entrypoints.options import add_hsm_sockets, add_logging, environment
from strongroom.kube import errors, transport
from strongroom.kube.client import KubeClient
from strongroom.telemetry import logs, probes
from strongroom.telemetry.audit.writer import JournalSettings
from strongroom.telemetry.cloudevents import EventSink, SinkSettings
from strongroom.telemetry.metrics import ControllerMetrics

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where the kubelet mounts it
_GC = (50_000, 20, 50)  # ten thousand resources are live for good: the default looks through them all the time
_log = logging.getLogger("strongroom.controller")


def main(arguments: list[str]) -> int:
    """Return 0 after a signal, 1 when the process must be started again, 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    logs.configure(options.log_level, options.log_format)
    gc.set_threshold(*_GC)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold opened keys
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(options))
    except Ended as ended:
        _log.error("%s; leaving", ended)
    except (errors.ApiError, InvalidInput) as error:
        _log.error("cannot start: %s", error)
    except OSError as error:
        _log.error("cannot start: %s", error.strerror or type(error).__name__)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("strongroom controller", description="Reconcile Vaults and VaultSecrets.")
    add = parser.add_argument
    add("--kubeconfig", type=Path, default=environment("kubeconfig"), help="default: the Pod's ServiceAccount")
    add_hsm_sockets(parser)
    add("--metrics-port", type=int, default=environment("metrics-port", "9090"))
    add("--metrics-host", default=environment("metrics-host", "127.0.0.1"))
    add("--domain", default=environment("domain", DEFAULT_DOMAIN), help="domain of vault URLs")
    add("--external-port", type=int, default=environment("external-port", "443"), help="port in vault URLs")
    add(
        "--shard",
        type=_shard,
        default=environment("shard", ""),
        help="serve the Vaults with the label strongroom.dev/shard of this value; default: those without the label",
    )
    add(
        "--target-namespaces",
        type=_namespaces,
        default=environment("target-namespaces", "*"),
        help="where Secrets and ConfigMaps that VaultSecrets and VaultKeys ask for are watched, with commas: where the "
        "controller may write them; default: *, all; empty: nowhere",
    )
    add("--event-sink", default=environment("event-sink"), help="https address that notices of expiry are sent to")
    add(
        "--event-sink-token-file",
        type=Path,
        default=environment("event-sink-token-file"),
        help="file with the bearer token for it",
    )
    add(
        "--event-sink-ca-file",
        type=Path,
        default=environment("event-sink-ca-file"),
        help="PEM certificates that it is trusted by; default: the system's",
    )
    mailing.add_mail(parser)
    add(
        "--http01-grants",
        type=Path,
        default=environment("http01-grants"),
        help="JSON file with the names that vaults may prove to ACME authorities by http-01; default: none",
    )
    add(
        "--issuer-networks",
        type=_networks,
        default=environment("issuer-networks", ""),
        help="CIDR ranges, separated by commas, where issuers of certificates that vaults have accounts with may be, "
        "their webhooks and DNS servers too; default: everywhere but loopback, link-local and multicast addresses",
    )
    add(
        "--audit-directory",
        type=Path,
        default=environment("audit-directory"),
        help="volume of the audit journal, for this process alone; default: what the controller does is not journalled",
    )
    add(
        "--audit-bytes",
        type=int,
        default=environment("audit-bytes", str(2**30)),
        help="that the journal may take on it",
    )
    add_sinks(parser)
    add("--concurrency", type=int, default=environment("concurrency", "32"), help="reconciles at a time")
    add("--total-bytes", type=int, default=environment("total-bytes", str(2**30)), help="limit of all vaults together")
    add(
        "--identity",
        default=environment("identity"),
        help="name in the lease; one that survives a restart of the process (a Pod's UID) spares the wait for the "
        "lease, and must never be given to two processes at a time; default: unique to the process",
    )
    add_logging(parser)
    return parser


def _shard(text: str) -> str:
    try:
        return shards.checked(text)
    except InvalidInput as complaint:
        raise argparse.ArgumentTypeError(str(complaint)) from None


def _namespaces(text: str) -> tuple[str, ...]:
    try:
        return watches.checked([name.strip() for name in text.split(",")] if text.strip() else [])
    except InvalidInput as complaint:
        raise argparse.ArgumentTypeError(str(complaint)) from None


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(parse_range(each.strip()) for each in text.split(",") if each.strip())
    except InvalidInput as complaint:
        raise argparse.ArgumentTypeError(str(complaint)) from None


async def _nobody(_: Notice) -> None:
    """Nobody is to be told of what expires, beyond the event on the resource."""


def _audit(options: argparse.Namespace, registry: CollectorRegistry, identity: str) -> AuditSettings | None:
    if options.audit_directory is None:
        return None
    journal = JournalSettings(directory=options.audit_directory, replica=identity, total=options.audit_bytes)
    return AuditSettings(journal, registry, time.time, sinks(options, identity, time.time))


def _clock() -> int:
    return int(time.time())


def _listener(options: argparse.Namespace, authority: str) -> Callable[[Notice], Awaitable[None]]:
    if not options.event_sink:
        return _nobody
    settings = SinkSettings(options.event_sink, options.event_sink_token_file, options.event_sink_ca_file)

    def url_of(notice: Notice) -> str:
        host = f"{notice.vault.name}.{notice.vault.namespace}.{authority}"
        return f"https://{host}/{COLLECTIONS[notice.kind]}/{notice.name}/{notice.version}"

    return EventSink(settings, url_of, _clock).notify


def _settings(options: argparse.Namespace) -> ControllerSettings:
    return ControllerSettings(
        identity=options.identity or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        domain=options.domain.lower(),
        external_port=options.external_port,
        concurrency=options.concurrency,
        total_octets=options.total_bytes,
        shard=options.shard,
        target_namespaces=options.target_namespaces,
        name_grants=read_grants(options.http01_grants) if options.http01_grants else (),
        reach=Reach(options.issuer_networks),
    )


async def _run(options: argparse.Namespace) -> int:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    metrics = ControllerMetrics(registry)
    identity = options.identity or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    if options.kubeconfig:
        os.environ["KUBECONFIG"] = str(options.kubeconfig)  # the only way to tell kopf's own reader
    connection = await _connect(options.kubeconfig)
    settings = _settings(options)
    async with KubeClient(connection) as client, hsm_of(options, metrics.hsm_called) as hsm:
        controller = Controller(
            client=client,
            keys=hsm,
            hsm=hsm,
            settings=settings,
            metrics=metrics,
            account=None if options.kubeconfig else _service_account,
            notify=_listener(options, settings.authority),
            mailer=mailing.mailer(options),
            clock=_clock,
            audit=_audit(options, registry, identity),
        )
        _serve_probes(options, registry, controller)
        return await run_until_signalled(controller)


def _serve_probes(options: argparse.Namespace, registry: CollectorRegistry, controller: Controller) -> None:
    host, port, health = options.metrics_host, options.metrics_port, controller.health
    try:
        probes.serve(host, port, registry, health.alive, health.ready)
    except OSError as error:
        raise Ended(f"cannot serve metrics and probes on {host}, port {port}: {error.strerror}") from error


async def run_until_signalled(controller: Controller) -> int:
    """Run until SIGINT or SIGTERM; then hand the lease over and return 0."""
    running = asyncio.create_task(controller.run())
    stop = asyncio.create_task(_signalled(controller))
    await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    ended_by_itself = running.done()
    for task in (stop, running):
        task.cancel()
    await asyncio.gather(stop, running, return_exceptions=True)
    if ended_by_itself:
        running.result()
    return 1 if ended_by_itself else 0


async def _signalled(controller: Controller) -> None:
    """Wait for a signal, from the moment that kopf has claimed them for itself."""
    await controller.watching.wait()
    signalled = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    await signalled.wait()


async def _connect(kubeconfig: Path | None) -> transport.Transport:
    return await (transport.from_kubeconfig(kubeconfig) if kubeconfig else transport.in_cluster())


def _service_account() -> Account:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    return Account(server, str(_ACCOUNT / "ca.crt"), (_ACCOUNT / "token").read_text().strip())
