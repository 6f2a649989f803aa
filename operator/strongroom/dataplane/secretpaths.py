"""The paths of secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from strongroom.dataplane.operations import (
    BACKUP_BODY,
    SMALL_BODY,
    NotServed,
    Operation,
    Route,
    by_method,
    read_name,
    read_version,
)
from strongroom.domain.access import Area


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


def live(method: str, rest: list[str]) -> Route:
    """Return what is asked for below ``/secrets``."""
    match rest:
        case []:
            return Route(by_method({"GET": LIST}, method))
        case [word] if word.lower() == "restore":  # what to POST to, and else a name as any other
            operation = by_method(_RESTORE, method)
            return Route(operation, "" if operation is RESTORE else word)
        case [name]:
            return Route(by_method(_ONE, method), read_name(name))
        case [name, word] if word.lower() == "versions":
            return Route(by_method({"GET": LIST_VERSIONS}, method), read_name(name))
        case [name, word] if word.lower() == "backup":
            return Route(by_method({"POST": BACKUP}, method), read_name(name))
        case [name, version]:
            return Route(by_method(_VERSION, method), read_name(name), read_version(version))
    raise NotServed("a secret's path is /secrets/<name>, with a version or a word after it")


def deleted(method: str, rest: list[str]) -> Route:
    """Return what is asked for below ``/deletedsecrets``."""
    match rest:
        case []:
            return Route(by_method({"GET": LIST_DELETED}, method))
        case [name]:
            return Route(by_method(_DELETED, method), read_name(name))
        case [name, word] if word.lower() == "recover":
            return Route(by_method({"POST": RECOVER}, method), read_name(name))
        case [name, version]:
            return Route(by_method({"DELETE": PURGE}, method), read_name(name), read_version(version))
        case [name, version, word] if word.lower() == "recover":
            return Route(by_method({"POST": RECOVER}, method), read_name(name), read_version(version))
    raise NotServed("a deleted secret's path is /deletedsecrets/<name>, with a version, /recover, or nothing after it")
