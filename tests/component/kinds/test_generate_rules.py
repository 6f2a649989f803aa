"""What the API server makes of ``spec.generate``: its rules say the same as the parser, in the same words."""

from typing import Any

import pytest

from strongroom.domain import generation
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import Algorithm
from strongroom.kinds.vaultsecret import parse_vaultsecret
from tests.component.kinds.conftest import Objects

DIGITS = {"classes": ["digits"]}
HEAVY = {"length": 62, "noRepeat": True, "exclude": "~" * 64, "symbols": "-" * 64}
ALL = "".join(map(chr, range(0x21, 0x7F)))


def secret(generate: dict[str, Any]) -> dict[str, Any]:
    return {"vaultRef": {"name": "demo"}, "generate": generate}


@pytest.mark.parametrize(
    "generate",
    [
        {"password": {"symbols": "-_."}},
        {"password": {"symbols": ALL[:64]}},
        {"password": {"symbols": ALL[30:]}},
        {"password": {**DIGITS, "symbols": "'\"\\`", "exclude": "'\"\\", "length": 11, "noRepeat": True}},
        {"password": {**DIGITS, "symbols": "--0", "length": 11, "noRepeat": True}},
        {"password": {"length": 62, "noRepeat": True}},
        {"password": {"classes": ["lower", "upper", "digits", "symbols"], "length": 90, "noRepeat": True}},
        {"passphrase": {"words": 4, "separator": "", "capitalize": True, "number": True}},
        {"passphrase": {"words": 24, "separator": " \\ '"}},
        {"uuid": {}},
        {"randomBytes": {"length": 19200, "encoding": "base64url"}},
        {"sshKeyPair": {}},
        {"sshKeyPair": {"type": "rsa", "size": 2048, "comment": "alice @ laptop"}},
        {"sshKeyPair": {"type": "ecdsa", "size": 521}},
        {"keyPair": {}},
        {"keyPair": {"algorithm": "EC", "size": 384}},
        {"keyPair": {"algorithm": "Ed25519"}},
        {"htpasswd": {"username": "admin"}},
        {"htpasswd": {"username": "a#b@c.d", "password": {"length": 72, "symbols": "-"}, "cost": 12}},
        {"fields": {"user": {"literal": "app"}, "password": {"password": {}}, "_id": {"uuid": {}}}},
        {"fields": {"empty": {"literal": ""}, "phrase": {"passphrase": {}}, "k" * 63: {"randomBytes": {}}}},
        {"fields": {f"f{n}": {"password": HEAVY} for n in range(32)}},
        {"fields": {f"f{n}": {"literal": "x" * 780} for n in range(32)}},
    ],
    ids=lambda generate: str(generate)[:60],
)
def test_what_is_accepted_here_and_there(objects: Objects, generate: dict[str, Any]) -> None:
    parse_vaultsecret(objects.apply("VaultSecret", "s", secret(generate)))


@pytest.mark.parametrize(
    ("generate", "complaint"),
    [
        ({"password": {"symbols": "a b"}}, "spec.generate.password.symbols"),
        ({"password": {"symbols": "ä"}}, "spec.generate.password.symbols"),
        ({"password": {"symbols": "x" * 65}}, "spec.generate.password.symbols"),
        ({"password": {"symbols": "-_", "exclude": "_-"}}, "exclude leaves nothing of the class symbols"),
        ({"password": {"length": 63, "noRepeat": True}}, "noRepeat allows at most"),
        ({"password": {**DIGITS, "length": 11, "noRepeat": True}}, "noRepeat allows at most"),
        ({"password": {**DIGITS, "symbols": "-0-", "length": 12, "noRepeat": True}}, "noRepeat allows at most"),
        ({"password": {**DIGITS, "exclude": "7", "length": 10, "noRepeat": True}}, "noRepeat allows at most"),
        ({"password": {}, "uuid": {}}, "exactly one of password, passphrase"),
        ({"keyPair": {}, "fields": {"a": {"uuid": {}}}}, "exactly one of password, passphrase"),
        ({"passphrase": {"words": 3}}, "spec.generate.passphrase.words"),
        ({"passphrase": {"words": 25}}, "spec.generate.passphrase.words"),
        ({"passphrase": {"separator": "-----"}}, "spec.generate.passphrase.separator"),
        ({"passphrase": {"separator": "\n"}}, "spec.generate.passphrase.separator"),
        ({"uuid": None}, "spec.generate.uuid"),
        ({"randomBytes": {"length": 19201, "encoding": "base64url"}}, "at most 25600 octets"),
        ({"sshKeyPair": {"size": 256}}, "a key of the type ed25519 has no size"),
        ({"sshKeyPair": {"type": "rsa", "size": 2047}}, "size of an rsa key is 2048 to 4096"),
        ({"sshKeyPair": {"type": "rsa", "size": 4097}}, "spec.generate.sshKeyPair.size"),
        ({"sshKeyPair": {"type": "ecdsa", "size": 2048}}, "size of an ecdsa key is 256, 384 or 521"),
        ({"sshKeyPair": {"type": "dsa"}}, "spec.generate.sshKeyPair.type"),
        ({"sshKeyPair": {"comment": "two\nlines"}}, "spec.generate.sshKeyPair.comment"),
        ({"keyPair": {"algorithm": "Ed25519", "size": 256}}, "a key of the algorithm Ed25519 has no size"),
        ({"keyPair": {"size": 2049}}, "size of an RSA key is 2048, 3072 or 4096"),
        ({"keyPair": {"algorithm": "EC", "size": 512}}, "size of an EC key is 256, 384 or 521"),
        ({"htpasswd": {}}, "spec.generate.htpasswd.username"),
        *(
            ({"htpasswd": {"username": name}}, "spec.generate.htpasswd.username")
            for name in ("", "a:b", "a b", "#a", "a\n", "ü", "x" * 129)
        ),
        ({"htpasswd": {"username": "a", "password": {"length": 73}}}, "password.length is at most 72"),
        ({"htpasswd": {"username": "a", "cost": 9}}, "spec.generate.htpasswd.cost"),
        ({"htpasswd": {"username": "a", "cost": 13}}, "spec.generate.htpasswd.cost"),
        ({"fields": {}}, "spec.generate.fields"),
        ({"fields": {f"f{n}": {"uuid": {}} for n in range(33)}}, "spec.generate.fields"),
        *(
            ({"fields": {name: {"uuid": {}}}}, "a field is named by letters, digits and underscores")
            for name in ("with-hyphen", "1st", "x" * 64, "a\n")
        ),
        ({"fields": {"a": {}}}, "exactly one of password, passphrase, uuid, randomBytes and literal"),
        ({"fields": {"a": {"uuid": {}, "literal": "x"}}}, "exactly one of password, passphrase, uuid"),
        ({"fields": {"a": {"randomBytes": {"encoding": "raw"}}}}, "spec.generate.fields.a.randomBytes.encoding"),
        ({"fields": {"a": {"literal": "x" * 1025}}}, "spec.generate.fields.a.literal"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_what_is_refused_here_and_there(objects: Objects, generate: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("VaultSecret", "s", secret(generate))
    meta = {"name": "s", "namespace": "n", "uid": "u", "generation": 1}
    with pytest.raises(InvalidInput):
        parse_vaultsecret({"metadata": meta, "spec": secret(generate)})


def test_what_only_the_parser_can_add_up(objects: Objects) -> None:
    stored = objects.apply(
        "VaultSecret", "s", secret({"fields": {f"f{n}": {"literal": "x" * 1024} for n in range(32)}})
    )
    with pytest.raises(InvalidInput, match=r"spec\.generate: all fields together .* more than 25600"):
        parse_vaultsecret(stored)


def test_defaults_are_filled_in_and_read_back(objects: Objects) -> None:
    policies = {
        "htpasswd": ({"username": "admin"}, generation.Htpasswd("admin")),
        "sshKeyPair": ({}, generation.SshKeyPair()),
        "keyPair": ({"algorithm": "EC"}, generation.KeyPair(Algorithm.EC)),
        "passphrase": ({}, generation.Passphrase()),
        "fields": (
            {"token": {"randomBytes": {}}},
            generation.Fields((("token", generation.RandomBytes(32, generation.Encoding.BASE64)),)),
        ),
    }
    for name, (spec, policy) in policies.items():
        stored = objects.apply("VaultSecret", name.lower(), secret({name: spec}))
        assert parse_vaultsecret(stored).recipe == policy
    assert stored["spec"]["generate"] == {"fields": {"token": {"randomBytes": {"length": 32, "encoding": "base64"}}}}
