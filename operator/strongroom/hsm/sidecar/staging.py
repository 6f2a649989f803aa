"""World keys on their way to their final form: staged by the officer as public objects, finished by the user."""

from __future__ import annotations

from typing import Any

from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, Session

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import world
from strongroom.hsm.sidecar.attributes import FINAL, STAGED_MAC, staged_world
from strongroom.hsm.sidecar.logins import Logins
from strongroom.hsm.sidecar.world import World, WorldId

_BITS = 256
_FOR_NOW = {**FINAL, Attribute.TOKEN: False}


def stage(logins: Logins, session: Session, new: WorldId, *, dedicated: bool = False) -> None:
    """Make both keys of a version, by the officer."""
    both: dict[str, Any] = {"id": new.cka_id, "store": True}
    wraps, signs = MechanismFlag.WRAP | MechanismFlag.UNWRAP, MechanismFlag.SIGN | MechanismFlag.VERIFY
    logins.announce("generating the world key")
    key = staged_world(logins.wrapping, dedicated=dedicated)
    session.generate_key(KeyType.AES, _BITS, label=new.world_label, capabilities=wraps, template=key, **both)
    logins.announce("generating the world MAC key")
    mac = {**STAGED_MAC, Attribute.EXTRACTABLE: not dedicated}
    session.generate_key(KeyType.GENERIC_SECRET, _BITS, label=new.mac_label, capabilities=signs, template=mac, **both)


def finish(logins: Logins, session: Session, new: WorldId) -> None:
    """Copy both staged keys of a version to their final form; the world key last, which is the commit point.

    ``InvalidInput`` unless each was staged exactly once.
    """
    mac, key = _staged(session, new, new.mac_label), _staged(session, new, new.world_label)
    logins.announce("finishing the world MAC key")
    mac.copy(FINAL)
    logins.announce("finishing the world key")
    key.copy(FINAL)


def on_trial(logins: Logins, session: Session, new: WorldId) -> World:
    """Return the world that ``finish`` would make, for as long as the session lasts."""
    mac, key = (_staged(session, new, label).copy(_FOR_NOW) for label in (new.mac_label, new.world_label))
    return World(new, key, mac, logins.wrapping)


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
