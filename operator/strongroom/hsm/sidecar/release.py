"""CKM_RSA_AES_KEY_WRAP (PKCS#11 v3.0, section 2.1.21) in two steps, which tokens know that do not know the whole."""

from __future__ import annotations

from typing import Any, Final

from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from strongroom.domain.algorithms import Hash
from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar.abilities import UNABLE
from strongroom.hsm.sidecar.attributes import NEWBORN_EXPORTABLE, Template
from strongroom.hsm.sidecar.handles import Handles
from strongroom.hsm.sidecar.operations import HASHES
from strongroom.hsm.sidecar.session import Seat

_AES_BITS: Final = 256


def wrap_for(seat: Seat, handles: Handles, key: Any, target: tuple[bytes, bytes], digest: str) -> bytes:
    """Return RSA-OAEP of a fresh AES key for ``target`` (modulus, exponent), then ``key`` wrapped by that AES key.

    ``InvalidInput`` for a digest that the token does not know: padding outside would put the AES key into our memory,
    and with it the key. SHA-1 in OAEP is not weak by what is known; every token has it.
    """
    parameters = _parameters(digest)
    with handles.making():
        passing: Any = seat.session.generate_key(
            KeyType.AES, _AES_BITS, capabilities=MechanismFlag.WRAP, template=NEWBORN_EXPORTABLE
        )
    with handles.temporary(passing):
        wrapped: bytes = passing.wrap_key(key, mechanism=seat.current.wrapping)
        with handles.created(seat.session, _public(target)) as public:
            try:
                sealed: bytes = public.wrap_key(passing, mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=parameters)
            except UNABLE:
                raise InvalidInput(f"enc: the token wraps with RSA-OAEP and SHA-1, not with {digest}") from None
    return sealed + wrapped


def _parameters(digest: str) -> tuple[Mechanism, MGF, None]:
    try:
        return (*HASHES[Hash(digest)], None)
    except (KeyError, ValueError):
        raise InvalidInput("enc: the digest is SHA-1, SHA-256, SHA-384 or SHA-512") from None


def _public(target: tuple[bytes, bytes]) -> Template:
    modulus, exponent = target
    return {
        Attribute.CLASS: ObjectClass.PUBLIC_KEY,
        Attribute.KEY_TYPE: KeyType.RSA,
        Attribute.MODULUS: modulus,
        Attribute.PUBLIC_EXPONENT: exponent,
        Attribute.TOKEN: False,
        Attribute.WRAP: True,
    }
