"""The token service: OAuth 2.0 with the client-credentials grant, where the client is a ServiceAccount.

It looks like AD FS to Azure's libraries, because for ``/adfs`` they take the token endpoint as it is configured instead
of asking Microsoft about it first. Errors are those of RFC 6749, section 5.2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from strongroom.dataplane.limits import BodyIncomplete, BodyTooLarge, read_body
from strongroom.domain.errors import Retryable
from strongroom.domain.identity import Caller, Unauthenticated
from strongroom.service.identity.exchange import Exchange

LONGEST: Final = 16 * 1024
"""Octets of a form. An assertion takes 3,500 of them, the claims of a client some hundreds."""

CALLER: Final = web.RequestKey("caller", Caller)
"""Where a request carries, once it is answered with a token, whom that stands for."""

FIELDS: Final = 20
CLIENT_ID: Final = 256
"""Characters of a client id."""

RETRY_AFTER: Final = "1"
"""Seconds after which a client tries again when we cannot answer now."""

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_OPENID_SCOPES: Final = {"openid", "offline_access", "profile"}  # MSAL for Go adds them to every request
_FORM: Final = "application/x-www-form-urlencoded"
_PRIVATE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PUBLIC: Final = {"Cache-Control": "public, max-age=60"}  # shorter than a key is published before it signs


class OAuthError(Exception):
    """What the client did wrong, in the words of RFC 6749. The description is public."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.status = status


class TokenService:
    """Serves ``sts.<domain>``. ``issuer`` is its URL with the path ``/adfs``, ``resource`` what its tokens are for."""

    def __init__(self, exchange: Exchange, issuer: str, resource: str) -> None:
        self._exchange = exchange
        self._issuer = issuer
        self._resource = resource
        self._routes: Mapping[str, tuple[str, Callable[[web.BaseRequest], Awaitable[web.Response]]]] = {
            "/adfs/oauth2/token": ("POST", self._token),
            "/adfs/oauth2/v2.0/token": ("POST", self._token),
            "/adfs/.well-known/openid-configuration": ("GET", self._discovery),
            "/adfs/discovery/keys": ("GET", self._keys),
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Whoever asks is not known yet: bounding how often is the server's work."""
        method, route = self._routes.get(request.path, ("", None))
        if route is None:
            return _error(404, "invalid_request", "there is nothing at this path")
        if request.method != method:
            return _error(405, "invalid_request", f"only {method} is allowed here", {"Allow": method})
        try:
            return await route(request)
        except OAuthError as error:
            return _error(error.status, error.code, str(error))
        except (BodyTooLarge, BodyIncomplete) as error:
            status = 413 if isinstance(error, BodyTooLarge) else 408
            return _error(status, "invalid_request", str(error), {"Connection": "close"})
        except Retryable as error:
            return _error(503, "temporarily_unavailable", str(error), {"Retry-After": RETRY_AFTER})

    async def _token(self, request: web.BaseRequest) -> web.Response:
        form = await _form(request)
        self._require_grant(form)
        assertion, client = _credential(form)
        try:
            token = await self._exchange.exchange(assertion, client)
        except Unauthenticated as refused:
            raise OAuthError("invalid_client", f"the client assertion is refused: {refused}", 401) from None
        request[CALLER] = token.caller
        lifetime = token.expires - token.issued
        answer = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime}
        return _json(200, {**answer, "access_token": token.text}, _PRIVATE)

    def _require_grant(self, form: Mapping[str, str]) -> None:
        """The grant must be the one we know, for the one thing that our tokens are for."""
        if form.get("grant_type") != "client_credentials":
            raise OAuthError("unsupported_grant_type", "the only grant type is client_credentials")
        scopes = set(form.get("scope", "").split()) - _OPENID_SCOPES
        wanted = {scope.removesuffix("/.default").rstrip("/") for scope in scopes}
        if "resource" in form:
            wanted.add(form["resource"].rstrip("/"))
        if wanted != {self._resource}:
            raise OAuthError("invalid_scope", f"the only scope is {self._resource}/.default")

    async def _discovery(self, _request: web.BaseRequest) -> web.Response:
        """OpenID Connect Discovery 1.0, section 3. Clients insist on an authorization endpoint; we serve none."""
        document = {
            "issuer": self._issuer,
            "authorization_endpoint": f"{self._issuer}/oauth2/authorize",
            "token_endpoint": f"{self._issuer}/oauth2/token",
            "jwks_uri": f"{self._issuer}/discovery/keys",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "scopes_supported": [f"{self._resource}/.default"],
        }
        return _json(200, document, _PUBLIC)

    async def _keys(self, _request: web.BaseRequest) -> web.Response:
        return _json(200, await self._exchange.key_set(), _PUBLIC)


async def _form(request: web.BaseRequest) -> dict[str, str]:
    if request.content_type != _FORM:
        raise OAuthError("invalid_request", f"the request must be of the type {_FORM}")
    octets = await read_body(request, LONGEST)
    try:
        pairs = parse_qsl(octets.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except ValueError:
        raise OAuthError("invalid_request", f"the request is no form of at most {FIELDS} fields") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthError("invalid_request", "a parameter is given twice")
    return form


def _credential(form: Mapping[str, str]) -> tuple[str, str]:
    """Return the assertion and the client id, which says nothing about who the client is."""
    if form.get("client_assertion_type") != _ASSERTION_TYPE:
        raise OAuthError(
            "invalid_client", f"the client must show a client_assertion of the type {_ASSERTION_TYPE}", 401
        )
    client = form.get("client_id", "")
    if len(client) > CLIENT_ID or not client.isprintable():
        raise OAuthError("invalid_request", f"client_id has at most {CLIENT_ID} printable characters")
    # Python's library sends the file of the token as it is, with the end of its line.
    return form.get("client_assertion", "").strip(), client


def _error(status: int, code: str, description: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return _json(status, {"error": code, "error_description": description}, {**_PRIVATE, **(headers or {})})


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        headers={**headers, "X-Content-Type-Options": "nosniff"},
        content_type="application/json",
        charset="utf-8",
    )
