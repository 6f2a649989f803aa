"""The port to users' keys in a token: made there, kept outside only wrapped, used inside."""

from __future__ import annotations

from typing import Protocol, Self

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import Refused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import KeyService
from strongroom.domain.keytypes import KeySpec, Operation


class TokenKeys(Protocol):
    """Raises what ``KeyService`` raises. ``spec.hsm`` is True throughout.

    ``owner`` is what ``keymaterial.key_owner`` returns; the token binds the key to it, and whoever uses a key names
    the owner that he expects. ``InvalidInput`` also for a type or an algorithm that the token cannot be brought to.
    """

    def at(self, hsm: str) -> Self:
        """Return where keys of a vault are made that is dedicated to this class of HSMs; empty: here.

        ``Refused`` when no class of this name is configured.
        """
        if hsm:
            raise Refused(f"no HSM class {hsm} is configured here")
        return self

    async def make_key(self, spec: KeySpec, owner: str, *, exportable: bool = False) -> KeyMaterial:
        """Generate a key in the token. Nobody ever saw its private part."""
        ...

    async def take_key(self, spec: KeySpec, owner: str, private: bytes, *, exportable: bool = False) -> KeyMaterial:
        """Bring a key in: PKCS #8 in DER, or the octets of a symmetric one. ``InvalidInput`` when it is not that."""
        ...

    async def use_key(
        self, material: KeyMaterial, owner: str, algorithm: str, operation: Operation, given: Given
    ) -> Made:
        """Carry out a private operation, or any operation of a symmetric key.

        What is given was checked by ``algorithms.check``. ``InvalidInput``, with one text for every reason, when a
        ciphertext does not open; ``KeyRefused`` when the key is not the owner's.
        """
        ...

    async def release_key(self, material: KeyMaterial, owner: str, target: bytes, digest: str) -> bytes:
        """Wrap an exportable key for somebody's RSA key (SubjectPublicKeyInfo in DER), inside the token.

        CKM_RSA_AES_KEY_WRAP (PKCS #11 v3.0, section 2.1.21): RSA-OAEP with ``digest`` ("SHA-1", "SHA-256", "SHA-384")
        of an AES-256 key, then the key wrapped by that one (RFC 5649). ``KeyRefused`` when it is not exportable.
        """
        ...


class Hsm(KeyService, TokenKeys, Protocol):
    """Everything that an HSM does for Strongroom."""
