"""The world keys of a token: how they are named and found.

CKA_ID of both keys is the geography id (16 octets) followed by the world key version (4 octets, big endian).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pkcs11 import Attribute, KeyType, ObjectClass, Session

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar.attributes import Template
from strongroom.hsm.sidecar.faults import TokenUnfit, Uninitialised

WORLD_PREFIX = "strongroom:world:"
MAC_PREFIX = "strongroom:world-mac:"
_GEOGRAPHY_OCTETS = 16
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
    return {str(world.id): world for world in worlds}


def current(worlds: dict[str, World]) -> World:
    """Return the world that wraps new keys; older versions only unwrap."""
    return max(worlds.values(), key=lambda world: world.id.version)


def find_world_keys(session: Session) -> list[Any]:
    """Return the finished world keys. Only a security officer can have made a key TRUSTED."""
    return [key for key in find(session, {Attribute.TRUSTED: True}) if key.label.startswith(WORLD_PREFIX)]


def id_of(key: Any) -> WorldId:
    """Read the id from a world key's label and CKA_ID. Raises ``TokenUnfit`` when they are not ours."""
    geography, octets = key.label.removeprefix(WORLD_PREFIX), key.id
    if len(octets) != _GEOGRAPHY_OCTETS + _VERSION_OCTETS:
        raise TokenUnfit("a world key has an id that Strongroom did not give it")
    return WorldId(geography, octets[:_GEOGRAPHY_OCTETS], int.from_bytes(octets[_GEOGRAPHY_OCTETS:], "big"))


def find(session: Session, attributes: Template) -> list[Any]:
    """Return the private resident secret keys with ``attributes``. Exhausts the search, or the session stays busy."""
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.TOKEN: True, Attribute.PRIVATE: True}
    return list(session.get_objects({**wanted, **attributes}))


def _with_mac(session: Session, key: Any) -> World:
    world = id_of(key)
    wanted = {Attribute.KEY_TYPE: KeyType.GENERIC_SECRET, Attribute.LABEL: world.mac_label, Attribute.ID: world.cka_id}
    macs = find(session, wanted)
    if not macs:
        raise Uninitialised("the token holds a world key without its MAC key; restore the token from its backup")
    if len(macs) > 1:
        raise TokenUnfit("the token holds two MAC keys for one world key")
    return World(world, key, macs[0])
