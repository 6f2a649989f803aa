"""What a holder of the user PIN would try on users' keys, beside ``attacks``. Each must be refused for each kind.

They are tried on a P-256 key that the token makes, and on an RSA key that anybody can write down: its primes are the
two largest below 2^1024. Making one in the token would cost more than all attacks together. What the token does not
know, or does not take from outside, is not tried: no user has such a key in it either, or none that came from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session
from pkcs11.exceptions import FunctionNotSupported, PKCS11Error

from strongroom.domain import keytypes
from strongroom.domain.keytypes import Curve, KeySpec
from strongroom.hsm.sidecar import keyforms
from strongroom.hsm.sidecar.attacks import READABLE, Attack, Target, change, session_copy, wrap_under_own_aes
from strongroom.hsm.sidecar.attributes import NEWBORN_KEY, Template, for_class, unwrapped_key
from strongroom.hsm.sidecar.world import World

_P, _Q, _E = 2**1024 - 105, 2**1024 - 179, 65537
_CURVE: Final = KeySpec(keytypes.KeyType.EC, curve=Curve.P256, hsm=True)


@dataclass(frozen=True, slots=True)
class UsersKey:
    """A user's key as an attacker meets it."""

    key_type: KeyType
    secret: Attribute  # its private part
    newborn: Any  # before its wrapping
    blob: bytes  # the same, wrapped
    handle: Any  # the same, unwrapped to sign by ``mechanism`` only
    mechanism: Mechanism
    foreign: Mechanism  # signs too, if the token lets it


def users_keys(session: Session, world: World) -> tuple[UsersKey, ...]:
    """Make one of each kind that the token can make or take, wrap and unwrap."""
    made = (_walk(session, world, make) for make in (_curve_key, _known_rsa_key))
    return tuple(each for each in made if each is not None)


def _walk(session: Session, world: World, make: Callable[[Session], Any]) -> UsersKey | None:
    try:
        newborn = make(session)
        key_type = newborn.key_type
        secret, mechanism, foreign = _KINDS[key_type]
        blob = world.wrap(newborn)
        handle = _unwrapped(world, blob, key_type, unwrapped_key(mechanism), MechanismFlag.SIGN)
        handle.sign(bytes(32), mechanism=mechanism)
    except PKCS11Error:
        return None
    return UsersKey(key_type, secret, newborn, blob, handle, mechanism, foreign)


_KINDS: Final = {
    KeyType.EC: (Attribute.VALUE, Mechanism.ECDSA, Mechanism.ECDSA_SHA256),
    KeyType.RSA: (Attribute.PRIVATE_EXPONENT, Mechanism.RSA_PKCS, Mechanism.RSA_X_509),
}


def _curve_key(session: Session) -> Any:
    parameters = {Attribute.EC_PARAMS: keyforms.curve_parameters(_CURVE)}
    domain: Any = session.create_domain_parameters(KeyType.EC, parameters, local=True)
    _, private = domain.generate_keypair(capabilities=0, private_template=NEWBORN_KEY)
    return private


def _known_rsa_key(session: Session) -> Any:
    d = pow(_E, -1, (_P - 1) * (_Q - 1))
    numbers = {
        Attribute.MODULUS: _P * _Q,
        Attribute.PUBLIC_EXPONENT: _E,
        Attribute.PRIVATE_EXPONENT: d,
        Attribute.PRIME_1: _P,
        Attribute.PRIME_2: _Q,
        Attribute.EXPONENT_1: d % (_P - 1),
        Attribute.EXPONENT_2: d % (_Q - 1),
        Attribute.COEFFICIENT: pow(_Q, -1, _P),
    }
    template: Template = {name: keyforms.octets(number) for name, number in numbers.items()}
    kind = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.KEY_TYPE: KeyType.RSA}
    return session.create_object({**kind, **template, **NEWBORN_KEY})


def _unwrapped(world: World, blob: bytes, key_type: KeyType, template: Template, uses: MechanismFlag | int = 0) -> Any:
    """Unwrap as a private key."""
    template = for_class(ObjectClass.PRIVATE_KEY, template)
    return world.unwrap(ObjectClass.PRIVATE_KEY, key_type, blob, template, uses)


def _unwrap_as_data(target: Target, key: UsersKey) -> object:
    data = target.world.unwrap(ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, key.blob, READABLE)
    return data[Attribute.VALUE]


def _unwrap_as_extractable(target: Target, key: UsersKey) -> object:
    template = {**unwrapped_key(key.mechanism), Attribute.EXTRACTABLE: True}
    return wrap_under_own_aes(target, _unwrapped(target.world, key.blob, key.key_type, template))


OnKey = Callable[[Target, UsersKey], object]

_ON_EACH: Final[dict[str, OnKey]] = {
    "read a user's key before its wrapping": lambda t, k: k.newborn[k.secret],
    "read a user's key": lambda t, k: k.handle[k.secret],
    "unwrap a user's key as readable": lambda t, k: _unwrapped(t.world, k.blob, k.key_type, READABLE)[k.secret],
    "unwrap a user's key as readable data": _unwrap_as_data,
    "unwrap a user's key as extractable": _unwrap_as_extractable,
    "wrap a user's key under one's own AES key before its wrapping": lambda t, k: wrap_under_own_aes(t, k.newborn),
    "wrap a user's key under one's own AES key": lambda t, k: wrap_under_own_aes(t, k.handle),
    "clear wrap-with-trusted on a user's key": lambda t, k: change(k.newborn, Attribute.WRAP_WITH_TRUSTED, False),
    "copy a user's key as readable before its wrapping": lambda t, k: session_copy(
        k.newborn, {Attribute.SENSITIVE: False}
    ),
    "copy a user's key without wrap-with-trusted": lambda t, k: session_copy(
        k.newborn, {Attribute.WRAP_WITH_TRUSTED: False}
    ),
    "copy a user's key as readable": lambda t, k: session_copy(k.handle, {Attribute.SENSITIVE: False}),
    "copy a user's key as extractable": lambda t, k: session_copy(k.handle, {Attribute.EXTRACTABLE: True}),
    "make a user's key extractable": lambda t, k: change(k.handle, Attribute.EXTRACTABLE, True),
    "use a user's key with another mechanism": lambda t, k: k.handle.sign(bytes(256), mechanism=k.foreign),
}


def _on_any(attack: OnKey) -> Attack:
    """Return the attack on each kind in turn, which succeeds when it does on one."""

    def on_any(target: Target) -> object:
        refusal: PKCS11Error = FunctionNotSupported()
        for key in target.users:
            try:
                return attack(target, key)
            except PKCS11Error as error:
                refusal = error
        raise refusal

    return on_any


USERS_ATTACKS: Final[dict[str, Attack]] = {name: _on_any(attack) for name, attack in _ON_EACH.items()}
