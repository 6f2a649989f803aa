"""Proofs that the data plane shows under the name itself, by plain http (RFC 8555, section 8.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, Protocol

from strongroom.acme.deadline import Deadline
from strongroom.domain.errors import IssuerUnavailable, Refused
from strongroom.domain.http01 import NameGrant, may_prove
from strongroom.domain.names import VaultRef

_SECONDS: Final = 10.0


class Shows(Protocol):
    """Shows proofs to whoever asks for their token. ``IssuerUnavailable``: not now."""

    async def show(self, token: str, value: str) -> None:
        """Show it from now on. Doing it again changes nothing."""
        ...

    async def hide(self, token: str) -> None:
        """Take it back. Of one that is not there: nothing."""
        ...


class Http01Solver:
    """A ``Solver`` for the names that a vault is granted. Called in threads; ``loop`` is where ``shows`` lives."""

    challenge: Final = "http-01"
    propagation: Final = 0

    def __init__(
        self, shows: Shows, grants: tuple[NameGrant, ...], vault: VaultRef, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._shows = shows
        self._grants = grants
        self._vault = vault
        self._loop = loop

    def require(self, identifier: str) -> None:
        """Raise ``Refused`` unless the installation lets the vault prove it."""
        if not may_prove(self._grants, self._vault, identifier):
            raise Refused(
                f"the installation does not let the vault {self._vault} prove {identifier} by http-01: "
                "its administrator lists who may in the chart's http01.grants"
            )

    def present(self, name: str, value: str, deadline: Deadline) -> None:
        """Have a proof shown; ``name`` is its token."""
        self._wait(self._shows.show(name, value), deadline)

    def cleanup(self, name: str, value: str, deadline: Deadline) -> None:
        """Have it taken back."""
        self._wait(self._shows.hide(name), deadline)

    def _wait(self, act: Coroutine[Any, Any, None], deadline: Deadline) -> None:
        try:
            seconds = deadline.left(_SECONDS)
            told = asyncio.run_coroutine_threadsafe(act, self._loop)
        except (IssuerUnavailable, RuntimeError) as error:  # the latter: the controller has stopped
            act.close()
            raise IssuerUnavailable("the proof cannot be shown: there is no time left") from error
        try:
            told.result(seconds)
        except (TimeoutError, CancelledError):
            told.cancel()
            raise IssuerUnavailable("the proof cannot be shown: the API server does not answer") from None
