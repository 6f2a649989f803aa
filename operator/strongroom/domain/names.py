"""Names, identities and where things are stored.

An object is named within its vault, case-insensitively; the case in which it was first written is kept for display
(Azure Key Vault: "ids are case-insensitive for names"). Everything stored is named by a hash, so that whoever lists
the system namespace learns ids, never names. The hash is no secret: who knows a vault id can try names against it.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from dataclasses import dataclass
from functools import lru_cache

from strongroom.domain.errors import InvalidInput

VAULT_NAME = re.compile(r"[a-z][a-z0-9-]{1,22}[a-z0-9]")
OBJECT_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
SETTING_NAME = re.compile(r"certificates/(contacts|(issuers|accounts)/[0-9a-z-]{1,127})")
"""What a vault knows beside objects: no object can have such a name."""
HEX_ID = re.compile(r"[0-9a-f]{32}")

SYSTEM_NAMESPACE = "strongroom-system"
SYSTEM_VAULT = "system"

DEFAULT_DOMAIN = "vault.strongroom.internal"
"""Of vault URLs, where nothing else is set."""


@dataclass(frozen=True, slots=True, order=True)
class VaultRef:
    """A vault as users name it. ``InvalidInput`` when the name is none (design: ``^[a-z][a-z0-9-]{1,22}[a-z0-9]$``)."""

    namespace: str
    name: str

    def __post_init__(self) -> None:
        if not VAULT_NAME.fullmatch(self.name):
            raise InvalidInput(
                "a vault name has 3 to 24 lower-case letters, digits and hyphens, starting with a letter"
            )

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def fold(name: str) -> str:
    """Return the identity of an object's or a setting's name; ``InvalidInput`` when it is none."""
    if not OBJECT_NAME.fullmatch(name) and not SETTING_NAME.fullmatch(name):
        raise InvalidInput("an object name has 1 to 127 letters, digits and hyphens")
    return name.lower()


def object_id(vault_id: str, name: str) -> str:
    """Return the 32-character id that stands for (vault id, folded name) wherever a name must not show."""
    return _digest("object", vault_id, fold(name))


def account_name(issuer: str) -> str:
    """Return the name of the setting that holds the account with an issuer of certificates."""
    return fold(f"certificates/accounts/{issuer.lower()}")


def vault_head_name(ref: VaultRef) -> str:
    """Return the stored name of a vault's head. It does not depend on the vault id, which is read from the head."""
    return "vault-" + _digest("vault", ref.namespace, ref.name)


def object_head_name(object_id: str) -> str:
    """Return the stored name of an object's head."""
    return "head-" + object_id


def record_name(object_id: str, version: str) -> str:
    """Return the stored name of one version's record."""
    return "record-" + _digest("record", object_id, version)


@lru_cache(maxsize=4096)
def _digest(*parts: str) -> str:
    """SHA-256 over length-prefixed parts, cut to 160 bits: nobody can make two names meet."""
    hashed = hashlib.sha256()
    for part in parts:
        octets = part.encode()
        hashed.update(len(octets).to_bytes(4, "big") + octets)
    return b32encode(hashed.digest()[:20]).decode().lower()
