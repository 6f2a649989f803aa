"""What can be asked of a vault: operations, the routes to them, and how a path is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from strongroom.domain.access import Area
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import HEX_ID, OBJECT_NAME

SMALL_BODY: Final = 192 * 1024
"""Octets: a value of 25 KiB of control characters, which JSON must escape, is 150 KiB; tags come on top."""

BACKUP_BODY: Final = 48 * 2**20

API_VERSION: Final = re.compile(r"[0-9A-Za-z.-]{1,32}")
"""Which version is named decides nothing, but one must be."""


class MethodNotAllowed(InvalidInput):
    """The path is known, but not with this method: 405. ``allowed``: the methods that it has."""

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class NotServed(InvalidInput):
    """A path that is none of ours: 404."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``name`` is Azure's word in audit records; ``permission`` the one that it needs."""

    name: str
    area: Area
    permission: str
    mutation: bool = False
    body: int = 0  # octets that its body may have; 0: it has none
    heavy: bool = False  # takes so much memory that only a few run at a time


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and what it is about. ``version`` is empty for the one that is served."""

    operation: Operation
    name: str = ""
    version: str = ""


def by_method(operations: dict[str, Operation], method: str) -> Operation:
    """Return the operation of a method; ``MethodNotAllowed``."""
    try:
        return operations[method]
    except KeyError:
        raise MethodNotAllowed(f"HTTP {method} not allowed", tuple(operations)) from None


def read_name(text: str) -> str:
    """Return the name of an object; ``InvalidInput`` when it is none."""
    if not OBJECT_NAME.fullmatch(text):
        raise InvalidInput("The request URI contains an invalid name: it has 1 to 127 letters, digits and hyphens")
    return text


def read_version(text: str) -> str:
    """Return a version; ``InvalidInput`` when it is none."""
    if not HEX_ID.fullmatch(text):
        raise InvalidInput("The request URI contains an invalid version: it has 32 lower-case hexadecimal digits")
    return text
