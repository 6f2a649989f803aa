"""kopf: watches the custom resources and hands every event to us. Nothing else of it is used.

Only event handlers are registered: no change handlers (they copy bodies into annotations and log them), no timers (two
tasks per object, fired at each restart), no finalizers (docs/design/0006-no-finalizers.md).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import kopf

from strongroom.controllers.resources import Resources
from strongroom.controllers.workqueue import Kind
from strongroom.kinds import names

_PLURALS = {"vaults": Kind.VAULT, "vaultsecrets": Kind.SECRET}


async def operate(resources: Resources, started: asyncio.Event, *, in_cluster: bool) -> None:
    """Watch until cancelled. Needs the CRDs to be there.

    kopf takes the process's signals for itself; ``started`` is set when it has, so that the owner can take them back.

    Credentials are the Pod's ServiceAccount, or those of the kubeconfig that ``KUBECONFIG`` names.
    """
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_with_service_account if in_cluster else kopf.login_with_kubeconfig)
    for plural, kind in _PLURALS.items():
        _register(registry, plural, kind, resources)
    await kopf.operator(registry=registry, settings=_settings(), standalone=True, clusterwide=True, ready_flag=started)


def _register(registry: kopf.OperatorRegistry, plural: str, kind: Kind, resources: Resources) -> None:
    @kopf.on.event(names.GROUP, names.VERSION, plural, registry=registry)
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        resources.take(kind, event["type"], event["object"])


def _settings() -> kopf.OperatorSettings:
    # kopf's own log shows bodies at the debug level; it is never let down to that.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.queueing.idle_timeout = 1.0  # a worker per object lives this long after its last event
    settings.process.ultimate_exiting_timeout = 10
    return settings
