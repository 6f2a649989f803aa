"""What the plugin seals, and in which form: encrypted in the token, bound to the key's version and to this form.

::

    ciphertext   0x01 | IV (12) | tag (16) | AES-256-GCM ciphertext, as long as the plaintext
    bound to     f("strongroom/kms/v1", version), each with its length before it in 4 octets, big endian
"""

from __future__ import annotations

from typing import Final

from strongroom.domain import algorithms
from strongroom.domain.algorithms import GCM_IV_OCTETS, GCM_TAG_OCTETS, Given
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import Operation
from strongroom.domain.tokenkeys import TokenKeys
from strongroom.domain.wrappedkeys import WrappedKeys

ALGORITHM: Final = "A256GCM"
_FORM: Final = b"\x01"
_HEAD: Final = len(_FORM) + GCM_IV_OCTETS + GCM_TAG_OCTETS

CIPHERTEXT_OCTETS: Final = 1024
"""Of which an API server takes at most this many."""

PLAINTEXT_OCTETS: Final = CIPHERTEXT_OCTETS - _HEAD
"""It gives seeds of 32."""

_PROBE: Final = b"strongroom/kms/probe"


async def seal(token: TokenKeys, keys: WrappedKeys, version: str, plaintext: bytes) -> bytes:
    """Return the ciphertext. ``InvalidInput``, ``KeyNotFound``, and what ``TokenKeys`` raises."""
    if not 1 <= len(plaintext) <= PLAINTEXT_OCTETS:
        raise InvalidInput(f"plaintext has 1 to {PLAINTEXT_OCTETS} octets")
    given = Given(plaintext, aad=_bound_to(version))
    material = keys.material(version)
    chosen = algorithms.find(ALGORITHM, material.spec, Operation.ENCRYPT)
    made = await token.use_key(material, keys.owner(version), chosen.name, Operation.ENCRYPT, given)
    return _FORM + made.iv + made.tag + made.value


async def unseal(token: TokenKeys, keys: WrappedKeys, version: str, ciphertext: bytes) -> bytes:
    """Return the plaintext. ``InvalidInput``, ``KeyNotFound``, and what ``TokenKeys`` raises."""
    if not _HEAD < len(ciphertext) <= CIPHERTEXT_OCTETS or not ciphertext.startswith(_FORM):
        raise InvalidInput("ciphertext is not of this plugin's form")
    iv, tag = ciphertext[len(_FORM) :][:GCM_IV_OCTETS], ciphertext[_HEAD - GCM_TAG_OCTETS : _HEAD]
    given = Given(ciphertext[_HEAD:], iv=iv, tag=tag, aad=_bound_to(version))
    material = keys.material(version)
    chosen = algorithms.find(ALGORITHM, material.spec, Operation.DECRYPT)
    made = await token.use_key(material, keys.owner(version), chosen.name, Operation.DECRYPT, given)
    return made.value


async def probe(token: TokenKeys, keys: WrappedKeys, version: str) -> None:
    """Raise what stands in the way of using a version: ``Refused`` for ever, ``HsmUnavailable`` for now."""
    await unseal(token, keys, version, await seal(token, keys, version, _PROBE))


def _bound_to(version: str) -> bytes:
    facts = (b"strongroom/kms/v1", version.encode())
    return b"".join(len(fact).to_bytes(4, "big") + fact for fact in facts)
