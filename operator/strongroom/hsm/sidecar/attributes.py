"""Attribute templates of every key Strongroom makes in a token, and the mapper that can express them.

The templates are the security world (PKCS#11 v3.0 section 4.10; the ceremony is argued in
docs/design/0005-hsm-sidecar.md): change one, and run the attack list.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from typing import Any

from pkcs11 import DEFAULT, Attribute, Mechanism, ObjectClass
from pkcs11.attributes import AttributeMapper

Template = dict[Attribute, Any]

# RFC 5649: PKCS#11 v3.0 calls it KWP. Before, there was 0x210A alone, which is RFC 5649 in SoftHSM, whatever its name.
_WRAPPINGS = (Mechanism.AES_KEY_WRAP_KWP, Mechanism.AES_KEY_WRAP_PAD)

_NO_OTHER_USE: Template = {Attribute.ENCRYPT: False, Attribute.DECRYPT: False, Attribute.DERIVE: False}

# What every key unwrapped by the world key must state, or the token refuses: never readable, never wrapped again.
UNWRAPPED: Template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}

# What the world key agrees to wrap. It matches no resident key, so the world key cannot wrap itself and come back as
# a key that decrypts.
_WRAPPABLE: Template = {Attribute.TOKEN: False, Attribute.MODIFIABLE: True}

# As the security officer makes it. PRIVATE is False because an SO session cannot touch private objects; the user's
# copy (FINAL) corrects it at once. EXTRACTABLE with WRAP_WITH_TRUSTED lets it travel later, but only under a
# transport key that an SO marked TRUSTED.
_STAGED_WORLD: Template = {
    **_NO_OTHER_USE,
    Attribute.SIGN: False,
    Attribute.VERIFY: False,
    Attribute.WRAP: True,
    Attribute.UNWRAP: True,
    Attribute.TRUSTED: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.PRIVATE: False,
    Attribute.UNWRAP_TEMPLATE: UNWRAPPED,
    Attribute.WRAP_TEMPLATE: _WRAPPABLE,
}

# Not TRUSTED: a trusted key that gained WRAP by a token's mistake could wrap the world key.
STAGED_MAC: Template = {
    **_NO_OTHER_USE,
    Attribute.SIGN: True,
    Attribute.VERIFY: True,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.PRIVATE: False,
    Attribute.ALLOWED_MECHANISMS: [Mechanism.SHA256_HMAC],
}

# The user's copy, which stays. Without MODIFIABLE False its holder could give it DECRYPT.
FINAL: Template = {Attribute.PRIVATE: True, Attribute.TOKEN: True, Attribute.MODIFIABLE: False}

# A KEK for the few milliseconds between its birth and its wrapping.
NEWBORN_KEK: Template = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.PRIVATE: True,
    Attribute.ALLOWED_MECHANISMS: [Mechanism.AES_GCM],
}

# A KEK of a dedicated token. Nobody can take it out, nor give it another use.
RESIDENT_KEK: Template = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.MODIFIABLE: False,
    Attribute.ALLOWED_MECHANISMS: [Mechanism.AES_GCM],
}

# A KEK in use.
UNWRAPPED_KEK: Template = {
    **UNWRAPPED,
    Attribute.TOKEN: False,
    Attribute.ALLOWED_MECHANISMS: [Mechanism.AES_GCM],
}

# A user's key between its birth and its wrapping: it can do nothing but be wrapped.
NEWBORN_KEY: Template = {
    Attribute.TOKEN: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
    Attribute.PRIVATE: True,
}

# The same of an exportable key, which is wrapped by a key that no security officer made: whoever holds the PIN may
# take it away, which is what exportable means.
NEWBORN_EXPORTABLE: Template = {**NEWBORN_KEY, Attribute.WRAP_WITH_TRUSTED: False}

# An exportable key for the moment of its release.
RELEASED: Template = {
    Attribute.TOKEN: False,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
}

# Attributes that python-pkcs11 states of every unwrapped key, and private keys do not have.
_NOT_OF_PRIVATE_KEYS: Template = {Attribute.ENCRYPT: DEFAULT, Attribute.VERIFY: DEFAULT, Attribute.WRAP: DEFAULT}


# A user's key unwrapped for nothing, to see that it can be.
TRIED_KEY: Template = {**UNWRAPPED, Attribute.TOKEN: False}


def unwrapped_key(mechanism: Mechanism) -> Template:
    """Return the template of a key in use, which is good for one mechanism."""
    return {**TRIED_KEY, Attribute.ALLOWED_MECHANISMS: [mechanism]}


def newborn_export_key(wrapping: Mechanism) -> Template:
    """Return the template of what wraps one exportable key: the world key's own cargo is never extractable again."""
    return {**NEWBORN_KEY, Attribute.ALLOWED_MECHANISMS: [wrapping]}


def staged_world(wrapping: Mechanism, *, dedicated: bool = False) -> Template:
    """Return the template of a world key as the officer makes it. A dedicated token's never leaves, from the start."""
    return {**_STAGED_WORLD, Attribute.EXTRACTABLE: not dedicated, Attribute.ALLOWED_MECHANISMS: [wrapping]}


def wrapping_of(mechanisms: Iterable[Any]) -> Mechanism:
    """Return how to wrap where these mechanisms are known or allowed."""
    known = set(mechanisms)
    return next((each for each in _WRAPPINGS if each in known), _WRAPPINGS[-1])


def for_class(object_class: ObjectClass, template: Template) -> Template:
    """Return the template without what keys of this class do not have."""
    return {**template, **_NOT_OF_PRIVATE_KEYS} if object_class is ObjectClass.PRIVATE_KEY else template


class Mapper(AttributeMapper):
    """Adds the array attributes, for which python-pkcs11 0.10 has no handler.

    An attribute template is an array of CK_ATTRIBUTE, which holds pointers: the buffers must outlive the C call, so
    the mapper keeps them. It packs only the constants above and lives as long as its session.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffers: list[Any] = []
        for template in (Attribute.UNWRAP_TEMPLATE, Attribute.WRAP_TEMPLATE):
            self.register_handler(template, self._pack_template, bytes)
        self.register_handler(Attribute.ALLOWED_MECHANISMS, _pack_mechanisms, _unpack_mechanisms)

    def _pack_template(self, template: Template) -> bytes:
        return b"".join(self._pack_entry(attribute, value) for attribute, value in template.items())

    def _pack_entry(self, attribute: Attribute, value: Any) -> bytes:
        packed = self.pack_attribute(attribute, value)
        buffer = ctypes.create_string_buffer(packed, len(packed))
        self._buffers.append(buffer)
        return struct.pack("LPL", int(attribute), ctypes.addressof(buffer), len(packed))


def _pack_mechanisms(mechanisms: list[Mechanism]) -> bytes:
    return struct.pack(f"{len(mechanisms)}L", *mechanisms)


def _unpack_mechanisms(packed: bytes) -> list[int]:
    return list(struct.unpack(f"{len(packed) // struct.calcsize('L')}L", packed))
