"""The open token: one anchor session that holds the login, and one session per thread that does the work.

Rules that measured zero errors with SoftHSM (docs/design/0005-hsm-sidecar.md): the anchor is opened with the PIN and
never closed, because closing it logs the process out and kills every session object; other sessions carry no PIN and
live as long as their thread; nobody searches while another makes or destroys an object.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pkcs11 import Mechanism, Session, Token, TokenFlag
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import HsmUnavailable, LoginRefused
from strongroom.hsm.sidecar import attributes, faults, selfcheck, world
from strongroom.hsm.sidecar.faults import TokenLost, Uninitialised
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.pins import Pin
from strongroom.hsm.sidecar.settings import DEFAULT_WORKERS
from strongroom.hsm.sidecar.turns import Turns
from strongroom.hsm.sidecar.world import World, WorldId

_PROBE = b"strongroom/probe/v1"
# Opening a seat takes a search, which waits for RSA keys that are being made: the usual threads find theirs ready.
_READY_SEATS = 1 + DEFAULT_WORKERS  # the keeper's, and the service's
_PATIENCE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Description:
    """What the token says of itself, read once: status must answer even when the token no longer does."""

    label: str
    manufacturer: str
    model: str
    serial: str
    hardware_version: str
    firmware_version: str
    library: str
    mechanisms: tuple[str, ...]


@dataclass(slots=True)
class Seat:
    """One thread's session with its own handles. Never shared: PKCS#11 allows one operation per session at a time."""

    session: Session
    worlds: dict[str, World]
    as_of: int  # the count of changes to the worlds that this seat has seen
    # Unwrapped keys by name and use, least recently used first.
    handles: OrderedDict[tuple[bytes, str], Any] = field(default_factory=OrderedDict)

    @property
    def current(self) -> World:
        return world.current(self.worlds)


class OpenToken:
    """A logged-in token that passed its self-check, or is dedicated. ``caveat``: what its owner should know of it."""

    def __init__(self, token: Token, anchor: Session, description: Description, *, dedicated: bool) -> None:
        self.description = description
        self.dedicated = dedicated
        self.caveat = _check_enforcement(token, dedicated=dedicated)
        self.objects = Turns()  # taken for every search, creation and destruction of objects
        self._token = token
        self._anchor = anchor  # referenced for as long as the process lives
        self._local = threading.local()
        self._changes = 0  # to the worlds, by ceremonies of other processes while this one serves
        self._seats = [self._new_seat() for _ in range(_READY_SEATS)]
        self._free = list(self._seats)
        self._show(self.seat().worlds)

    def seat(self) -> Seat:
        """Return this thread's seat, opened on first use. Raises ``PKCS11Error`` or a verdict of ``find_worlds``."""
        seat: Seat | None = getattr(self._local, "seat", None)
        if seat is None:
            seat = self._local.seat = self._free_seat()
        if seat.as_of != self._changes:
            with self.objects:
                seat.worlds, seat.as_of = world.find_worlds(seat.session), self._changes
        return seat

    def _free_seat(self) -> Seat:
        try:
            return self._free.pop()
        except IndexError:
            with self.objects:
                seat = self._new_seat()
                self._seats.append(seat)
            return seat

    def _new_seat(self) -> Seat:
        session = self._token.open(rw=True, attribute_mapper=attributes.Mapper())
        return Seat(session, world.find_worlds(session), self._changes)

    def look_for_worlds(self) -> None:
        """Take up a version of the world that was made, joined or put in force meanwhile.

        Its attacks are tried first. Keys that are being made go before; the next look will do. Raises what
        ``open_token`` raises after the login.
        """
        try:
            with self.objects.searching(_PATIENCE) as mine:
                if not mine:
                    return
                found = world.find_worlds(self.seat().session)
                if _names(found) == (self.world, self.worlds):
                    return
                self.caveat = _check_enforcement(self._token, dedicated=self.dedicated)
        except PKCS11Error as error:
            raise TokenLost(f"the world keys cannot be read ({faults.name(error)})") from error
        self._changes += 1
        self._show(found)

    def _show(self, worlds: dict[str, World]) -> None:
        self.world, self.worlds = _names(worlds)

    def probe(self) -> None:
        """Use a resident key. Raises ``TokenLost``.

        SoftHSM whose directory is gone still opens sessions, draws randomness and uses session keys; only a resident
        key and C_GetTokenInfo tell.
        """
        try:
            self._token.slot.get_token()
            self.seat().current.mac.sign(_PROBE, mechanism=Mechanism.SHA256_HMAC)
        except PKCS11Error as error:
            raise TokenLost(f"the resident key cannot be used ({faults.name(error)})") from error

    def judge(self, error: PKCS11Error, verdict: Callable[[str], Exception]) -> Exception:
        """Return what to raise for ``error``: ``TokenLost``, or ``verdict`` when the token is alive and just refused.

        CKR codes cannot tell: SoftHSM answers CKR_GENERAL_ERROR to a bad GCM tag and to a lost directory alike.
        """
        if faults.is_surely_dead(error):
            return TokenLost(f"the token or a session is gone ({faults.name(error)})")
        try:
            self.probe()
        except HsmUnavailable as lost:
            return lost
        return verdict(faults.name(error))

    @property
    def sessions(self) -> int:
        return 1 + len(self._seats)

    @property
    def cached_keys(self) -> int:
        return sum(len(seat.handles) for seat in self._seats)


def open_token(
    module: Module, token: Token, pin: Pin, on_login: Callable[[], None], *, dedicated: bool = False
) -> OpenToken:
    """Log in once, try the attacks, and return the open token. ``on_login`` is called before C_Login.

    A dedicated token may let attacks through: only its owner's keys are in it.

    Raises ``LoginRefused``, ``Uninitialised``, ``TokenUnfit`` or ``TokenLost``. After any of them the module must be
    refreshed before the next try.
    """
    _check_flags(token)
    on_login()
    try:
        anchor = token.open(rw=True, user_pin=pin.reveal(), attribute_mapper=attributes.Mapper())
    except PKCS11Error as error:
        raise faults.login_fault("user", error) from error
    try:
        return OpenToken(token, anchor, _describe(module, token), dedicated=dedicated)
    except PKCS11Error as error:
        raise TokenLost(f"the token cannot be opened ({faults.name(error)})") from error


def _check_flags(token: Token) -> None:
    """Raise before a C_Login that cannot succeed, or that would spend the last try of a PIN."""
    if not token.flags & TokenFlag.USER_PIN_INITIALIZED:
        raise Uninitialised("the token has no user PIN yet; run: strongroom hsm init")
    if token.flags & TokenFlag.USER_PIN_LOCKED:
        raise LoginRefused("the user PIN is locked")
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise LoginRefused("the user PIN has one try left; log in once with the vendor's tool to reset the count")


def _names(worlds: dict[str, World]) -> tuple[WorldId, tuple[str, ...]]:
    """Return which world is in force, and all of them, oldest first."""
    ordered = sorted(worlds.values(), key=lambda each: each.id.version)
    return world.current(worlds).id, tuple(str(each.id) for each in ordered)


def _check_enforcement(token: Token, *, dedicated: bool) -> str:
    """Return what is wrong with a dedicated token; raise ``TokenUnfit`` for the same in any other."""
    session = token.open(rw=True, attribute_mapper=attributes.Mapper())
    succeeded: list[str] = []
    for each in world.find_worlds(session).values():
        world.check_topology(each, dedicated=dedicated)
        if dedicated:
            succeeded += selfcheck.weaknesses(session, each)
        else:
            selfcheck.check(session, each)
    session.close()
    return f"the token does not enforce its key attributes: one can {'; '.join(succeeded)}" if succeeded else ""


def _describe(module: Module, token: Token) -> Description:
    return Description(
        label=token.label,
        manufacturer=token.manufacturer_id,
        model=token.model,
        serial=token.serial.decode("ascii", "replace"),
        hardware_version=_dotted(token.hardware_version),
        firmware_version=_dotted(token.firmware_version),
        library=f"{module.library.library_description} {_dotted(module.library.library_version)}",
        mechanisms=tuple(sorted(_mechanism_name(m) for m in token.slot.get_mechanisms())),
    )


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _mechanism_name(mechanism: Mechanism | int) -> str:
    return mechanism.name if isinstance(mechanism, Mechanism) else f"{mechanism:#x}"
