"""An order of a certificate (RFC 8555, section 7.4), in a thread: opened or found again, proven, finalized, fetched."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import requests
from acme import challenges, messages

from strongroom.acme import chains, problems
from strongroom.acme.deadline import Deadline
from strongroom.acme.session import Session
from strongroom.acme.solvers import Proof, Solver
from strongroom.domain.errors import IssuerUnavailable, Refused

_log = logging.getLogger(__name__)

_CLEANUP_SECONDS: Final = 15.0
_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between looks at what the server works on; the last goes on."""

_ALTERNATES: Final = 8
_PROOFS: Final = 128
"""More than names that a certificate may have: a server that wants more would fill what all vaults share."""


@dataclass(frozen=True, slots=True)
class _Challenged:
    """A proof that is asked for, and by what it is given."""

    body: messages.ChallengeBody
    proof: Proof
    authorization: messages.AuthorizationResource
    solver: Solver


class Orders:
    """Raises what ``Session`` and ``Solver`` raise. ``chain``: name of the preferred chain's last issuer.

    ``before``: the certificate (DER) that what is ordered takes the place of.
    """

    def __init__(
        self, session: Session, solvers: Sequence[Solver], *, profile: str, chain: str, before: bytes | None
    ) -> None:
        self._session = session
        self._solvers = solvers
        self._profile = profile
        self._chain = chain
        self._before = before

    def open(self, request: bytes) -> messages.OrderResource:
        """Open an order for the names of a request (PKCS #10, PEM)."""
        with self._session.translated():
            return self._session.order(request, self._profile, self._before)

    def find(self, url: str, request: bytes) -> messages.OrderResource | None:
        """Return an order that was opened before; None: it is gone, failed, or another account's or server's."""
        if not self._session.serves(url):
            return None
        try:
            with self._session.translated():
                body = self._order(url)
                if body.status == messages.STATUS_INVALID:
                    return None
                proofs = [self._authorization(each) for each in body.authorizations]
                list(map(_proven, proofs))  # one that failed has not always failed its order yet
                return messages.OrderResource(body=body, uri=url, csr_pem=request, authorizations=proofs)
        except problems.AccountUnknown:
            raise
        except Refused:
            return None

    def complete(self, order: messages.OrderResource) -> bytes:
        """Return the chain (PEM) that an order yields."""
        with self._session.translated():
            if order.body.status == messages.STATUS_PENDING:
                self._prove([each for each in order.authorizations if not _proven(each)])
            return self._download(self._finalized(order))

    def _prove(self, wanting: list[messages.AuthorizationResource]) -> None:
        if not wanting:
            return
        if len(wanting) > _PROOFS:
            raise Refused(f"{self._session.who} wants {len(wanting)} proofs, more than a certificate has names")
        found = [self._challenge(each) for each in wanting]
        try:
            for each in found:
                each.solver.present(each.proof.name, each.proof.value, self._session.deadline)
            self._session.deadline.pause(max(each.solver.propagation for each in found))
            self._answer(found)
        finally:
            self._clean_up(found)

    def _answer(self, found: list[_Challenged]) -> None:
        for each in found:
            if each.body.status == messages.STATUS_PENDING:
                self._session.client.answer_challenge(each.body, each.body.response(self._session.key))
        for each in found:
            self._wait_for(each.authorization)

    def _challenge(self, wanting: messages.AuthorizationResource) -> _Challenged:
        """Choose how a name is proven: the first way of ours that the server takes for it."""
        name = wanting.body.identifier.value
        if not self._solvers:
            raise Refused(f"{self._session.who} wants a proof for {name}: set acme.dns01 or acme.http01")
        for solver in self._solvers:
            for body in wanting.body.challenges:
                if body.chall.typ == solver.challenge:
                    solver.require(name)
                    return _Challenged(body, self._proof(body.chall, name), wanting, solver)
        ways = " or ".join(dict.fromkeys(solver.challenge for solver in self._solvers))
        raise Refused(f"{self._session.who} takes no proof by {ways} for {name}")

    def _proof(self, challenge: challenges.KeyAuthorizationChallenge, name: str) -> Proof:
        value = challenge.validation(self._session.key)
        if isinstance(challenge, challenges.DNS01):
            return Proof(f"{challenge.validation_domain_name(name)}.", value)
        return Proof(challenge.encode("token"), value)

    def _wait_for(self, authorization: messages.AuthorizationResource) -> None:
        for pause in _pauses():
            found = self._authorization(authorization.uri)
            if _proven(found):
                return
            self._session.pause(pause)

    def _finalized(self, order: messages.OrderResource) -> messages.OrderResource:
        order = order.update(body=self._order(order.uri))
        for pause in _pauses():
            status = order.body.status
            if status == messages.STATUS_VALID and order.body.certificate:
                return order
            if status == messages.STATUS_INVALID:
                raise Refused(f"{self._session.who} gave the order up: {problems.told(order.body.error)}")
            if status == messages.STATUS_READY:
                order = self._session.client.begin_finalization(order)
                continue
            self._session.pause(pause)
            order = order.update(body=self._order(order.uri))
        raise AssertionError

    def _download(self, order: messages.OrderResource) -> bytes:
        response = self._session.read(order.body.certificate or "")
        chain = response.content
        if not self._chain or chains.leads_to(chain, self._chain):
            return chain
        others = (self._session.read(url).content for url in _alternates(response))
        return next((each for each in others if chains.leads_to(each, self._chain)), chain)

    def _order(self, url: str) -> messages.Order:
        order: messages.Order = messages.Order.from_json(self._session.read(url).json())
        return order

    def _authorization(self, url: str) -> messages.AuthorizationResource:
        body = messages.Authorization.from_json(self._session.read(url).json())
        return messages.AuthorizationResource(body=body, uri=url)

    def _clean_up(self, found: Iterable[_Challenged]) -> None:
        """What is left behind proves nothing to anybody else; the order does not fail of it."""
        deadline = Deadline(_CLEANUP_SECONDS)
        for each in found:
            try:
                each.solver.cleanup(each.proof.name, each.proof.value, deadline)
            except (IssuerUnavailable, Refused) as error:
                _log.warning("the proof %s stays behind: %s", each.proof.name, error)


def _proven(authorization: messages.AuthorizationResource) -> bool:
    """``Refused`` for one that never will be."""
    body = authorization.body
    if body.status == messages.STATUS_VALID:
        return True
    if body.status == messages.STATUS_PENDING:
        return False
    failed = [each for each in body.challenges if each.error is not None]
    why = "; ".join(f"{each.chall.typ}: {problems.told(each.error)}" for each in failed) or "no reason given"
    raise Refused(f"{body.identifier.value} was not proven ({body.status.name}): {why}")


def _pauses() -> Iterable[float]:
    yield from _PAUSES
    while True:
        yield _PAUSES[-1]


def _alternates(response: requests.Response) -> list[str]:
    """The URLs of the other chains (RFC 8555, section 7.4.2)."""
    links = requests.utils.parse_header_links(response.headers.get("Link", ""))
    return [each["url"] for each in links if each.get("rel") == "alternate"][:_ALTERNATES]
