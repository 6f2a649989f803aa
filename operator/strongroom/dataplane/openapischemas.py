"""The shapes of the published description: JSON Schema (2020-12) of parameters, headers and bodies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from strongroom.dataplane import operations, wire
from strongroom.domain.fields import LATEST
from strongroom.domain.names import HEX_ID, OBJECT_NAME

Json = dict[str, Any]

BASE64URL: Final = "^[A-Za-z0-9_-]*={0,2}$"
_RECOVERY_LEVELS: Final = (
    "Recoverable", "Recoverable+Purgeable", "CustomizedRecoverable", "CustomizedRecoverable+Purgeable"
)  # fmt: skip


def reference(part: str, name: str) -> Json:
    """Return a reference into the document's components."""
    return {"$ref": f"#/components/{part}/{name}"}


def parameters(page: int, token_length: int, orders: Iterable[str]) -> dict[str, Json]:
    """Return the parameters by the names that operations use. ``page``: items of a page at most."""
    name = {"type": "string", "pattern": f"^{OBJECT_NAME.pattern}$"}
    version = {"type": "string", "pattern": f"^{HEX_ID.pattern}$"}
    api_version = {
        "type": "string",
        "pattern": f"^{operations.API_VERSION.pattern}$",
        "examples": ["7.6", "2025-07-01"],
    }
    count = {"type": "integer", "minimum": 1, "maximum": page, "default": page}
    token = {"type": "string", "maxLength": token_length}
    return {
        "apiVersion": _parameter("query", "api-version", api_version, "Any version is accepted.", required=True),
        "clientRequestId": _parameter("header", "x-ms-client-request-id", {"type": "string"}, "Comes back, if short."),
        "name": _parameter("path", "name", name, "The case of letters does not tell names apart.", required=True),
        "version": _parameter("path", "version", version, "A version of the object.", required=True),
        "maxresults": _parameter("query", "maxresults", count, "Items of the page."),
        "skiptoken": _parameter("query", "$skiptoken", token, "Follow `nextLink` instead of making one."),
        "orderby": _parameter("query", "$orderby", {"enum": list(orders)}, "By time; without it by name or version."),
        "includePending": _parameter(
            "query", "includePending", {"type": "boolean"}, "Also those whose first version is on its way."
        ),
        "ifMatch": _parameter(
            "header", "If-Match", {"type": "string", "pattern": '^(\\*|"?[0-9a-f]{32}"?)$'},
            "Only if this is the newest version, as `ETag` gives it; `*`: only if there is one.",
        ),
        "ifNoneMatch": _parameter("header", "If-None-Match", {"enum": ["*"]}, "Only if there is no such object."),
    }  # fmt: skip


def headers() -> dict[str, Json]:
    """Return the headers of answers by name."""
    return {
        "x-ms-request-id": _header(
            {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "As in the audit record. Absent where the request could not be read.", required=False,
        ),
        "ETag": _header({"type": "string", "pattern": '^"[0-9a-f]{32}"$'}, "The version, for `If-Match`."),
        "ETagOfCertificate": _header(
            {"type": "string", "pattern": '^"[0-9a-f]{32}"$'}, "The version, once there is one.", required=False
        ),
        "Location": _header({"type": "string"}, "Where the outcome will be."),
        "WWW-Authenticate": _header({"type": "string", "pattern": "^Bearer authorization="}, "Where to get a token."),
        "Allow": _header({"type": "string"}, "The methods of the path."),
        "Retry-After": _header({"type": "integer", "minimum": 1}, "Seconds."),
    }  # fmt: skip


def schemas(page: int) -> dict[str, Json]:
    """Return the bodies by name."""
    item, deleted = reference("schemas", "SecretItem"), reference("schemas", "DeletedSecretItem")
    value = {"type": "string", "maxLength": wire.VALUE_OCTETS, "description": f"At most {wire.VALUE_OCTETS} octets."}
    wanted = changes()
    return {
        "SecretSetParameters": object_of({"value": value, **wanted}, "value"),
        "SecretUpdateParameters": object_of(wanted),
        "SecretRestoreParameters": object_of({"value": text_of(operations.BACKUP_BODY, pattern=BASE64URL)}, "value"),
        "SecretAttributes": attributes(),
        "SecretItem": _item(),
        "SecretBundle": object_of(
            {"value": {"type": "string"}, "valueEncoding": {"const": "base64"}, **_item()["properties"]},
            "value", "id", "attributes",
        ),
        "DeletedSecretItem": _deleted_item(),
        "SecretListResult": page_of(item, page),
        "DeletedSecretListResult": page_of(deleted, page),
        "BackupSecretResult": object_of({"value": {"type": "string", "pattern": BASE64URL}}, "value"),
    }  # fmt: skip


def error(answers: Iterable[tuple[str, str]]) -> Json:
    """Return the body of a refusal, which has one of these pairs of code and inner code."""
    pairs = sorted(set(answers))
    forms = [_error_form(code, [inner for each, inner in pairs if each == code]) for code in dict(pairs)]
    return object_of({"error": forms[0] if len(forms) == 1 else {"oneOf": forms}}, "error")


def _error_form(code: str, inners: list[str]) -> Json:
    form = object_of({"code": {"const": code}, "message": {"type": "string"}}, "code", "message")
    if named := [inner for inner in inners if inner]:
        form["properties"]["innererror"] = object_of({"code": {"enum": named}}, "code")
    if "" not in inners:
        form["required"].append("innererror")
    return form


def changes() -> Json:
    """Return the members that change what is known of a version."""
    moment = {"type": ["integer", "null"], "minimum": 0, "maximum": LATEST, "description": "Unix seconds."}
    return {
        "contentType": text_of(wire.CONTENT_TYPE_LENGTH, nullable=True),
        "tags": {
            "type": ["object", "null"],
            "maxProperties": wire.TAGS,
            "propertyNames": {"maxLength": wire.TAG_LENGTH},
            "additionalProperties": text_of(wire.TAG_LENGTH),
        },
        "attributes": {
            "type": ["object", "null"],
            "properties": {"enabled": {"type": ["boolean", "null"]}, "nbf": moment, "exp": moment},
        },
    }


def attributes() -> Json:
    """Return what is said of a version."""
    seconds = {"type": "integer", "description": "Unix seconds."}
    return object_of(
        {
            "enabled": {"type": "boolean"},
            "nbf": seconds,
            "exp": seconds,
            "created": seconds,
            "updated": seconds,
            "recoveryLevel": {"enum": list(_RECOVERY_LEVELS)},
            "recoverableDays": {"type": "integer", "minimum": 7, "maximum": 90},
        },
        "enabled", "created", "updated", "recoveryLevel", "recoverableDays",
    )  # fmt: skip


def _item() -> Json:
    return object_of(
        {
            "id": {"type": "string", "description": "A URL; in lists of secrets without a version."},
            "contentType": {"type": "string"},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "attributes": reference("schemas", "SecretAttributes"),
        },
        "id", "attributes",
    )  # fmt: skip


def _deleted_item() -> Json:
    times = {
        name: {"type": "integer", "description": "Unix seconds."} for name in ("deletedDate", "scheduledPurgeDate")
    }
    item = _item()
    return object_of(
        {**item["properties"], "recoveryId": {"type": "string"}, **times}, *item["required"], *times, "recoveryId"
    )


def page_of(of: Json, size: int) -> Json:
    """Return a page of these."""
    link = {"type": ["string", "null"], "description": "The next page, a URL; null: there is none."}
    return object_of({"value": {"type": "array", "items": of, "maxItems": size}, "nextLink": link}, "value", "nextLink")


def object_of(properties: Json, *required: str) -> Json:
    """Return an object with these members."""
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def text_of(length: int, *, nullable: bool = False, pattern: str = "") -> Json:
    """Return a text of at most so many characters."""
    text: Json = {"type": ["string", "null"] if nullable else "string", "maxLength": length}
    return text | ({"pattern": pattern} if pattern else {})


def _parameter(place: str, name: str, schema: Json, description: str, *, required: bool = False) -> Json:
    found: Json = {"name": name, "in": place, "description": description, "schema": schema}
    return found | ({"required": True} if required else {})


def _header(schema: Json, description: str, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema}
