"""NSS softokn: a second PKCS#11 module, which takes parameters to be initialised and keeps its token in a directory."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag, Session, Token

from strongroom.hsm.sidecar import attributes
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.attributes import STAGED_MAC, STAGED_WORLD, Template
from strongroom.hsm.sidecar.handles import Handles
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.hsm.sidecar.session import Seat
from strongroom.hsm.sidecar.turns import Turns
from strongroom.hsm.sidecar.world import World, WorldId

_LABEL = "NSS Certificate DB"
_PIN = "canary-user-7391"
_OS_LOCKING_OK = 2
_Initialise = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)


class _Arguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS with the field that NSS puts its parameters into."""

    _fields_ = (
        ("mutexes", ctypes.c_void_p * 4),
        ("flags", ctypes.c_ulong),
        ("parameters", ctypes.c_char_p),
        ("reserved", ctypes.c_void_p),
    )


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", ctypes.c_ubyte * 2), ("C_Initialize", ctypes.c_void_p))


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


@contextmanager
def opened(path: Path) -> Iterator[Nss]:
    """Load the module once in this process, with a token of its own."""
    scratch = Path(tempfile.mkdtemp(prefix="sr-nss-"))
    kept = _parametrise(path, f"configdir='sql:{scratch}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= ")
    library = pkcs11.lib(str(path))
    with library.get_token(token_label=_LABEL).open(rw=True, so_pin="") as officer:
        officer.init_pin(_PIN)
    token: Token = library.get_token(token_label=_LABEL)
    with token.open(rw=True, user_pin=_PIN, attribute_mapper=attributes.Mapper()) as session:
        names = frozenset(each.name for each in token.slot.get_mechanisms() if isinstance(each, pkcs11.Mechanism))
        yield Nss(session, names, _world(session))
    assert kept
    shutil.rmtree(scratch, ignore_errors=True)


def _parametrise(path: Path, parameters: str) -> tuple[Any, ...]:
    """Have C_Initialize, which python-pkcs11 calls without arguments, called with ours. Keep what is returned."""
    pointer = ctypes.POINTER(_FunctionList)()
    library = ctypes.CDLL(str(path))
    assert library.C_GetFunctionList(ctypes.byref(pointer)) == 0
    initialise = _Initialise(pointer.contents.C_Initialize)
    arguments = _Arguments(flags=_OS_LOCKING_OK, parameters=parameters.encode())
    patched = _Initialise(lambda _: initialise(ctypes.addressof(arguments)))
    pointer.contents.C_Initialize = ctypes.cast(patched, ctypes.c_void_p).value
    return library, arguments, patched


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
    return World(WorldId("nss", bytes(16), 1), key, mac, in_force=True)
