"""HTTP within bounds: every answer by a deadline and of a bounded size, no redirects, nothing from the environment."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

from strongroom.acme import sockets
from strongroom.acme.deadline import Deadline
from strongroom.domain import acmesettings
from strongroom.domain.errors import InvalidInput, IssuerUnavailable
from strongroom.domain.reach import Reach

ANSWER_OCTETS: Final = 1024 * 1024
REQUEST_SECONDS: Final = 20.0
_RETRY_SECONDS: Final = 7 * 24 * 3600
"""The longest wait that a server is granted."""


class BoundedAdapter(HTTPAdapter):
    """Sends requests by ``deadline``. ``ca``: PEM that servers are trusted by; empty: public authorities.

    ``status`` and ``retry_after`` (seconds) are those of the last answer. ``InvalidInput`` for a URL that is not https,
    unless ``plain`` and to this machine, ``Refused`` for an address out of ``reach``, ``IssuerUnavailable`` for an
    answer that is too long or too late.
    """

    def __init__(self, deadline: Deadline, ca: str, reach: Reach, *, plain: bool) -> None:
        self.status = 0
        self.retry_after = 0
        self._deadline = deadline
        self._reach = reach
        self._plain = plain
        self._context = _context(ca) if ca else None
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool of connections, which trusts no other authorities beside those given."""
        if self._context is not None:
            kwargs["ssl_context"] = self._context
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = sockets.pools(self._deadline, REQUEST_SECONDS, self._reach)

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        """Set what a connection trusts, unless the pool's context says it."""
        if self._context is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request; the body of the answer is still to be read, within the bounds."""
        self._check(request.url or "")
        self.status = self.retry_after = 0
        seconds = self._deadline.left(REQUEST_SECONDS)
        response = super().send(request, True, seconds, verify, cert, None)
        self.status = response.status_code
        self.retry_after = _seconds(response.headers.get("Retry-After", ""))
        response.raw = _Bounded(response.raw, self._deadline)
        return response

    def _check(self, url: str) -> None:
        acmesettings.check_url("the address that the issuer gave", url)
        if not self._plain and urlsplit(url).scheme != "https":
            raise InvalidInput("the address that the issuer gave: begins with https://")


class _Bounded:
    """A body that ends in an error where it is too long, or comes too slowly."""

    def __init__(self, raw: Any, deadline: Deadline) -> None:
        self._raw = raw
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amount: int, decode_content: bool = True) -> Iterator[bytes]:
        """Yield the body in parts."""
        total = 0
        for part in self._raw.stream(amount, decode_content=decode_content):
            total += len(part)
            self._deadline.left(REQUEST_SECONDS)
            if total > ANSWER_OCTETS:
                raise IssuerUnavailable(f"the answer has more than {ANSWER_OCTETS} octets")
            yield part


def bind(session: Session, adapter: BoundedAdapter) -> None:
    """Let a session send by this adapter only."""
    session.trust_env = False  # no proxies, no .netrc, no certificates from the environment
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)


def _context(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise InvalidInput("acme: a ca_bundle holds what is no certificate in PEM") from None


def _seconds(header: str) -> int:
    """Return a Retry-After (RFC 9110, section 10.2.3) in seconds; a date counts as none."""
    return min(int(header), _RETRY_SECONDS) if header.isascii() and header.isdigit() and len(header) < 10 else 0
