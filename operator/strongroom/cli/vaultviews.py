"""A Vault for people and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.cli import tables
from strongroom.client.errors import Denied, VaultError
from strongroom.client.session import Session


async def unanswered(session: Session) -> str:
    """Return why a vault's API does not answer; empty when it does. No token is needed: a refusal is an answer."""
    try:
        await session.request("GET", "/secrets", query={"maxresults": "1"})
    except Denied:
        return ""
    except VaultError as error:
        return str(error)
    return ""


def is_ready(vault: Mapping[str, Any]) -> bool:
    """Whether the Vault's condition ``Ready`` is true."""
    return _ready(vault).get("status") == "True"


def status(vault: Mapping[str, Any], unanswered: str, output: str) -> str:
    """Return how a Vault fares, by its resource and by whether its API answers."""
    api = {"answers": not unanswered, **({"reason": unanswered} if unanswered else {})}
    if output == "json":
        known = {"metadata": {key: vault["metadata"][key] for key in ("namespace", "name")}}
        found = known | {"status": vault.get("status") or {}, "api": api}
        return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    return tables.fields([*_pairs(vault), ("api", f"does not answer: {unanswered}" if unanswered else "answers")])


def _pairs(vault: Mapping[str, Any]) -> list[tuple[str, str]]:
    spec, found, ready = vault.get("spec") or {}, vault.get("status") or {}, _ready(vault)
    soft = spec.get("softDelete") or {}
    kept = f"{soft.get('retentionDays', 90)} days" + (", purge protection" if soft.get("purgeProtection") else "")
    return [
        ("vault", f"{vault['metadata']['namespace']}/{vault['metadata']['name']}"),
        ("ready", f"{ready.get('status', 'Unknown')} ({ready.get('reason', 'nobody has looked at it yet')})"),
        ("message", str(ready.get("message") or "")),
        ("state", str(found.get("state") or "")),
        ("url", str(found.get("url") or "")),
        ("tier", str(spec.get("tier") or "Standard")),
        ("authorization", str(spec.get("authorization") or "AccessPolicies")),
        ("deleted content kept", kept),
        ("objects", _number(found.get("objectCount"))),
        ("versions", _number(found.get("versionCount"))),
        ("stored bytes", _number(found.get("storedBytes"))),
        ("purged", str(found.get("scheduledPurgeTime") or "")),
    ]


def _ready(vault: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = (vault.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == "Ready"), {})


def _number(value: Any) -> str:
    return "" if value is None else str(value)
