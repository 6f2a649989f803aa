"""What is published of the operations on keys."""

from __future__ import annotations

from typing import Final

from strongroom.dataplane import keypaths
from strongroom.dataplane.openapientries import NAMED, PAGING, VERSIONED, Entry
from strongroom.dataplane.operations import Operation

_LIVE: Final = "/keys/{name}"
_VERSION: Final = "/keys/{name}/{version}"
_DELETED: Final = "/deletedkeys/{name}"
_OF_ONE: Final = ("GetKey", "UpdateKey", "DeleteKey", "GetKeyVersions", "RotateKey", "GetKeyRotationPolicy")
_OF_DELETED: Final = ("GetDeletedKey", "RecoverDeletedKey", "PurgeDeletedKey")
_USES: Final[tuple[tuple[str, Operation, str], ...]] = (
    ("Encrypt", keypaths.ENCRYPT, "Encrypt a text."),
    ("Decrypt", keypaths.DECRYPT, "Decrypt what was encrypted."),
    ("Sign", keypaths.SIGN, "Sign a digest."),
    ("Verify", keypaths.VERIFY, "Verify a signature of a digest."),
    ("WrapKey", keypaths.WRAP, "Encrypt a key."),
    ("UnwrapKey", keypaths.UNWRAP, "Decrypt a key that was wrapped."),
)

_ON_KEYS: Final = (
    Entry(
        "post",
        _LIVE + "/create",
        "CreateKey",
        keypaths.CREATE,
        "Generate a new version, which is served from then on.",
        "KeyBundle",
        NAMED,
        "KeyCreateParameters",
        etag=True,
        links=_OF_ONE,
    ),
    Entry(
        "put",
        _LIVE,
        "ImportKey",
        keypaths.IMPORT,
        "Bring a key in as a new version.",
        "KeyBundle",
        NAMED,
        "KeyImportParameters",
        etag=True,
    ),
    Entry(
        "post",
        _LIVE + "/rotate",
        "RotateKey",
        keypaths.ROTATE,
        "Make a new version like the current one.",
        "KeyBundle",
        NAMED,
        etag=True,
    ),
    Entry(
        "get",
        _LIVE,
        "GetKey",
        keypaths.GET,
        "Get the public part of the newest version.",
        "KeyBundle",
        NAMED,
        etag=True,
        pem=True,
    ),
    Entry(
        "get",
        _VERSION,
        "GetKeyVersion",
        keypaths.GET,
        "Get the public part of a version.",
        "KeyBundle",
        VERSIONED,
        etag=True,
        pem=True,
    ),
    Entry(
        "patch",
        _LIVE,
        "UpdateKey",
        keypaths.UPDATE,
        "Change the attributes of the newest version.",
        "KeyBundle",
        NAMED,
        "KeyUpdateParameters",
        etag=True,
    ),
    Entry(
        "patch",
        _VERSION,
        "UpdateKeyVersion",
        keypaths.UPDATE,
        "Change the attributes of one version.",
        "KeyBundle",
        VERSIONED,
        "KeyUpdateParameters",
        etag=True,
    ),
    Entry(
        "delete",
        _LIVE,
        "DeleteKey",
        keypaths.DELETE,
        "Delete softly, with all versions.",
        "DeletedKeyBundle",
        NAMED,
        links=_OF_DELETED,
    ),
    Entry("get", "/keys", "GetKeys", keypaths.LIST, "List keys.", "KeyListResult", PAGING),
    Entry(
        "get",
        _LIVE + "/versions",
        "GetKeyVersions",
        keypaths.LIST_VERSIONS,
        "List the versions of a key.",
        "KeyListResult",
        NAMED + PAGING,
    ),
    Entry(
        "get",
        "/deletedkeys",
        "GetDeletedKeys",
        keypaths.LIST_DELETED,
        "List deleted keys.",
        "DeletedKeyListResult",
        PAGING,
    ),
    Entry("get", _DELETED, "GetDeletedKey", keypaths.GET_DELETED, "Get a deleted key.", "DeletedKeyBundle", NAMED),
    Entry(
        "post",
        _DELETED + "/recover",
        "RecoverDeletedKey",
        keypaths.RECOVER,
        "Recover a deleted key.",
        "KeyBundle",
        NAMED,
        etag=True,
        links=_OF_ONE,
    ),
    Entry("delete", _DELETED, "PurgeDeletedKey", keypaths.PURGE, "Purge a deleted key, for ever.", "", NAMED),
    Entry(
        "post",
        _LIVE + "/backup",
        "BackupKey",
        keypaths.BACKUP,
        "Back up all versions of a key, encrypted.",
        "BackupKeyResult",
        NAMED,
        links=("RestoreKey",),
    ),
    Entry(
        "post",
        "/keys/restore",
        "RestoreKey",
        keypaths.RESTORE,
        "Restore a key from its backup.",
        "KeyBundle",
        (),
        "KeyRestoreParameters",
        etag=True,
    ),
    Entry(
        "post",
        _VERSION + "/release",
        "ReleaseKey",
        keypaths.RELEASE,
        "Release an exportable key to an attested environment.",
        "KeyReleaseResult",
        VERSIONED,
        "KeyReleaseParameters",
    ),
    Entry(
        "post",
        _LIVE + "/release",
        "ReleaseKeyNewest",
        keypaths.RELEASE,
        "Release an exportable key to an attested environment.",
        "KeyReleaseResult",
        NAMED,
        "KeyReleaseParameters",
    ),
    Entry(
        "get",
        _LIVE + "/rotationpolicy",
        "GetKeyRotationPolicy",
        keypaths.GET_POLICY,
        "Get the rotation policy.",
        "KeyRotationPolicy",
        NAMED,
    ),
    Entry(
        "put",
        _LIVE + "/rotationpolicy",
        "UpdateKeyRotationPolicy",
        keypaths.SET_POLICY,
        "Replace the rotation policy.",
        "KeyRotationPolicy",
        NAMED,
        "KeyRotationPolicyParameters",
    ),
    Entry(
        "post",
        "/rng",
        "GetRandomBytes",
        keypaths.RANDOM,
        "Draw random octets in the token.",
        "RandomBytes",
        (),
        "RandomBytesParameters",
    ),
)


def _uses() -> tuple[Entry, ...]:
    found = []
    for word, operation, summary in _USES:
        verifies = operation is keypaths.VERIFY
        body = "KeyVerifyParameters" if verifies else "KeyOperationParameters"
        answer = "KeyVerifyResult" if verifies else "KeyOperationResult"
        last = "/" + keypaths.USES[operation].value.lower()
        found.append(Entry("post", _VERSION + last, word, operation, summary, answer, VERSIONED, body))
        found.append(Entry("post", _LIVE + last, word + "Newest", operation, summary, answer, NAMED, body))
    return tuple(found)


ENTRIES: Final = (*_ON_KEYS, *_uses())
