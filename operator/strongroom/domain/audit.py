"""Who did what: one audit event, and the record that is made of it.

The record has the shape of Azure Key Vault's category ``AuditEvent`` (its logging reference: ``time``, ``resourceId``,
``operationName`` … ``identity.claim`` … ``properties``), so that what reads theirs reads ours. It never holds a value:
nobody hands one in, and what callers write (addresses, user agents, descriptions) is cut and escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, Protocol

from strongroom.domain.errors import Retryable
from strongroom.domain.names import VaultRef

CATEGORY: Final = "AuditEvent"

LONGEST: Final = 512
"""Characters of one text of a record. Addresses have ``LONGEST_ADDRESS``."""

LONGEST_ADDRESS: Final = 2048
MOST_PROPERTIES: Final = 32

_SUCCESS: Final = frozenset(range(200, 400))
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus} | {200: "OK"}


class AuditUnavailable(Retryable):
    """The record cannot be made durable, so what it is about must not happen."""


class Phase(StrEnum):
    """Which moment of an operation a record tells of."""

    INTENT = "Intent"  # of a mutation, before its commit
    RESULT = "Result"  # of a mutation, after its commit or its failure
    SINGLE = "Single"  # all there is to tell: a read, a refusal


@dataclass(frozen=True, slots=True)
class AuditIdentity:
    """Who asked, as far as it is proven. Everything empty: nobody known."""

    name: str = ""  # as Kubernetes says it, "system:serviceaccount:<namespace>:<name>" or the prefixed user
    uid: str = ""
    issuer: str = ""
    application: str = ""
    namespace: str = ""
    pod: str = ""
    groups: int = 0  # how many


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that was asked, tried or done. ``None`` of a verdict: it was not asked for.

    ``operation`` is a word of Azure's list of operation names. ``status`` is the HTTP status, 0 when there is none yet
    (an intent). ``request_uri`` must not hold a secret; its query is kept.
    """

    operation: str
    time: float  # Unix seconds
    vault: VaultRef | None = None
    vault_id: str = ""
    tenant: str = ""
    object_id: str = ""  # URL of the object or version
    phase: Phase = Phase.SINGLE
    status: int = 0
    code: str = ""  # of the error, the inner one
    description: str = ""
    duration_ms: float = 0.0
    caller_address: str = ""
    correlation_id: str = ""
    api_version: str = ""
    request_uri: str = ""
    client_info: str = ""
    identity: AuditIdentity = AuditIdentity()
    policy_match: bool | None = None
    rbac: bool | None = None
    address_authorized: bool | None = None
    trusted_service: bool = False
    tls_version: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


class Journals(Protocol):
    """Keeps what happened."""

    async def record(self, event: AuditEvent) -> None:
        """Return when the record is durable. Raises ``AuditUnavailable``."""
        ...


@lru_cache(maxsize=4096)
def resource_id(tenant: str, vault: VaultRef | None) -> str:
    """Return the identity of a vault in the form of an ARM id, upper case as Azure's logs have it.

    Without a vault: that of the installation, for what was asked of no vault.
    """
    if vault is None:
        return "/PROVIDERS/STRONGROOM.DEV/INSTALLATIONS/STRONGROOM"
    tenant = tenant or vault.namespace
    return (
        f"/SUBSCRIPTIONS/{tenant}/RESOURCEGROUPS/{vault.namespace}/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{vault.name}"
    ).upper()


def to_record(event: AuditEvent) -> dict[str, Any]:
    """Return the JSON object of an event. Every text is bounded; empty members are left out."""
    status = event.status
    record = {
        "time": utc(event.time),
        "resourceId": _cut(resource_id(event.tenant, event.vault)),
        "operationName": _cut(event.operation),
        "operationVersion": _cut(event.api_version),
        "category": CATEGORY,
        "resultType": _result(event),
        "resultSignature": _cut(_PHRASES.get(status, "")),
        "resultDescription": _cut(event.description),
        "durationMs": f"{event.duration_ms:.3f}".rstrip("0").rstrip("."),
        "callerIpAddress": _cut(event.caller_address),
        "correlationId": _cut(event.correlation_id),
        "identity": {"claim": _claims(event.identity)},
        "properties": _properties(event),
    }
    return {key: value for key, value in record.items() if value != ""}


def utc(time: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC with microseconds."""
    seconds, micros = divmod(round(time * 1_000_000), 1_000_000)
    return f"{_second(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _result(event: AuditEvent) -> str:
    if event.phase is Phase.INTENT:
        return "Started"
    return "Success" if event.status in _SUCCESS else "Failure"


@lru_cache(maxsize=4096)
def _claims(identity: AuditIdentity) -> dict[str, Any]:
    claims = {
        "oid": _cut(identity.uid),
        "appid": _cut(identity.application),
        "unique_name": _cut(identity.name),
        "iss": _cut(identity.issuer),
        "xms_k8s_namespace": _cut(identity.namespace),
        "xms_k8s_pod": _cut(identity.pod),
        "numgroups": str(identity.groups) if identity.groups else "",
    }
    return {key: value for key, value in claims.items() if value}


def _properties(event: AuditEvent) -> dict[str, Any]:
    more = {_cut(key): _cut(value) for key, value in list(event.properties.items())[:MOST_PROPERTIES]}
    found: dict[str, Any] = more | {
        "id": _cut(event.object_id, LONGEST_ADDRESS),
        "vaultId": _cut(event.vault_id),
        "phase": event.phase.value,
        "requestUri": _cut(event.request_uri, LONGEST_ADDRESS),
        "httpStatusCode": event.status or "",
        "errorCode": _cut(event.code),
        "clientInfo": _cut(event.client_info),
        "tlsVersion": _cut(event.tls_version),
        "trustedService": event.trusted_service,
    }
    verdicts = {
        "isAccessPolicyMatch": event.policy_match,
        "isRbacAuthorized": event.rbac,
        "isAddressAuthorized": event.address_authorized,
    }
    return {key: value for key, value in (found | verdicts).items() if value not in ("", None)}


def _cut(text: str, longest: int = LONGEST) -> str:
    """Bound a text, and replace lone surrogates, which no UTF-8 can hold."""
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
