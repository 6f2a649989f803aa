"""The shapes of the published description: JSON Schema (2020-12) of parameters, headers and bodies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from strongroom.dataplane import paths, wire
from strongroom.domain.names import HEX_ID, OBJECT_NAME

Json = dict[str, Any]

_BASE64URL: Final = "^[A-Za-z0-9_-]*={0,2}$"
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
    api_version = {"type": "string", "pattern": f"^{paths.API_VERSION.pattern}$", "examples": ["7.6", "2025-07-01"]}
    count = {"type": "integer", "minimum": 1, "maximum": page, "default": page}
    token = {"type": "string", "maxLength": token_length}
    return {
        "apiVersion": _parameter("query", "api-version", api_version, "Any version is accepted.", required=True),
        "clientRequestId": _parameter("header", "x-ms-client-request-id", {"type": "string"}, "Comes back, if short."),
        "name": _parameter("path", "name", name, "The case of letters does not tell names apart.", required=True),
        "version": _parameter("path", "version", version, "A version of the secret.", required=True),
        "maxresults": _parameter("query", "maxresults", count, "Items of the page."),
        "skiptoken": _parameter("query", "$skiptoken", token, "Follow `nextLink` instead of making one."),
        "orderby": _parameter("query", "$orderby", {"enum": list(orders)}, "By time; without it by name or version."),
        "ifMatch": _parameter(
            "header", "If-Match", {"type": "string", "pattern": '^(\\*|"?[0-9a-f]{32}"?)$'},
            "Only if this is the newest version, as `ETag` gives it; `*`: only if there is one.",
        ),
        "ifNoneMatch": _parameter("header", "If-None-Match", {"enum": ["*"]}, "Only if the secret does not exist."),
    }  # fmt: skip


def headers() -> dict[str, Json]:
    """Return the headers of answers by name."""
    return {
        "x-ms-request-id": _header(
            {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "As in the audit record. Absent where the request could not be read.", required=False,
        ),
        "ETag": _header({"type": "string", "pattern": '^"[0-9a-f]{32}"$'}, "The version, for `If-Match`."),
        "WWW-Authenticate": _header({"type": "string", "pattern": "^Bearer authorization="}, "Where to get a token."),
        "Allow": _header({"type": "string"}, "The methods of the path."),
        "Retry-After": _header({"type": "integer", "minimum": 1}, "Seconds."),
    }  # fmt: skip


def schemas(page: int) -> dict[str, Json]:
    """Return the bodies by name."""
    item, deleted = reference("schemas", "SecretItem"), reference("schemas", "DeletedSecretItem")
    value = {"type": "string", "maxLength": wire.VALUE_OCTETS, "description": f"At most {wire.VALUE_OCTETS} octets."}
    changes = _changes()
    return {
        "SecretSetParameters": _object({"value": value, **changes}, "value"),
        "SecretUpdateParameters": _object(changes),
        "SecretRestoreParameters": _object({"value": _text(paths.BACKUP_BODY, pattern=_BASE64URL)}, "value"),
        "SecretAttributes": _attributes(),
        "SecretItem": _item(),
        "SecretBundle": _object(
            {"value": {"type": "string"}, "valueEncoding": {"const": "base64"}, **_item()["properties"]},
            "value", "id", "attributes",
        ),
        "DeletedSecretItem": _deleted_item(),
        "SecretListResult": _page(item, page),
        "DeletedSecretListResult": _page(deleted, page),
        "BackupSecretResult": _object({"value": {"type": "string", "pattern": _BASE64URL}}, "value"),
    }  # fmt: skip


def error(answers: Iterable[tuple[str, str]]) -> Json:
    """Return the body of a refusal, which has one of these pairs of code and inner code."""
    pairs = sorted(set(answers))
    forms = [_error_form(code, [inner for each, inner in pairs if each == code]) for code in dict(pairs)]
    return _object({"error": forms[0] if len(forms) == 1 else {"oneOf": forms}}, "error")


def _error_form(code: str, inners: list[str]) -> Json:
    form = _object({"code": {"const": code}, "message": {"type": "string"}}, "code", "message")
    if named := [inner for inner in inners if inner]:
        form["properties"]["innererror"] = _object({"code": {"enum": named}}, "code")
    if "" not in inners:
        form["required"].append("innererror")
    return form


def _changes() -> Json:
    moment = {"type": ["integer", "null"], "minimum": 0, "maximum": wire.LATEST, "description": "Unix seconds."}
    return {
        "contentType": _text(wire.CONTENT_TYPE_LENGTH, nullable=True),
        "tags": {
            "type": ["object", "null"],
            "maxProperties": wire.TAGS,
            "propertyNames": {"maxLength": wire.TAG_LENGTH},
            "additionalProperties": _text(wire.TAG_LENGTH),
        },
        "attributes": {
            "type": ["object", "null"],
            "properties": {"enabled": {"type": ["boolean", "null"]}, "nbf": moment, "exp": moment},
        },
    }


def _attributes() -> Json:
    seconds = {"type": "integer", "description": "Unix seconds."}
    return _object(
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
    return _object(
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
    return _object(
        {**item["properties"], "recoveryId": {"type": "string"}, **times}, *item["required"], *times, "recoveryId"
    )


def _page(of: Json, size: int) -> Json:
    link = {"type": ["string", "null"], "description": "The next page, a URL; null: there is none."}
    return _object({"value": {"type": "array", "items": of, "maxItems": size}, "nextLink": link}, "value", "nextLink")


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _text(length: int, *, nullable: bool = False, pattern: str = "") -> Json:
    text: Json = {"type": ["string", "null"] if nullable else "string", "maxLength": length}
    return text | ({"pattern": pattern} if pattern else {})


def _parameter(place: str, name: str, schema: Json, description: str, *, required: bool = False) -> Json:
    found: Json = {"name": name, "in": place, "description": description, "schema": schema}
    return found | ({"required": True} if required else {})


def _header(schema: Json, description: str, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema}
