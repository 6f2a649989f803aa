"""The filters of target templates: pure functions of texts, none of which makes more than it is allowed.

A filter that could multiply its input reckons first. ``Fault`` says what is wrong without saying any value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

LONGEST: Final = 128 * 1024
"""Characters of any text while a template is rendered, and of what it gives."""

_WIDEST: Final = 64


class Fault(Exception):
    """What is wrong with a template or with what it is applied to."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A field that is not there; only ``default`` and ``is defined`` take it."""

    why: str


def text(value: object) -> str:
    """Return a text as it is; ``Fault`` for everything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Missing):
        raise Fault(value.why)
    if isinstance(value, bytes):
        raise Fault("it is binary, no UTF-8 text: use the filter b64encode")
    if isinstance(value, dict):
        raise Fault("from_json gives an object: name a key of it, as in (value | from_json)['key']")
    raise Fault("it is no text: put quotes around it")


def _octets(value: object) -> bytes:
    return value if isinstance(value, bytes) else text(value).encode()


def as_text(octets: bytes) -> str | bytes:
    """Return the text that is written in UTF-8; octets that are none as they are."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets


def _b64decode(value: object) -> str | bytes:
    try:
        return as_text(base64.b64decode(text(value), validate=True))
    except (binascii.Error, ValueError):
        raise Fault("b64decode: it is no base64") from None


def _from_json(value: object) -> dict[str, Any]:
    """One level: members that are texts, numbers or booleans."""
    try:
        found = json.loads(text(value), parse_int=str, parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Fault("from_json: it is no JSON") from None
    if not isinstance(found, dict):
        raise Fault("from_json: it is no JSON object")
    return {key: str(member).lower() if isinstance(member, bool) else member for key, member in found.items()}


def _no_number(word: str) -> str:
    raise ValueError(word)


def member(found: dict[str, Any], key: str) -> str | Missing:
    """Return a member of what ``from_json`` gave."""
    if found.get(key) is None:
        return Missing("from_json: the object has no such key")
    if not isinstance(found[key], str):
        raise Fault("from_json: the key holds an object or a list; only one level can be read")
    return str(found[key])


def _replace(value: object, old: object, new: object) -> str:
    source, what, by = text(value), text(old), text(new)
    if not what:
        raise Fault("replace: there must be something to replace")
    if len(source) + source.count(what) * len(by) > 2 * LONGEST:
        raise Fault("replace: the result would be too long")
    return source.replace(what, by)


def _indent(value: object, width: object = 4) -> str:
    """All lines but the first, as in Jinja and as YAML block scalars want it."""
    if type(width) is not int or not 0 <= width <= _WIDEST:
        raise Fault(f"indent: the width is a number from 0 to {_WIDEST}")
    source = text(value)
    if source.count("\n") * width > LONGEST:
        raise Fault("indent: the result would be too long")
    return source.replace("\n", "\n" + " " * width)


def _default(value: object, other: object) -> object:
    return other if isinstance(value, Missing) else value


Filter = Callable[..., object]

FILTERS: Final[dict[str, tuple[Filter, int, int]]] = {
    "b64encode": (lambda value: base64.b64encode(_octets(value)).decode(), 0, 0),
    "b64decode": (_b64decode, 0, 0),
    "b64urlencode": (lambda value: base64.urlsafe_b64encode(_octets(value)).decode().rstrip("="), 0, 0),
    "urlencode": (lambda value: quote(text(value), safe=""), 0, 0),
    "json": (lambda value: json.dumps(text(value), ensure_ascii=False), 0, 0),
    "from_json": (_from_json, 0, 0),
    "sha256": (lambda value: hashlib.sha256(_octets(value)).hexdigest(), 0, 0),
    "upper": (lambda value: text(value).upper(), 0, 0),
    "lower": (lambda value: text(value).lower(), 0, 0),
    "trim": (lambda value: text(value).strip(), 0, 0),
    "replace": (_replace, 2, 2),
    "indent": (_indent, 0, 1),
    "default": (_default, 1, 1),
}
"""Name: function, fewest and most arguments."""
