"""The official, unmodified libraries against the token service: only their environment is set."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import msal
import pytest
import requests
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential, WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient

from strongroom.crypto.certificates import CertificateAuthority, make_authority
from strongroom.dataplane.challenge import Challenge
from strongroom.dataplane.server import DataPlaneServer, ServerSettings
from strongroom.dataplane.sts import TokenService
from strongroom.dataplane.tls import ServingTls
from strongroom.domain.identity import Caller, Unauthenticated
from strongroom.service.identity.assembly import Identity, IdentitySettings
from strongroom.service.identity.remembering import KEEP
from tests.helpers.identity import ApiServer, Time, system_objects

DOMAIN = "kv.example"


@dataclass
class Site:
    """A vault that says who asks, and the token service beside it."""

    api: ApiServer
    clocks: Time
    port: int
    token_file: Path
    identity: Identity = field(init=False)
    challenge: Challenge = field(init=False)
    callers: list[Caller] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def note(self, request: web.BaseRequest) -> None:
        self.requests.append(f"{request.method} {request.path}")
        self.connections.add(request.transport)

    async def door(self, request: web.BaseRequest) -> web.StreamResponse:
        self.note(request)
        header = request.headers.get("Authorization", "")
        if not header:
            return _unauthorized(self.challenge.first())
        try:
            caller = await self.identity.authenticator.authenticate(header.removeprefix("Bearer "))
        except Unauthenticated as refused:
            return _unauthorized(self.challenge.revoked(self.clocks.now) if refused.claims else self.challenge.first())
        self.callers.append(caller)
        body = {"value": caller.name, "id": f"{self.vault}/secrets/who/{'0' * 32}", "attributes": {"enabled": True}}
        return web.json_response(body)

    async def sts(self, request: web.BaseRequest) -> web.StreamResponse:
        self.note(request)
        return await TokenService(self.identity.exchange, self.challenge.authorization, self.challenge.resource).handle(
            request
        )

    @property
    def vault(self) -> str:
        return f"https://demo.default.{DOMAIN}:{self.port}"

    def write_token(self, **how: Any) -> None:
        """What the kubelet does."""
        self.token_file.write_text(self.api.token(audience=self.challenge.resource, **how) + "\n")


def _unauthorized(challenge: str) -> web.Response:
    body = {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}}
    return web.json_response(body, status=401, headers={"WWW-Authenticate": challenge})


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    clocks, api = Time(now=int(time.time())), ApiServer()
    api.now = clocks.now
    fields = make_authority(DOMAIN, clocks.now)
    authority = CertificateAuthority.load({name: text.encode() for name, text in fields.items()})
    tls = ServingTls(domain=DOMAIN, has_vault="default".__eq__, clock=clocks.clock)
    tls.sign_with(authority)
    site = Site(api, clocks, 0, tmp_path / "token")
    settings = ServerSettings(host="127.0.0.1", port=0)
    server = DataPlaneServer(door=site.door, sts=site.sts, sts_host=f"sts.{DOMAIN}", tls=tls.context, settings=settings)
    await server.start()
    site.port = server.port
    urls = IdentitySettings(DOMAIN, server.port)
    site.challenge = Challenge(urls.token_issuer, urls.resource)
    site.identity = Identity(urls, api, await system_objects(clocks), clocks.clock, clocks.monotonic)
    bundle = tmp_path / "ca.pem"
    bundle.write_text(authority.pem)
    environment = {
        "AZURE_AUTHORITY_HOST": f"https://sts.{DOMAIN}:{server.port}",
        "AZURE_TENANT_ID": "adfs",
        "AZURE_CLIENT_ID": "my-app",
        "AZURE_FEDERATED_TOKEN_FILE": str(site.token_file),
        "REQUESTS_CA_BUNDLE": str(bundle),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _resolve_to_this_machine(monkeypatch)
    yield site
    await site.identity.close()
    await server.stop(1)
    for connection in site.connections:
        connection.abort()  # a client that was refused leaves its connection open; uvloop's end would wait for it


def _resolve_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(DOMAIN) else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def read(client: SecretClient) -> str | None:
    return client.get_secret("who").value


async def test_default_azure_credential_reads_a_secret(site: Site) -> None:
    site.write_token(pod="app-1")
    with DefaultAzureCredential() as credential, SecretClient(site.vault, credential) as client:
        assert await asyncio.to_thread(read, client) == "system:serviceaccount:team:app"
        assert await asyncio.to_thread(read, client) == "system:serviceaccount:team:app"
    assert site.requests == [
        "GET /secrets/who/",
        "POST /adfs/oauth2/v2.0/token",
        "GET /secrets/who/",
        "GET /secrets/who/",
    ]
    assert (site.callers[0].pod, site.callers[0].application) == ("app-1", "my-app")


@dataclass
class TokenFile:
    """A credential of ten lines: the ServiceAccount's token as it is, with our audience."""

    path: Path
    claims: list[str | None] = field(default_factory=list)

    def get_token(self, *_scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:
        self.claims.append(claims)
        text = self.path.read_text().strip()
        return AccessToken(text, jwt.decode(text, options={"verify_signature": False})["exp"])


async def test_a_revoked_token_is_succeeded_by_another(site: Site) -> None:
    """The challenge says that the token was revoked, and the client asks its credential for another one."""
    site.write_token(pod="app-1")
    credential = TokenFile(site.token_file)
    with SecretClient(site.vault, credential) as client:
        await asyncio.to_thread(read, client)
        del site.api.pods["team", "app-1"]
        site.write_token(pod="app-2")
        site.clocks.passes(KEEP)
        assert await asyncio.to_thread(read, client) == "system:serviceaccount:team:app"
    assert [caller.pod for caller in site.callers] == ["app-1", "app-2"]
    first, second = credential.claims
    assert first is None
    assert json.loads(second or "")["access_token"]["nbf"]["value"] == str(site.clocks.now)


async def test_a_deleted_account_gets_neither_token_nor_secret(site: Site) -> None:
    site.write_token()
    with WorkloadIdentityCredential() as credential, SecretClient(site.vault, credential) as client:
        await asyncio.to_thread(read, client)
        site.api.accounts.clear()
        site.clocks.passes(KEEP)
        with pytest.raises(ClientAuthenticationError):
            await asyncio.to_thread(read, client)
    with (
        WorkloadIdentityCredential() as credential,
        SecretClient(site.vault, credential) as client,
        pytest.raises(ClientAuthenticationError, match="ServiceAccount and pod that exist"),
    ):
        await asyncio.to_thread(read, client)


async def test_discovery_is_served_to_msal(site: Site) -> None:
    """MSAL's AD FS mode reads the discovery document and posts to the endpoint that it names."""
    assertion = site.api.token(audience="api://AzureADTokenExchange")

    def acquire() -> dict[str, Any]:
        with requests.Session() as session:
            application = msal.ConfidentialClientApplication(
                "my-app",
                authority=site.challenge.authorization,
                client_credential={"client_assertion": lambda: assertion},
                http_client=session,
            )
            found: dict[str, Any] = application.acquire_token_for_client([f"{site.challenge.resource}/.default"])
            return found

    found = await asyncio.to_thread(acquire)
    assert found["token_type"] == "Bearer", json.dumps({**found, "access_token": ""})
    assert site.requests == ["GET /adfs/.well-known/openid-configuration", "POST /adfs/oauth2/token"]
    assert (await site.identity.authenticator.authenticate(found["access_token"])).namespace == "team"
