"""What a version becomes in a native Secret, by type, keys and templates."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from strongroom.domain.content import Content
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keystores import KeystoreFormat, KeystoreSpec, Password
from strongroom.domain.targets import SecretType, TargetSpec
from strongroom.service.targets import data
from strongroom.service.targets.data import TOTAL, data_of
from tests.helpers.pairs import certificate, new_key, pem
from tests.helpers.target_scenes import fields

CANARY = "canary-77aa"
SPEC = TargetSpec("apps", "t")
VERSION = "0" * 32
KEY = new_key("ec")
CRT, PEM = certificate(KEY).decode(), pem(KEY).decode()
DER = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
DOCKER = json.dumps({"auths": {"registry.example": {"auth": "eA=="}}})


def made(content: Content | str, **spec: Any) -> dict[str, bytes]:
    content = Content(content.encode()) if isinstance(content, str) else content
    return data_of(replace(SPEC, **spec), content, VERSION)


GIVES: list[tuple[str, dict[str, Any], Content | str, dict[str, str]]] = [
    ("a value", {}, "x", {"value": "x"}),
    ("fields", {}, fields(a="1", b="2"), {"a": "1", "b": "2"}),
    ("a value under another key", {"keys": (("PGPASSWORD", "value"),)}, "x", {"PGPASSWORD": "x"}),
    ("some of the fields", {"keys": (("user.txt", "a"),)}, fields(a="1", b="2"), {"user.txt": "1"}),
    ("a template alone", {"template": (("url", "x://{{ value }}"),)}, "x", {"url": "x://x"}),
    (
        "a template and keys",
        {"template": (("url", "{{ fields.a }}@{{ fields.b }}"),), "keys": (("a", "a"),)},
        fields(a="1", b="2"),
        {"url": "1@2", "a": "1"},
    ),
    (
        "names",
        {"template": (("n", "{{ namespace }}/{{ name }}/{{ version }}"),)},
        "x",
        {"n": f"apps/t/{VERSION}"},
    ),
    ("basic-auth of a value", {"type": SecretType.BASIC_AUTH}, "x", {"password": "x"}),
    (
        "basic-auth of fields",
        {"type": SecretType.BASIC_AUTH},
        fields(username="u", password="p", auth="a"),
        {"username": "u", "password": "p", "auth": "a"},
    ),
    ("ssh-auth of a value", {"type": SecretType.SSH_AUTH}, "x", {"ssh-privatekey": "x"}),
    (
        "ssh-auth of a pair",
        {"type": SecretType.SSH_AUTH},
        fields(privateKey="k", publicKey="p"),
        {"ssh-privatekey": "k", "publicKey": "p"},
    ),
    ("dockerconfigjson", {"type": SecretType.DOCKER_CONFIG}, DOCKER, {".dockerconfigjson": DOCKER}),
    (
        "tls of fields",
        {"type": SecretType.TLS},
        fields(certificate=CRT, privateKey=PEM, ca=CRT),
        {"tls.crt": CRT, "tls.key": PEM, "ca.crt": CRT},
    ),
    (
        "tls by keys",
        {"type": SecretType.TLS, "keys": (("tls.crt", "c"), ("tls.key", "k"))},
        fields(c=CRT, k=PEM),
        {"tls.crt": CRT, "tls.key": PEM},
    ),
    (
        "tls by templates",
        {
            "type": SecretType.TLS,
            "template": (
                ("tls.crt", "{{ (value | from_json)['c'] }}"),
                ("tls.key", "{{ (value | from_json)['k'] }}"),
            ),
        },
        json.dumps({"c": CRT, "k": PEM}),
        {"tls.crt": CRT, "tls.key": PEM},
    ),
]


@pytest.mark.parametrize(("spec", "content", "data"), [row[1:] for row in GIVES], ids=[row[0] for row in GIVES])
def test_gives(spec: dict[str, Any], content: Content | str, data: dict[str, str]) -> None:
    assert made(content, **spec) == {key: text.encode() for key, text in data.items()}


def test_binary_values_pass() -> None:
    assert made(Content(b"\xff\x00"), keys=(("a", "value"),)) == {"a": b"\xff\x00"}


REFUSED: list[tuple[dict[str, Any], Content | str, str]] = [
    ({"keys": (("a", "b"),)}, CANARY, r"target t: keys\[a\]: the secret has no field b; it has value"),
    ({"template": (("a", "\n{{ fields.b }}"),)}, CANARY, r"target t: template.data\[a\], line 2: .* no field b"),
    ({"template": (("a", "{{"),)}, CANARY, r"target t: template.data\[a\], line 1"),
    ({"type": SecretType.BASIC_AUTH}, fields(user=CANARY), "needs the key username or password"),
    ({"type": SecretType.SSH_AUTH}, fields(key=CANARY), "needs the key ssh-privatekey"),
    ({"type": SecretType.SSH_AUTH}, "", "needs the key ssh-privatekey"),
    ({"type": SecretType.TLS}, CANARY, "a single value cannot be"),
    ({"type": SecretType.TLS}, fields(privateKey=CANARY, publicKey="x"), "needs the key tls.crt"),
    ({"type": SecretType.TLS}, fields(privateKey=CANARY, certificate=CRT), "private key cannot be read"),
    ({"type": SecretType.TLS}, fields(privateKey=PEM, certificate=CANARY), "certificate cannot be read"),
    ({"type": SecretType.TLS}, fields(privateKey=pem(new_key("ec")).decode(), certificate=CRT), "is not for"),
    *(
        ({"type": SecretType.DOCKER_CONFIG}, text, "JSON object with the object auths")
        for text in (CANARY, "{}", '{"auths": []}', '["auths"]', "[" * 20000, "\x00")
    ),
    ({"type": SecretType.DOCKER_CONFIG}, fields(a=CANARY), "needs the key .dockerconfigjson"),
    (
        {"template": tuple((f"k{number}", "{{ value }}" * 5) for number in range(5))},
        CANARY + "x" * 25000,
        f"target t: it would have more than {TOTAL} bytes",
    ),
]


@pytest.mark.parametrize(("spec", "content", "complaint"), REFUSED, ids=[row[2] for row in REFUSED])
def test_refused(spec: dict[str, Any], content: Content | str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint) as refused:
        made(content, **spec)
    assert CANARY not in str(refused.value)


STORES = tuple(KeystoreSpec(format, Password("pw")) for format in KeystoreFormat)
CERTIFICATE = {"certificate": CRT.encode(), "ca": CRT.encode()}
WITH_KEY = Content.of_octets(CERTIFICATE | {"privateKeyDer": DER})


def test_keystores_stand_beside_what_keys_name() -> None:
    held = data_of(replace(SPEC, keys=(("ca.crt", "ca"),), keystores=STORES), WITH_KEY, VERSION, ["canary", "canary"])
    assert held.keys() == {"ca.crt", "keystore.jks", "truststore.jks", "keystore.p12", "truststore.p12"}
    assert not any(b"canary" in octets for octets in held.values())


def test_keystores_count_for_the_size_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    held = data_of(replace(SPEC, keystores=STORES), WITH_KEY, VERSION, [CANARY, CANARY])
    monkeypatch.setattr(data, "TOTAL", sum(map(len, held.values())))
    with pytest.raises(InvalidInput, match="target t: it would have more than"):
        data_of(replace(SPEC, keystores=STORES), WITH_KEY, VERSION, [CANARY, CANARY])


def test_a_version_whose_key_may_not_leave_has_truststores_only() -> None:
    content = Content.of_octets(CERTIFICATE)
    with pytest.raises(InvalidInput, match=r"target t: keystore\.jks: the private key of this version may not leave"):
        data_of(replace(SPEC, keystores=STORES), content, VERSION, [CANARY, CANARY])
    trust = tuple(replace(each, private=False) for each in STORES)
    held = data_of(replace(SPEC, keystores=trust), content, VERSION, [CANARY, CANARY])
    assert held.keys() == {"truststore.jks", "truststore.p12"}
