"""How a version of a certificate comes to be: it is asked for, waits with its key, and is made when the issuer answers.

One compare-and-swap of the head each: a crash in between leaves what waits, and the next start carries it on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from strongroom.crypto import certfacts, certfiles
from strongroom.domain import certificateplanning as planning
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificates import UNKNOWN, CertificatePolicy, CertificateState, Pending, Progress
from strongroom.domain.errors import Tampered
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.objects import Attributes, Kind, ObjectHead
from strongroom.domain.ports import Store, Stored
from strongroom.domain.vaults import VaultHead
from strongroom.service.apiobjects import Found
from strongroom.service.certificateforge import CertificateForge, attributes_of

_KINDS = (Kind.CERTIFICATE, Kind.REQUEST)


@dataclass(frozen=True, slots=True)
class FoundCertificate(Found):
    """A version of a certificate with what it holds; None while there is none yet."""

    material: CertificateMaterial | None

    @property
    def state(self) -> CertificateState:
        """The policy by which the next version is made, and the last operation."""
        assert self.head.certificate is not None
        return self.head.certificate


@dataclass(frozen=True, slots=True)
class FoundOperation:
    """An operation, and the request (PKCS #10, DER) that it is about."""

    head: ObjectHead
    pending: Pending
    request: bytes


class CertificateVersions:
    """Raises what ``Store`` and ``CertificateForge`` raise. ``store`` is that of certificates; ``clock`` in seconds."""

    def __init__(self, *, store: Store, forge: CertificateForge, clock: Callable[[], int]) -> None:
        self._store = store
        self.forge = forge
        self._clock = clock

    async def ask(
        self,
        vault: VaultHead,
        name: str,
        stored: Stored[ObjectHead] | None,
        policy: CertificatePolicy,
        asked: Attributes,
        due: int,
        *,
        ordered: bool = False,
        declared: Callable[[ObjectHead], ObjectHead] = lambda head: head,
    ) -> FoundOperation:
        """Write down that a version by this policy is wanted. Of an issuer that is unknown, somebody brings it.

        ``declared``: adds to the head what a resource says of it.
        """
        head, id = stored.head if stored else None, os.urandom(16).hex()
        material = await self.forge.request(vault, name, id, policy, await self._reused(vault, head, policy))
        material = replace(material, ordered=ordered)
        pending = Pending(id, policy.issuer, self._clock(), due=None if policy.issuer == UNKNOWN else due)
        against = planning.without_request(head) if head else None
        await self._store.write_record(vault, name, against, Kind.REQUEST, material.pack(), asked, version=id)
        after = declared(planning.requested(vault, name, head, id, policy, pending))
        return FoundOperation((await self._store.commit(vault, stored, after)).head, pending, material.request)

    async def waiting(self, vault: VaultHead, head: ObjectHead) -> CertificateMaterial:
        """Return what waits for its issuer."""
        return await self.material(vault, head, head.faces[Kind.REQUEST].current)

    async def finish(
        self,
        vault: VaultHead,
        stored: Stored[ObjectHead],
        parts: Sequence[bytes],
        change: Callable[[Attributes], Attributes] = lambda asked: asked,
    ) -> FoundCertificate:
        """Make a version of what waits and its certificates: DER, or PEM. ``InvalidInput`` when they do not match."""
        head = stored.head
        assert head.certificate is not None
        assert head.certificate.pending is not None
        waiting = await self.waiting(vault, head)
        made = replace(waiting, chain=certfiles.read_chain(parts, waiting.key.public))
        asked = await self._store.attributes(vault, head, head.faces[Kind.REQUEST].current)
        pending = replace(head.certificate.pending, status=Progress.COMPLETED, due=None, code="", message="")
        return await self.add(vault, head.name, stored, made, change(asked), replace(head.certificate, pending=pending))

    async def add(
        self,
        vault: VaultHead,
        name: str,
        stored: Stored[ObjectHead] | None,
        material: CertificateMaterial,
        asked: Attributes,
        state: CertificateState,
    ) -> FoundCertificate:
        """Make a version."""
        head, version = stored.head if stored else None, os.urandom(16).hex()
        facts = certfacts.facts(material.certificate)
        attributes = attributes_of(facts, state.policy, asked, self._clock())
        against = planning.without_request(head) if head else None
        await self._store.write_record(
            vault, name, against, Kind.CERTIFICATE, material.pack(), attributes, version=version
        )
        if state.pending is not None:
            state = replace(state, pending=replace(state.pending, version=version))
        after = planning.with_certificate(vault, name, head, version, attributes, state)
        after = planning.without_oldest(vault, after, (version, *await self._former(vault, head)), self._clock())
        committed = await self._store.commit(vault, stored, after)
        return FoundCertificate(committed.head, version, attributes, material)

    async def operation(self, vault: VaultHead, head: ObjectHead, pending: Pending) -> FoundOperation:
        """Return the operation with its request; of a renewal that could not be asked for, what serves has one."""
        request = head.faces.get(Kind.REQUEST)
        version = request.current if request else pending.version or head.faces[Kind.CERTIFICATE].current
        material = await self.material(vault, head, version)
        return FoundOperation(head, pending, material.request)

    async def material(
        self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = False
    ) -> CertificateMaterial:
        """Return what a version, or a request, holds."""
        opened = await self._store.version(vault, head, version, fresh=fresh)
        if opened.kind not in _KINDS:
            raise Tampered("a stored certificate is a record of another kind")
        return CertificateMaterial.unpack(opened.payload)

    async def _former(self, vault: VaultHead, head: ObjectHead | None) -> list[str]:
        """The versions before, newest first, as far as some of them are too many."""
        face = head.faces.get(Kind.CERTIFICATE) if head else None
        if head is None or face is None or (face.versions < planning.kept(vault) and not face.pruned):
            return []
        return [each.id for each in await self._store.fresh_versions(vault, head, Kind.CERTIFICATE)]

    async def _reused(self, vault: VaultHead, head: ObjectHead | None, policy: CertificatePolicy) -> KeyMaterial | None:
        """Return the key of the newest version where the policy keeps it, and it is of the kind that is wanted."""
        face = head.faces.get(Kind.CERTIFICATE) if head else None
        if head is None or face is None or not policy.reuse_key:
            return None
        key = (await self.material(vault, head, face.current)).key
        return key if key.spec == policy.key else None
