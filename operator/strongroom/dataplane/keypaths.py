"""The paths of keys."""

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
from strongroom.domain import keytypes
from strongroom.domain.access import Area


def _key(name: str, permission: str, *, mutation: bool = False, body: int = 0) -> Operation:
    return Operation("Key" + name, Area.KEYS, permission, mutation, body)


CREATE: Final = _key("Create", "create", mutation=True, body=SMALL_BODY)
IMPORT: Final = _key("Import", "import", mutation=True, body=SMALL_BODY)
ROTATE: Final = _key("Rotate", "rotate", mutation=True)
GET: Final = _key("Get", "get")
UPDATE: Final = _key("Update", "update", mutation=True, body=SMALL_BODY)
DELETE: Final = _key("Delete", "delete", mutation=True)
LIST: Final = _key("List", "list")
LIST_VERSIONS: Final = _key("ListVersions", "list")
LIST_DELETED: Final = _key("ListDeleted", "list")
GET_DELETED: Final = _key("GetDeleted", "get")
RECOVER: Final = _key("Recover", "recover", mutation=True)
PURGE: Final = _key("Purge", "purge", mutation=True)
BACKUP: Final = replace(_key("Backup", "backup"), heavy=True)
RESTORE: Final = replace(_key("Restore", "restore", mutation=True, body=BACKUP_BODY), heavy=True)
ENCRYPT: Final = _key("Encrypt", "encrypt", body=SMALL_BODY)
DECRYPT: Final = _key("Decrypt", "decrypt", body=SMALL_BODY)
SIGN: Final = _key("Sign", "sign", body=SMALL_BODY)
VERIFY: Final = _key("Verify", "verify", body=SMALL_BODY)
WRAP: Final = _key("Wrap", "wrapKey", body=SMALL_BODY)
UNWRAP: Final = _key("Unwrap", "unwrapKey", body=SMALL_BODY)
GET_POLICY: Final = _key("RotationPolicyGet", "getrotationpolicy")
SET_POLICY: Final = _key("RotationPolicySet", "setrotationpolicy", mutation=True, body=SMALL_BODY)
RELEASE: Final = _key("Release", "release", body=SMALL_BODY)
RANDOM: Final = Operation("RandomBytesGet", Area.KEYS, "get", body=SMALL_BODY)

USES: Final = {
    ENCRYPT: keytypes.Operation.ENCRYPT,
    DECRYPT: keytypes.Operation.DECRYPT,
    SIGN: keytypes.Operation.SIGN,
    VERIFY: keytypes.Operation.VERIFY,
    WRAP: keytypes.Operation.WRAP,
    UNWRAP: keytypes.Operation.UNWRAP,
}
"""What is done with a key, by the operation that asks for it."""

OPERATIONS: Final = (
    CREATE, IMPORT, ROTATE, GET, UPDATE, DELETE, LIST, LIST_VERSIONS, LIST_DELETED, GET_DELETED, RECOVER, PURGE, BACKUP,
    RESTORE, *USES, RELEASE, GET_POLICY, SET_POLICY, RANDOM,
)  # fmt: skip

_ONE: Final = {"GET": GET, "PUT": IMPORT, "PATCH": UPDATE, "DELETE": DELETE}
_VERSION: Final = {"GET": GET, "PATCH": UPDATE}
_DELETED: Final = {"GET": GET_DELETED, "DELETE": PURGE}
_POSTED: Final = {"create": CREATE, "rotate": ROTATE, "backup": BACKUP}
_OF_NAME: Final = {
    "versions": {"GET": LIST_VERSIONS},
    "rotationpolicy": {"GET": GET_POLICY, "PUT": SET_POLICY},
    **{word: {"POST": operation} for word, operation in _POSTED.items()},
}
_OF_VERSION: Final = {
    "release": {"POST": RELEASE},
    **{use.value.lower(): {"POST": operation} for operation, use in USES.items()},
}


def live(method: str, rest: list[str]) -> Route:
    """Return what is asked for below ``/keys``. Clients leave the segment of the version empty, or out."""
    match rest:
        case []:
            return Route(by_method({"GET": LIST}, method))
        case [word] if word.lower() == "restore":  # what to POST to, and else a name as any other
            operation = by_method({**_ONE, "POST": RESTORE}, method)
            return Route(operation, "" if operation is RESTORE else word)
        case [name]:
            return Route(by_method(_ONE, method), read_name(name))
        case [name, word] if word.lower() in _OF_NAME:
            return Route(by_method(_OF_NAME[word.lower()], method), read_name(name))
        case [name, word] | [name, "", word] if word.lower() in _OF_VERSION:
            return Route(by_method(_OF_VERSION[word.lower()], method), read_name(name))
        case [name, version]:
            return Route(by_method(_VERSION, method), read_name(name), read_version(version))
        case [name, version, word] if word.lower() in _OF_VERSION:
            return Route(by_method(_OF_VERSION[word.lower()], method), read_name(name), read_version(version))
    raise NotServed("a key's path is /keys/<name>, with a version or a word after it, or both")


def deleted(method: str, rest: list[str]) -> Route:
    """Return what is asked for below ``/deletedkeys``."""
    match rest:
        case []:
            return Route(by_method({"GET": LIST_DELETED}, method))
        case [name]:
            return Route(by_method(_DELETED, method), read_name(name))
        case [name, word] if word.lower() == "recover":
            return Route(by_method({"POST": RECOVER}, method), read_name(name))
    raise NotServed("a deleted key's path is /deletedkeys/<name>, with /recover or nothing after it")


def random(method: str, rest: list[str]) -> Route:
    """Return what is asked for at ``/rng``."""
    if rest:
        raise NotServed("random octets are at /rng")
    return Route(by_method({"POST": RANDOM}, method))
