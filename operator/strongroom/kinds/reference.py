"""The reference of all kinds as Markdown, from the same schemas that the API server enforces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from strongroom.domain.revocation import RevocationReason
from strongroom.kinds import names
from strongroom.kinds.conditions import REASON_MEANINGS, TYPE_MEANINGS
from strongroom.kinds.crd import KINDS, Kind

_ANNOTATIONS = (
    (names.ROTATE, "VaultSecret, VaultKey", "Any new value makes a new version, once per value."),
    (names.RENEW, "VaultCertificate", "Any new value asks for a new version, once per value."),
    (
        names.REVOKE,
        "VaultCertificate",
        "`<version>` or `<version> <reason>`: the issuer (ACME) is asked to revoke it, once per value. Reasons: "
        f"{', '.join(f'`{each}`' for each in RevocationReason)}.",
    ),
    (names.SYNC, "VaultSecret, VaultKey, VaultCertificate", "Any new value compares the targets with the vault again."),
    (
        names.RECOVER,
        "Vault, VaultSecret, VaultKey, VaultCertificate",
        '`"true"` brings back what was deleted under this name.',
    ),
    (
        names.RECOVER_FROM_NAMESPACE,
        "Vault",
        "UID of the former namespace whose vault is to be recovered. Setting it needs the verb `recover` on vaults.",
    ),
    (names.ALLOW_DELETION, "namespace strongroom-system", '`"true"` permits deleting the namespace.'),
)


def render() -> str:
    """Return the whole reference."""
    parts = [
        "# Custom resources\n\n"
        "<!-- generated, do not edit; make generate -->\n\n"
        f"API version `{names.API_VERSION}`; all kinds are namespaced and in the category `{names.CATEGORY}`, so\n"
        f"`kubectl get {names.CATEGORY}` lists them. `kubectl explain` shows the same text as this page.\n",
        *map(_kind, KINDS),
        _conditions(),
        _annotations(),
    ]
    return "\n".join(parts)


def _kind(kind: Kind) -> str:
    schema = kind.schema()
    lines = [f"## {kind.kind}\n", f"{kind.description}\n", f"Short name: `{kind.short_name}`.\n"]
    for part in ("spec", "status"):
        lines.append(f"### {kind.kind}.{part}\n")
        lines.append(
            _table(("field", "type", "default", "constraints", "meaning"), _rows(schema["properties"][part], part))
        )
    rules = list(_rules(schema, kind.kind))
    lines.append(f"### Rules of {kind.kind}\n")
    lines.append(_table(("at", "the API server refuses it, saying"), rules))
    return "\n".join(lines)


def _rows(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        here = f"{path}.{name}"
        default = "required" if name in required else _code(field["default"]) if "default" in field else ""
        yield f"`{here}`", _type(field), default, "; ".join(_constraints(field)), field.get("description", "")
        inner, place = _inner(field, here)
        if "properties" in inner:
            yield from _rows(inner, place)


def _inner(field: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], str]:
    """Where the fields of a field are: in it, in its items, or in its entries."""
    if "items" in field:
        return field["items"], f"{path}[]"
    if "additionalProperties" in field:
        return field["additionalProperties"], f"{path}.<name>"
    return field, path


def _type(field: Mapping[str, Any]) -> str:
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return "time" if field.get("format") == "date-time" else str(field["type"])


def _constraints(field: Mapping[str, Any]) -> Iterator[str]:
    inner = field.get("items", {})
    if options := field.get("enum") or inner.get("enum"):
        yield "one of " + ", ".join(map(_code, options))
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None or high is not None:
        yield f"{'' if low is None else low} to {high}" if high is not None else f"at least {low}"
    for key, text in (("maxLength", "characters"), ("maxItems", "items"), ("maxProperties", "entries")):
        if key in field:
            yield f"at most {field[key]} {text}"
    if "pattern" in field:
        yield _code(field["pattern"])


def _rules(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, ...]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"`{path}`", rule["message"]
    for name, field in schema.get("properties", {}).items():
        here = name if path[:1].isupper() else f"{path}.{name}"
        yield from _rules(field, here)
        inner, place = _inner(field, here)
        if place != here:
            yield from _rules(inner, place)


def _conditions() -> str:
    types = [(f"`{kind}`", text) for kind, text in TYPE_MEANINGS.items()]
    reasons = [(f"`{reason}`", meaning, remedy) for reason, (meaning, remedy) in REASON_MEANINGS.items()]
    return "\n".join(
        (
            "## Conditions\n",
            _table(("type", "meaning"), types),
            "### Reasons\n",
            _table(("reason", "meaning", "what to do"), reasons),
        )
    )


def _annotations() -> str:
    rows = [(f"`{name}`", where, text) for name, where, text in _ANNOTATIONS]
    return "## Annotations\n\n" + _table(("annotation", "on", "effect"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _code(value: object) -> str:
    return f"`{value if isinstance(value, str) and value else json.dumps(value)}`"
