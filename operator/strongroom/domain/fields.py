"""JSON objects of requests and resources, read with bounds on every member. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from strongroom.domain import base64url
from strongroom.domain.errors import InvalidInput

LATEST: Final = 253_402_300_799
"""The last second of the year 9999: what a client can show as a date."""

_BASE64URL: Final = re.compile("[A-Za-z0-9_-]*")


class Fields:
    """A JSON object, read member by member. ``null`` counts as absent, what is unknown is ignored.

    ``where`` stands before the names of members in complaints: ``policy.``. All raise ``InvalidInput``.
    """

    def __init__(self, plain: Mapping[str, Any], where: str = "") -> None:
        self._plain = plain
        self._where = where

    @classmethod
    def of(cls, body: bytes) -> Fields:
        """Parse a body. ``InvalidInput`` when it is no JSON object."""
        try:
            plain = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise InvalidInput("The request body is not valid JSON") from None
        if not isinstance(plain, dict):
            raise InvalidInput("The request body must be a JSON object")
        return cls(plain)

    def has(self, name: str) -> bool:
        """Is the member there, and not ``null``?"""
        return self._plain.get(name) is not None

    def text(self, name: str, length: int) -> str | None:
        """Return a text of at most ``length`` characters."""
        value: str | None = self._of(name, str, "a string")
        if value is not None and len(value) > length:
            raise InvalidInput(f"Property {self._where}{name} has invalid value: at most {length} characters")
        return value

    def required_text(self, name: str, length: int) -> str:
        """Return a text that must be there."""
        value = self.text(name, length)
        if value is None:
            raise InvalidInput(f"Property {self._where}{name} is required")
        return value

    def flag(self, name: str) -> bool | None:
        """Return a boolean."""
        value: bool | None = self._of(name, bool, "true or false")
        return value

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number in these bounds."""
        value: int | None = self._of(name, int, "a whole number")
        if value is not None and not low <= value <= high:
            raise InvalidInput(f"Property {self._where}{name} has invalid value: it must be between {low} and {high}")
        return value

    def words(self, name: str, count: int, length: int) -> list[str] | None:
        """Return a list of at most ``count`` texts."""
        value: list[str] | None = self._of(name, list, "a list of strings")
        if value is None:
            return None
        if len(value) > count or not all(isinstance(word, str) and len(word) <= length for word in value):
            raise InvalidInput(f"Property {self._where}{name} has invalid value: at most {count} short strings")
        return value

    def items(self, name: str, count: int) -> list[Fields]:
        """Return a list of at most ``count`` objects; an empty one when it is absent."""
        value: list[Any] = self._of(name, list, "a list of objects") or []
        if len(value) > count or not all(isinstance(each, dict) for each in value):
            raise InvalidInput(f"Property {self._where}{name} has invalid value: at most {count} objects")
        return [Fields(each, f"{self._where}{name}[{index}].") for index, each in enumerate(value)]

    def octets(self, name: str, limit: int) -> bytes | None:
        """Return octets that are written in base64url, with or without padding (RFC 4648, section 5)."""
        text = self.text(name, limit * 4 // 3 + 4)
        if text is None:
            return None
        plain = text.rstrip("=")
        if not _BASE64URL.fullmatch(plain) or len(plain) % 4 == 1 or len(text) - len(plain) > 2:
            raise InvalidInput(f"Property {self._where}{name} has invalid value: it must be base64url")
        found = base64url.decode(plain)
        if len(found) > limit:
            raise InvalidInput(f"Property {self._where}{name} has invalid value: at most {limit} octets")
        return found

    def required_octets(self, name: str, limit: int) -> bytes:
        """Return octets that must be there."""
        value = self.octets(name, limit)
        if value is None:
            raise InvalidInput(f"Property {self._where}{name} is required")
        return value

    def plain(self, name: str) -> dict[str, Any]:
        """Return an object as it is; an empty one when it is absent."""
        return self._of(name, dict, "an object") or {}

    def moment(self, name: str) -> int | None:
        """Return Unix seconds."""
        value: int | None = self._of(name, int, "whole Unix seconds")
        if value is not None and not 0 <= value <= LATEST:
            raise InvalidInput(f"Property {self._where}{name} has invalid value: it must be between 0 and {LATEST}")
        return value

    def texts(self, name: str, count: int, length: int) -> dict[str, str] | None:
        """Return an object of texts."""
        value: dict[str, str] | None = self._of(name, dict, "an object of strings")
        if value is None:
            return None
        if len(value) > count:
            raise InvalidInput(f"Property {self._where}{name} has invalid value: at most {count} members")
        if not all(isinstance(text, str) and len(key) <= length and len(text) <= length for key, text in value.items()):
            raise InvalidInput(
                f"Property {self._where}{name} has invalid value: strings of at most {length} characters"
            )
        return value

    def inner(self, name: str) -> Fields:
        """Return an object; an empty one when it is absent."""
        return Fields(self._of(name, dict, "an object") or {}, f"{self._where}{name}.")

    def _of(self, name: str, kind: type, expected: str) -> Any:
        value = self._plain.get(name)
        if value is not None and type(value) is not kind:
            raise InvalidInput(f"Property {self._where}{name} has invalid value: it must be {expected}")
        return value
