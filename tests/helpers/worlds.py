"""Worlds made by hand in a token of the test process, as well or as badly as a test wants."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, Session, Token

from strongroom.hsm.sidecar import attributes, selfcheck
from strongroom.hsm.sidecar.attacks import Target
from strongroom.hsm.sidecar.attributes import FINAL, STAGED_MAC, Template, staged_world
from strongroom.hsm.sidecar.world import World, WorldId
from tests.helpers import hsm

ID = WorldId("test-1", bytes(16), 1)
WRAPPING = Mechanism.AES_KEY_WRAP_PAD
STAGED_WORLD = staged_world(WRAPPING)
WORLD_USES = MechanismFlag.WRAP | MechanismFlag.UNWRAP
MAC_USES = MechanismFlag.SIGN | MechanismFlag.VERIFY


@contextmanager
def world_of(token: Token, world: Template, mac: Template = STAGED_MAC, final: Template = FINAL) -> Iterator[Target]:
    """Make a world from these templates in the order of the ceremony; everything is destroyed at the end."""
    with token.open(rw=True, so_pin=hsm.SO_PIN, attribute_mapper=attributes.Mapper()) as session:
        common: dict[str, Any] = {"id": ID.cka_id, "store": True}
        session.generate_key(KeyType.AES, 256, label="staged-world", capabilities=WORLD_USES, template=world, **common)
        session.generate_key(
            KeyType.GENERIC_SECRET, 256, label="staged-mac", capabilities=MAC_USES, template=mac, **common
        )
    with token.open(rw=True, user_pin=hsm.USER_PIN, attribute_mapper=attributes.Mapper()) as session:
        try:
            key, signer = (_finish(session, label, final) for label in ("staged-world", "staged-mac"))
            yield selfcheck.honest_target(session, World(ID, key, signer, WRAPPING))
        finally:
            resident: list[Any] = list(session.get_objects({Attribute.TOKEN: True}))
            for each in resident:
                each.destroy()


def _finish(session: Session, label: str, final: Template) -> Any:
    (staged,) = list(session.get_objects({Attribute.LABEL: label}))
    return staged.copy(final)
