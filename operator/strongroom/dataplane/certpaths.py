"""The paths of certificates, of their issuers and of their contacts."""

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


def _on(name: str, permission: str, *, mutation: bool = False, body: int = 0) -> Operation:
    return Operation("Certificate" + name, Area.CERTIFICATES, permission, mutation, body)


CREATE: Final = _on("Create", "create", mutation=True, body=SMALL_BODY)
IMPORT: Final = _on("Import", "import", mutation=True, body=2 * SMALL_BODY)
GET: Final = _on("Get", "get")
UPDATE: Final = _on("Update", "update", mutation=True, body=SMALL_BODY)
DELETE: Final = _on("Delete", "delete", mutation=True)
LIST: Final = _on("List", "list")
LIST_VERSIONS: Final = _on("ListVersions", "list")
LIST_DELETED: Final = _on("ListDeleted", "list")
GET_DELETED: Final = _on("GetDeleted", "get")
RECOVER: Final = _on("Recover", "recover", mutation=True)
PURGE: Final = _on("Purge", "purge", mutation=True)
BACKUP: Final = replace(_on("Backup", "backup"), heavy=True)
RESTORE: Final = replace(_on("Restore", "restore", mutation=True, body=BACKUP_BODY), heavy=True)
GET_POLICY: Final = _on("PolicyGet", "get")
UPDATE_POLICY: Final = _on("PolicyUpdate", "update", mutation=True, body=SMALL_BODY)
GET_PENDING: Final = _on("PendingGet", "get")
UPDATE_PENDING: Final = _on("PendingUpdate", "update", mutation=True, body=SMALL_BODY)
DELETE_PENDING: Final = _on("PendingDelete", "update", mutation=True)
MERGE: Final = _on("PendingMerge", "create", mutation=True, body=2 * SMALL_BODY)
GET_CONTACTS: Final = _on("ContactsGet", "managecontacts")
SET_CONTACTS: Final = _on("ContactsSet", "managecontacts", mutation=True, body=SMALL_BODY)
DELETE_CONTACTS: Final = _on("ContactsDelete", "managecontacts", mutation=True)
LIST_ISSUERS: Final = _on("IssuersList", "listissuers")
GET_ISSUER: Final = _on("IssuerGet", "getissuers")
SET_ISSUER: Final = _on("IssuerSet", "setissuers", mutation=True, body=SMALL_BODY)
UPDATE_ISSUER: Final = _on("IssuerUpdate", "setissuers", mutation=True, body=SMALL_BODY)
DELETE_ISSUER: Final = _on("IssuerDelete", "deleteissuers", mutation=True)

OPERATIONS: Final = (
    CREATE, IMPORT, GET, UPDATE, DELETE, LIST, LIST_VERSIONS, LIST_DELETED, GET_DELETED, RECOVER, PURGE, BACKUP,
    RESTORE, GET_POLICY, UPDATE_POLICY, GET_PENDING, UPDATE_PENDING, DELETE_PENDING, MERGE, GET_CONTACTS, SET_CONTACTS,
    DELETE_CONTACTS, LIST_ISSUERS, GET_ISSUER, SET_ISSUER, UPDATE_ISSUER, DELETE_ISSUER,
)  # fmt: skip

RESERVED: Final = ("contacts", "issuers", "restore")
"""Names that no certificate has: they stand for something else in paths."""

_ONE: Final = {"GET": GET, "PATCH": UPDATE, "DELETE": DELETE}
_CONTACTS: Final = {"GET": GET_CONTACTS, "PUT": SET_CONTACTS, "DELETE": DELETE_CONTACTS}
_ISSUER: Final = {"GET": GET_ISSUER, "PUT": SET_ISSUER, "PATCH": UPDATE_ISSUER, "DELETE": DELETE_ISSUER}
_DELETED: Final = {"GET": GET_DELETED, "DELETE": PURGE}
_OF_NAME: Final = {
    "create": {"POST": CREATE},
    "import": {"POST": IMPORT},
    "versions": {"GET": LIST_VERSIONS},
    "policy": {"GET": GET_POLICY, "PATCH": UPDATE_POLICY},
    "pending": {"GET": GET_PENDING, "PATCH": UPDATE_PENDING, "DELETE": DELETE_PENDING},
    "backup": {"POST": BACKUP},
}


def live(method: str, rest: list[str]) -> Route:
    """Return what is asked for below ``/certificates``."""
    match [segment.lower() if segment.lower() in RESERVED else segment for segment in rest[:1]] + rest[1:]:
        case []:
            return Route(by_method({"GET": LIST}, method))
        case ["contacts"]:
            return Route(by_method(_CONTACTS, method))
        case ["restore"]:
            return Route(by_method({"POST": RESTORE}, method))
        case ["issuers"]:
            return Route(by_method({"GET": LIST_ISSUERS}, method))
        case ["issuers", name]:
            return Route(by_method(_ISSUER, method), read_name(name))
        case ["contacts" | "issuers" | "restore", *_]:
            raise NotServed("no certificate is named contacts, issuers or restore")
        case [name, *more]:
            return _of_one(method, name, more)
    raise NotServed("a certificate's path is /certificates/<name>, with a version or a word after it")


def _of_one(method: str, name: str, rest: list[str]) -> Route:
    match rest:
        case []:
            return Route(by_method(_ONE, method), read_name(name))
        case [word] if word.lower() in _OF_NAME:
            return Route(by_method(_OF_NAME[word.lower()], method), read_name(name))
        case [word, merge] if (word.lower(), merge.lower()) == ("pending", "merge"):
            return Route(by_method({"POST": MERGE}, method), read_name(name))
        case [version]:
            return Route(by_method({"GET": GET, "PATCH": UPDATE}, method), read_name(name), read_version(version))
    raise NotServed("a certificate's path is /certificates/<name>, with a version or a word after it")


def deleted(method: str, rest: list[str]) -> Route:
    """Return what is asked for below ``/deletedcertificates``."""
    match rest:
        case []:
            return Route(by_method({"GET": LIST_DELETED}, method))
        case [name]:
            return Route(by_method(_DELETED, method), read_name(name))
        case [name, word] if word.lower() == "recover":
            return Route(by_method({"POST": RECOVER}, method), read_name(name))
    raise NotServed("a deleted certificate's path is /deletedcertificates/<name>, with /recover or nothing after it")
