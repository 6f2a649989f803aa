"""Errors as Azure Key Vault answers them: status, code and inner code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from strongroom.dataplane.limits import BodyIncomplete, BodyTooLarge, TooManyRequests
from strongroom.dataplane.operations import MethodNotAllowed, NotServed
from strongroom.domain import errors as domain
from strongroom.service.vaultviews import VaultNotFound


@dataclass(frozen=True, slots=True)
class Fault:
    """An error's answer."""

    status: int
    code: str
    message: str
    inner: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner:
            error["innererror"] = {"code": self.inner}
        return {"error": error}

    @property
    def reason(self) -> str:
        """The most telling of the two codes."""
        return self.inner or self.code


By = Literal["ForbiddenByFirewall", "ForbiddenByPolicy", "ForbiddenByRbac"]


class Forbidden(domain.Refused):
    """The caller may not. ``inner`` says who forbids it."""

    def __init__(self, inner: By, message: str) -> None:
        super().__init__(message)
        self.inner = inner


# The most specific classes first.
_TABLE: Final[tuple[tuple[type[domain.StrongroomError], int, str, str], ...]] = (
    (MethodNotAllowed, 405, "MethodNotAllowed", ""),
    (NotServed, 404, "NotFound", ""),
    (BodyTooLarge, 413, "RequestEntityTooLarge", ""),
    (BodyIncomplete, 408, "RequestTimeout", ""),
    (domain.InvalidInput, 400, "BadParameter", ""),
    (domain.BackupRefused, 400, "Malformed backup blob", ""),
    (domain.ObjectDeleted, 409, "Conflict", "ObjectIsDeletedButRecoverable"),
    (domain.BeingDeleted, 409, "Conflict", "ObjectIsBeingDeleted"),
    (domain.Claimed, 409, "Conflict", "ObjectIsDeclared"),
    (domain.VersionServed, 409, "Conflict", "VersionIsServed"),
    (domain.Managed, 409, "Conflict", "ObjectIsManaged"),
    (domain.PendingInProgress, 409, "Forbidden", "PendingInProgress"),
    (domain.AlreadyExists, 409, "Conflict", "ObjectAlreadyExists"),
    (domain.Conflict, 409, "Conflict", ""),
    (domain.PreconditionFailed, 412, "PreconditionFailed", ""),
    (domain.Disabled, 403, "Forbidden", "SecretDisabled"),
    (domain.KeyDisabled, 403, "Forbidden", "KeyDisabled"),
    (domain.OperationForbidden, 403, "Forbidden", "KeyOperationForbidden"),
    (domain.KeyNotYetValid, 403, "Forbidden", "KeyNotYetValid"),
    (domain.KeyExpired, 403, "Forbidden", "KeyExpired"),
    (domain.TierRefused, 403, "Forbidden", "TierNotPremium"),
    (domain.NotReleasable, 403, "Forbidden", "KeyNotReleasable"),
    (domain.PurgeProtected, 403, "Forbidden", "PurgeProtected"),
    (domain.LimitExceeded, 403, "Forbidden", "LimitExceeded"),
    (domain.NotPending, 403, "Forbidden", "CertificateNotPending"),
    (VaultNotFound, 404, "VaultNotFound", ""),
    (domain.KeyNotFound, 404, "KeyNotFound", ""),
    (domain.CertificateNotFound, 404, "CertificateNotFound", ""),
    (domain.PendingNotFound, 404, "PendingCertificateNotFound", ""),
    (domain.ContactsNotFound, 404, "ContactsNotFound", ""),
    (domain.IssuerNotFound, 404, "CertificateIssuerNotFound", ""),
    (domain.NotFound, 404, "SecretNotFound", ""),
    (domain.LoginRefused, 503, "ServiceUnavailable", "HsmLoginRefused"),
    (domain.HsmUnavailable, 503, "ServiceUnavailable", "HsmUnavailable"),
    (domain.Retryable, 503, "ServiceUnavailable", ""),
    (domain.Tampered, 500, "InternalServerError", "StoredDataTampered"),
)

_OTHERS: Final = (
    (401, "Unauthorized", ""),
    *((403, "Forbidden", by) for by in get_args(By)),
    (429, "Throttled", ""),
    (500, "InternalServerError", ""),
)


def answers() -> tuple[tuple[int, str, str], ...]:
    """Return every status with code and inner code that an error is answered with."""
    return *((status, code, inner) for _, status, code, inner in _TABLE), *_OTHERS


def fault(error: domain.StrongroomError) -> Fault:
    """Return the answer to an error."""
    if isinstance(error, Forbidden):
        return Fault(403, "Forbidden", str(error), error.inner)
    if isinstance(error, TooManyRequests):
        return Fault(429, "Throttled", str(error), headers={"Retry-After": str(error.retry_after)})
    for kind, status, code, inner in _TABLE:
        if isinstance(error, kind):
            return Fault(status, code, str(error), inner, _headers(error, status))
    return Fault(500, "InternalServerError", str(error))


def _headers(error: domain.StrongroomError, status: int) -> dict[str, str]:
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}  # RFC 9110, section 15.5.6
    return {"Retry-After": "1"} if status == 503 else {}
