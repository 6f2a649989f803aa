"""One table from what went wrong to what a condition says, and whether time can heal it."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain import errors
from strongroom.domain.targets import TargetAction
from strongroom.kinds.conditions import Reason
from strongroom.kube import errors as kube

SLOW_LOOK = 300.0  # seconds until another look at what only somebody else can heal without our noticing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition says. ``retry``: with backoff; ``look_again``: now and then, seconds."""

    reason: Reason
    message: str
    retry: bool = False
    look_again: float | None = None


# The first class that matches decides; so subclasses stand before their bases.
_TABLE: tuple[tuple[type[errors.StrongroomError], Reason, bool, float | None], ...] = (
    (errors.HsmUnavailable, Reason.HSM_UNAVAILABLE, True, None),
    (errors.LoginRefused, Reason.LOGIN_REFUSED, False, None),
    (errors.KeyRefused, Reason.KEY_REFUSED, False, SLOW_LOOK),
    (errors.Tampered, Reason.TAMPERED, False, SLOW_LOOK),
    (errors.UnsupportedFormat, Reason.UNSUPPORTED_FORMAT, False, SLOW_LOOK),
    (kube.NamespaceTerminating, Reason.NAMESPACE_TERMINATING, False, None),
    (kube.Forbidden, Reason.FORBIDDEN, False, SLOW_LOOK),
    (errors.ReferenceDenied, Reason.REFERENCE_DENIED, True, None),  # a grant elsewhere is no news here
    (errors.PasswordNotFound, Reason.SOURCE_NOT_FOUND, False, SLOW_LOOK),
    (errors.LimitExceeded, Reason.LIMIT_EXCEEDED, False, SLOW_LOOK),
    (errors.StoreUnavailable, Reason.STORE_UNAVAILABLE, True, None),
    (errors.Conflict, Reason.PENDING, True, None),
    (errors.IssuerUnavailable, Reason.PENDING, True, None),  # said by the certificate's operation
    (errors.SinkUnavailable, Reason.PENDING, True, None),  # said by the log and a metric; the secret itself is right
    (errors.InvalidInput, Reason.INVALID_SPEC, False, None),
    (errors.TierRefused, Reason.TIER_REFUSED, False, None),
    (errors.Retryable, Reason.STORE_UNAVAILABLE, True, None),
    (errors.Refused, Reason.FORBIDDEN, False, SLOW_LOOK),
    (kube.ApiError, Reason.FORBIDDEN, False, SLOW_LOOK),  # a status of no other class, as admission webhooks make up
    (errors.StrongroomError, Reason.STORE_UNAVAILABLE, True, None),
)


def verdict(error: errors.StrongroomError) -> Verdict:
    """Return what to say of an error, and when to try again; never raises, because the loop must not."""
    reason, retry, look_again = next(row[1:] for row in _TABLE if isinstance(error, row[0]))
    return Verdict(reason, str(error), retry, look_again)


def undelivered(action: TargetAction, kind: str, name: str, owner: str) -> Verdict | None:
    """Return why a Secret or ConfigMap does not hold what its owner's target asks for; None: it does."""
    if action is TargetAction.CONFLICT:
        text = (
            f"a {kind} named {name} exists and was not made by this {owner}; it is left alone. "
            f"Rename the target, or delete that {kind}"
        )
        return Verdict(Reason.TARGET_CONFLICT, text, look_again=SLOW_LOOK)
    if action is TargetAction.WAITING:
        text = f"there is no {kind} named {name} to merge into; create it, or use another creationPolicy"
        return Verdict(Reason.TARGET_NOT_FOUND, text, retry=True)
    return None
