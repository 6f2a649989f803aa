"""What goes wrong with an ACME server, as errors of ours: bounded in length, and without what we sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import requests
from acme import errors, messages
from josepy.errors import Error as JoseError

from strongroom.acme.transport import BoundedAdapter
from strongroom.domain.errors import IssuerUnavailable, Refused, StrongroomError

_LENGTH: Final = 400
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")
_PASSING: Final = ("badNonce", "serverInternal", "rateLimited", "orderNotReady")
"""Problems that time can heal (RFC 8555, section 6.7)."""


class AccountUnknown(Refused):
    """The directory does not know the account (RFC 8555, section 7.3)."""


@contextmanager
def translated(who: str, adapter: BoundedAdapter) -> Iterator[None]:
    """Raise ``IssuerUnavailable`` or ``Refused`` for what ACME's library and the network raise."""
    try:
        yield
    except StrongroomError:
        raise
    except messages.Error as error:
        raise of_problem(who, error, adapter) from error
    except requests.RequestException as error:
        raise _of_network(who, error) from error
    except errors.ConflictError as error:
        raise IssuerUnavailable(f"{who} is changing the same thing (HTTP 409)") from error
    except errors.Error as error:
        raise _of_answer(who, adapter) from error
    except (JoseError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise IssuerUnavailable(f"{who} answered what ACME (RFC 8555) does not have") from error


def of_problem(who: str, error: messages.Error, adapter: BoundedAdapter | None = None) -> StrongroomError:
    """Return the error that a problem document (RFC 7807) stands for; without ``adapter``, of one inside a resource."""
    text = f"{who}: {told(error)}"
    if error.code == "accountDoesNotExist":
        return AccountUnknown(text)
    busy = adapter is not None and (adapter.status == 429 or adapter.status >= 500)
    if error.code in _PASSING or busy:
        return IssuerUnavailable(text, adapter.retry_after if adapter else 0)
    return Refused(text)


def is_passing(error: Exception) -> bool:
    """Can time alone heal it, or a new account?"""
    return isinstance(error, messages.Error) and error.code in (*_PASSING, "accountDoesNotExist")


def told(error: messages.Error | None) -> str:
    """Return the type and detail of a problem, and of those inside it: printable, at most 400 characters."""
    if error is None:
        return "no reason given"
    parts = [f"{error.typ}: {error.detail or error.title or ''}", *map(told, error.subproblems or ())]
    return _UNPRINTABLE.sub(" ", "; ".join(parts))[:_LENGTH]


def _of_network(who: str, error: requests.RequestException) -> IssuerUnavailable:
    """The text of the library's errors is not shown: it may hold an address with a query."""
    if isinstance(error, requests.exceptions.SSLError):
        return IssuerUnavailable(f"{who} has a certificate that is not trusted; see acme.ca_bundle")
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return IssuerUnavailable(f"{who} answered with a redirect, which is not followed")
    return IssuerUnavailable(f"{who} cannot be reached: {type(error).__name__}")


def _of_answer(who: str, adapter: BoundedAdapter) -> StrongroomError:
    if 400 <= adapter.status < 500 and adapter.status not in (408, 429):
        return Refused(f"{who} answered HTTP {adapter.status} without a problem document")
    return IssuerUnavailable(f"{who} answered HTTP {adapter.status}, and not what ACME has", adapter.retry_after)
