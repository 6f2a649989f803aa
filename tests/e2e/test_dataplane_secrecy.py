"""A value, a key and a token that go through every path of the data plane are told to those who may know, only."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from os import urandom
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from hack.localcluster.paths import REPOSITORY
from strongroom.crypto import jwk
from strongroom.domain import base64url
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.domain.objects import Kind
from strongroom.service.systemobjects import REF
from tests.helpers.canary import holds
from tests.helpers.dataplane import DOMAIN, Answer, Connection, DataPlane, grant, serving
from tests.helpers.system import System, vault, vaultcertificate

CANARY = b"canary-7c41aa90-that-is-told-to-nobody"
TEXT = CANARY.decode()
VALUE = {"value": TEXT}
Ask = Callable[..., Answer]
PATH = "/secrets/db?api-version=7.5"


@pytest.fixture
def running(system: System, tmp_path: Path) -> Iterator[DataPlane]:
    options = (
        "--log-level",
        "debug",
        "--log-format",
        "json",
        "--audit-stdout",
        "--audit-files",
        str(tmp_path / "shipped"),
    )
    with serving(system, tmp_path, *options) as made:
        yield made


def raw(running: DataPlane, namespace: str, octets: bytes) -> bytes:
    """Send what may be no HTTP at all."""
    connection = running.connect(namespace)
    connection.connect()
    assert connection.sock is not None
    try:
        connection.sock.sendall(octets)
        return connection.sock.recv(65536)
    finally:
        connection.close()


def refused(running: DataPlane, namespace: str, token: str, stranger: str) -> list[tuple[int, Answer]]:
    """Requests that carry the value and fail, each with the status that is expected."""
    ask = running.ask
    connection = running.connect(namespace)
    connection.request("PUT", PATH, body=f'{{"value": "{TEXT}"', headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    broken = Answer(response.status, response.headers, json.loads(response.read()))
    connection.close()
    old = {"value": TEXT, "attributes": {"enabled": TEXT}}
    return [
        (400, broken),
        (400, ask(namespace, "PUT", PATH, token=token, body=old)),
        (400, ask(namespace, "PUT", PATH, token=token, body={**VALUE, "tags": {TEXT: 1}})),
        (400, ask(namespace, "PUT", PATH, token=token, body={"value": TEXT * 700})),
        (413, ask(namespace, "PUT", PATH, token=token, body={"value": TEXT * 7000})),
        (400, ask(namespace, "PUT", "/secrets/a_b?api-version=7.5", token=token, body=VALUE)),
        (400, ask(namespace, "PUT", "/secrets/db", token=token, body=VALUE)),
        (400, ask(namespace, "POST", "/secrets/restore?api-version=7.5", token=token, body=VALUE)),
        (401, ask(namespace, "PUT", PATH, body=VALUE)),
        (401, ask(namespace, "PUT", PATH, token=TEXT, body=VALUE)),
        (403, ask(namespace, "PUT", PATH, token=stranger, body=VALUE)),
        (405, ask(namespace, "POST", PATH, token=token, body=VALUE)),
        (409, ask(namespace, "PUT", "/secrets/gone?api-version=7.5", token=token, body=VALUE)),
    ]


def test_a_value_and_a_token_are_told_to_nobody(
    running: DataPlane, system: System, namespace: str, tmp_path: Path
) -> None:
    system.kubectl("create", "serviceaccount", "stranger", "-n", namespace)
    body = {
        "apiVersion": "strongroom.dev/v1alpha1",
        "kind": "Vault",
        "metadata": {"name": "demo", "namespace": namespace},
    }
    system.apply({**body, "spec": {"accessPolicies": [grant("default", namespace, secrets=["all"])]}})
    system.until_ready(namespace, "demo", "vault")
    token, stranger = running.token(namespace), running.token(namespace, "stranger")
    said: list[bytes] = []
    for name in ("db", "gone"):
        assert running.ask(namespace, "PUT", f"/secrets/{name}?api-version=7.5", token=token, body=VALUE).status == 200
    assert running.ask(namespace, "GET", PATH, token=token).body["value"] == TEXT
    for method, path, status in (
        ("GET", "/secrets?api-version=7.5", 200),
        ("GET", "/secrets/db/versions?api-version=7.5", 200),
        ("PATCH", PATH, 200),
        ("POST", "/secrets/db/backup?api-version=7.5", 200),
        ("DELETE", "/secrets/gone?api-version=7.5", 200),
        ("GET", "/deletedsecrets/gone?api-version=7.5", 200),
    ):
        answer = running.ask(
            namespace, method, path, token=token, body={"tags": {"a": "b"}} if method == "PATCH" else None
        )
        assert answer.status == status
        said.append(json.dumps(answer.body).encode())
    for status, answer in refused(running, namespace, token, stranger):
        assert answer.status == status, answer.body
        said.append(json.dumps(answer.body).encode() + str(answer.headers).encode())
    said += _at_the_token_service(running, namespace)
    said.append(raw(running, namespace, b"PUT /secrets/db " + CANARY + b"\r\n\r\n"))
    said.append(raw(running, namespace, b"GET / HTTP/1.1\r\n" + CANARY + b"\r\n\r\n"))
    said.append(_without_hsm(running, system, namespace, token))
    said += _by_the_cli(running, namespace, stranger, tmp_path)
    running.process.kill()
    running.process.start()
    running.until_ready()
    assert running.ask(namespace, "GET", PATH, token=token).body["value"] == TEXT  # the search would find it
    found = [place for place, text in _places(running, system, tmp_path, said) if holds(text, CANARY)]
    assert found == []
    bearers = [place for place, text in _ours(running, tmp_path) if token.encode() in text or stranger.encode() in text]
    assert bearers == []


def private_keys() -> dict[str, tuple[dict[str, str], bytes]]:
    """Keys to bring, each with the number or octets that nobody may see."""
    on_curve, modular, octets = (
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 2048),
        urandom(32),
    )
    d, p = on_curve.private_numbers().private_value.to_bytes(32), modular.private_numbers().p.to_bytes(128)
    return {
        "soft": (jwk.private(on_curve), d),
        "curve": (jwk.private(on_curve) | {"kty": "EC-HSM"}, d),
        "modular": (jwk.private(modular) | {"kty": "RSA-HSM"}, p),
        "octets": ({"kty": "oct-HSM", "k": base64url.encode(octets)}, octets),
    }


def refused_keys(running: DataPlane, namespace: str, token: str, stranger: str) -> Iterator[tuple[int, Answer]]:
    """Requests that carry a private key or a text and fail, each with the status that is expected."""
    ask, path = running.ask, "/keys/refused?api-version=7.6"
    for key, private in private_keys().values():
        wrong = {"n": "AQAB"} | {name: base64url.encode(private[:-1]) for name in ("d", "k") if name in key}
        yield 400, ask(namespace, "PUT", path, token=token, body={"key": key | wrong})
        yield 403, ask(namespace, "PUT", path, token=stranger, body={"key": key})
        yield 401, ask(namespace, "PUT", path, body={"key": key})
    text = {"alg": "A256GCM", "value": base64url.encode(CANARY)}
    use = "/keys/octets/{}?api-version=7.6".format
    yield 400, ask(namespace, "POST", use("encrypt"), token=token, body=text | {"alg": TEXT[:32]})
    yield 400, ask(namespace, "POST", use("encrypt"), token=token, body=text | {"alg": "A128GCM"})
    yield 400, ask(namespace, "POST", use("decrypt"), token=token, body=text | {"iv": base64url.encode(bytes(12))})
    yield 400, ask(namespace, "POST", use("wrapkey"), token=token, body=text | {"alg": "A256KW"})
    yield 403, ask(namespace, "POST", use("encrypt"), token=stranger, body=text)
    yield 400, ask(namespace, "POST", "/keys/soft/sign?api-version=7.6", token=token, body=text | {"alg": "ES256"})


def test_a_private_key_and_what_a_key_opens_are_told_to_nobody(
    running: DataPlane, system: System, namespace: str, tmp_path: Path
) -> None:
    system.kubectl("create", "serviceaccount", "stranger", "-n", namespace)
    policies = [grant("default", namespace, keys=["all"])]
    system.apply(vault(namespace, tier="Premium", accessPolicies=policies))
    system.until_ready(namespace, "demo", "vault")
    token, stranger = running.token(namespace), running.token(namespace, "stranger")

    def ask(method: str, path: str, body: dict[str, object] | None = None) -> Answer:
        answer = running.ask(namespace, method, f"{path}?api-version=7.6", token=token, body=body)
        assert answer.status == 200, answer.body
        return answer

    brought, said = private_keys(), []
    for name, (key, private) in brought.items():
        assert holds(json.dumps(key).encode(), private), "the search would find it"
        said.append(ask("PUT", f"/keys/{name}", {"key": key}))
        said += [ask("GET", f"/keys/{name}"), ask("POST", f"/keys/{name}/backup"), ask("POST", f"/keys/{name}/rotate")]
    said += [ask("GET", "/keys"), ask("PATCH", "/keys/soft", {"tags": {"a": "b"}}), ask("DELETE", "/keys/curve")]
    for name, algorithm, there, back in (
        ("octets", "A256GCM", "encrypt", "decrypt"),
        ("octets", "A256KWPAD", "wrapkey", "unwrapkey"),
        ("modular", "RSA-OAEP-256", "encrypt", "decrypt"),
    ):
        sealed = ask("POST", f"/keys/{name}/{there}", {"alg": algorithm, "value": base64url.encode(CANARY)})
        said.append(sealed)
        more = {member: sealed.body[member] for member in ("value", "iv", "tag") if member in sealed.body}
        opened = ask("POST", f"/keys/{name}/{back}", {"alg": algorithm, **more})
        assert holds(json.dumps(opened.body).encode(), CANARY), "the search would find it"
    said += [_expected(*each) for each in refused_keys(running, namespace, token, stranger)]
    secret = {"a text": CANARY} | {name: private for name, (_, private) in brought.items()}
    texts = [json.dumps(answer.body).encode() + str(answer.headers).encode() for answer in said]
    places = list(_places(running, system, tmp_path, texts))
    assert [(what, place) for what, each in secret.items() for place, text in places if holds(text, each)] == []


def certificate_file(private: ec.EllipticCurvePrivateKey) -> str:
    """A certificate that signs itself, with its key, in PEM."""
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.example")]), datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, private.public_key(), 1).not_valid_before(now)
    made = made.not_valid_after(now + timedelta(days=1))
    key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (key + made.sign(private, SHA256()).public_bytes(Encoding.PEM)).decode()


def issuer_with_secrets() -> dict[str, object]:
    """An account whose password is the text, as is the TSIG key and the webhook's token."""
    update = {"server": "127.0.0.1", "key_name": "k", "secret": b64encode(CANARY).decode()}
    acme = {"directory": "https://127.0.0.1:1/dir", "dns01": {"rfc2136": update}}
    return {"provider": "ACME", "credentials": {"account_id": "a", "pwd": TEXT}, "acme": acme}


def refused_certificates(ask: Ask, file: str) -> Iterator[tuple[int, Answer]]:
    """Requests that carry a private key, a password or a key and fail, each with the status that is expected."""
    path, issuer = "/certificates/refused/import", issuer_with_secrets()
    yield 400, ask("POST", path, {"value": file, "attributes": {"enabled": TEXT}})
    yield 400, ask("POST", path, {"value": file[: len(file) // 3]})
    yield 400, ask("POST", path, {"value": b64encode(CANARY * 9).decode(), "pwd": TEXT})
    yield 400, ask("PUT", "/certificates/issuers/refused", issuer | {"provider": 1})
    yield 400, ask("PUT", "/certificates/issuers/Self", issuer)
    webhook = {"url": f"http://{TEXT}@x/", "token": TEXT}
    yield 400, ask("PUT", "/certificates/issuers/refused", issuer | {"acme": {"dns01": {"webhook": webhook}}})
    yield 409, ask("PUT", "/secrets/brought", {"value": TEXT})


def test_a_certificates_key_and_an_issuers_secrets_are_told_to_nobody(
    running: DataPlane, system: System, namespace: str, tmp_path: Path
) -> None:
    """One with its key is imported, one is asked of an authority that is not there."""
    policies = [grant("default", namespace, certificates=["all"], secrets=["all"])]
    system.apply(vault(namespace, tier="Premium", accessPolicies=policies))
    system.until_ready(namespace, "demo", "vault")
    token, private = running.token(namespace), ec.generate_private_key(ec.SECP256R1())
    file, number = certificate_file(private), private.private_numbers().private_value.to_bytes(32)

    def ask(method: str, path: str, body: object = None) -> Answer:
        return running.ask(namespace, method, f"{path}?api-version=7.6", token=token, body=body)

    brought = {"value": file, "pwd": TEXT}
    policy = {"issuer": {"name": "away"}, "x509_props": {"subject": "CN=a.example"}, "key_props": {"kty": "EC"}}
    requests: list[tuple[int, str, str, object]] = [
        (200, "POST", "/certificates/brought/import", brought),
        (200, "GET", "/certificates/brought", None),
        (200, "POST", "/certificates/brought/backup", None),
        (200, "PATCH", "/certificates/brought", {"tags": {"a": "b"}}),
        (200, "PUT", "/certificates/issuers/away", issuer_with_secrets()),
        (200, "GET", "/certificates/issuers/away", None),
        (200, "PATCH", "/certificates/issuers/away", {"credentials": {"account_id": "b", "pwd": TEXT}}),
        (202, "POST", "/certificates/asked/create", {"policy": policy}),
    ]
    said = [_expected(status, ask(method, path, body)) for status, method, path, body in requests]
    pending = "/certificates/asked/pending"
    system.until(lambda: "cannot be reached" in json.dumps(ask("GET", pending).body), "the try to issue it")
    said += [ask("GET", pending), *(_expected(*each) for each in refused_certificates(ask, file))]
    line = file.splitlines()[2].encode()
    assert line in ask("GET", "/secrets/brought").body["value"].encode(), "the search would find it"
    texts = [json.dumps(answer.body).encode() + str(answer.headers).encode() for answer in said]
    places = list(_places(running, system, tmp_path, texts))
    for what, each in {"the text": CANARY, "the key": number}.items():
        assert [(what, place) for place, text in places if holds(text, each)] == []
    assert [place for place, text in places if line in text] == []


def test_the_password_of_a_keystore_is_told_to_nobody(
    running: DataPlane, system: System, namespace: str, tmp_path: Path
) -> None:
    """Set through the API, used by the controller; the file that it opens is in a native Secret, as it is meant to."""
    policies = [grant("default", namespace, secrets=["all"])]
    system.apply(vault(namespace, accessPolicies=policies))
    system.until_ready(namespace, "demo", "vault")
    token = running.token(namespace)
    reference = {"passwordSecretRef": {"name": "password"}}
    keystores = {"pkcs12": reference, "jks": reference}
    path = "/secrets/password?api-version=7.6"
    assert running.ask(namespace, "PUT", path, token=token, body={"value": "short"}).status == 200
    target = {"name": "web-keys", "type": "Opaque", "keystores": keystores}
    system.apply(vaultcertificate(namespace, "web", target=target))
    system.until_reason(namespace, "web", "InvalidSpec", "vaultcertificate")
    assert running.ask(namespace, "PUT", path, token=token, body=VALUE).status == 200
    system.until_ready(namespace, "web", "vaultcertificate")
    file = b64decode(system.get("secret", namespace, "web-keys")["data"]["keystore.p12"])
    private, _, _ = load_key_and_certificates(file, CANARY)
    assert isinstance(private, ec.EllipticCurvePrivateKey), "the search is for what opens it"
    number = private.private_numbers().private_value.to_bytes(32)
    for what, each in {"the password": CANARY, "the key": number}.items():
        assert [(what, place) for place, text in _places(running, system, tmp_path, []) if holds(text, each)] == []


def test_the_keys_of_serving_certificates_are_told_to_nobody(
    running: DataPlane, system: System, namespace: str, tmp_path: Path
) -> None:
    system.apply(vault(namespace))
    name = f"vaults-in-{namespace}"
    system.until(lambda: system.get("vaultcertificate", SYSTEM_NAMESPACE, name), name)
    system.until_ready(SYSTEM_NAMESPACE, name, "vaultcertificate")
    keys = asyncio.run(_serving_keys(system, ("token-service", name)))
    assert len(keys) == 2
    places = list(_places(running, system, tmp_path, []))
    assert [(what, place) for what, each in keys.items() for place, text in places if holds(text, each)] == []
    assert system.cluster.etcd is not None
    files = [path for path in system.cluster.etcd_data_dir.rglob("*") if path.is_file()]
    assert [path for path in files for each in keys.values() if holds(path.read_bytes(), each)] == []


async def _serving_keys(system: System, names: tuple[str, ...]) -> dict[str, bytes]:
    async with system.reader() as store:
        found = await store.vault(REF)
        assert found is not None
        keys = {}
        for name in names:
            stored = await store.object(found.head, name)
            assert stored is not None
            opened = await store.version(found.head, stored.head, stored.head.faces[Kind.CERTIFICATE].current)
            private = load_der_private_key(CertificateMaterial.unpack(opened.payload).key.private, None)
            assert isinstance(private, ec.EllipticCurvePrivateKey)
            keys[name] = private.private_numbers().private_value.to_bytes(32)
        return keys


def _expected(status: int, answer: Answer) -> Answer:
    assert answer.status == status, answer.body
    return answer


def _at_the_token_service(running: DataPlane, namespace: str) -> Iterator[bytes]:
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": TEXT, "scope": TEXT}
    for more in ({}, {"client_assertion": TEXT}, {"client_assertion": f"{TEXT}.{TEXT}.{TEXT}"}):
        connection = running.connect(namespace)
        sts = Connection(f"sts.{DOMAIN}", running.port, connection._ours)
        text = urllib.parse.urlencode({**form, **more})
        sts.request("POST", "/adfs/oauth2/v2.0/token", text, {"Content-Type": "application/x-www-form-urlencoded"})
        response = sts.getresponse()
        assert response.status in (400, 401)
        yield response.read()
        sts.close()


def _without_hsm(running: DataPlane, system: System, namespace: str, token: str) -> bytes:
    """A process without keys in memory meets a value."""
    running.process.stop()
    running.process.start()
    running.until_ready()
    system.sidecar.kill()
    try:
        answer = running.ask(namespace, "PUT", PATH, token=token, body=VALUE)
        return json.dumps(answer.body).encode()
    finally:
        system.sidecar.start()
        running.until_ready()


def _by_the_cli(running: DataPlane, namespace: str, stranger: str, tmp_path: Path) -> Iterator[bytes]:
    """Somebody who may not, and somebody whose value ended up on the command line."""
    bundle, file = tmp_path / "cli-ca.crt", tmp_path / "cli-token"
    bundle.write_text(running.ca)
    file.write_text(stranger)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "STRONGROOM_TOKEN_FILE": str(file)}
    base = [sys.executable, "-m", "strongroom.entrypoints.main", "secrets"]
    base_options = ["--url", running.url(namespace), "--ca-file", str(bundle), "--connect-to", "127.0.0.1"]
    for arguments in (["set", "db"], ["set", "db", TEXT], ["set", TEXT * 9], ["get", "db"], ["restore"]):
        done = subprocess.run(
            [*base, *arguments, *base_options],
            env=environment,
            input=CANARY,
            capture_output=True,
            cwd=REPOSITORY,
            check=False,
        )
        assert done.returncode != 0
        if arguments != ["set", TEXT * 9]:  # a name is shown: what stands there is no value
            yield done.stdout + done.stderr
    file.unlink()


def _ours(running: DataPlane, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """What the process itself left: logs, journal, shipped records, what it says over HTTP, how it was started."""
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".kubeconfig"]
    assert {"dataplane.log", "PT1H.json"} <= {path.name for path in files}
    assert any(path.suffix == ".jsonl" for path in files)
    yield from ((str(path.relative_to(tmp_path)), path.read_bytes()) for path in files)
    for page in ("metrics", "healthz", "readyz"):
        try:
            yield page, urllib.request.urlopen(running.process.metrics_url.replace("metrics", page), timeout=5).read()
        except urllib.error.HTTPError as error:
            yield page, error.read()
    assert running.process.process is not None
    for part in ("cmdline", "environ"):
        yield part, Path(f"/proc/{running.process.process.pid}/{part}").read_bytes()


def _places(running: DataPlane, system: System, tmp_path: Path, said: list[bytes]) -> Iterator[tuple[str, bytes]]:
    yield from ((f"answer {number}", text) for number, text in enumerate(said))
    yield from _ours(running, tmp_path)
    yield "controller.log", system.controller.log.read_bytes()
    yield "sidecar.log", system.sidecar.log.read_bytes()
    kinds = system.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    everything = ",".join(kind for kind in kinds if kind != "componentstatuses")
    shown = json.loads(system.kubectl("get", everything, "-A", "-o", "json", "--show-managed-fields"))["items"]
    assert {"Secret", "Vault", "ConfigMap"} <= {each["kind"] for each in shown}
    for each in shown:
        yield (
            f"{each['kind']}/{each['metadata'].get('namespace')}/{each['metadata']['name']}",
            json.dumps(each).encode(),
        )
    assert system.cluster.audit_log is not None
    yield "the API server's audit log", system.cluster.audit_log.read_bytes()
