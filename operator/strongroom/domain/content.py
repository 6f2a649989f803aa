"""What a version holds: one value, or several named fields that were made together. Pure.

A version of several fields (a key pair, a user name with its password) is stored and read through the API as one JSON
object of texts. Which of the two it is, is a fact of the record: a value that happens to be JSON stays one value.
Fields that are octets are made of a certificate when it is opened, and never stored.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from strongroom.domain.errors import InvalidInput, Tampered

FIELDS: int = 32
"""How many fields a version may have."""

FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
"""Such a name can be written in a template: ``{{ fields.privateKey }}``."""

VALUE = "value"
"""The name by which a single value is addressed as a field, and the key under which a target holds it."""


class Layout(StrEnum):
    """How a version's payload is to be read. A persistent word."""

    VALUE = "value"  # the payload is the value
    FIELDS = "fields"  # canonical JSON: an object of texts
    OCTETS = "octets"  # canonical JSON: an object of texts in Base64


@dataclass(frozen=True, slots=True)
class Content:
    """A version's payload and how to read it. The payload hides in ``repr``."""

    payload: bytes = field(repr=False)
    layout: Layout = Layout.VALUE

    @classmethod
    def of_fields(cls, texts: Mapping[str, str]) -> Content:
        """Return the content of named texts. ``InvalidInput`` for a bad name or number of them."""
        return cls(_written(texts), Layout.FIELDS)

    @classmethod
    def of_octets(cls, fields: Mapping[str, bytes]) -> Content:
        """Return the content of named octets. ``InvalidInput`` as of ``of_fields``."""
        return cls(_written({name: base64.b64encode(each).decode() for name, each in fields.items()}), Layout.OCTETS)

    def fields(self) -> dict[str, bytes]:
        """Return the fields by name; a single value under ``value``. ``Tampered`` when the payload is no such JSON."""
        if self.layout is Layout.VALUE:
            return {VALUE: self.payload}
        try:
            plain = json.loads(self.payload)
        except ValueError:
            raise Tampered("a stored version is not the JSON that it claims to be") from None
        if not isinstance(plain, dict) or not all(isinstance(text, str) for text in plain.values()):
            raise Tampered("a stored version is not an object of texts")
        read = base64.b64decode if self.layout is Layout.OCTETS else str.encode
        return {name: read(text) for name, text in plain.items()}


def _written(texts: Mapping[str, str]) -> bytes:
    if not 1 <= len(texts) <= FIELDS or not all(FIELD_NAME.fullmatch(name) for name in texts):
        raise InvalidInput(f"a secret has 1 to {FIELDS} fields, named by letters, digits and underscores")
    return json.dumps(dict(texts), sort_keys=True, separators=(",", ":")).encode("ascii")
