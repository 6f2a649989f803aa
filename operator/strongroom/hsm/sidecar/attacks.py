"""What a holder of the user PIN would try, in order to take a key out of the token. Each must be refused.

An attack is a function that returns when it broke through and raises PKCS11Error when the token refused it. It makes
session objects only and undoes a change that, against expectation, was accepted. Limits: whoever holds the PIN can
*use* every key through the token; the attacks are about taking keys away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session

from strongroom.hsm.sidecar.attributes import UNWRAPPED_KEK, Template
from strongroom.hsm.sidecar.world import World

if TYPE_CHECKING:
    from strongroom.hsm.sidecar.usersattacks import UsersKey

# The modulus of the RSA-2048 factoring challenge: nobody has its private key, so that an attack that succeeds here
# still discloses nothing. Generating a pair in the token would cost more than all attacks together.
_NOBODYS_MODULUS = bytes.fromhex(
    "c7970ceedcc3b0754490201a7aa613cd73911081c790f5f1a8726f463550bb5b7ff0db8e1ea1189ec72f93d1650011bd"
    "721aeeacc2acde32a04107f0648c2813a31f5b0b7765ff8b44b4b6ffc93384b646eb09c7cf5e8592d40ea33c80039f35"
    "b4f14a04b51f7bfd781be4d1673164ba8eb991c2c4d730bbbe35f592bdef524af7e8daefd26c66fc02c479af89d64d37"
    "3f442709439de66ceb955f3ea37d5159f6135809f85334b5cb1813addc80cd05609f10ac6a95ad65872c909525bdad32"
    "bc729592642920f24c61dc5b3c3b7923e56b16a4d9d373d8721f24a3fc0f1b3131f55615172866bccc30f95054c824e7"
    "33a5eb6817f7bc16399d48c6361cc7e5"
)
_PUBLIC_EXPONENT = b"\x01\x00\x01"


@dataclass(frozen=True, slots=True)
class Target:
    """What an attacker finds in a logged-in session, and a wrapped KEK he read in the store."""

    session: Session
    world: World
    newborn: Any  # a KEK before its wrapping
    blob: bytes  # the same, wrapped
    kek: Any  # the same, unwrapped for use
    users: tuple[UsersKey, ...]


Attack = Callable[[Target], object]


def _own_aes_key(target: Target, extra: Template | None = None) -> Any:
    uses = MechanismFlag.WRAP | MechanismFlag.UNWRAP | MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
    return target.session.generate_key(KeyType.AES, 256, capabilities=uses, template=extra)


def _own_rsa_key(target: Target, extra: Template) -> Any:
    public: Template = {
        Attribute.CLASS: ObjectClass.PUBLIC_KEY,
        Attribute.KEY_TYPE: KeyType.RSA,
        Attribute.MODULUS: _NOBODYS_MODULUS,
        Attribute.PUBLIC_EXPONENT: _PUBLIC_EXPONENT,
        Attribute.WRAP: True,
        Attribute.TOKEN: False,
    }
    return target.session.create_object({**public, **extra})


def _wrap_under_own_rsa(target: Target, key: Any) -> object:
    return _own_rsa_key(target, {}).wrap_key(key, mechanism=Mechanism.RSA_PKCS_OAEP)


def wrap_under_own_aes(target: Target, key: Any) -> object:
    return _own_aes_key(target).wrap_key(key, mechanism=target.world.wrapping)


def session_copy(key: Any, extra: Template) -> Any:
    return key.copy({Attribute.TOKEN: False, **extra})


def _self_wrap_as_copy(target: Target) -> object:
    return target.world.wrap(session_copy(target.world.key, {}))


def _unwrap_and_read(target: Target, key_type: KeyType, template: Template) -> object:
    return target.world.unwrap(ObjectClass.SECRET_KEY, key_type, target.blob, template)[Attribute.VALUE]


def _unwrap_and_thaw(target: Target) -> object:
    return session_copy(target.kek, {Attribute.EXTRACTABLE: True})


def change(key: Any, attribute: Attribute, value: bool) -> None:
    key[attribute] = value
    key[attribute] = not value


READABLE: Template = {Attribute.TOKEN: False, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
_OMITTED: Template = {Attribute.TOKEN: False}
_ALMOST: Template = {**UNWRAPPED_KEK, Attribute.EXTRACTABLE: True}

_ON_WORLD_KEY: dict[str, Attack] = {
    "read the world key": lambda t: t.world.key[Attribute.VALUE],
    "wrap the world key under one's own RSA key": lambda t: _wrap_under_own_rsa(t, t.world.key),
    "wrap the world key under one's own AES key": lambda t: wrap_under_own_aes(t, t.world.key),
    "wrap the world key under itself": lambda t: t.world.wrap(t.world.key),
    "wrap a session copy of the world key under itself": _self_wrap_as_copy,
    "copy the world key as modifiable": lambda t: session_copy(t.world.key, {Attribute.MODIFIABLE: True}),
    "copy the world key without wrap-with-trusted": lambda t: session_copy(
        t.world.key, {Attribute.WRAP_WITH_TRUSTED: False}
    ),
    "copy the world key as a decryption key": lambda t: session_copy(t.world.key, {Attribute.DECRYPT: True}),
    "copy the world key as readable": lambda t: session_copy(t.world.key, {Attribute.SENSITIVE: False}),
    "copy the world key without its unwrap template": lambda t: session_copy(
        t.world.key, {Attribute.UNWRAP_TEMPLATE: {}}
    ),
    "copy the world key without its wrap template": lambda t: session_copy(t.world.key, {Attribute.WRAP_TEMPLATE: {}}),
    "copy the world key to where no login is needed": lambda t: session_copy(t.world.key, {Attribute.PRIVATE: False}),
    "turn the world key into a decryption key": lambda t: change(t.world.key, Attribute.DECRYPT, True),
    "clear wrap-with-trusted on the world key": lambda t: change(t.world.key, Attribute.WRAP_WITH_TRUSTED, False),
    "use the world key with another mechanism": lambda t: t.world.key.wrap_key(
        t.newborn, mechanism=Mechanism.AES_KEY_WRAP
    ),
}

_ON_MAC_KEY: dict[str, Attack] = {
    "read the world MAC key": lambda t: t.world.mac[Attribute.VALUE],
    "wrap the world MAC key under one's own RSA key": lambda t: _wrap_under_own_rsa(t, t.world.mac),
    "wrap the world MAC key under the world key": lambda t: t.world.wrap(t.world.mac),
    "copy the world MAC key as modifiable": lambda t: session_copy(t.world.mac, {Attribute.MODIFIABLE: True}),
    "copy the world MAC key as readable": lambda t: session_copy(t.world.mac, {Attribute.SENSITIVE: False}),
    "turn the world MAC key into a wrapping key": lambda t: change(t.world.mac, Attribute.WRAP, True),
}

_ON_TRUST: dict[str, Attack] = {
    "make one's own trusted AES key": lambda t: _own_aes_key(t, {Attribute.TRUSTED: True}),
    "make one's own trusted RSA key": lambda t: _own_rsa_key(t, {Attribute.TRUSTED: True}),
}

_ON_BLOB: dict[str, Attack] = {
    "unwrap a blob as readable": lambda t: _unwrap_and_read(t, KeyType.AES, READABLE),
    "unwrap a blob with the attributes left out": lambda t: _unwrap_and_read(t, KeyType.AES, _OMITTED),
    "unwrap a blob as another type, readable": lambda t: _unwrap_and_read(t, KeyType.GENERIC_SECRET, READABLE),
    "unwrap a blob as extractable": lambda t: wrap_under_own_aes(
        t, t.world.unwrap(ObjectClass.SECRET_KEY, KeyType.AES, t.blob, _ALMOST)
    ),
}

_ON_KEK: dict[str, Attack] = {
    "read a KEK": lambda t: t.kek[Attribute.VALUE],
    "thaw an unwrapped KEK by copy": _unwrap_and_thaw,
    "make an unwrapped KEK extractable": lambda t: change(t.kek, Attribute.EXTRACTABLE, True),
    "use a KEK with another mechanism": lambda t: t.kek.encrypt(bytes(16), mechanism=Mechanism.AES_ECB),
    "wrap a newborn KEK under one's own AES key": lambda t: wrap_under_own_aes(t, t.newborn),
    "wrap a newborn KEK under one's own RSA key": lambda t: _wrap_under_own_rsa(t, t.newborn),
    "clear wrap-with-trusted on a newborn KEK": lambda t: change(t.newborn, Attribute.WRAP_WITH_TRUSTED, False),
    "copy a newborn KEK as readable": lambda t: session_copy(t.newborn, {Attribute.SENSITIVE: False}),
}

ATTACKS: dict[str, Attack] = {**_ON_WORLD_KEY, **_ON_MAC_KEY, **_ON_TRUST, **_ON_BLOB, **_ON_KEK}
