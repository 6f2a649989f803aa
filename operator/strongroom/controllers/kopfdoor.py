"""kopf: watches the custom resources and hands every event to us. Nothing else of it is used.

Only event handlers are registered: no change handlers (they copy bodies into annotations and log them), no timers (two
tasks per object, fired at each restart), no finalizers (docs/design/0006-no-finalizers.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import kopf

from strongroom.controllers.resources import Resources
from strongroom.controllers.workqueue import Kind
from strongroom.kinds import names

_PLURALS = {
    "vaults": Kind.VAULT,
    "vaultsecrets": Kind.SECRET,
    "vaultkeys": Kind.KEY,
    "vaultcertificates": Kind.CERTIFICATE,
}


@dataclass(frozen=True, slots=True)
class Account:
    """How a Pod's ServiceAccount reaches the API server. The token is read anew at each login."""

    server: str
    ca_path: str
    token: str = field(repr=False)


async def operate(
    resources: Resources, started: asyncio.Event, heard: asyncio.Event, account: Callable[[], Account] | None
) -> None:
    """Watch until cancelled. Needs the CRDs to be there.

    kopf takes the process's signals for itself; ``started`` is set when it has, so that the owner can take them back.
    ``heard`` is set by the first event: there is always one, of the system vault.

    Credentials are those of ``account``, else of the kubeconfig that the environment names.
    """
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login_as(account) if account else kopf.login_with_kubeconfig)
    for plural, kind in _PLURALS.items():
        _register(registry, plural, kind, resources, heard)
    await kopf.operator(registry=registry, settings=_settings(), standalone=True, clusterwide=True, ready_flag=started)


def _login_as(account: Callable[[], Account]) -> Callable[..., kopf.ConnectionInfo]:
    """Not kopf's own way, which needs the cluster's DNS."""

    def login(**_: Any) -> kopf.ConnectionInfo:
        now = account()
        return kopf.ConnectionInfo(server=now.server, ca_path=now.ca_path, scheme="Bearer", token=now.token)

    return login


def _register(
    registry: kopf.OperatorRegistry, plural: str, kind: Kind, resources: Resources, heard: asyncio.Event
) -> None:
    @kopf.on.event(names.GROUP, names.VERSION, plural, registry=registry)
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        heard.set()
        resources.take(kind, event["type"], event["object"])


class _NoDifferences(kopf.DiffBaseStorage):
    """No handler asks what changed, so nothing is copied for comparison at each event, nor kept."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return cast(kopf.BodyEssence, {})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        return


def _settings() -> kopf.OperatorSettings:
    # kopf's own log shows bodies at the debug level; it is never let down to that.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDifferences()
    settings.scanning.disabled = True
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.queueing.idle_timeout = 1.0  # a worker per object lives this long after its last event
    settings.process.ultimate_exiting_timeout = 10
    return settings
