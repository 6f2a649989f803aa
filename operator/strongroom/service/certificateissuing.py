"""Carries certificates on: asks for the next version when it is time, and gets what was asked for from its issuer.

Works from heads, so that a certificate that was made through the API, and that no resource declares, is renewed too.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from strongroom.domain import certificateplanning as planning
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificates import SELF, Progress
from strongroom.domain.errors import Conflict, IssuerBusy, IssuerNotFound, IssuerUnavailable, Refused, Retryable
from strongroom.domain.issuers import Issuer
from strongroom.domain.keyuse import succeeding
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Store, Stored
from strongroom.domain.revocation import RevocationReason
from strongroom.domain.vaults import State, VaultHead
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateversions import CertificateVersions

ISSUED: Final = "CertificateIssued"
RENEWED: Final = "CertificateRenewed"
REQUESTED: Final = "CertificateRequested"
FAILED: Final = "CertificateFailed"


@dataclass(frozen=True, slots=True)
class Carried:
    """What was done: the reason of an event, and what there is to say. ``reason`` is empty when nothing was due."""

    reason: str = ""
    message: str = ""


class Authority(Protocol):
    """One kind of issuer."""

    async def issue(
        self,
        vault: VaultHead,
        head: ObjectHead,
        issuer: Issuer,
        waiting: CertificateMaterial,
        keep: Callable[[str], Awaitable[None]],
        before: bytes | None,
        /,
    ) -> tuple[bytes, ...]:
        """Return the certificates, the one that was asked for first: DER, or PEM.

        ``before``: the certificate (DER) that it takes the place of, whoever issued that. ``keep`` remembers an order's
        URL as soon as there is one: the next try finds it in ``head``.

        ``Retryable``: it is asked again later; ``Refused``: somebody must act.
        """
        ...

    async def advice(self, vault: VaultHead, issuer: Issuer, certificate: bytes, /) -> planning.Advice:
        """Return when a certificate (DER) is to be renewed. ``Retryable``, ``Refused``."""
        ...

    async def revoke(self, vault: VaultHead, issuer: Issuer, certificate: bytes, reason: RevocationReason, /) -> None:
        """Have a certificate (DER) revoked. Of one that is so already: nothing. ``Retryable``, ``Refused``."""
        ...


class _Course:
    """The head of a certificate while it is carried on, as it was last written."""

    def __init__(self, store: Store, vault: VaultHead, stored: Stored[ObjectHead]) -> None:
        self._store = store
        self._vault = vault
        self.stored = stored

    async def keep(self, order: str) -> None:
        """Remember the URL of the issuer's order. Raises what ``Store`` raises."""
        after = planning.ordered(self.stored.head, order)
        self.stored = await self._store.commit(self._vault, self.stored, after)


class CertificateIssuing:
    """Raises what ``Store`` raises. ``authorities``: by the provider of an issuer, in lower case."""

    def __init__(
        self,
        *,
        store: Store,
        versions: CertificateVersions,
        issuers: Issuers,
        authorities: Mapping[str, Authority],
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._versions = versions
        self._issuers = issuers
        self._authorities = authorities
        self._clock = clock

    async def carry_on(self, vault: VaultHead, name: str) -> Carried:
        """Do what is due for a certificate of a vault."""
        stored = await self._store.object(vault, name, fresh=True)
        if stored is None or vault.state is not State.LIVE or stored.head.state is not State.LIVE:
            return Carried()
        if planning.carrying_due(stored.head, self._clock()):
            asked = Kind.REQUEST in stored.head.faces
            return await (self._carry(vault, stored) if asked else self._renew(vault, stored))
        if planning.renewal_due(stored.head, self._clock()):
            return await self._renew(vault, stored)
        if planning.advice_due(stored.head, self._clock()):
            await self._ask_advice(vault, stored)
        return Carried()

    async def _renew(self, vault: VaultHead, stored: Stored[ObjectHead]) -> Carried:
        head, now = stored.head, self._clock()
        assert head.certificate is not None
        before = await self._store.attributes(vault, head, head.faces[Kind.CERTIFICATE].served)
        asked = succeeding(before, None, now)
        try:
            await self._versions.ask(vault, head.name, stored, head.certificate.policy, asked, now)
        except Refused as error:  # the vault has no such keys any more, say: the end of what serves must not surprise
            wanting = planning.wanting(head, os.urandom(16).hex(), now)
            return await self._failed(vault, stored, wanting, error)
        return Carried(REQUESTED, f"the next version is asked of the issuer {head.certificate.policy.issuer}")

    async def _ask_advice(self, vault: VaultHead, stored: Stored[ObjectHead]) -> None:
        """An issuer that cannot be asked has no say: the policy's time stays."""
        head = stored.head
        assert head.certificate is not None
        served = await self._versions.material(vault, head, head.faces[Kind.CERTIFICATE].current)
        try:
            issuer = await self._issuers.get(vault, head.certificate.policy.issuer)
            authority = self.authority(issuer)
            advice = await authority.advice(vault, issuer, served.certificate)
        except Conflict:
            raise
        except (Retryable, Refused, IssuerNotFound):
            advice = planning.Advice(again=1)
        await self._store.commit(vault, stored, planning.advised(head, advice, self._clock()))

    async def _carry(self, vault: VaultHead, stored: Stored[ObjectHead]) -> Carried:
        head, course = stored.head, _Course(self._store, vault, stored)
        try:
            chain = await self._issued(vault, course)
            made = await self._versions.finish(vault, course.stored, chain)
        except Conflict:
            raise
        except IssuerBusy as busy:
            after = planning.in_line(course.stored.head, self._clock(), type(busy).__name__, str(busy), busy.after)
            await self._store.commit(vault, course.stored, after)
            return Carried()
        except (Retryable, Refused) as error:
            return await self._failed(vault, course.stored, course.stored.head, error)
        reason = RENEWED if Kind.CERTIFICATE in head.faces else ISSUED
        return Carried(reason, f"version {made.version} was issued by {made.state.policy.issuer}")

    async def _issued(self, vault: VaultHead, course: _Course) -> tuple[bytes, ...]:
        head = course.stored.head
        assert head.certificate is not None
        assert head.pending is not None
        waiting = await self._versions.waiting(vault, head)
        if head.pending.issuer == SELF:
            return await self._versions.forge.self_signed(vault, head.name, head.certificate.policy, waiting.key)
        issuer = await self._issuers.get(vault, head.pending.issuer)
        before = await self._before(vault, head)
        return await self.authority(issuer).issue(vault, head, issuer, waiting, course.keep, before)

    async def _before(self, vault: VaultHead, head: ObjectHead) -> bytes | None:
        face = head.faces.get(Kind.CERTIFICATE)
        return (await self._versions.material(vault, head, face.current)).certificate if face else None

    def authority(self, issuer: Issuer) -> Authority:
        """Return who is asked for an issuer. ``Refused`` when nobody is."""
        authority = self._authorities.get(issuer.provider.lower())
        if authority is None or not issuer.enabled:
            why = f"its provider {issuer.provider} is none that issues here" if issuer.enabled else "it is disabled"
            raise Refused(f"the issuer {issuer.name} issues nothing: {why}")
        return authority

    async def _failed(
        self, vault: VaultHead, stored: Stored[ObjectHead], head: ObjectHead, error: Retryable | Refused
    ) -> Carried:
        """What renews, or a resource declares, is tried again, whatever is wrong; what is new is given up when nothing
        but somebody's act can help."""
        now, code = self._clock(), type(error).__name__
        if isinstance(error, Retryable) or Kind.CERTIFICATE in head.faces or head.claim is not None:
            wait = error.after if isinstance(error, IssuerUnavailable) else 0
            after = planning.put_off(head, now, code, str(error), at_least=wait)
        else:
            after = planning.ended(head, Progress.FAILED, now, code, str(error))
        await self._store.commit(vault, stored, after)
        return Carried(FAILED, str(error))
