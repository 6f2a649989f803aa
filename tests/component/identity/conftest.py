"""An identity provider as a real HTTPS server, with real keys."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web

from strongroom.crypto.certificates import CertificateAuthority, make_authority
from tests.helpers.identity import Signer


def pytest_asyncio_loop_factories(config: Any, item: Any) -> dict[str, Callable[[], Any]]:
    """The event loop that the data plane runs on."""
    return {"uvloop": uvloop.new_event_loop}


DISCOVERY = "/tenant/.well-known/openid-configuration"


def server_tls(authority: CertificateAuthority, folder: Path, *names: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for these names."""
    leaf = authority.issue(names, int(time.time()))
    path = folder / "leaf.pem"
    path.write_bytes(leaf.certificate + leaf.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@dataclass
class Provider:
    """What the provider shows: ``documents`` by path, changed as a test wants."""

    url: str
    ca_file: Path
    signer: Signer = field(default_factory=Signer)
    keys: list[dict[str, Any]] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    status: int = 200

    def publish(self, *keys: dict[str, Any], **discovery: Any) -> None:
        """Show these keys."""
        found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **discovery}
        self.documents = {
            DISCOVERY: json.dumps(found).encode(),
            "/tenant/keys": json.dumps({"keys": list(keys)}).encode(),
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.moved:
            return web.Response(status=302, headers={"Location": self.moved[request.path]})
        return web.Response(status=self.status, body=self.documents.get(request.path, b""))

    def token(self, signer: Signer | None = None, **change: Any) -> str:
        """A token of alice, which ends in five minutes. A claim that is None is left out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": "cli", "sub": "alice", "iat": now, "exp": now + 300, "groups": ["staff"]}
        changed = {**claims, **change}
        return (signer or self.signer).sign({key: value for key, value in changed.items() if value is not None})


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    fields = make_authority("localhost", int(time.time()))
    return CertificateAuthority.load({name: text.encode() for name, text in fields.items()})


@pytest.fixture
async def provider(authority: CertificateAuthority, tmp_path: Path) -> AsyncIterator[Provider]:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)
    provider = Provider("", ca_file)
    server = web.ServerRunner(web.Server(provider.answer))
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0, ssl_context=server_tls(authority, tmp_path, "localhost"))
    await site.start()
    provider.url = f"https://localhost:{server.addresses[0][1]}/tenant"
    provider.publish(provider.signer.jwk())
    yield provider
    await server.cleanup()
