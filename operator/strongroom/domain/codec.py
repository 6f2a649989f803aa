"""Canonical bytes of heads and attributes: the persistent format, version 1.

The law: a dataclass is written as a JSON object, keys sorted, no spaces, ASCII; fields that have their default are left
out; octets are standard base64. Fields are only ever added, with a default, and never renamed or reused: a new
field that is not used changes no stored byte, and a release that does not know a field refuses the record
(``UnsupportedFormat``) instead of losing it in a rewrite. tests/vectors pins the exact bytes.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import types
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from strongroom.domain.errors import InvalidInput, Tampered, UnsupportedFormat

T = TypeVar("T")


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a dataclass."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":")).encode("ascii")


def decode(kind: type[T], octets: bytes) -> T:
    """Return the dataclass; ``UnsupportedFormat`` for a field of a newer release, ``Tampered`` for any other misfit."""
    try:
        plain = json.loads(octets)
        value: T = _rebuild(kind, plain)
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError, InvalidInput):
        raise Tampered(f"a stored {kind.__name__} is malformed") from None
    return value


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if not _has_default(f, value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _has_default(f: Field[Any], value: Any) -> bool:
    if f.default is not MISSING:
        return bool(getattr(value, f.name) == f.default)
    return f.default_factory is not MISSING and bool(getattr(value, f.name) == f.default_factory())


@functools.cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _rebuild(kind: Any, plain: Any) -> Any:
    origin = get_origin(kind)
    if origin is types.UnionType:  # only "X | None" is used
        return None if plain is None else _rebuild(next(a for a in get_args(kind) if a is not type(None)), plain)
    if origin is dict:
        key_kind, item_kind = get_args(kind)
        return {_rebuild(key_kind, key): _rebuild(item_kind, item) for key, item in _expect(dict, plain).items()}
    if origin is tuple:
        return tuple(_rebuild(get_args(kind)[0], item) for item in _expect(list, plain))
    if is_dataclass(kind):
        return _rebuild_dataclass(kind, _expect(dict, plain))
    if kind is bytes:
        return base64.b64decode(_expect(str, plain), validate=True)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _rebuild_word(kind, _expect(str, plain))
    return _expect(kind, plain)


def _rebuild_word(kind: type[StrEnum], word: str) -> StrEnum:
    try:
        return kind(word)
    except ValueError:
        raise UnsupportedFormat(f"a stored {kind.__name__} has a value of a newer release") from None


def _rebuild_dataclass(kind: Any, plain: dict[str, Any]) -> Any:
    hints = _hints(kind)
    if unknown := plain.keys() - hints.keys():
        raise UnsupportedFormat(f"a stored {kind.__name__} has fields of a newer release: {', '.join(sorted(unknown))}")
    return kind(**{name: _rebuild(hints[name], item) for name, item in plain.items()})


def _expect(kind: Any, plain: Any) -> Any:
    if type(plain) is not kind:
        raise TypeError
    return plain
