"""The RSA keys under which a world travels from one token into another, one for each kind of key.

Private halves live in the joining token for as long as its join lasts, and must be public objects there, because only
the security officer may unwrap a TRUSTED key and he does not see private ones. Somebody else who holds the wrapped
keys could therefore try to unwrap them as something weaker; what each half may bring in is fixed by its template:
``TRUSTED`` makes the world key's half one for the officer alone, ``KEY_TYPE`` makes of whatever goes through the
other half a key that cannot unwrap. The public halves, in the sponsor, are as narrow in what they wrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session

from strongroom.hsm.sidecar.attributes import Template
from strongroom.hsm.sidecar.joinfiles import TRANSPORT_BITS

TRANSPORTING: Final = Mechanism.RSA_PKCS_OAEP  # with SHA-1, the one form that every token has
_PREFIX: Final = "strongroom:transport-"
_EXPONENT: Final = b"\x01\x00\x01"
_ARRIVES: Final[Template] = {Attribute.SENSITIVE: True, Attribute.WRAP_WITH_TRUSTED: True}


@dataclass(frozen=True, slots=True)
class Cargo:
    """A kind of key that travels: what the joining token lets in, and what the sponsor lets out."""

    name: str
    key_type: KeyType
    uses: MechanismFlag
    lets_in: Template
    lets_out: Template

    @property
    def label(self) -> str:
        return _PREFIX + self.name


WORLD: Final = Cargo(
    "world",
    KeyType.AES,
    MechanismFlag.WRAP | MechanismFlag.UNWRAP,
    {**_ARRIVES, Attribute.TRUSTED: True},
    {Attribute.TRUSTED: True},
)
MAC: Final = Cargo(
    "world-mac",
    KeyType.GENERIC_SECRET,
    MechanismFlag.SIGN | MechanismFlag.VERIFY,
    {**_ARRIVES, Attribute.KEY_TYPE: KeyType.GENERIC_SECRET},
    {Attribute.KEY_TYPE: KeyType.GENERIC_SECRET},
)


def make_pair(session: Session, cargo: Cargo) -> bytes:
    """Make a transport pair in the joining token, by its officer; return the modulus."""
    public, _ = session.generate_keypair(
        KeyType.RSA,
        TRANSPORT_BITS,
        label=cargo.label,
        store=True,
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        public_template={Attribute.PRIVATE: False, Attribute.ENCRYPT: False, Attribute.VERIFY: False},
        private_template={
            Attribute.PRIVATE: False,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
            Attribute.MODIFIABLE: False,
            Attribute.DECRYPT: False,
            Attribute.SIGN: False,
            Attribute.UNWRAP_TEMPLATE: cargo.lets_in,
            Attribute.ALLOWED_MECHANISMS: [TRANSPORTING],
        },
    )
    modulus: bytes = public[Attribute.MODULUS]
    return modulus


def trust(session: Session, cargo: Cargo, modulus: bytes) -> None:
    """Take a public half into the sponsor, by its officer: only he can make it one that a world key goes out under."""
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.LABEL: cargo.label,
            Attribute.MODULUS: modulus,
            Attribute.PUBLIC_EXPONENT: _EXPONENT,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: False,
            Attribute.TRUSTED: True,
            Attribute.WRAP: True,
            Attribute.ENCRYPT: False,
            Attribute.VERIFY: False,
            Attribute.WRAP_TEMPLATE: cargo.lets_out,
        }
    )


def trusted(session: Session, cargo: Cargo, modulus: bytes) -> Any:
    """Return the public half that ``trust`` took in; None when there is none. An imitation is not TRUSTED."""
    wanted = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.TRUSTED: True, Attribute.MODULUS: modulus}
    return next(iter(list(session.get_objects({**wanted, Attribute.LABEL: cargo.label}))), None)


def private_half(session: Session, cargo: Cargo) -> Any:
    """Return the private half in the joining token; None when there is none."""
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: cargo.label}
    return next(iter(list(session.get_objects(wanted))), None)


def unwrap(private: Any, cargo: Cargo, wrapped: bytes, staged: Template, *, id: bytes, label: str) -> None:
    """Stage an arrived key, by the joining token's officer, as its own ceremony would have made it."""
    private.unwrap_key(
        ObjectClass.SECRET_KEY,
        cargo.key_type,
        wrapped,
        mechanism=TRANSPORTING,
        id=id,
        label=label,
        store=True,
        capabilities=cargo.uses,
        template=staged,
    )


def halves(session: Session) -> list[Any]:
    """Return every transport key of a token, public and private."""
    found: list[Any] = []
    for kind in (ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY):
        found += list(session.get_objects({Attribute.CLASS: kind}))
    return [key for key in found if key.label.startswith(_PREFIX)]
