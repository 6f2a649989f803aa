"""The release of a key to an attested environment: for which key it is wrapped, and what the answer says.

The forms are Azure Key Vault's: the attestation token carries the environment's key in ``x-ms-runtime.keys``, the
answer the wrapped key in ``key_hsm``, as its transfer of keys between HSMs does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from strongroom.crypto import jwk, keyengine
from strongroom.crypto.rsakeys import HASHES
from strongroom.domain import base64url
from strongroom.domain.algorithms import Hash
from strongroom.domain.errors import InvalidInput

DIGESTS: Final = {"CKM_RSA_AES_KEY_WRAP": "SHA-1", "RSA_AES_KEY_WRAP_256": "SHA-256", "RSA_AES_KEY_WRAP_384": "SHA-384"}
"""The hash of the RSA-OAEP inside, by what a request calls ``enc``; the first is the default."""

_KEYS: Final = 16
_USES: Final = {"encrypt", "wrapKey"}


@dataclass(frozen=True, slots=True)
class Target:
    """The key of who asks. ``public``: SubjectPublicKeyInfo in DER."""

    kid: str
    public: bytes


def target(claims: Mapping[str, Any]) -> Target:
    """Return the first RSA key for encryption in a verified attestation; ``InvalidInput`` when it has none."""
    runtime = claims.get("x-ms-runtime")
    keys = runtime.get("keys") if isinstance(runtime, Mapping) else None
    for key in keys[:_KEYS] if isinstance(keys, list) else ():
        if isinstance(key, Mapping) and key.get("kty") == "RSA" and _encrypts(key):
            return Target(str(key.get("kid", "")), jwk.read_public(key).public)
    raise InvalidInput(
        f"target: the attestation has no RSA key for encryption among the first {_KEYS} of x-ms-runtime.keys"
    )


def wrap(private: bytes, to: bytes, digest: str) -> bytes:
    """Wrap a software key (PKCS #8, or a symmetric key's octets) for an RSA key (SubjectPublicKeyInfo in DER).

    As a token does it with CKM_RSA_AES_KEY_WRAP (PKCS #11 v3.0, section 2.1.21): RSA-OAEP with ``digest`` of an AES-256
    key that is used once, then the key wrapped by that one (RFC 5649).
    """
    public, used, once = keyengine.public_key(to), HASHES[Hash(digest)], os.urandom(32)
    assert isinstance(public, RSAPublicKey)
    return public.encrypt(once, OAEP(MGF1(used), used, None)) + aes_key_wrap_with_padding(once, private)


def payload(bundle: Mapping[str, Any], to: Target, enc: str, ciphertext: bytes, request: Mapping[str, str]) -> bytes:
    """Return what is signed and answered: the key as the API shows it, with its wrapped form, and what was asked."""
    wrapped = {
        "schema_version": "1.0.0",
        "header": {"kid": to.kid, "alg": "dir", "enc": enc},
        "ciphertext": base64url.encode(ciphertext),
    }
    key = {**bundle["key"], "key_hsm": base64url.encode(json.dumps(wrapped, separators=(",", ":")).encode())}
    answer = {"request": dict(request), "response": {"key": {**bundle, "key": key}}}
    return json.dumps(answer, separators=(",", ":")).encode()


def _encrypts(key: Mapping[str, Any]) -> bool:
    uses = key.get("key_ops")
    return key.get("use") == "enc" or (isinstance(uses, list) and not _USES.isdisjoint(map(str, uses)))
