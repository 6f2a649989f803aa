"""The published description of the vaults' API: OpenAPI 3.1, made of the same tables that the door works by.

``docs/reference/openapi.json`` is generated from it (``make generate``), and what it says is tested against the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from strongroom.dataplane import (
    errors,
    openapicerts,
    openapicertschemas,
    openapikeys,
    openapikeyschemas,
    openapischemas,
    openapisecrets,
)
from strongroom.dataplane.openapientries import Entry
from strongroom.dataplane.openapischemas import Json, reference
from strongroom.dataplane.paging import ORDERS, PAGE, SKIP_TOKEN_LENGTH
from strongroom.dataplane.wire import PEM

VERSION: Final = "1"
"""Of the document. Which version of Azure's API a client names decides nothing."""

_ABOUT: Final = (
    "Azure Key Vault's REST API for secrets, keys and certificates, as Strongroom serves it. A vault has a host name "
    "of its own. Additions to Azure's API: `$orderby`, the header `ETag` with `If-Match` and `If-None-Match` on "
    "secrets, deleting single versions of secrets, public keys in PEM (`Accept: application/x-pem-file`), and the key "
    "type `OKP`. A vault also takes what Azure reserves for Managed HSM: symmetric keys and random octets."
)
_ALWAYS: Final = (400, 401, 403, 404, 429, 500, 503)
_MEANINGS: Final = {
    400: "A parameter or the body is malformed, or a backup cannot be restored here.",
    401: "No token, or one that proves nothing. The header says where a token is to be had.",
    403: "The caller may not, a limit is reached, or the object is disabled or protected.",
    404: "No such vault, secret, key, certificate, version or path.",
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
_ACCEPTED: Final = 202
ENTRIES: Final = (*openapisecrets.ENTRIES, *openapikeys.ENTRIES, *openapicerts.ENTRIES)


def document() -> Json:
    """Return the document."""
    described: dict[str, dict[str, Json]] = {}
    for entry in ENTRIES:
        described.setdefault(entry.path, {})[entry.method] = _operation(entry)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Strongroom: secrets, keys and certificates", "version": VERSION, "description": _ABOUT},
        "servers": [_server()],
        "security": [{"bearer": []}],
        "paths": described,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "parameters": openapischemas.parameters(PAGE, SKIP_TOKEN_LENGTH, ORDERS),
            "headers": openapischemas.headers(),
            "responses": {_response_name(status): _refusal(status) for status in _MEANINGS},
            "schemas": openapischemas.schemas(PAGE)
            | openapikeyschemas.schemas(PAGE)
            | openapicertschemas.schemas(PAGE),
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
        "responses": {str(entry.status) if entry.answer else "204": _answer(entry)},
    }
    if entry.body:
        described["requestBody"] = {"required": True, "content": _json(reference("schemas", entry.body))}
    refusals = {str(status): reference("responses", _response_name(status)) for status in statuses(entry)}
    described["responses"] |= refusals
    return described


def _answer(entry: Entry) -> Json:
    later = ("Location", "Retry-After") if entry.status == _ACCEPTED else ()
    headers = ("x-ms-request-id", *(("ETag",) if entry.etag else ()), *later)
    answer: Json = {
        "description": "Done." if entry.answer else "Done; there is nothing to say.",
        "headers": {name: reference("headers", name) for name in headers},
    }
    if entry.etag and entry.answer == "CertificateBundle":
        answer["headers"]["ETag"] = reference("headers", "ETagOfCertificate")
    if entry.answer:
        answer["content"] = _json(reference("schemas", entry.answer))
    if entry.pem:
        answer["content"] |= {PEM: {"schema": {"type": "string"}}}
    if entry.links:
        answer["links"] = {link: _link(link) for link in entry.links}
    return answer


def _link(id: str) -> Json:
    if id.startswith("Restore"):
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
