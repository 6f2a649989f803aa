"""The sealed store of a process that acts by itself: each of its acts is journalled, the intent before and the result
after, and each value that it reads.

Custom resources act as their namespace. The system vault is left out: the journal is signed by a key in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from strongroom.domain import acts
from strongroom.domain.audit import AuditEvent, AuditIdentity, Journals, Phase
from strongroom.domain.errors import StrongroomError
from strongroom.domain.names import SYSTEM_NAMESPACE, SYSTEM_VAULT, VaultRef, object_id
from strongroom.domain.objects import Attributes, Kind, ObjectHead, Version
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import VaultHead
from strongroom.store.sealed import SealedStore

_SYSTEM: Final = VaultRef(SYSTEM_NAMESPACE, SYSTEM_VAULT)
_FAILED: Final = 500


class AuditedStore(SealedStore):
    """See the module. ``url_of`` names a vault; ``clock`` returns Unix seconds with fractions.

    Every method that changes or opens something also raises ``AuditUnavailable``; then nothing was done.
    """

    def __init__(
        self, *, journal: Journals, url_of: Callable[[VaultRef], str], clock: Callable[[], float], **parts: Any
    ) -> None:
        super().__init__(**parts)
        self._journal = journal
        self._url_of = url_of
        self._clock = clock

    async def commit_vault(self, before: Stored[VaultHead] | None, after: VaultHead) -> Stored[VaultHead]:
        """See ``SealedStore``."""
        operation = acts.on_vault(before.head if before else None, after)
        async with self._journalled(operation, after):
            return await super().commit_vault(before, after)

    async def commit(
        self, vault: VaultHead, before: Stored[ObjectHead] | None, after: ObjectHead
    ) -> Stored[ObjectHead]:
        """See ``SealedStore``."""
        act = acts.on_object(before.head if before else None, after)
        kind, operation = act or (Kind.SECRET, "")
        async with self._journalled(operation, vault, kind, after.part(kind)):
            return await super().commit(vault, before, after)

    async def change_attributes(
        self, vault: VaultHead, head: ObjectHead, version: str, change: Callable[[Attributes], Attributes]
    ) -> Attributes:
        """See ``SealedStore``."""
        kind = self._kind(head, version)
        async with self._journalled(acts.WORDS[kind] + "Update", vault, kind, head.part(kind), version):
            return await super().change_attributes(vault, head, version, change)

    async def version(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Version:
        """See ``SealedStore``. The record is there before the value is."""
        opened = await super().version(vault, head, version, fresh=fresh)
        if vault.ref != _SYSTEM:
            word = acts.WORDS[opened.kind]
            event = self._event(word + "Get", vault, opened.kind, head.part(opened.kind), version)
            await self._journal.record(replace(event, status=200))
        return opened

    @asynccontextmanager
    async def _journalled(
        self,
        operation: str,
        vault: VaultHead,
        kind: Kind = Kind.SECRET,
        head: ObjectHead | None = None,
        version: str = "",
    ) -> AsyncIterator[None]:
        if not operation or vault.ref == _SYSTEM:
            yield
            return
        event = self._event(operation, vault, kind, head, version)
        await self._journal.record(replace(event, phase=Phase.INTENT))
        status, code = _FAILED, ""
        try:
            yield
            status = 200
        except StrongroomError as error:
            code = type(error).__name__
            raise
        finally:
            ended = (self._clock() - event.time) * 1000
            await self._journal.record(replace(event, phase=Phase.RESULT, status=status, code=code, duration_ms=ended))

    def _kind(self, head: ObjectHead, version: str) -> Kind:
        """Which face a version is of: its record says so."""
        record = self.index.records(object_id(head.vault_id, head.name)).get(version)
        return record.kind if record else Kind.SECRET

    def _event(
        self, operation: str, vault: VaultHead, kind: Kind, head: ObjectHead | None, version: str = ""
    ) -> AuditEvent:
        path = f"/{acts.COLLECTIONS[kind]}/{head.name}" if head else ""
        namespace = head.claim.namespace if head and head.claim else vault.ref.namespace
        return AuditEvent(
            operation=operation,
            time=self._clock(),
            vault=vault.ref,
            vault_id=vault.id,
            tenant=vault.tenant,
            object_id=self._url_of(vault.ref) + path + (f"/{version}" if version else ""),
            client_info="strongroom-controller",
            identity=AuditIdentity(name=f"Namespace {namespace}", namespace=namespace),
        )
