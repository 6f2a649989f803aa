"""What a vault can answer instead of what was asked, as exceptions.

::

    VaultError                      status (0: there was no answer) and the answer's own word for it
    ├── Unreachable                 no connection, no answer in time, or not now; a domain Retryable
    │   └── OutcomeUnknown          a change was sent and its answer was lost: it may have taken effect
    ├── Untrusted                   the server's certificate is not the expected one
    ├── NotFound                    404; a domain NotFound
    ├── Denied                      401 and 403; a domain Refused
    └── Clash                       409 and 412: the present state contradicts it; a domain RequestRefused

Messages quote the vault's, which never hold a value; they may hold what a terminal would obey.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from strongroom.domain import errors as domain

_LENGTH: Final = 2000  # characters of a message; ours are shorter


class VaultError(domain.StrongroomError):
    """The vault refused, or could not be asked. ``code``: the most telling code of the answer, or empty."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Unreachable(VaultError, domain.Retryable):
    """There is no connection, no answer in time, or the vault cannot serve now."""


class OutcomeUnknown(Unreachable):
    """A change was sent and its answer was lost."""


class Untrusted(VaultError, domain.Refused):
    """The certificate is not the expected one. No token was sent."""


class NotFound(VaultError, domain.NotFound):
    """Neither the vault nor what was asked for in it exists."""


class Denied(VaultError, domain.Refused):
    """The token is not accepted, or its owner may not do this, or not to this object."""


class Clash(VaultError, domain.RequestRefused):
    """The present state contradicts the request."""


_KINDS: Final[dict[int, type[VaultError]]] = {
    401: Denied, 403: Denied, 404: NotFound, 409: Clash, 412: Clash, 429: Unreachable, 503: Unreachable
}  # fmt: skip


def from_answer(status: int, body: bytes) -> VaultError:
    """Return the error of an answer that is none of success."""
    code, message = _words(body)
    if not code:
        message = f"something that is no vault answered with status {status}"
    return _KINDS.get(status, VaultError)(message[:_LENGTH], status, code)


def _words(body: bytes) -> tuple[str, str]:
    try:
        error: Any = orjson.loads(body)["error"]
        inner = error.get("innererror") or {}
        return str(inner.get("code") or error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""
