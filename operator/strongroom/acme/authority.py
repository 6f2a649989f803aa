"""An issuer that speaks ACME, for the controller: the steps are taken in threads, what lasts is kept between them."""

from __future__ import annotations

import asyncio
from base64 import encodebytes
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from secrets import randbelow
from typing import Final, TypeVar

from strongroom.acme.accounts import Accounts
from strongroom.acme.deadline import Deadline
from strongroom.acme.http01 import Http01Solver, Shows
from strongroom.acme.orders import Orders
from strongroom.acme.problems import AccountUnknown
from strongroom.acme.session import Binding, Session, located
from strongroom.acme.solvers import Solver, solvers_of
from strongroom.domain.acmesettings import AcmeAccount, AcmeSettings, directory_of
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificateplanning import Advice
from strongroom.domain.errors import IssuerBusy, IssuerUnavailable, Refused
from strongroom.domain.http01 import NameGrant
from strongroom.domain.issuers import Issuer
from strongroom.domain.objects import ObjectHead
from strongroom.domain.reach import Reach
from strongroom.domain.revocation import CODES, RevocationReason
from strongroom.domain.vaults import VaultHead

SECONDS: Final = 120.0
"""The longest time for one certificate; what is not ready then goes on with the same order later."""

AT_ONCE: Final = 8
AT_ONCE_OF_A_VAULT: Final = 4
"""Orders that are worked on: a server that hangs holds a few of the controller's turns, not all."""

_BUSY_SECONDS: Final = (5, 10)
"""Until one that found no turn looks again, at least, and how many more at random."""

T = TypeVar("T")
Keep = Callable[[str], Awaitable[None]]


class AcmeAuthority:
    """An ``Authority``. ``seconds``: the longest time for one certificate.

    ``shows`` shows proofs by http-01, for the names of ``grants``. Nothing out of ``reach`` is connected to.
    """

    def __init__(
        self,
        accounts: Accounts,
        shows: Shows,
        *,
        reach: Reach,
        grants: tuple[NameGrant, ...] = (),
        seconds: float = SECONDS,
    ) -> None:
        self._accounts = accounts
        self._shows = shows
        self._reach = reach
        self._grants = grants
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(AT_ONCE, "acme")
        self._busy: Counter[str] = Counter()

    async def issue(
        self,
        vault: VaultHead,
        head: ObjectHead,
        issuer: Issuer,
        waiting: CertificateMaterial,
        keep: Keep,
        before: bytes | None,
    ) -> tuple[bytes, ...]:
        """Return the chain: PEM. ``keep`` is told the URL of the order, which ``head`` says at the next try.

        ``IssuerUnavailable``, ``Refused``, and what ``Accounts`` and ``keep`` raise.
        """
        known = head.pending.order if head.pending else ""
        with self._turn(vault.id):
            deadline = Deadline(self._seconds)
            try:
                session = await self._signed_in(vault, issuer, deadline)
                orders = self._orders(session, vault, issuer.acme or AcmeSettings(), before)
                return (await self._ordered(orders, known, waiting.request, keep),)
            except AccountUnknown:  # its server lost it: the next try registers it anew
                await self._forget(vault, issuer)
                raise IssuerUnavailable("the ACME server does not know the account; it is registered again") from None
            finally:
                deadline.cancel()

    async def advice(self, vault: VaultHead, issuer: Issuer, certificate: bytes) -> Advice:
        """See ``certificateissuing.Authority``: what the server's renewal information says (ACME ARI, RFC 9773)."""
        settings = issuer.acme or AcmeSettings()
        with self._turn(vault.id):
            deadline = Deadline(self._seconds)
            try:
                account, _ = await self._account(vault, issuer)
                session = await self._threaded(lambda: Session(account, settings.ca, deadline, self._reach))
                return await self._threaded(lambda: session.advice(certificate))
            finally:
                deadline.cancel()

    async def revoke(self, vault: VaultHead, issuer: Issuer, certificate: bytes, reason: RevocationReason) -> None:
        """See ``certificateissuing.Authority``. The account must be the one that ordered it."""
        with self._turn(vault.id):
            deadline = Deadline(self._seconds)
            try:
                session = await self._signed_in(vault, issuer, deadline)
                await self._threaded(lambda: session.revoke(certificate, CODES[reason]))
            finally:
                deadline.cancel()

    async def _signed_in(self, vault: VaultHead, issuer: Issuer, deadline: Deadline) -> Session:
        account, binding = await self._account(vault, issuer)
        settings = issuer.acme or AcmeSettings()
        session = await self._threaded(lambda: Session(account, settings.ca, deadline, self._reach))
        if not account.url:
            people = (each.email for each in issuer.administrators if each.email)
            contacts = settings.contacts or tuple(dict.fromkeys(people))
            await self._threaded(lambda: session.register(contacts, binding))
            await self._accounts.registered(vault, issuer, account, session.url)
        return session

    def _orders(self, session: Session, vault: VaultHead, settings: AcmeSettings, before: bytes | None) -> Orders:
        http01: Solver = Http01Solver(self._shows, self._grants, vault.ref, asyncio.get_running_loop())
        solvers = solvers_of(settings, http01, self._reach)
        return Orders(session, solvers, profile=settings.profile, chain=settings.chain, before=before)

    async def _ordered(self, orders: Orders, known: str, request: bytes, keep: Keep) -> bytes:
        pem = _pem(request)
        order = await self._threaded(lambda: orders.find(known, pem)) if known else None
        if order is None:
            order = await self._threaded(lambda: orders.open(pem))
            await keep(located(order.uri))
        found = order
        return await self._threaded(lambda: orders.complete(found))

    async def _account(self, vault: VaultHead, issuer: Issuer) -> tuple[AcmeAccount, Binding | None]:
        directory = directory_of(issuer.provider, issuer.acme)
        if not directory:
            raise Refused(f"the issuer {issuer.name} has no ACME directory: set acme.directory")
        binding = Binding(issuer.account, issuer.password) if issuer.account and issuer.password else None
        return await self._accounts.of(vault, issuer, directory, binding.id if binding else ""), binding

    async def _forget(self, vault: VaultHead, issuer: Issuer) -> None:
        account, _ = await self._account(vault, issuer)
        await self._accounts.registered(vault, issuer, account, "")

    async def _threaded(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, step)

    @contextmanager
    def _turn(self, vault: str) -> Iterator[None]:
        if self._busy.total() >= AT_ONCE or self._busy[vault] >= AT_ONCE_OF_A_VAULT:
            after = _BUSY_SECONDS[0] + randbelow(_BUSY_SECONDS[1])
            raise IssuerBusy("other certificates are being asked for; this one follows", after)
        self._busy[vault] += 1
        try:
            yield
        finally:
            self._busy[vault] -= 1
            self._busy += Counter()  # without what is at zero


def _pem(request: bytes) -> bytes:
    """Return a PKCS #10 request in PEM (RFC 7468)."""
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + encodebytes(request) + b"-----END CERTIFICATE REQUEST-----\n"
