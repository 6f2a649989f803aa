"""An attestation authority over HTTPS: discovery, keys, and tokens for environments that have an RSA key."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.crypto import jwk
from strongroom.crypto.certificates import CertificateAuthority, make_authority
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import key_spec
from tests.helpers.identity import Signer
from tests.helpers.pairs import new_key

DISCOVERY = "/.well-known/openid-configuration"
TEST_TOKEN = "/generate-test-token"
LIFETIME = 8 * 3600


@dataclass
class Environment:
    """Whoever keys are released to: its key, and what is said of it."""

    kid: str = "enclave"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)

    def claims(self) -> dict[str, Any]:
        encoded = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        members = jwk.public(KeyMaterial(key_spec("RSA", self.key.key_size), public=encoded))
        key = {**members, "kid": self.kid, "key_ops": ["encrypt"]}
        return {"sdk-test": True, "x-ms-runtime": {"keys": [key]}}


@dataclass
class Authority:
    """``url`` is what tokens are issued by; ``asked`` the paths that were asked for; ``keys`` what is shown."""

    url: str = ""
    signer: Signer = field(default_factory=lambda: Signer("att/1=", "RS256", new_key("rsa")))
    environment: Environment = field(default_factory=Environment)
    keys: list[dict[str, Any]] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def token(self, signer: Signer | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return an attestation of the environment. A claim that is None is left out."""
        now = int(self.clock())
        claims = {"iss": self.url, "iat": now, "nbf": now, "exp": now + LIFETIME, **self.environment.claims()}
        kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return (signer or self.signer).sign(kept, jku=f"{self.url}/certs", **(header or {}))

    def documents(self) -> dict[str, Any]:
        """Return what is shown, by path."""
        return {
            DISCOVERY: {"issuer": self.url, "jwks_uri": f"{self.url}/certs"},
            "/certs": {"keys": self.keys or [self.signer.jwk()]},
            TEST_TOKEN: {"token": self.token()},
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path)
        found = self.documents().get(request.path)
        if self.down or found is None:
            return web.Response(status=503 if self.down else 404)
        return web.Response(text=json.dumps(found), content_type="application/json")


@contextmanager
def attesting(authority: Authority, folder: Path, port: int = 0) -> Iterator[Path]:
    """Serve in a thread of its own at ``https://localhost``; yield the file of who vouches for that, in PEM."""
    fields = make_authority("localhost", int(time.time()))
    issuer = CertificateAuthority.load({name: text.encode() for name, text in fields.items()})
    leaf = issuer.issue(["localhost"], int(time.time()))
    (folder / "attestation.pem").write_bytes(leaf.certificate + leaf.private_key)
    (folder / "attestation-ca.pem").write_text(issuer.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "attestation.pem")
    started, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(authority, context, port, started, stop)))
    thread.start()
    try:
        assert started.wait(30), "the attestation authority does not start"
        yield folder / "attestation-ca.pem"
    finally:
        stop.set()
        thread.join()


async def _serve(
    authority: Authority, context: ssl.SSLContext, port: int, started: threading.Event, stop: threading.Event
) -> None:
    runner = web.ServerRunner(web.Server(authority.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    authority.url = f"https://localhost:{runner.addresses[0][1]}"
    started.set()
    await asyncio.to_thread(stop.wait)
    await runner.cleanup()


def authorities_file(folder: Path, authority: Authority, ca_file: Path) -> Path:
    """Write what ``strongroom dataplane --attestation-authorities`` reads."""
    path = folder / "attestation-authorities.json"
    path.write_text(json.dumps([{"url": authority.url, "caFile": str(ca_file)}]))
    return path


def policy(url: str, *conditions: tuple[str, Any], word: str = "allOf") -> str:
    """A release policy. Without conditions: of environments of which ``sdk-test`` is said."""
    claims = [{"claim": path, "equals": value} for path, value in conditions or (("sdk-test", True),)]
    return json.dumps({"version": "1.0.0", "anyOf": [{"authority": f"{url}/", word: claims}]})
