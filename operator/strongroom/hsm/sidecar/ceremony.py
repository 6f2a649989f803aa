"""The security-officer ceremony: makes the world key and the world MAC key of a geography, or their next version.

::

    1  SO    stage world key, stage MAC key       public objects: an SO session cannot touch private ones
    2  user  copy the MAC key to its final form   private, not modifiable
    3  user  copy the world key                   ← commit point: from here on the token has this version
    4  user  destroy both staged keys

A ceremony killed before 3 leaves debris that never protected anything: the next run removes it and starts over. Killed
after 3, the next run only tidies up. A finished world key is never destroyed or replaced, whatever else is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, Session

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import attributes, world
from strongroom.hsm.sidecar.attributes import Template
from strongroom.hsm.sidecar.logins import Logins
from strongroom.hsm.sidecar.world import World, WorldId

_WORLD_BITS = 256
_MAC_BITS = 256
_GEOGRAPHY_BITS = 128


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a ceremony found or made."""

    world: WorldId
    made: bool  # False: it was there already


class Ceremony(Logins):
    """Makes worlds. Raises what the sessions raise, and ``TokenUnfit``."""

    __slots__ = ()

    def perform(self, geography: str, *, dedicated: bool = False) -> Outcome:
        """Make the world of ``geography`` unless the token has a world; repair what a killed ceremony left.

        The security officer's PIN is only asked for when there is something to make. ``dedicated``: the world can
        never leave this token.
        """
        with self.user() as session:
            found = world.find_any(session)
            clear(self, session, found)
            if found:
                world.check_topology(world.current(found), dedicated=dedicated)
                return Outcome(world.current(found).id, made=False)
            made = WorldId(geography, session.generate_random(_GEOGRAPHY_BITS), 1)
        self._make(made, dedicated=dedicated)
        return Outcome(made, made=True)

    def rotate(self) -> Outcome:
        """Make the next version of the world, which unwraps at once and wraps only once it is put in force.

        While one waits to be put in force no further one is made: run again after a crash, this only tidies up.
        ``Uninitialised`` when there is no world yet.
        """
        with self.user() as session:
            found = world.find_worlds(session)
            clear(self, session, found)
            newest = world.newest(found)
            dedicated = world.is_dedicated(newest)
        if not newest.in_force:
            return Outcome(newest.id, made=False)
        made = WorldId(newest.id.geography, newest.id.geography_id, newest.id.version + 1)
        self._make(made, dedicated=dedicated)
        return Outcome(made, made=True)

    def activate(self) -> Outcome:
        """Put the newest version in force: from now on it wraps new keys. Older ones go on unwrapping."""
        with self.user() as session:
            newest = world.newest(world.find_worlds(session))
            if newest.in_force:
                return Outcome(newest.id, made=False)
            self.announce(f"putting version {newest.id.version} of the world key in force")
            world.put_in_force(session, newest.id)
        return Outcome(newest.id, made=True)

    def _make(self, new: WorldId, *, dedicated: bool) -> None:
        with self.officer() as session:
            self._stage(session, new)
        with self.user() as session:
            finish(self, session, new, attributes.FROZEN if dedicated else attributes.FINAL)
            clear(self, session, world.find_worlds(session))

    def _stage(self, session: Session, new: WorldId) -> None:
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


def finish(logins: Logins, session: Session, new: WorldId, final: Template) -> None:
    """Copy both staged keys of a version to their final form; the world key last, which is the commit point.

    ``InvalidInput`` unless each was staged exactly once.
    """
    mac, key = _staged(session, new, new.mac_label), _staged(session, new, new.world_label)
    logins.announce("finishing the world MAC key")
    mac.copy(final)
    logins.announce("finishing the world key")
    key.copy(final)


def clear(logins: Logins, session: Session, keep: dict[str, World]) -> None:
    """Destroy staged keys, and finished MAC keys of a version that never came to be."""
    kept = {held.id.cka_id for held in keep.values()}
    macs = [key for key in world.find(session, {}) if key.label.startswith(world.MAC_PREFIX)]
    for key in _staged_keys(session) + [key for key in macs if key.id not in kept]:
        logins.announce("removing a key that is no longer needed")
        key.destroy()


def _staged(session: Session, new: WorldId, label: str) -> Any:
    staged = [key for key in _staged_keys(session) if (key.label, key.id) == (label, new.cka_id)]
    if len(staged) != 1:
        raise InvalidInput("another ceremony is under way on this token; run one at a time")
    return staged[0]


def _staged_keys(session: Session) -> list[Any]:
    public = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.TOKEN: True, Attribute.PRIVATE: False}
    ours = (world.WORLD_PREFIX, world.MAC_PREFIX)
    keys: list[Any] = list(session.get_objects(public))
    return [key for key in keys if key.label.startswith(ours)]
