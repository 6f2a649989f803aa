"""The use cases behind the vault's API that only certificates have. See ``service.apiobjects`` for ``fresh``.

A version comes of an operation: it is asked for here; ``service.certificateissuing`` carries it on in the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from strongroom.crypto import certfacts, certfiles
from strongroom.crypto.certfiles import Bundle
from strongroom.domain import apiobjects as rules
from strongroom.domain import certificateplanning as planning
from strongroom.domain import certificates, keyuse
from strongroom.domain.apiobjects import ANY, Wanted
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificates import UNKNOWN, CertificatePolicy, CertificateState, Progress
from strongroom.domain.errors import Claimed, InvalidInput, NotPending
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.planning import POLICY
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import VaultHead
from strongroom.service.apiobjects import ApiObjects, Found
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateversions import CertificateVersions, FoundCertificate, FoundOperation
from strongroom.service.rooms import room_of

_GRACE = 1
"""Seconds that an operation asked for through the API waits, so that it can be cancelled."""

Change = Callable[[CertificatePolicy | None], CertificatePolicy]
"""Makes a policy of the present one, if there is one, and what a request mentions."""


class ApiCertificates(ApiObjects):
    """Asking for certificates, bringing them in, and their policies. See ``ApiObjects``."""

    kind: ClassVar[Kind] = Kind.CERTIFICATE

    def __init__(self, *, versions: CertificateVersions, issuers: Issuers, **parts: Any) -> None:
        super().__init__(**parts)
        self._versions = versions
        self._issuers = issuers

    async def create(
        self, vault: VaultHead, name: str, change: Change, wanted: Wanted, *, ordered: bool = False
    ) -> FoundOperation:
        """Ask for a new version. ``ordered``: what is brought in for it keeps its order.

        ``InvalidInput``, ``TierRefused``, ``LimitExceeded``, ``ObjectDeleted``, ``BeingDeleted``, ``Claimed``,
        ``AlreadyExists``, ``PendingInProgress``.
        """

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundOperation:
            head, now = self._startable(vault, stored), self._clock()
            policy = await self._policy(vault, head, change)
            return await self._versions.ask(
                vault, name, stored, policy, wanted.fresh(now), now + _GRACE, ordered=ordered
            )

        return await self._decide(vault, name, attempt)

    async def take(
        self, vault: VaultHead, name: str, bundle: Bundle, change: Change, wanted: Wanted, *, ordered: bool
    ) -> FoundCertificate:
        """Bring a certificate in with its key. ``change`` is given the policy that the certificate speaks of.

        As ``create``.
        """
        bundle = bundle if ordered else certfiles.leaf_first(bundle)
        facts = certfacts.facts(bundle.chain[bundle.leaf])
        if facts.ends <= self._clock():
            raise InvalidInput("The certificate to import has expired.")
        now = self._clock()
        policy = replace(change(certfacts.policy_of(facts)), created=now, updated=now)
        keyuse.check_tier(vault, policy.key)

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundCertificate:
            self._startable(vault, stored)
            key = await self._versions.forge.take(vault, name, policy, bundle.private)
            material = CertificateMaterial(key, bundle.chain, leaf=bundle.leaf, ordered=ordered)
            state = CertificateState(policy)
            return await self._versions.add(vault, name, stored, material, wanted.fresh(now), state)

        return await self._decide(vault, name, attempt)

    async def get(self, vault: VaultHead, name: str, version: str = "", *, fresh: bool = False) -> FoundCertificate:
        """Return a version, the served one by default. ``NotFound``."""
        head, face = await self._live(vault, name, fresh=fresh)
        wanted = await self._known(vault, head, face, version, fresh=fresh)
        return await self.whole(vault, await self.describe(vault, head, wanted, fresh=fresh), fresh=fresh)

    async def whole(self, vault: VaultHead, found: Found, *, fresh: bool = False) -> FoundCertificate:
        """Return what was found with what it holds."""
        version = found.version
        material = await self._versions.material(vault, found.head, version, fresh=fresh) if version else None
        return FoundCertificate(found.head, version, found.attributes, material)

    async def operation(self, vault: VaultHead, name: str, request: str = "", *, fresh: bool = False) -> FoundOperation:
        """Return the last operation. ``NotFound``."""
        head, _ = await self._live(vault, name, fresh=fresh)
        return await self._versions.operation(vault, head, planning.pending_of(head, name, request))

    async def cancel(self, vault: VaultHead, name: str) -> FoundOperation:
        """End the operation without a version; return it as it was asked to end. ``NotFound``, ``InvalidInput``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundOperation:
            head, _ = rules.live_face(stored.head if stored else None, name, self.kind)
            asked = planning.cancelling(head, name)
            found = await self._versions.operation(vault, head, planning.pending_of(asked, name))
            after = planning.ended(asked, Progress.CANCELLED, self._clock())
            return replace(found, head=(await self._store.commit(vault, stored, after)).head)

        return await self._decide(vault, name, attempt)

    async def forget(self, vault: VaultHead, name: str) -> FoundOperation:
        """Remove the operation, which ends without a version if it has none; return it as it was. ``NotFound``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundOperation:
            head, _ = rules.live_face(stored.head if stored else None, name, self.kind)
            found = await self._versions.operation(vault, head, planning.pending_of(head, name))
            await self._store.commit(vault, stored, planning.forgotten(head))
            return found

        return await self._decide(vault, name, attempt)

    async def merge(self, vault: VaultHead, name: str, parts: Sequence[bytes], wanted: Wanted) -> FoundCertificate:
        """Bring in the certificate that was asked of an issuer outside.

        ``NotFound``, ``NotPending``, ``InvalidInput`` when it is not for the key that waits.
        """

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundCertificate:
            head, _ = rules.live_face(stored.head if stored else None, name, self.kind)
            pending = planning.pending_of(head, name)
            if not pending.open or pending.issuer != UNKNOWN or Kind.REQUEST not in head.faces:
                raise NotPending("Merge is for an operation that is inProgress and whose issuer is Unknown.")
            assert stored is not None
            return await self._versions.finish(vault, stored, parts, lambda asked: wanted.applied(asked, self._clock()))

        return await self._decide(vault, name, attempt)

    async def policy(self, vault: VaultHead, name: str, *, fresh: bool = False) -> tuple[ObjectHead, CertificatePolicy]:
        """Return the policy. ``NotFound``."""
        head, _ = await self._live(vault, name, fresh=fresh)
        assert head.certificate is not None
        return head, head.certificate.policy

    async def set_policy(self, vault: VaultHead, name: str, change: Change) -> tuple[ObjectHead, CertificatePolicy]:
        """Change the policy by which the next versions are made. ``NotFound``, ``Claimed``, ``InvalidInput``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> tuple[ObjectHead, CertificatePolicy]:
            head, _ = rules.live_face(stored.head if stored else None, name, self.kind)
            policy = await self._policy(vault, head, change)
            return (await self._store.commit(vault, stored, planning.with_policy(head, policy))).head, policy

        return await self._decide(vault, name, attempt)

    def check_restorable(self, vault: VaultHead, payload: bytes) -> None:
        """See ``ApiObjects``. ``TierRefused``."""
        keyuse.check_tier(vault, CertificateMaterial.unpack(payload).key.spec)

    # Inside

    def _startable(self, vault: VaultHead, stored: Stored[ObjectHead] | None) -> ObjectHead | None:
        head = stored.head if stored else None
        rules.check_settable(vault, head, room_of(self._store, vault, self._total_octets), ANY, self.kind)
        planning.check_startable(stored.whole if stored else None)
        if head is not None and head.claim is not None:
            raise Claimed(f"the certificate is declared by {rules.resource(head.claim, self.kind)}; renew it there")
        return head

    async def _policy(self, vault: VaultHead, head: ObjectHead | None, change: Change) -> CertificatePolicy:
        """The policy that is wanted now, checked."""
        present, now = head.certificate.policy if head and head.certificate else None, self._clock()
        policy = change(present)
        if head is not None and head.claim is not None and POLICY in head.claim.fields and policy != present:
            raise Claimed(f"the policy is declared by {rules.resource(head.claim, self.kind)}; change it there")
        certificates.check(policy)
        keyuse.check_tier(vault, policy.key)
        await self._issuers.check(vault, policy.issuer)
        return replace(policy, created=present.created if present else now, updated=now)
