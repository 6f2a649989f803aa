"""Puts together what serves the keys of vaults: the reconciler of VaultKeys, and the rotation of keys without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Resources
from strongroom.controllers.vaultkey import VaultKeyReconciler
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Kind
from strongroom.domain.ports import Collector
from strongroom.domain.tokenkeys import TokenKeys
from strongroom.domain.vaults import VaultHead
from strongroom.kube.api import KubeApi
from strongroom.service.apikeys import ApiKeys
from strongroom.service.declared import Declared, Questions
from strongroom.service.declared_keys import KeyMaker
from strongroom.service.imports import Imports
from strongroom.service.keyforge import KeyForge
from strongroom.service.publickeys import PublicKeyIndex, PublicKeys
from strongroom.service.wrappedkeys import WrappedKeySecrets
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.metrics import ControllerMetrics


@dataclass(frozen=True, slots=True)
class KeyParts:
    """``rotate_if_due``: makes the next version of a key that nobody declares, and says whether it was due.

    ``forget_expired``: drops opened keys whose time in memory is over.
    """

    reconciler: VaultKeyReconciler
    forge: KeyForge
    rotate_if_due: Callable[[VaultHead, str], Awaitable[bool]]
    forget_expired: Callable[[], None]


def key_parts(
    *,
    client: KubeApi,
    store: SealedStore,
    collector: Collector,
    token: TokenKeys,
    resources: Resources,
    questions: Questions,
    public_keys: PublicKeyIndex,
    reporter: Reporter,
    metrics: ControllerMetrics,
    url_of: Callable[[VaultRef], str],
    clock: Callable[[], int],
    monotonic: Callable[[], float],
    total_octets: int,
) -> KeyParts:
    """Return the parts."""
    keys = PartStore(store, Kind.KEY)
    forge = KeyForge(store=keys, token=token, monotonic=monotonic)
    api = ApiKeys(forge=forge, store=keys, collector=collector, clock=clock, total_octets=total_octets)
    maker = KeyMaker(store=keys, forge=forge, imports=Imports(client))
    reconciler = VaultKeyReconciler(
        resources=resources,
        declared=Declared(store=keys, clock=clock, questions=questions, maker=maker, total_octets=total_octets),
        forge=forge,
        public_keys=PublicKeys(client, public_keys),
        wrapped_keys=WrappedKeySecrets(client, forge),
        store=keys,
        reporter=reporter,
        metrics=metrics,
        url_of=url_of,
        clock=clock,
    )

    async def rotate_if_due(vault: VaultHead, name: str) -> bool:
        rotated = await api.rotate_if_due(vault, name)
        if rotated is not None:
            metrics.versions.labels(why="RotationDue").inc()
        return rotated is not None

    return KeyParts(reconciler, forge, rotate_if_due, forge.forget_expired)
