"""The security-officer ceremony: makes the world key and the world MAC key of a new geography.

::

    1  SO    stage world key, stage MAC key       public objects: an SO session cannot touch private ones
    2  user  copy the MAC key to its final form   private, not modifiable
    3  user  copy the world key                   ← commit point: from here on the token has a world
    4  user  destroy both staged keys

A ceremony killed before 3 leaves debris that never protected anything: the next run removes it and starts over. Killed
after 3, the next run only tidies up. A finished world key is never destroyed or replaced, whatever else is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, Session, Token
from pkcs11.exceptions import PKCS11Error

from strongroom.hsm.sidecar import attributes, faults, world
from strongroom.hsm.sidecar.pins import Pin
from strongroom.hsm.sidecar.world import World, WorldId

_WORLD_BITS = 256
_MAC_BITS = 256
_GEOGRAPHY_BITS = 128

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a ceremony found or made."""

    world: WorldId
    made: bool  # False: the token had a world already


@dataclass(frozen=True, slots=True)
class Ceremony:
    """One token, how to get its two PINs when they are needed, and where to announce each step before it is taken."""

    token: Token
    so_pin: Callable[[], Pin]
    user_pin: Callable[[], Pin]
    announce: Announce

    def perform(self, geography: str) -> Outcome:
        """Make the world of ``geography`` unless the token has a world; repair what a killed ceremony left.

        Raises ``LoginRefused`` for either PIN (one try each), ``TokenLost``, ``TokenUnfit``, and what getting a PIN
        raises. The security officer's is only asked for when there is something to make.
        """
        with self._user_session() as session:
            found = _finished(session)
            self._clear(session, keep=found)
        if found is not None:
            return Outcome(found.id, made=False)
        made = self._stage(geography)
        with self._user_session() as session:
            self._finish(session, made)
            self._clear(session, keep=_finished(session))
        return Outcome(made, made=True)

    def _stage(self, geography: str) -> WorldId:
        with self._session("security officer", so_pin=self.so_pin().reveal()) as session:
            new = WorldId(geography, session.generate_random(_GEOGRAPHY_BITS), 1)
            self.announce("generating the world key")
            session.generate_key(
                KeyType.AES,
                _WORLD_BITS,
                id=new.cka_id,
                label=new.world_label,
                store=True,
                capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                template=attributes.STAGED_WORLD,
            )
            self.announce("generating the world MAC key")
            session.generate_key(
                KeyType.GENERIC_SECRET,
                _MAC_BITS,
                id=new.cka_id,
                label=new.mac_label,
                store=True,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                template=attributes.STAGED_MAC,
            )
        return new

    def _finish(self, session: Session, new: WorldId) -> None:
        (mac,) = _staged(session, new.mac_label)
        (key,) = _staged(session, new.world_label)
        self.announce("finishing the world MAC key")
        mac.copy(attributes.FINAL)
        self.announce("finishing the world key")
        key.copy(attributes.FINAL)

    def _clear(self, session: Session, keep: World | None) -> None:
        """Destroy staged keys, and finished MAC keys of a world that never came to be."""
        debris = _staged_keys(session)
        if keep is None:
            debris += [key for key in world.find(session, {}) if key.label.startswith(world.MAC_PREFIX)]
        for key in debris:
            self.announce("removing a key that is no longer needed")
            key.destroy()

    def _user_session(self) -> Any:
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


def _finished(session: Session) -> World | None:
    """Return the world of the token, None if there is no world key. A world key without MAC key raises."""
    if not world.find_world_keys(session):
        return None
    return world.current(world.find_worlds(session))


def _staged(session: Session, label: str) -> list[Any]:
    return [key for key in _staged_keys(session) if key.label == label]


def _staged_keys(session: Session) -> list[Any]:
    public = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.TOKEN: True, Attribute.PRIVATE: False}
    ours = (world.WORLD_PREFIX, world.MAC_PREFIX)
    keys: list[Any] = list(session.get_objects(public))
    return [key for key in keys if key.label.startswith(ours)]
