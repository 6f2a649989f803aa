"""The world keys of a token: how they are named and found, and which of them wraps new keys.

CKA_ID of both keys is the geography id (16 octets) followed by the world key version (4 octets, big endian). A data
object names the version in force: a newer one may be there already, until every token of the geography holds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, Session

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar.attributes import Template, wrapping_of
from strongroom.hsm.sidecar.faults import TokenUnfit, Uninitialised

WORLD_PREFIX = "strongroom:world:"
MAC_PREFIX = "strongroom:world-mac:"
_IN_FORCE_PREFIX = "strongroom:in-force:"
GEOGRAPHY_OCTETS = 16
_VERSION_OCTETS = 4
_GEOGRAPHY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class WorldId:
    """Names one world key: the geography it belongs to, and its version from 1."""

    geography: str  # its name, for people
    geography_id: bytes
    version: int

    def __str__(self) -> str:
        return f"{self.geography_id.hex()}.{self.version}"

    @property
    def cka_id(self) -> bytes:
        return self.geography_id + self.version.to_bytes(_VERSION_OCTETS, "big")

    @property
    def world_label(self) -> str:
        return WORLD_PREFIX + self.geography

    @property
    def mac_label(self) -> str:
        return MAC_PREFIX + self.geography


@dataclass(frozen=True, slots=True)
class World:
    """The two resident keys of one world, as handles of one session."""

    id: WorldId
    key: Any  # wraps and unwraps; python-pkcs11 makes a class per set of attributes, so no static type fits
    mac: Any  # signs and verifies
    wrapping: Mechanism  # the only one that the key allows
    in_force: bool = False  # it wraps new keys; the others only unwrap

    def wrap(self, key: Any) -> bytes:
        """Return a key of the same session wrapped. Raises ``PKCS11Error``."""
        blob: bytes = self.key.wrap_key(key, mechanism=self.wrapping)
        return blob

    def unwrap(
        self, object_class: ObjectClass, key_type: KeyType, blob: bytes, template: Template, uses: int = 0
    ) -> Any:
        """Return a handle of a wrapped key, good for ``uses`` (of ``MechanismFlag``). Raises ``PKCS11Error``."""
        return self.key.unwrap_key(
            object_class, key_type, blob, mechanism=self.wrapping, capabilities=uses, template=template
        )


def check_geography(name: str) -> None:
    """Raise ``InvalidInput`` unless ``name`` can name a geography."""
    if not _GEOGRAPHY_NAME.fullmatch(name):
        raise InvalidInput("a geography is named by 1 to 63 lower-case letters, digits and hyphens")


def find_worlds(session: Session) -> dict[str, World]:
    """Return the complete worlds of a token by id. ``session`` must be logged in; hold the object mutex.

    Raises ``TokenUnfit`` when two geographies or two MAC keys claim the same place, ``Uninitialised`` when there is
    no world, or only half of one.
    """
    worlds = [_with_mac(session, key) for key in find_world_keys(session)]
    if not worlds:
        raise Uninitialised("the token holds no world key; run: strongroom hsm init")
    if len({world.id.geography_id for world in worlds}) > 1 or len({str(w.id) for w in worlds}) < len(worlds):
        raise TokenUnfit("the token holds world keys of two geographies, or one twice")
    wraps = _version_in_force(session, worlds)
    return {str(world.id): replace(world, in_force=world.id.version == wraps) for world in worlds}


def find_any(session: Session) -> dict[str, World]:
    """Return the worlds as ``find_worlds`` does, and none of a token without a world key. Half a world raises."""
    return find_worlds(session) if find_world_keys(session) else {}


def is_dedicated(world: World) -> bool:
    """Say whether the world can never leave its token."""
    return not world.key[Attribute.EXTRACTABLE]


def check_topology(world: World, *, dedicated: bool) -> None:
    """Raise ``TokenUnfit`` when a token of a geography is to be dedicated, or a dedicated one to serve a geography."""
    if dedicated and not is_dedicated(world):
        raise TokenUnfit("the token belongs to a geography; a dedicated one is made by strongroom hsm init --dedicated")
    if is_dedicated(world) and not dedicated:
        raise TokenUnfit("the token is dedicated; start its sidecar with --dedicated")


def current(worlds: dict[str, World]) -> World:
    """Return the world that wraps new keys."""
    return next(world for world in worlds.values() if world.in_force)


def newest(worlds: dict[str, World]) -> World:
    """Return the newest world; it may not be in force yet."""
    return max(worlds.values(), key=lambda world: world.id.version)


def put_in_force(session: Session, world: WorldId) -> None:
    """Have new keys wrapped by this version. The mark of an earlier one is left alone: the newest mark counts."""
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.LABEL: _IN_FORCE_PREFIX + world.geography,
            Attribute.VALUE: world.cka_id,
        }
    )


def find_world_keys(session: Session) -> list[Any]:
    """Return the finished world keys. Only a security officer can have made a key TRUSTED."""
    return [key for key in find(session, {Attribute.TRUSTED: True}) if key.label.startswith(WORLD_PREFIX)]


def id_of(key: Any) -> WorldId:
    """Read the id from a world key's label and CKA_ID. Raises ``TokenUnfit`` when they are not ours."""
    geography, octets = key.label.removeprefix(WORLD_PREFIX), key.id
    if len(octets) != GEOGRAPHY_OCTETS + _VERSION_OCTETS:
        raise TokenUnfit("a world key has an id that Strongroom did not give it")
    return WorldId(geography, octets[:GEOGRAPHY_OCTETS], int.from_bytes(octets[GEOGRAPHY_OCTETS:], "big"))


def find(session: Session, attributes: Template) -> list[Any]:
    """Return the private resident secret keys with ``attributes``. Exhausts the search, or the session stays busy."""
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.TOKEN: True, Attribute.PRIVATE: True}
    return list(session.get_objects({**wanted, **attributes}))


def _version_in_force(session: Session, worlds: list[World]) -> int:
    """Return the newest version that is marked and held; without a mark the oldest."""
    held = {world.id.cka_id: world.id.version for world in worlds}
    wanted = {Attribute.CLASS: ObjectClass.DATA, Attribute.LABEL: _IN_FORCE_PREFIX + worlds[0].id.geography}
    marks: list[Any] = list(session.get_objects(wanted))
    marked = [held[mark[Attribute.VALUE]] for mark in marks if mark[Attribute.VALUE] in held]
    return max(marked, default=min(held.values()))


def _with_mac(session: Session, key: Any) -> World:
    world = id_of(key)
    wanted = {Attribute.KEY_TYPE: KeyType.GENERIC_SECRET, Attribute.LABEL: world.mac_label, Attribute.ID: world.cka_id}
    macs = find(session, wanted)
    if not macs:
        raise Uninitialised("the token holds a world key without its MAC key; restore the token from its backup")
    if len(macs) > 1:
        raise TokenUnfit("the token holds two MAC keys for one world key")
    return World(world, key, macs[0], wrapping_of(key[Attribute.ALLOWED_MECHANISMS]))
