"""Condition types and reasons, each with what it means and what to do.

The reference is made from these tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from strongroom.kinds.durations import format_time
from strongroom.kinds.shapes import MESSAGE_LIMIT


class ConditionType(StrEnum):
    """The aspects that conditions speak of."""

    READY = "Ready"
    SYNCED = "Synced"


class Status(StrEnum):
    """What a condition says."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """The causes. A word, once released, keeps its meaning."""

    AVAILABLE = "Available"
    PENDING = "Pending"
    VAULT_NOT_FOUND = "VaultNotFound"
    VAULT_NOT_READY = "VaultNotReady"
    VAULT_DELETED = "VaultDeleted"
    NAME_CLAIMED = "NameClaimed"
    OBJECT_DELETED = "ObjectDeleted"
    TARGET_CONFLICT = "TargetConflict"
    LIMIT_EXCEEDED = "LimitExceeded"
    INVALID_SPEC = "InvalidSpec"
    RECOVER_FORBIDDEN = "RecoverForbidden"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    FORBIDDEN = "Forbidden"
    HSM_UNAVAILABLE = "HsmUnavailable"
    LOGIN_REFUSED = "LoginRefused"
    KEY_REFUSED = "KeyRefused"
    STORE_UNAVAILABLE = "StoreUnavailable"
    TAMPERED = "Tampered"
    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    WAITING_FOR_VALUE = "WaitingForValue"
    SOURCE_NOT_FOUND = "SourceNotFound"
    REFERENCE_DENIED = "ReferenceDenied"
    VERSION_NOT_FOUND = "VersionNotFound"
    DISABLED = "Disabled"
    TARGET_NOT_FOUND = "TargetNotFound"
    RESTART_FAILED = "RestartFailed"
    TIER_REFUSED = "TierRefused"
    ISSUING = "Issuing"
    ISSUANCE_FAILED = "IssuanceFailed"
    REVOCATION_FAILED = "RevocationFailed"


TYPE_MEANINGS: Final[Mapping[ConditionType, str]] = {
    ConditionType.READY: "The object does what its spec asks. The one condition to wait for.",
    ConditionType.SYNCED: "The target Secret or ConfigMap holds the current version. Absent without a target.",
}

REASON_MEANINGS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.AVAILABLE: ("Everything is as declared.", "Nothing."),
    Reason.PENDING: ("The object was seen and waits for its turn.", "Wait."),
    Reason.VAULT_NOT_FOUND: (
        "No Vault of the name in `spec.vaultRef` exists in this namespace.",
        "Create the Vault, or correct the reference by making the object anew.",
    ),
    Reason.VAULT_NOT_READY: (
        "The Vault exists and is not ready itself.",
        "Look at the Vault's own conditions.",
    ),
    Reason.VAULT_DELETED: (
        "The vault was deleted and is kept until `scheduledPurgeTime`.",
        'Annotate the Vault with `strongroom.dev/recover: "true"` to bring it back, or wait for the purge.',
    ),
    Reason.NAME_CLAIMED: (
        "Another resource already declares the object of this name (upper and lower case count as one).",
        "Delete the other resource, or declare another `spec.objectName`.",
    ),
    Reason.OBJECT_DELETED: (
        "An object of this name was deleted and is kept until `scheduledPurgeTime`.",
        'Annotate with `strongroom.dev/recover: "true"` to bring it back with its versions, choose another name, or '
        "wait for the purge.",
    ),
    Reason.TARGET_CONFLICT: (
        "A Secret or ConfigMap of the target's name exists and was not made by this object. It is never taken over.",
        "Rename the target, or delete what is in its place if it is no longer needed.",
    ),
    Reason.LIMIT_EXCEEDED: (
        "The vault or the installation is full.",
        "Raise `spec.limits` of the Vault, delete objects, or ask the administrator of the installation.",
    ),
    Reason.INVALID_SPEC: (
        "The spec breaks a rule that the API server did not enforce when the object was stored.",
        "Correct the field that the message names.",
    ),
    Reason.RECOVER_FORBIDDEN: (
        "The deleted vault belonged to an earlier namespace of the same name; its secrets are not handed to a new one "
        "without permission.",
        "Ask somebody with the verb `recover` on vaults to set `strongroom.dev/recover-from-namespace`.",
    ),
    Reason.NAMESPACE_TERMINATING: ("The namespace is being deleted; nothing is made in it any more.", "Nothing."),
    Reason.FORBIDDEN: (
        "The API server refuses Strongroom the write, by RBAC, a quota or an admission policy.",
        "Read the message; grant the permission or raise the quota.",
    ),
    Reason.HSM_UNAVAILABLE: (
        "The HSM does not answer. Tried again by itself.",
        "If it lasts, look at the HSM container's log and the token.",
    ),
    Reason.LOGIN_REFUSED: (
        "The token refused the PIN. Not tried again, because each try spends one of the token's few.",
        "Correct the PIN Secret, then restart the HSM container.",
    ),
    Reason.KEY_REFUSED: (
        "The token refuses the vault's key: its MAC is wrong or it belongs to another world key.",
        "Check that the token holds the world key of the geography that made the vault; restore the vault's head.",
    ),
    Reason.STORE_UNAVAILABLE: (
        "The API server does not answer or is overloaded. Tried again by itself.",
        "If it lasts, look at the API server.",
    ),
    Reason.TAMPERED: (
        "A stored record failed authentication: it was moved, altered or put back from an older copy.",
        "Find out who can write Secrets in strongroom-system; restore the record from a backup.",
    ),
    Reason.UNSUPPORTED_FORMAT: (
        "A stored record was written by a newer release.",
        "Finish the upgrade, or undo the downgrade.",
    ),
    Reason.WAITING_FOR_VALUE: (
        "The resource says neither how a value is made nor where it comes from, and the vault holds none yet.",
        "Set a value through the vault's API, or add `spec.generate` or `spec.fromSecret`.",
    ),
    Reason.SOURCE_NOT_FOUND: (
        "The native Secret of `spec.fromSecret`, or the secret of the vault that has the password of `keystores`, does "
        "not exist. Tried again by itself.",
        "Create it: the native Secret in the same namespace, with the mark `strongroom.dev/import-by`; the secret in "
        "the same vault, switched on.",
    ),
    Reason.REFERENCE_DENIED: (
        "A reference leads to something that this namespace may not use. Nothing is granted by default.",
        "Grant what the message names: in the Vault's `spec.accessPolicies`, on the other namespace, or on the Secret.",
    ),
    Reason.VERSION_NOT_FOUND: (
        "`spec.pinVersion` names a version that the secret does not have, or not any more.",
        "Pin one of `status.versions`, or remove the field. What was served before is served on.",
    ),
    Reason.DISABLED: (
        "`spec.enabled` is false: the value is withdrawn and targets are not written.",
        "Set `spec.enabled` to true, or delete the target if its content must go too.",
    ),
    Reason.TARGET_NOT_FOUND: (
        "The Secret that a target with `creationPolicy: Merge` merges into does not exist. Tried again by itself.",
        "Create it, or use another creation policy.",
    ),
    Reason.RESTART_FAILED: (
        "The targets hold the new version, but a workload could not be restarted.",
        "Read the message; grant the permission, or restart the workload by hand.",
    ),
    Reason.TIER_REFUSED: (
        "HSM-protected keys need a vault of the tier `Premium`.",
        "Set `spec.tier` of the Vault to `Premium`, or declare a key that is protected by software.",
    ),
    Reason.ISSUING: (
        "The certificate was asked of its issuer and is not there yet.",
        "Wait; with the issuer `Unknown` have the signing request signed, and merge the certificate.",
    ),
    Reason.ISSUANCE_FAILED: (
        "The issuer did not give the certificate; the message says why. What was issued before stays in use.",
        "Correct what the message names. It is tried again by itself; `strongroom.dev/renew` tries at once.",
    ),
    Reason.REVOCATION_FAILED: (
        "The issuer did not revoke what the annotation `strongroom.dev/revoke` names; the message says why.",
        "Correct the annotation, or remove it. The certificate is served and renewed meanwhile.",
    ),
}


def set_condition(
    conditions: Iterable[Mapping[str, Any]],
    kind: ConditionType,
    status: Status,
    reason: Reason,
    message: str,
    generation: int,
    now: int,
) -> list[dict[str, Any]]:
    """Return ``conditions`` with one set; the others are copied. ``now`` is Unix seconds.

    ``lastTransitionTime`` moves only when ``status`` changes, so that writing the same state again is no
    change.
    """
    kept = [dict(condition) for condition in conditions]
    old = next((condition for condition in kept if condition.get("type") == kind), None)
    moved = old is None or old.get("status") != status or not old.get("lastTransitionTime")
    new = {
        "type": str(kind),
        "status": str(status),
        "reason": str(reason),
        "message": message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…",
        "lastTransitionTime": format_time(now) if old is None or moved else old["lastTransitionTime"],
        "observedGeneration": generation,
    }
    if old is None:
        return [*kept, new]
    return [new if condition is old else condition for condition in kept]
