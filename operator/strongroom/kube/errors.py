"""What the Kubernetes API can answer instead of what was asked, as exceptions.

::

    ApiError                        status, reason and a message that is safe to show
    ├── NotFound                    404; a domain NotFound
    ├── AlreadyExists               409 on create; a domain Conflict
    ├── Conflict                    409: resourceVersion, uid or field owner differs; a domain Conflict
    ├── Gone                        410: the resourceVersion is too old to continue from; list again
    ├── Invalid                     400 and 422; a domain InvalidInput
    ├── Forbidden                   403; a domain Refused
    │   └── NamespaceTerminating    nothing may be created there any more
    ├── TooLarge                    413, or more than etcd takes; a domain LimitExceeded
    └── Unavailable                 401, 429, 5xx, no connection, CRD not served; a domain StoreUnavailable
        └── OutcomeUnknown          the answer to a write was lost: it may have taken effect

Nothing of aiohttp or of the client library escapes this room. Public messages never carry a value: the API
server and admission webhooks echo what they dislike, and what they dislike may be a Secret.
"""

from __future__ import annotations

from strongroom.domain import errors as domain


class ApiError(domain.StrongroomError):
    """The API server refused, or could not be asked.

    ``status`` is the HTTP status (0: there was no answer), ``reason`` the machine-readable word of the
    answer.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFound(ApiError, domain.NotFound):
    """The object, its namespace or its kind does not exist."""


class AlreadyExists(ApiError, domain.Conflict):
    """An object of that name exists."""


class Conflict(ApiError, domain.Conflict):
    """A compare-and-swap lost: the resourceVersion, the uid or a field's owner is another one by now."""


class Gone(ApiError, domain.Retryable):
    """The resourceVersion or page token is older than the API server's memory. List again."""


class Invalid(ApiError, domain.InvalidInput):
    """The object breaks its schema or a rule. ``fields`` holds (field path, reason); values are left out."""

    def __init__(self, status: int, reason: str, message: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status, reason, message)
        self.fields = fields


class Forbidden(ApiError, domain.Refused):
    """RBAC, a quota or an admission policy says no."""


class NamespaceTerminating(Forbidden):
    """The namespace is being deleted: nothing may be created in it, and trying again never helps."""


class TooLarge(ApiError, domain.LimitExceeded):
    """The object is larger than the API server or etcd accepts."""


class Unavailable(ApiError, domain.StoreUnavailable):
    """Not now: no connection, overload, or credentials that are being renewed. Nothing was written.

    ``retry_after``: seconds that the API server asked us to wait, if it did.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(status, reason, message)
        self.retry_after = retry_after


class OutcomeUnknown(Unavailable):
    """A write was sent and its answer was lost.

    Read again before deciding anything: it may have taken effect.
    """
