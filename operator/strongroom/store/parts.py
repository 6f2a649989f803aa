"""The sealed store as the door of one kind of object sees it: a secret and a key of one name share a head.

A certificate's secret and key are shown as views of its versions, and change only with it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

from strongroom.crypto import certfiles
from strongroom.domain.apiobjects import check_unmanaged
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificates import PEM
from strongroom.domain.content import Layout
from strongroom.domain.errors import AlreadyExists
from strongroom.domain.objects import Attributes, Kind, ObjectHead, Version, joined, managed_view
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import VaultHead
from strongroom.store.sealed import SealedStore

_VIEWED = (Kind.SECRET, Kind.KEY)


class PartStore:
    """A ``Store`` of all vaults' secrets, keys or certificates. Commits carry the rest of the head along unchanged.

    Writes to a view raise ``Managed``, and that of a certificate beside a key ``AlreadyExists``.
    """

    def __init__(self, store: SealedStore, kind: Kind) -> None:
        self._store = store
        self._kind = kind
        self.new_keys = store.new_keys
        self.vault = store.vault
        self.vault_by_id = store.vault_by_id
        self.commit_vault = store.commit_vault
        self.changes = store.changes
        self.refresh = store.refresh
        self.versions = store.versions
        self.fresh_versions = store.fresh_versions
        self.fingerprint = store.fingerprint
        self.usage = store.usage
        self.total_octets = store.total_octets

    async def object(self, vault: VaultHead, name: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """See ``Store``. The head is the part of this kind."""
        return self._part(await self._store.object(vault, name, fresh=fresh))

    async def object_by_id(self, vault: VaultHead, oid: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """See ``Store``. The head is the part of this kind."""
        return self._part(await self._store.object_by_id(vault, oid, fresh=fresh))

    async def objects(self, vault: VaultHead) -> list[ObjectHead]:
        """See ``Store``. The heads are the parts of this kind."""
        parts = (self._shown(head) for head in await self._store.objects(vault))
        return [part for part in parts if part.faces]

    async def write_record(
        self,
        vault: VaultHead,
        name: str,
        before: ObjectHead | None,
        kind: Kind,
        payload: bytes,
        attributes: Attributes,
        layout: Layout = Layout.VALUE,
        version: str = "",
    ) -> str:
        """See ``Store``."""
        self._check(before)
        return await self._store.write_record(vault, name, before, kind, payload, attributes, layout, version)

    async def restore_record(self, vault: VaultHead, head: ObjectHead, version: Version) -> None:
        """See ``Store``."""
        self._check(head)
        await self._store.restore_record(vault, head, version)

    async def commit(
        self, vault: VaultHead, before: Stored[ObjectHead] | None, after: ObjectHead
    ) -> Stored[ObjectHead]:
        """See ``Store``. ``before`` and ``after`` are parts of this kind."""
        whole = before.whole or before.head if before else None
        self._check(whole)
        if after.certificate is not None and whole is not None and Kind.KEY in whole.faces:
            raise AlreadyExists(f"A key named {whole.name} exists; choose another name for the certificate")
        known = replace(before, head=whole, whole=None) if before and whole else None
        stored = self._part(await self._store.commit(vault, known, joined(whole, after, self._kind)))
        assert stored is not None
        return stored

    async def version(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Version:
        """See ``Store``. Of a certificate, a secret's door gets the file, and a key's door the key."""
        opened = await self._store.version(vault, head, version, fresh=fresh)
        return self._viewed(opened) if opened.kind is Kind.CERTIFICATE and self._kind in _VIEWED else opened

    async def attributes(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Attributes:
        """See ``Store``. A certificate without a version is not enabled."""
        if not version and head.certificate is not None:
            return Attributes(head.created, head.created, enabled=False)
        return await self._store.attributes(vault, head, version, fresh=fresh)

    async def change_attributes(
        self, vault: VaultHead, head: ObjectHead, version: str, change: Callable[[Attributes], Attributes]
    ) -> Attributes:
        """See ``Store``."""
        self._check(head)
        return await self._store.change_attributes(vault, head, version, change)

    def _check(self, head: ObjectHead | None) -> None:
        if head is not None:
            check_unmanaged(head, self._kind)

    def _part(self, stored: Stored[ObjectHead] | None) -> Stored[ObjectHead] | None:
        return replace(stored, head=self._shown(stored.head), whole=stored.head) if stored else None

    def _shown(self, head: ObjectHead) -> ObjectHead:
        if head.certificate is not None and self._kind in _VIEWED:
            return managed_view(head, self._kind)
        return head.part(self._kind)

    def _viewed(self, opened: Version) -> Version:
        material = CertificateMaterial.unpack(opened.payload)
        if self._kind is Kind.KEY:
            return replace(opened, kind=self._kind, payload=material.key.pack())
        private = material.key.private if opened.attributes.exportable else b""
        if opened.attributes.content_type == PEM:
            return replace(opened, kind=self._kind, payload=certfiles.pem(private, material.chain))
        file = certfiles.pkcs12(private, material.leaf_first)
        return replace(opened, kind=self._kind, payload=base64.b64encode(file))
