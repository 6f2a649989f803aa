"""The vaults as the API serves them: what their resources declare now, beside what the store holds of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strongroom.domain.access import Granted
from strongroom.domain.errors import InvalidInput, NotFound
from strongroom.domain.names import SYSTEM_NAMESPACE, SYSTEM_VAULT, VaultRef
from strongroom.domain.ports import Store
from strongroom.domain.vaults import State, VaultHead
from strongroom.kinds.vault import VaultResource, parse_vault
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import VAULTS
from strongroom.service.recent import Recent


@dataclass(frozen=True, slots=True)
class VaultView:
    """A vault that is served. Policies and rules are those of the resource: they hold before the controller acts."""

    resource: VaultResource
    granted: Granted
    head: VaultHead


@dataclass(frozen=True, slots=True)
class _Declared:
    """A resource in one state, read once."""

    state: str
    resource: VaultResource
    granted: Granted


class VaultViews:
    """Resources are at most a second old. A vault is served while resource and head agree that it lives."""

    def __init__(self, kube: KubeApi, store: Store, monotonic: Callable[[], float]) -> None:
        self._kube = kube
        self._store = store
        self._declared: Recent[VaultRef, _Declared | None] = Recent(self._read, monotonic)
        self._last: dict[VaultRef, _Declared] = {}

    async def get(self, ref: VaultRef, *, fresh: bool = False) -> VaultView:
        """Return the vault. ``VaultNotFound``; ``Retryable`` when it cannot be looked at.

        The system vault is never served: it holds the keys that this very API is trusted by.
        """
        if ref == VaultRef(SYSTEM_NAMESPACE, SYSTEM_VAULT):
            raise _no_vault(ref)
        declared = await self._declared.get(ref)
        if declared is None or declared.resource.deleting:
            raise _no_vault(ref)
        resource = declared.resource
        stored = await self._store.vault(ref, fresh=fresh)
        if stored is None or stored.head.state is not State.LIVE or stored.head.claim_uid != resource.uid:
            stored = await self._store.vault(ref, fresh=True)  # made or recovered a moment ago
        if stored is None or stored.head.state is not State.LIVE or stored.head.claim_uid != resource.uid:
            raise _no_vault(ref)
        return VaultView(resource, declared.granted, stored.head)

    async def _read(self, ref: VaultRef) -> _Declared | None:
        try:
            body = await self._kube.get(VAULTS, ref.namespace, ref.name)
            state, last = body["metadata"]["resourceVersion"], self._last.get(ref)
            if last is None or last.state != state:
                resource = parse_vault(body)
                last = self._last[ref] = _Declared(state, resource, Granted(resource.policies))
            return last
        except (errors.NotFound, InvalidInput):  # a spec that nobody can read grants nothing
            self._last.pop(ref, None)
            return None

    async def close(self) -> None:
        """End what is under way."""
        await self._declared.close()


class VaultNotFound(NotFound):
    """No vault of this name is served."""


def _no_vault(ref: VaultRef) -> VaultNotFound:
    return VaultNotFound(
        f"There is no vault {ref.name} in the namespace {ref.namespace}, or it is not ready or deleted."
    )
