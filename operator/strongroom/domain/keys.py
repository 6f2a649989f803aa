"""Keys over keys: what is kept outside the token, and the port to the token.

world key ─ wraps → vault KEK ─ encrypts → DEK seed ─ derives → one key per record (docs/design/0004-keys.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, Self

from strongroom.domain.errors import Refused


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key of the token, wrapped by the world key and bound by the world MAC key. Safe to store in the clear.

    The MAC covers (world, key_class, usage, owner, version, blob): wrapping alone binds none of these.
    """

    world: str  # id of the world key that wrapped it: "<geography id, 32 hex>.<world key version>"
    key_class: str  # "aes", "rsa", "ec", "oct"
    # "kek": encrypts DEK seeds with AES-256-GCM, nothing else; "resident": the same, and it lives in a dedicated token,
    # ``blob`` being its CKA_ID; "key": a user's; "exportable": the same
    usage: str
    owner: str  # what it serves, 32 hex: a vault id, or of a user's key what ``keymaterial.key_owner`` returns
    version: int  # of the key, from 1
    blob: bytes = field(repr=False)
    mac: bytes = field(repr=False)


class KeyService(Protocol):
    """The HSM as the rest of Strongroom sees it.

    Every method may raise ``HsmUnavailable`` (try later), ``LoginRefused`` (somebody must act) or ``KeyRefused``
    (wrong MAC, world, owner or ciphertext: never try again). Nobody retries inside; callers own the deadline.
    Safe for concurrent use by many tasks.
    """

    def at(self, hsm: str) -> Self:
        """Return where keys of a vault are made that is dedicated to this class of HSMs; empty: here.

        ``Refused`` when no class of this name is configured.
        """
        if hsm:
            raise Refused(f"no HSM class {hsm} is configured here")
        return self

    async def generate_kek(self, owner: str, version: int) -> WrappedKey:
        """Generate an AES-256 KEK in the token and return it wrapped. The token keeps nothing of it."""
        ...

    async def destroy_keks(self, owner: str, below: int) -> int:
        """Destroy the owner's KEKs of versions lower than ``below`` in a dedicated token; return how many there were.

        May be repeated. ``InvalidInput`` where KEKs do not live in the token.
        """
        ...

    async def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
        """Encrypt a 32-octet seed in the token, bound to (owner, KEK version, dek_id)."""
        ...

    async def unwrap_dek(self, kek: WrappedKey, dek_id: str, wrapped: bytes) -> bytes:
        """Return the 32-octet seed. ``KeyRefused`` when any bound fact differs."""
        ...

    async def random(self, size: int) -> bytes:
        """Return ``size`` octets (1 to 4096) of the token's random generator."""
        ...
