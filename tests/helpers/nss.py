"""NSS softokn: a second PKCS#11 module, which takes parameters to be initialised and keeps its token in a directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag, Session, Token

from strongroom.hsm.sidecar import attributes, module
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.attributes import STAGED_MAC, Template
from strongroom.hsm.sidecar.handles import Handles
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.hsm.sidecar.session import Seat
from strongroom.hsm.sidecar.turns import Turns
from strongroom.hsm.sidecar.world import World, WorldId
from tests.helpers.worlds import STAGED_WORLD, WRAPPING

_LABEL = "NSS Certificate DB"
_PIN = "canary-user-7391"


@dataclass
class Nss:
    """A session of a token whose world, too, lives in the session: NSS stores no key with allowed mechanisms."""

    session: Session
    mechanisms: frozenset[str]
    world: World

    def __post_init__(self) -> None:
        self.objects = Turns()
        self._seat = Seat(self.session, {str(self.world.id): self.world}, 0)

    def seat(self) -> Seat:
        return self._seat

    def judge(self, error: Exception, verdict: Any) -> Any:
        return verdict(type(error).__name__)

    def keys(self) -> ObjectKeys:
        token: Any = self
        return ObjectKeys(token, Handles(token, 64), Abilities(self.mechanisms))


def parameters(folder: Path) -> str:
    """Return what NSS softokn takes to keep a token in a folder."""
    return f"configdir='sql:{folder}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= "


@contextmanager
def opened(path: Path) -> Iterator[Nss]:
    """Load the module once in this process, with a token of its own."""
    scratch = Path(tempfile.mkdtemp(prefix="sr-nss-"))
    loaded = module.load(path, parameters(scratch))
    library = loaded.library
    with library.get_token(token_label=_LABEL).open(rw=True, so_pin="") as officer:
        officer.init_pin(_PIN)
    token: Token = library.get_token(token_label=_LABEL)
    with token.open(rw=True, user_pin=_PIN, attribute_mapper=attributes.Mapper()) as session:
        names = frozenset(each.name for each in token.slot.get_mechanisms() if isinstance(each, pkcs11.Mechanism))
        yield Nss(session, names, _world(session))
    shutil.rmtree(scratch, ignore_errors=True)


def _world(session: Session) -> World:
    left_out = (Attribute.UNWRAP_TEMPLATE, Attribute.WRAP_TEMPLATE)
    own: Template = {Attribute.PRIVATE: True, Attribute.TOKEN: False}
    key = session.generate_key(
        KeyType.AES,
        256,
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        template={**{name: value for name, value in STAGED_WORLD.items() if name not in left_out}, **own},
    )
    mac = session.generate_key(
        KeyType.GENERIC_SECRET,
        256,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        template={**STAGED_MAC, **own},
    )
    return World(WorldId("nss", bytes(16), 1), key, mac, WRAPPING, in_force=True)
