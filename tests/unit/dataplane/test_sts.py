"""The token service: the form, the answers and the refusals of OAuth 2.0."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import jwt
import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from strongroom.dataplane.sts import LONGEST, TokenService
from strongroom.service.identity.assembly import Identity, IdentitySettings
from tests.helpers.identity import DOMAIN, RESOURCE, STS, ApiServer, Time, system_objects

PATHS = ("/adfs/oauth2/token", "/adfs/oauth2/v2.0/token")
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Client:
    """Sends requests to the handler, without a socket."""

    def __init__(self, service: TokenService) -> None:
        self._service = service

    async def send(
        self, method: str, path: str, body: bytes = b"", type: str = "application/x-www-form-urlencoded"
    ) -> tuple[web.Response, dict[str, Any]]:
        payload = StreamReader(Mock(_reading_paused=False), 2**16)
        payload.feed_data(body)
        payload.feed_eof()
        request = make_mocked_request(method, path, headers={"Content-Type": type}, payload=payload)
        response = await self._service.handle(request)
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        return response, json.loads(response.body)

    async def ask(self, form: dict[str, str], path: str = PATHS[0]) -> tuple[web.Response, dict[str, Any]]:
        return await self.send("POST", path, urlencode(form).encode())


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def identity(api: ApiServer, time: Time) -> AsyncIterator[Identity]:
    objects = await system_objects(time)
    identity = Identity(IdentitySettings(DOMAIN), api, objects, time.clock, time.monotonic)
    yield identity
    await identity.close()


@pytest.fixture
def client(identity: Identity) -> Client:
    return Client(TokenService(identity.exchange, STS, RESOURCE))


def form(api: ApiServer, **change: str | None) -> dict[str, str]:
    good = {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": api.token(),
        "scope": f"{RESOURCE}/.default",
    }
    return {key: value for key, value in {**good, **change}.items() if value is not None}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"scope": RESOURCE},
        {"scope": f"{RESOURCE}//.default"},
        {"scope": f"{RESOURCE}/.default openid offline_access profile"},
        {"scope": None, "resource": RESOURCE},
        {"scope": "openid", "resource": f"{RESOURCE}/"},
        {"claims": '{"access_token": {}}'},
        {"client_id": None},
    ],
)
async def test_a_token_for_a_service_account(
    api: ApiServer, identity: Identity, client: Client, path: str, change: dict[str, str | None]
) -> None:
    response, answer = await client.ask(form(api, **change), path)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert (answer["token_type"], answer["expires_in"], answer["ext_expires_in"]) == ("Bearer", 3600, 3600)
    caller = await identity.authenticator.authenticate(answer["access_token"])
    assert (caller.name, caller.application) == ("system:serviceaccount:team:app", change.get("client_id", "app") or "")


async def test_white_space_round_the_assertion_is_none_of_it(api: ApiServer, client: Client) -> None:
    response, _ = await client.ask(form(api, client_assertion=f"{api.token()}\n"))
    assert response.status == 200


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": None}, 400, "invalid_scope"),
        ({"scope": "https://vault.azure.net/.default"}, 400, "invalid_scope"),
        ({"scope": f"{RESOURCE}.evil.example/.default"}, 400, "invalid_scope"),
        ({"scope": f"{RESOURCE}/.default https://other.example/.default"}, 400, "invalid_scope"),
        ({"resource": "https://other.example"}, 400, "invalid_scope"),
        ({"client_assertion_type": None}, 401, "invalid_client"),
        ({"client_assertion_type": None, "client_assertion": None, "client_secret": "x"}, 401, "invalid_client"),
        ({"client_assertion": None}, 401, "invalid_client"),
        ({"client_assertion": "opaque"}, 401, "invalid_client"),
        ({"client_id": "x" * 257}, 400, "invalid_request"),
        ({"client_id": "a\nb"}, 400, "invalid_request"),
        ({f"field{n}": "x" for n in range(30)}, 400, "invalid_request"),
        ({"padding": "x" * LONGEST}, 413, "invalid_request"),
    ],
)
async def test_refusals(api: ApiServer, client: Client, change: dict[str, str | None], status: int, code: str) -> None:
    response, answer = await client.ask(form(api, **change))
    assert (response.status, answer["error"]) == (status, code)
    assert answer["error_description"]
    assert "access_token" not in answer
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_refused_assertion_is_not_repeated_in_the_answer(api: ApiServer, client: Client) -> None:
    assertion = api.token(audience="https://kubernetes.default.svc")
    response, answer = await client.ask(form(api, client_assertion=assertion))
    assert (response.status, answer["error"]) == (401, "invalid_client")
    assert "AKV10022: Invalid audience." in answer["error_description"]
    assert assertion not in str(answer)


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"{}", "application/json"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form(client: Client, body: bytes, type: str) -> None:
    response, answer = await client.send("POST", PATHS[0], body, type)
    assert (response.status, answer["error"]) == (400, "invalid_request")


@given(body=st.binary(max_size=200))
async def test_no_body_breaks_the_service(body: bytes) -> None:
    client = Client(TokenService(Mock(), STS, RESOURCE))
    response, answer = await client.send("POST", PATHS[0], body)
    assert response.status in (400, 401)
    assert answer["error"]


async def test_when_nobody_can_be_asked_the_client_is_to_come_back(api: ApiServer, client: Client) -> None:
    wanted = form(api)
    api.down = True
    response, answer = await client.ask(wanted)
    assert (response.status, answer["error"]) == (503, "temporarily_unavailable")
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATHS[0], 405),
        ("POST", "/adfs/discovery/keys", 405),
        ("GET", "/", 404),
        ("POST", "/adfs/oauth2/token/", 404),
        ("GET", "/secrets", 404),
    ],
)
async def test_nothing_else_is_served(client: Client, method: str, path: str, status: int) -> None:
    response, _ = await client.send(method, path)
    assert response.status == status
    assert ("Allow" in response.headers) == (status == 405)


async def test_discovery_leads_to_the_keys_that_verify_a_token(api: ApiServer, client: Client) -> None:
    response, found = await client.send("GET", "/adfs/.well-known/openid-configuration")
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert found["issuer"] == STS
    assert found["authorization_endpoint"].startswith(STS)
    _, answer = await client.ask(form(api), found["token_endpoint"].removeprefix("https://sts.kv.example"))
    _, keys = await client.send("GET", found["jwks_uri"].removeprefix("https://sts.kv.example"))
    kid = jwt.get_unverified_header(answer["access_token"])["kid"]
    key = jwt.PyJWKSet.from_dict(keys)[kid]
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(
        answer["access_token"], key, algorithms=["ES256"], audience=RESOURCE, issuer=STS, options=options
    )
    assert claims["sub"] == "system:serviceaccount:team:app"
    assert "d" not in keys["keys"][0]
