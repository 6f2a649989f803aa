"""A conversation with one ACME server, in a thread: its directory, our account there, signed requests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ssl import DER_cert_to_PEM_cert
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from acme import client, errors, messages
from josepy import json_util
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC

from strongroom.acme import problems
from strongroom.acme.deadline import Deadline
from strongroom.acme.problems import translated
from strongroom.acme.transport import BoundedAdapter, bind
from strongroom.crypto import certfacts
from strongroom.domain.acmesettings import AcmeAccount
from strongroom.domain.certificateplanning import Advice
from strongroom.domain.errors import IssuerUnavailable, Refused
from strongroom.domain.reach import Reach

_HMAC_KEY: Final = re.compile(r"(?=.{8,1024}$)[A-Za-z0-9_-]+={0,2}")
_URL_LENGTH: Final = 2048
_NONCES: Final = 6
"""Times that a request is sent with two nonces each: a server that refuses every other one is still served."""


@dataclass(frozen=True, slots=True)
class Binding:
    """An external account (RFC 8555, section 7.3.4). ``key``: that of its HMAC, base64url, as authorities show it."""

    id: str
    key: str = field(repr=False)


class Session:
    """Raises what ``problems.translated`` raises. ``ca``: PEM, empty: public authorities."""

    def __init__(self, account: AcmeAccount, ca: str, deadline: Deadline, reach: Reach) -> None:
        self.who = f"the ACME server {urlsplit(account.directory).netloc}"
        self.key = JWKEC.load(account.key.encode())
        self.deadline = deadline
        self._adapter = BoundedAdapter(deadline, ca, reach, plain=account.directory.startswith("http:"))
        self._net = _Network(self.key, self._adapter)
        with self.translated():
            self.client = client.ClientV2(client.ClientV2.get_directory(account.directory, self._net), self._net)
        self.url = ""
        if account.url:
            self._signed_in(account.url)

    def translated(self) -> Any:
        """Translate errors."""
        return translated(self.who, self._adapter)

    def register(self, contacts: tuple[str, ...], binding: Binding | None) -> None:
        """Make the account, or find it again: a server knows it by its key (RFC 8555, section 7.3.1)."""
        if binding is None and getattr(self.client.directory.meta, "external_account_required", False):
            raise Refused(f"{self.who} wants an external account: set credentials.account_id and credentials.pwd")
        bound = self._bound(binding) if binding else None
        wanted = messages.NewRegistration(
            contact=tuple(f"mailto:{each}" for each in contacts),
            terms_of_service_agreed=True,
            **({"external_account_binding": bound} if bound else {}),
        )
        with self.translated():
            try:
                url = self.client.new_account(wanted).uri
            except errors.ConflictError as known:
                url = known.location
            self._signed_in(located(url))

    def advice(self, certificate: bytes) -> Advice:
        """Return when a certificate (DER) is to be renewed: a moment of the window that it suggests (RFC 9773)."""
        with self.translated():
            at, _ = self.client.renewal_time(DER_cert_to_PEM_cert(certificate).encode())
            return Advice(int(at.timestamp()) if at else None, self._adapter.retry_after)

    def order(self, request: bytes, profile: str, before: bytes | None) -> messages.OrderResource:
        """Open an order for a request (PKCS #10, PEM). ``before``: the certificate (DER) that it takes the place of.

        A server that does not take it for that, as one that another order took the place of, is asked without it
        (RFC 9773, section 5).
        """
        try:
            self._net.replaces = self._replaced(before)
            return self.client.new_order(request, profile or None)
        except (messages.Error, errors.ConflictError) as error:
            if not self._net.replaces or problems.is_passing(error):
                raise
        finally:
            self._net.replaces = ""
        return self.client.new_order(request, profile or None)

    def _replaced(self, before: bytes | None) -> str:
        """Return the identifier of a certificate; empty: none, or the server has no renewal information."""
        if before is None or not hasattr(self.client.directory, "renewalInfo"):
            return ""
        return certfacts.renewal_id(before)

    def revoke(self, certificate: bytes, code: int) -> None:
        """Revoke a certificate (DER) of this account; ``code``: a CRLReason (RFC 8555, section 7.6)."""
        with self.translated():
            try:
                self.client.revoke(certfacts.load(certificate), code)
            except messages.Error as error:
                if error.code != "alreadyRevoked":
                    raise

    def read(self, url: str) -> requests.Response:
        """Return what is at a URL (POST-as-GET: RFC 8555, section 6.3)."""
        return self._net.post(url, None, new_nonce_url=self.client.directory["newNonce"])

    def serves(self, url: str) -> bool:
        """Is a URL on the server that orders are opened at?"""
        orders: str = self.client.directory["newOrder"]
        return urlsplit(url)[:2] == urlsplit(orders)[:2]

    def pause(self, seconds: float) -> None:
        """Sleep until the server is to be asked again: so long as it said (at most 10 s), or so many seconds."""
        self.deadline.pause(min(self._adapter.retry_after, 10) or seconds)

    def _bound(self, binding: Binding) -> dict[str, Any]:
        refused = Refused("credentials.pwd: is not the external account's HMAC key, in base64url")
        if not _HMAC_KEY.fullmatch(binding.key):
            raise refused
        key = self.key.public_key()
        try:
            return messages.ExternalAccountBinding.from_data(key, binding.id, binding.key, self.client.directory)
        except (ValueError, JoseError):
            raise refused from None

    def _signed_in(self, url: str) -> None:
        self.url = url
        self._net.account = messages.RegistrationResource(body=messages.Registration(), uri=url)


def located(url: str | None) -> str:
    """Return the URL of what was made; ``IssuerUnavailable`` for none, or one that is too long to be kept."""
    if not url or len(url) > _URL_LENGTH:
        raise IssuerUnavailable("the ACME server does not say where what it made is (Location)")
    return url


class _Replacement(messages.NewOrder):
    replaces: str = json_util.field("replaces")


class _Network(client.ClientNetwork):
    """Sends within bounds, and again when a nonce is refused (RFC 8555, section 6.5): often enough."""

    def __init__(self, key: JWK, adapter: BoundedAdapter) -> None:
        super().__init__(key, alg=ES256, user_agent="strongroom")
        bind(self.session, adapter)
        self.replaces = ""  # what the next order takes the place of: the library has no word for it

    def post(self, url: str, obj: Any, *args: Any, **kwargs: Any) -> requests.Response:
        if self.replaces and isinstance(obj, messages.NewOrder):
            obj = _Replacement(identifiers=obj.identifiers, profile=obj.profile, replaces=self.replaces)
        return self._post(url, obj, *args, **kwargs)

    def _post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(_NONCES - 1):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)
