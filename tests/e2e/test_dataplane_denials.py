"""The table of denials on real parts: API server, TokenReview, an identity provider over TLS, the process, its journal.

``tests/component/dataplane/test_denials.py`` has the same table in one process, with more ways of being refused.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from strongroom.crypto.certificates import CertificateAuthority, make_authority
from strongroom.dataplane import certpaths, keypaths, secretpaths
from strongroom.domain.access import Area
from tests.component.dataplane.test_denials import AES, EC, OUTSIDE, REQUESTS, pem_file
from tests.component.identity.conftest import Provider, server_tls
from tests.helpers.dataplane import Answer, DataPlane, grant, serving
from tests.helpers.identity import Signer, encode
from tests.helpers.system import System

PREFIX = "corp:"
EVERYTHING = {str(area): ["all"] for area in (Area.SECRETS, Area.KEYS, Area.CERTIFICATES)}


@contextmanager
def identity_provider(folder: Path) -> Iterator[Provider]:
    """A real one on the loopback, run by a thread."""
    fields = make_authority("localhost", int(time.time()))
    authority = CertificateAuthority.load({name: text.encode() for name, text in fields.items()})
    (folder / "provider-ca.pem").write_text(authority.pem)
    provider, loop, ready = Provider("", folder / "provider-ca.pem"), asyncio.new_event_loop(), threading.Event()
    ended = asyncio.Event()

    async def serve() -> None:
        server = web.ServerRunner(web.Server(provider.answer))
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0, ssl_context=server_tls(authority, folder, "localhost")).start()
        provider.url = f"https://localhost:{server.addresses[0][1]}/tenant"
        provider.publish(provider.signer.jwk())
        ready.set()
        await ended.wait()
        await server.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield provider
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("denials")


@pytest.fixture(scope="module")
def provider(scratch: Path) -> Iterator[Provider]:
    with identity_provider(scratch) as made:
        yield made


@pytest.fixture(scope="module")
def running(system: System, scratch: Path, provider: Provider) -> Iterator[DataPlane]:
    entry = {"url": provider.url, "audiences": ["cli"], "prefix": PREFIX, "caFile": str(provider.ca_file)}
    (scratch / "issuers.json").write_text(json.dumps([entry]))
    with serving(system, scratch, "--oidc-issuers", str(scratch / "issuers.json")) as made:
        yield made


def policies(namespace: str, **changes: Any) -> dict[str, Any]:
    body = {
        "apiVersion": "strongroom.dev/v1alpha1",
        "kind": "Vault",
        "metadata": {"name": "demo", "namespace": namespace},
    }
    return {**body, "spec": {"accessPolicies": [grant("default", namespace, **EVERYTHING)], **changes}}


@pytest.fixture
def vault(system: System, running: DataPlane, namespace: str) -> str:
    """Its namespace. Of each kind one object lives and one was deleted, and ``default`` may do everything."""
    system.apply(policies(namespace))
    system.until_ready(namespace, "demo", "vault")
    requests: list[tuple[str, str, Any]] = [("PUT", "/keys/aes", {"key": AES})]
    for name in ("live", "gone"):
        requests += [("PUT", f"/secrets/{name}", {"value": "x"}), ("POST", f"/keys/{name}/create", EC)]
    requests += [("DELETE", "/secrets/gone", None), ("DELETE", "/keys/gone", None)]
    for request in [*requests, *_of_certificates()]:
        assert send(running, namespace, request, running.token(namespace)).status in (200, 202), request
    return namespace


def _of_certificates() -> list[tuple[str, str, Any]]:
    file = {"value": pem_file(int(time.time()))}
    return [
        *(("POST", f"/certificates/{name}/import", file) for name in ("cert", "certgone")),
        ("DELETE", "/certificates/certgone", None),
        ("POST", "/certificates/waiting/create", {"policy": OUTSIDE}),
        REQUESTS[certpaths.SET_ISSUER],
        REQUESTS[certpaths.SET_CONTACTS],
    ]


def send(running: DataPlane, namespace: str, request: tuple[str, str, Any], token: str) -> Answer:
    method, path, body = request
    return running.ask(namespace, method, f"{path}?api-version=7.5", token=token, body=body)


def code(answer: Answer) -> str:
    error = answer.body["error"]
    return "/".join([error["code"], *([error["innererror"]["code"]] if "innererror" in error else [])])


def contents(running: DataPlane, namespace: str) -> list[Any]:
    """Everything that the vault shows of itself."""
    token, shown = running.token(namespace), []
    of_keys = ("/keys", "/deletedkeys", "/keys/live", "/keys/live/versions", "/keys/live/rotationpolicy")
    of_certificates = (
        *("/certificates", "/deletedcertificates", "/certificates/cert", "/certificates/cert/versions"),
        *("/certificates/cert/policy", "/certificates/waiting/pending"),
        *("/certificates/issuers", "/certificates/issuers/live", "/certificates/contacts"),
    )
    of_secrets = ("/secrets", "/deletedsecrets", "/secrets/live", "/secrets/live/versions")
    for path in (*of_secrets, *of_keys, *of_certificates):
        shown.append(send(running, namespace, ("GET", path, None), token).body)
    return shown


def records(scratch: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted((scratch / "audit").rglob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def forged(token: str) -> str:
    """The same claims under a key of somebody else's."""
    return Signer(json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]).sign(claims(token))


def of_alg_none(token: str) -> str:
    return f"{encode({'alg': 'none', 'kid': 'x'})}.{encode(claims(token))}."


def bad_tokens(running: DataPlane, provider: Provider, namespace: str) -> dict[str, str]:
    good, me = running.token(namespace), f"system:serviceaccount:{namespace}:default"
    return {
        "none": "",
        "expired": provider.token(iat=int(time.time()) - 400, exp=int(time.time()) - 100),
        "of another audience": running.token(namespace, audience="https://vault.azure.net"),
        "of another issuer": Signer("x").sign({**claims(good), "iss": "https://issuer.example"}),
        "of an issuer that is trusted, signed by another": provider.token(Signer(provider.signer.kid)),
        "forged": forged(good),
        "alg none": of_alg_none(good),
        "of an issuer that is trusted, alg none": of_alg_none(provider.token(sub=me)),
    }


SOME = (secretpaths.SET, secretpaths.GET, keypaths.SIGN, certpaths.CREATE)


@pytest.mark.timeout(240)
def test_no_operation_without_a_good_token(running: DataPlane, provider: Provider, vault: str, scratch: Path) -> None:
    before = contents(running, vault)
    expected = 'Bearer authorization="https://sts.{0}/adfs", resource="https://{0}"'.format(running.audience[8:])
    for kind, token in bad_tokens(running, provider, vault).items():
        for operation in REQUESTS if kind == "none" else SOME:  # more strangers would not all be recorded
            request, written = REQUESTS[operation], len(records(scratch))
            answer = send(running, vault, request, token)
            assert (answer.status, code(answer)) == (401, "Unauthorized"), (kind, operation.name)
            assert answer.headers["WWW-Authenticate"] == expected
            told = [each for each in records(scratch)[written:] if each["operationName"] == "Authentication"]
            assert [each["properties"]["httpStatusCode"] for each in told] == [401], (kind, operation.name)
            assert "unique_name" not in told[0]["identity"]["claim"]
    assert contents(running, vault) == before


def test_the_name_of_a_service_account_from_an_issuer_is_somebody_else(
    running: DataPlane, provider: Provider, vault: str, scratch: Path
) -> None:
    """The issuer is trusted, and still cannot speak of what is the cluster's: its prefix stands before the name."""
    before = contents(running, vault)
    for name in (f"system:serviceaccount:{vault}:default", "system:admin"):
        for operation, request in REQUESTS.items():
            answer = send(running, vault, request, provider.token(sub=name))
            assert (answer.status, code(answer)) == (403, "Forbidden/ForbiddenByPolicy"), operation.name
            last = [each for each in records(scratch) if each["operationName"] == operation.name][-1]
            assert last["identity"]["claim"]["unique_name"] == PREFIX + name
            assert last["properties"]["httpStatusCode"] == 403
    assert contents(running, vault) == before


@pytest.mark.timeout(240)
def test_no_operation_without_its_permission(running: DataPlane, system: System, vault: str, scratch: Path) -> None:
    """A stranger has every permission but the one that is asked for."""
    system.kubectl("create", "serviceaccount", "stranger", "-n", vault)
    stranger, before = running.token(vault, "stranger"), contents(running, vault)
    mine = grant("default", vault, **EVERYTHING)
    for area, permission in sorted({(each.area, each.permission) for each in REQUESTS}):
        without = sorted({each.permission for each in REQUESTS if each.area is area} - {permission})
        granted = {**EVERYTHING, str(area): without}
        system.apply(policies(vault, accessPolicies=[mine, grant("stranger", vault, **granted)]))
        _in_force(running, vault, stranger, area, permission)
        for operation, request in REQUESTS.items():
            if (operation.area, operation.permission) == (area, permission):
                answer = send(running, vault, request, stranger)
                assert (answer.status, code(answer)) == (403, "Forbidden/ForbiddenByPolicy"), operation.name
                last = [each for each in records(scratch) if each["operationName"] == operation.name][-1]
                assert last["properties"]["isAccessPolicyMatch"] is False
    assert contents(running, vault) == before


_NAMES = re.compile("/(live|gone|aes|cert|certgone|waiting)(?=/|$)")
_MAKING = (
    *(secretpaths.SET, keypaths.CREATE, keypaths.IMPORT),
    *(certpaths.CREATE, certpaths.IMPORT, certpaths.SET_ISSUER),
)


def _in_force(running: DataPlane, namespace: str, token: str, area: Area, permission: str) -> None:
    """Wait until this permission alone is refused: policies of a moment ago may hold for a second.

    Asked of what is not there, no operation has an effect: 404 or 400 tells that it was let in.
    """
    probes = {
        each.permission: (method, _NAMES.sub("/nobody", path), body if each not in _MAKING else {})
        for each, (method, path, body) in REQUESTS.items()
        if each.area is area and each not in (certpaths.SET_CONTACTS, certpaths.DELETE_CONTACTS)
    }
    other = "list" if permission == "get" else "get"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        allowed = send(running, namespace, probes[other], token).status != 403
        if allowed and send(running, namespace, probes[permission], token).status == 403:
            return
        time.sleep(0.1)
    raise AssertionError(f"the policies never came into force without {area} {permission}")


def test_no_operation_from_elsewhere(running: DataPlane, system: System, vault: str, scratch: Path) -> None:
    before, token = contents(running, vault), running.token(vault)
    system.apply(policies(vault, networkRules={"defaultAction": "Deny", "ipRules": ["192.0.2.0/24"]}))
    system.until(lambda: send(running, vault, REQUESTS[secretpaths.GET], token).status == 403, "the rules")
    for operation, request in REQUESTS.items():
        answer = send(running, vault, request, token)
        assert (answer.status, code(answer)) == (403, "Forbidden/ForbiddenByFirewall"), operation.name
        last = [each for each in records(scratch) if each["operationName"] == operation.name][-1]
        assert last["properties"]["isAddressAuthorized"] is False
    system.apply(policies(vault, networkRules={"defaultAction": "Allow", "ipRules": []}))
    system.until(lambda: send(running, vault, REQUESTS[secretpaths.GET], token).status == 200, "the rules")
    assert contents(running, vault) == before


def test_disabled_and_deleted(running: DataPlane, vault: str) -> None:
    token = running.token(vault)
    off = {"value": "x", "attributes": {"enabled": False}}
    assert send(running, vault, ("PUT", "/secrets/off", off), token).status == 200
    for request, status, expected in (
        (("GET", "/secrets/off", None), 403, "Forbidden/SecretDisabled"),
        (("GET", "/secrets/gone", None), 404, "SecretNotFound"),
        (("PUT", "/secrets/gone", {"value": "y"}), 409, "Conflict/ObjectIsDeletedButRecoverable"),
        (("PATCH", "/secrets/gone", {"tags": {}}), 404, "SecretNotFound"),
        (("POST", "/secrets/gone/backup", None), 404, "SecretNotFound"),
    ):
        answer = send(running, vault, request, token)
        assert (answer.status, code(answer)) == (status, expected)
