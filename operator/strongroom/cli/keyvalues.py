"""What is done with a key, on its way in and out: files of private keys, sealed texts, signatures.

A sealed text is JSON of one line: what the vault answered, and ``alg``. It says itself by which version and with what
else it is opened.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from strongroom.cli import keyviews
from strongroom.client.errors import VaultError
from strongroom.crypto import keyfiles
from strongroom.domain import base64url
from strongroom.domain.algorithms import ALGORITHMS, Hash
from strongroom.domain.errors import InvalidInput

_BASE64URL: Final = re.compile(rb"([A-Za-z0-9_-]+)\s*")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SEALED: Final = ("value", "iv", "tag", "aad")


def octets_of(answer: Mapping[str, Any], name: str = "value") -> bytes:
    """Return the octets in an answer. Raises ``VaultError`` when there are none."""
    try:
        return base64url.decode(answer[name])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise VaultError("the vault's answer cannot be read") from None


def read_key(content: bytes, password: str) -> dict[str, Any]:
    """Return the private key of a file as a JSON Web Key: it may be one itself, or PEM, DER or PKCS #12."""
    if not content.lstrip().startswith(b"{"):
        return dict(keyfiles.read(content, password))
    return _json(content, "the key file: is no JSON Web Key")


def digest(name: str, content: bytes, *, hashed: bool) -> bytes:
    """Return what is signed of a message: its digest, or itself where the algorithm takes the whole.

    ``hashed``: it is the digest already. ``InvalidInput`` for an algorithm that nobody knows.
    """
    algorithm = ALGORITHMS.get(name)
    if algorithm is None:
        raise InvalidInput(f"--algorithm: is one of {', '.join(ALGORITHMS)}")
    if hashed or algorithm.hash is Hash.NONE:
        return content
    return hashlib.new(algorithm.hash.replace("-", ""), content).digest()


def signature(content: bytes) -> bytes:
    """Return a signature that was written as base64url or as it is."""
    found = _BASE64URL.fullmatch(content)
    return base64url.decode(found[1].decode()) if found and len(found[1]) % 4 != 1 else content


def attestation(content: bytes) -> str:
    """Return the token that a file holds; ``InvalidInput`` when it is none."""
    text = content.strip().decode("ascii", "replace")
    if not _TOKEN.fullmatch(text):
        raise InvalidInput("the attestation is no JSON Web Token: give the text that the authority answered, alone")
    return text


def token_of(answer: Mapping[str, Any]) -> bytes:
    """Return the token in an answer. Raises ``VaultError`` when there is none."""
    text = answer.get("value")
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise VaultError("the vault's answer cannot be read")
    return text.encode()


def sealed(answer: Mapping[str, Any], algorithm: str) -> bytes:
    """Return a sealed text."""
    return orjson.dumps(
        {"kid": keyviews.kid_of(answer), "alg": algorithm, **_parts(answer)}, option=orjson.OPT_APPEND_NEWLINE
    )


def opening(content: bytes, name: str) -> tuple[str, dict[str, Any]]:
    """Return the version and the body of the request that opens a sealed text; ``InvalidInput`` for another key's."""
    said = _json(content, "this is no text that was encrypted or wrapped here; for a ciphertext alone, say --algorithm")
    of, version = keyviews.place(str(said.get("kid", "")))
    if of.casefold() != name.casefold():
        raise InvalidInput("this was encrypted or wrapped by a key of another name")
    return version, {"alg": said.get("alg"), **_parts(said)}


def _parts(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in _SEALED if found.get(name)}


def _json(content: bytes, refusal: str) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(refusal)
    return found
