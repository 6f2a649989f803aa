"""One token and its two PINs, for what is done once by the command line: a login, some steps, a logout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from pkcs11 import Mechanism, Session, Token
from pkcs11.exceptions import PKCS11Error

from strongroom.hsm.sidecar import attributes, faults
from strongroom.hsm.sidecar.pins import Pin

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Logins:
    """One token, how to get its two PINs when they are needed, and where to announce each step before it is taken.

    Sessions raise ``LoginRefused`` (each PIN is tried once), ``TokenLost``, and what getting a PIN raises.
    """

    token: Token
    so_pin: Callable[[], Pin]
    user_pin: Callable[[], Pin]
    announce: Announce

    @property
    def wrapping(self) -> Mechanism:
        """How this token's world keys wrap, when they are made."""
        return attributes.wrapping_of(self.token.slot.get_mechanisms())

    def officer(self) -> AbstractContextManager[Session]:
        """Open a session of the security officer, who sees public objects only. Close it before the user logs in."""
        return self._session("security officer", so_pin=self.so_pin().reveal())

    def user(self) -> AbstractContextManager[Session]:
        """Open a session of the user."""
        return self._session("user", user_pin=self.user_pin().reveal())

    @contextmanager
    def _session(self, who: str, **pin: str) -> Iterator[Session]:
        try:
            session = self.token.open(rw=True, attribute_mapper=attributes.Mapper(), **pin)  # type: ignore[arg-type]
        except PKCS11Error as error:
            raise faults.login_fault(who, error) from error
        try:
            with session:
                yield session
        except PKCS11Error as error:
            raise faults.TokenLost(f"the ceremony was interrupted ({faults.name(error)}); run it again") from error
