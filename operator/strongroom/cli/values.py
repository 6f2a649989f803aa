"""Values of secrets on their way in and out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from strongroom.client.errors import VaultError
from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import VALUE_OCTETS


def to_text(octets: bytes, *, trim: bool = False, allow_empty: bool = False) -> str:
    """Return what was given as the value of a secret; with ``trim`` without one newline at its end.

    ``InvalidInput`` when it is no text or longer than a value may be, and for an empty one that nobody asked for: that
    is what a pipe hands over when the program before it fails.
    """
    if len(octets) > VALUE_OCTETS:
        raise InvalidInput(f"the value is longer than {VALUE_OCTETS} octets")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the value is no UTF-8 text; encode it, as with base64") from None
    if trim:
        text = text.removesuffix("\n").removesuffix("\r")
    if not text and not allow_empty:
        raise InvalidInput("the value is empty; say --allow-empty if it is meant to be")
    return text


def of_bundle(bundle: Mapping[str, Any]) -> bytes:
    """Return the value in an answer. Raises ``VaultError`` when there is none."""
    value = bundle.get("value")
    if not isinstance(value, str):
        raise VaultError("the vault's answer holds no value")
    if bundle.get("valueEncoding") != "base64":
        return value.encode()
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise VaultError("the vault's answer holds a value that cannot be read") from None


def parse_tag(text: str) -> tuple[str, str]:
    """Read ``name=value``. Raises InvalidInput."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidInput("a tag is written as name=value")
    return name, value
