"""How it is proven that a name is ours: what is to be published where (RFC 8555, section 8), and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from strongroom.acme.deadline import Deadline
from strongroom.acme.rfc2136 import Rfc2136Solver
from strongroom.acme.webhook import WebhookSolver
from strongroom.domain.acmesettings import AcmeSettings
from strongroom.domain.reach import Reach


@dataclass(frozen=True, slots=True)
class Proof:
    """What is published. dns-01: a TXT record, ``name`` ends in a dot; http-01: the token is its name. Not secret."""

    name: str
    value: str


class Solver(Protocol):
    """Publishes proofs. Called in threads; each call ends by the deadline.

    ``IssuerUnavailable``: it is tried again later; ``Refused``: somebody must act.
    """

    @property
    def challenge(self) -> str:
        """The type of challenge that it answers (RFC 8555, section 9.7.8)."""
        ...

    @property
    def propagation(self) -> int:
        """Seconds from publishing until it is seen everywhere."""
        ...

    def require(self, identifier: str) -> None:
        """Raise ``Refused`` when it is not allowed to prove this name or address."""
        ...

    def present(self, name: str, value: str, deadline: Deadline) -> None:
        """Publish a proof beside others of the same name. Doing it again changes nothing."""
        ...

    def cleanup(self, name: str, value: str, deadline: Deadline) -> None:
        """Take a proof back. Of one that is not there: nothing."""
        ...


def solvers_of(settings: AcmeSettings, http01: Solver, reach: Reach) -> tuple[Solver, ...]:
    """Return what an issuer's settings name, what is preferred first; ``http01``: the one of the vault.

    None: nothing is proven, names must be so already.
    """
    return tuple(_solvers_of(settings, http01, reach))


def _solvers_of(settings: AcmeSettings, http01: Solver, reach: Reach) -> Iterator[Solver]:
    if settings.rfc2136 is not None:
        yield Rfc2136Solver(settings.rfc2136, settings.propagation, reach)
    if settings.webhook is not None:
        yield WebhookSolver(settings.webhook, settings.propagation, reach)
    if settings.http01:
        yield http01
