"""The published description of the vaults' API: OpenAPI 3.1, made of the same tables that the door works by.

``docs/reference/openapi.json`` is generated from it (``make generate``), and what it says is tested against the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.dataplane import errors, openapischemas, paths
from strongroom.dataplane.openapischemas import Json, reference
from strongroom.dataplane.paths import Operation
from strongroom.dataplane.secretroutes import ORDERS, PAGE, SKIP_TOKEN_LENGTH

VERSION: Final = "1"
"""Of the document. Which version of Azure's API a client names decides nothing."""

_ABOUT: Final = (
    "Azure Key Vault's REST API for secrets, as Strongroom serves it. A vault has a host name of its own. Additions to "
    "Azure's API: `$orderby`, the header `ETag` with `If-Match` and `If-None-Match`, and deleting single versions."
)
_ALWAYS: Final = (400, 401, 403, 404, 429, 500, 503)
_MEANINGS: Final = {
    400: "A parameter or the body is malformed, or a backup cannot be restored here.",
    401: "No token, or one that proves nothing. The header says where a token is to be had.",
    403: "The caller may not, a limit is reached, or the object is disabled or protected.",
    404: "No such vault, secret, version or path.",
    405: "Not with this method: also when the name is empty.",
    408: "The body did not arrive whole or in time.",
    409: "The present state of the name, or somebody else's change, stands against it.",
    412: "The condition of `If-Match` or `If-None-Match` does not hold. Nothing was changed.",
    413: "The body has more octets than it may have.",
    429: "The caller has as many requests under way as he may.",
    500: "The request failed, or what is stored is not what was written.",
    503: "The HSM, the API server or the audit journal cannot serve now.",
}
_HEADERS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_PAGING: Final = ("maxresults", "skiptoken", "orderby")
_NAMED: Final = ("name",)
_VERSIONED: Final = ("name", "version")


@dataclass(frozen=True, slots=True)
class Entry:
    """One method of one path. ``answer`` and ``body`` name schemas; an operation without an answer has status 204."""

    method: str
    path: str
    id: str
    operation: Operation
    summary: str
    answer: str = ""
    parameters: tuple[str, ...] = ()
    body: str = ""
    etag: bool = False
    links: tuple[str, ...] = ()


_OF_ONE: Final = ("GetSecret", "UpdateSecret", "DeleteSecret", "GetSecretVersions", "BackupSecret")
_OF_DELETED: Final = ("GetDeletedSecret", "RecoverDeletedSecret", "PurgeDeletedSecret")
_LIVE: Final = "/secrets/{name}"
_VERSION: Final = "/secrets/{name}/{version}"
_DELETED: Final = "/deletedsecrets/{name}"
_DELETED_VERSION: Final = "/deletedsecrets/{name}/{version}"

ENTRIES: Final = (
    Entry(
        "put", _LIVE, "SetSecret", paths.SET, "Make a new version, which is served from then on.",
        "SecretBundle", (*_NAMED, "ifMatch", "ifNoneMatch"), "SecretSetParameters", etag=True, links=_OF_ONE,
    ),
    Entry(
        "get", _LIVE, "GetSecret", paths.GET, "Get the version that is served, with its value.",
        "SecretBundle", _NAMED, etag=True,
    ),
    Entry(
        "get", _VERSION, "GetSecretVersion", paths.GET, "Get one version, with its value.",
        "SecretBundle", _VERSIONED, etag=True,
    ),
    Entry(
        "patch", _LIVE, "UpdateSecret", paths.UPDATE, "Change the attributes of the version that is served.",
        "SecretItem", (*_NAMED, "ifMatch"), "SecretUpdateParameters", etag=True,
    ),
    Entry(
        "patch", _VERSION, "UpdateSecretVersion", paths.UPDATE, "Change the attributes of one version.",
        "SecretItem", (*_VERSIONED, "ifMatch"), "SecretUpdateParameters", etag=True,
    ),
    Entry(
        "delete", _LIVE, "DeleteSecret", paths.DELETE, "Delete softly, with all versions.",
        "DeletedSecretItem", _NAMED, links=_OF_DELETED,
    ),
    Entry(
        "delete", _VERSION, "DeleteSecretVersion", paths.DELETE, "Delete one version softly; not the served one.",
        "DeletedSecretItem", _VERSIONED,
    ),
    Entry("get", "/secrets", "GetSecrets", paths.LIST, "List secrets.", "SecretListResult", _PAGING),
    Entry(
        "get", "/secrets/{name}/versions", "GetSecretVersions", paths.LIST_VERSIONS, "List the versions of a secret.",
        "SecretListResult", _NAMED + _PAGING,
    ),
    Entry(
        "get", "/deletedsecrets", "GetDeletedSecrets", paths.LIST_DELETED, "List deleted secrets.",
        "DeletedSecretListResult", _PAGING,
    ),
    Entry(
        "get", _DELETED, "GetDeletedSecret", paths.GET_DELETED, "Get a deleted secret.", "DeletedSecretItem", _NAMED,
    ),
    Entry(
        "post", _DELETED + "/recover", "RecoverDeletedSecret", paths.RECOVER, "Recover a deleted secret.",
        "SecretItem", _NAMED, etag=True, links=_OF_ONE,
    ),
    Entry(
        "post", _DELETED_VERSION + "/recover", "RecoverDeletedSecretVersion", paths.RECOVER,
        "Recover a deleted version.", "SecretItem", _VERSIONED, etag=True,
    ),
    Entry("delete", _DELETED, "PurgeDeletedSecret", paths.PURGE, "Purge a deleted secret, for ever.", "", _NAMED),
    Entry(
        "delete", _DELETED_VERSION, "PurgeDeletedSecretVersion", paths.PURGE, "Purge a deleted version, for ever.",
        "", _VERSIONED,
    ),
    Entry(
        "post", "/secrets/{name}/backup", "BackupSecret", paths.BACKUP, "Back up all versions of a secret, encrypted.",
        "BackupSecretResult", _NAMED, links=("RestoreSecret",),
    ),
    Entry(
        "post", "/secrets/restore", "RestoreSecret", paths.RESTORE, "Restore a secret from its backup.",
        "SecretItem", (), "SecretRestoreParameters", etag=True,
    ),
)  # fmt: skip


def document() -> Json:
    """Return the document."""
    described: dict[str, dict[str, Json]] = {}
    for entry in ENTRIES:
        described.setdefault(entry.path, {})[entry.method] = _operation(entry)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Strongroom: secrets", "version": VERSION, "description": _ABOUT},
        "servers": [_server()],
        "security": [{"bearer": []}],
        "paths": described,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "parameters": openapischemas.parameters(PAGE, SKIP_TOKEN_LENGTH, ORDERS),
            "headers": openapischemas.headers(),
            "responses": {_response_name(status): _refusal(status) for status in _MEANINGS},
            "schemas": openapischemas.schemas(PAGE),
        },
    }


def statuses(entry: Entry) -> tuple[int, ...]:
    """Return the statuses of refusals that an operation can have."""
    operation = entry.operation
    more = {405} if "name" in entry.parameters else set()
    more |= {408, 413} if operation.body else set()
    more |= {409} if operation.mutation else set()
    more |= {412} if "ifMatch" in entry.parameters else set()
    return tuple(sorted({*_ALWAYS, *more}))


def _server() -> Json:
    variables = {"vault": "demo", "namespace": "default", "domain": "vault.strongroom.internal"}
    return {
        "url": "https://{vault}.{namespace}.{domain}",
        "variables": {name: {"default": default} for name, default in variables.items()},
    }


def _operation(entry: Entry) -> Json:
    names = ("apiVersion", "clientRequestId", *entry.parameters)
    described: Json = {
        "operationId": entry.id,
        "summary": entry.summary,
        "description": f"Permission: `{entry.operation.permission}`, in audit records `{entry.operation.name}`.",
        "parameters": [reference("parameters", name) for name in names],
        "responses": {"200" if entry.answer else "204": _answer(entry)},
    }
    if entry.body:
        described["requestBody"] = {"required": True, "content": _json(reference("schemas", entry.body))}
    refusals = {str(status): reference("responses", _response_name(status)) for status in statuses(entry)}
    described["responses"] |= refusals
    return described


def _answer(entry: Entry) -> Json:
    headers = ("x-ms-request-id", *(("ETag",) if entry.etag else ()))
    answer: Json = {
        "description": "Done." if entry.answer else "Done; there is nothing to say.",
        "headers": {name: reference("headers", name) for name in headers},
    }
    if entry.answer:
        answer["content"] = _json(reference("schemas", entry.answer))
    if entry.links:
        answer["links"] = {link: _link(link) for link in entry.links}
    return answer


def _link(id: str) -> Json:
    if id == "RestoreSecret":
        return {"operationId": id, "requestBody": "$response.body"}
    return {"operationId": id, "parameters": {"path.name": "$request.path.name"}}


def _refusal(status: int) -> Json:
    headers = ("x-ms-request-id", *_HEADERS.get(status, ()))
    answers = [(code, inner) for each, code, inner in errors.answers() if each == status]
    return {
        "description": _MEANINGS[status],
        "headers": {name: reference("headers", name) for name in headers},
        "content": _json(openapischemas.error(answers)),
    }


def _response_name(status: int) -> str:
    return f"Error{status}"


def _json(schema: Json) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
