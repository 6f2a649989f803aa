"""``spec.generate``, from the text of a resource to a policy."""

from typing import Any

import pytest

from strongroom.domain import generation as domain
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import Algorithm, SshKeyType
from strongroom.kinds.generators import Generate
from strongroom.kinds.shapes import without_values


def parse(generate: dict[str, Any]) -> domain.Generate:
    with without_values():
        return Generate.model_validate(generate).to_domain()


@pytest.mark.parametrize(
    ("generate", "policy"),
    [
        ({"password": {}}, domain.Password()),
        ({"password": {"symbols": "-", "noRepeat": True}}, domain.Password(symbols="-", no_repeat=True)),
        ({"passphrase": {}}, domain.Passphrase()),
        (
            {"passphrase": {"words": 4, "separator": " ", "capitalize": True, "number": True}},
            domain.Passphrase(4, " ", True, True),
        ),
        ({"uuid": {}}, domain.Uuid()),
        ({"randomBytes": {"length": 3, "encoding": "base64url"}}, domain.RandomBytes(3, domain.Encoding.BASE64URL)),
        ({"sshKeyPair": {}}, domain.SshKeyPair()),
        (
            {"sshKeyPair": {"type": "rsa", "size": 4096, "comment": "ci"}},
            domain.SshKeyPair(SshKeyType.RSA, 4096, "ci"),
        ),
        ({"keyPair": {}}, domain.KeyPair()),
        ({"keyPair": {"algorithm": "EC", "size": 521}}, domain.KeyPair(Algorithm.EC, 521)),
        ({"htpasswd": {"username": "admin"}}, domain.Htpasswd("admin")),
        (
            {"htpasswd": {"username": "admin", "password": {"length": 20}, "cost": 11}},
            domain.Htpasswd("admin", domain.Password(20), 11),
        ),
        (
            {"fields": {"user": {"literal": ""}, "id": {"uuid": {}}}},
            domain.Fields((("id", domain.Uuid()), ("user", domain.Literal("")))),
        ),
    ],
    ids=lambda each: str(each)[:60],
)
def test_what_is_asked_for_is_understood(generate: dict[str, Any], policy: domain.Generate) -> None:
    assert parse(generate) == policy


@pytest.mark.parametrize(
    ("generate", "complaint"),
    [
        ({}, "exactly one of password, passphrase, uuid, randomBytes, sshKeyPair, keyPair, htpasswd and fields"),
        ({"uuid": {}, "keyPair": {}}, "exactly one of"),
        ({"password": {"length": 63, "noRepeat": True}}, r"spec\.password: noRepeat allows at most 62"),
        ({"password": {"exclude": "0123456789"}}, r"spec\.password: exclude leaves nothing of the class digits"),
        ({"sshKeyPair": {"size": 2048}}, r"spec\.sshKeyPair: a key of the type ed25519"),
        ({"htpasswd": {"username": "a:b"}}, r"spec\.htpasswd\.username"),
        ({"htpasswd": {"username": "a", "password": {"length": 73}}}, r"spec\.htpasswd: password.length is at most 72"),
        ({"fields": {"a": {}}}, r"spec\.fields\.a: exactly one of .* and literal is required"),
        ({"fields": {"a": {"password": {"symbols": "x", "exclude": "x"}}}}, r"spec\.fields\.a\.password: exclude"),
        ({"fields": {"a": {"randomBytes": {"encoding": "raw"}}}}, r"spec\.fields\.a\.randomBytes\.encoding"),
        ({"fields": {"a b": {"uuid": {}}}}, r"spec\.fields\.a b"),
        ({"fields": {}}, r"spec\.fields"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_what_cannot_be_is_refused_with_the_path(generate: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        parse(generate)


def test_a_refusal_holds_no_literal() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse({"fields": {"a": {"literal": "hunter2" * 200, "uuid": {}}}})
    assert "hunter2" not in str(refused.value)
