"""Which operation a request asks for: Azure Key Vault's paths, in every form that its clients use.

Clients write an empty version as an empty segment, older ones double the first slash, some write ``/deletedSecrets``,
and a method may stand in the header X-HTTP-METHOD of a POST.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
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


def _secret(name: str, permission: str, *, mutation: bool = False, body: int = 0) -> Operation:
    return Operation("Secret" + name, Area.SECRETS, permission, mutation, body)


SET: Final = _secret("Set", "set", mutation=True, body=SMALL_BODY)
GET: Final = _secret("Get", "get")
UPDATE: Final = _secret("Update", "set", mutation=True, body=SMALL_BODY)
DELETE: Final = _secret("Delete", "delete", mutation=True)
LIST: Final = _secret("List", "list")
LIST_VERSIONS: Final = _secret("ListVersions", "list")
LIST_DELETED: Final = _secret("ListDeleted", "list")
GET_DELETED: Final = _secret("GetDeleted", "get")
RECOVER: Final = _secret("Recover", "recover", mutation=True)
PURGE: Final = _secret("Purge", "purge", mutation=True)
BACKUP: Final = replace(_secret("Backup", "backup"), heavy=True)
RESTORE: Final = replace(_secret("Restore", "restore", mutation=True, body=BACKUP_BODY), heavy=True)

OPERATIONS: Final = (
    SET, GET, UPDATE, DELETE, LIST, LIST_VERSIONS, LIST_DELETED, GET_DELETED, RECOVER, PURGE, BACKUP, RESTORE
)  # fmt: skip

_ONE: Final = {"GET": GET, "PUT": SET, "PATCH": UPDATE, "DELETE": DELETE}
_RESTORE: Final = {**_ONE, "POST": RESTORE}
_VERSION: Final = {"GET": GET, "PATCH": UPDATE, "DELETE": DELETE}
_DELETED: Final = {"GET": GET_DELETED, "DELETE": PURGE}


@lru_cache(maxsize=8192)
def find(method: str, path: str) -> Route:
    """Return what is asked for. ``MethodNotAllowed``, ``NotServed``, ``InvalidInput`` for a name that is none."""
    segments = path.lstrip("/").split("/")
    collection, rest = segments[0].lower(), segments[1:]
    while rest and not rest[-1]:
        rest.pop()
    if collection == "secrets":
        return _in_secrets(method, rest)
    if collection == "deletedsecrets":
        return _in_deleted(method, rest)
    raise NotServed("there is nothing under this path; secrets are under /secrets and /deletedsecrets")


def _in_secrets(method: str, rest: list[str]) -> Route:
    match rest:
        case []:
            return Route(_by_method({"GET": LIST}, method))
        case [word] if word.lower() == "restore":  # what to POST to, and else a name as any other
            operation = _by_method(_RESTORE, method)
            return Route(operation, "" if operation is RESTORE else word)
        case [name]:
            return Route(_by_method(_ONE, method), _name(name))
        case [name, word] if word.lower() == "versions":
            return Route(_by_method({"GET": LIST_VERSIONS}, method), _name(name))
        case [name, word] if word.lower() == "backup":
            return Route(_by_method({"POST": BACKUP}, method), _name(name))
        case [name, version]:
            return Route(_by_method(_VERSION, method), _name(name), _version(version))
    raise NotServed("a secret's path is /secrets/<name>, with a version or a word after it")


def _in_deleted(method: str, rest: list[str]) -> Route:
    match rest:
        case []:
            return Route(_by_method({"GET": LIST_DELETED}, method))
        case [name]:
            return Route(_by_method(_DELETED, method), _name(name))
        case [name, word] if word.lower() == "recover":
            return Route(_by_method({"POST": RECOVER}, method), _name(name))
        case [name, version]:
            return Route(_by_method({"DELETE": PURGE}, method), _name(name), _version(version))
        case [name, version, word] if word.lower() == "recover":
            return Route(_by_method({"POST": RECOVER}, method), _name(name), _version(version))
    raise NotServed("a deleted secret's path is /deletedsecrets/<name>, with a version, /recover, or nothing after it")


def _by_method(operations: dict[str, Operation], method: str) -> Operation:
    try:
        return operations[method]
    except KeyError:
        raise MethodNotAllowed(f"HTTP {method} not allowed", tuple(operations)) from None


def _name(text: str) -> str:
    if not OBJECT_NAME.fullmatch(text):
        raise InvalidInput("The request URI contains an invalid name: it has 1 to 127 letters, digits and hyphens")
    return text


def _version(text: str) -> str:
    if not HEX_ID.fullmatch(text):
        raise InvalidInput("The request URI contains an invalid version: it has 32 lower-case hexadecimal digits")
    return text
