"""What the parser makes of keystores; the API server says the same (tests/component/kinds/test_keystore_rules.py)."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.keystores import KeystoreFormat, KeystoreProfile, KeystoreSpec, Password
from strongroom.domain.targets import TargetSpec
from strongroom.kinds.vaultcertificate import VaultCertificateResource, parse_vaultcertificate
from tests.helpers.controllers import vaultcertificate
from tests.helpers.keystores import ACCEPTED, REFUSED, TRUST, target


def parse(**spec: Any) -> VaultCertificateResource:
    body = vaultcertificate(**spec)
    return parse_vaultcertificate({**body, "metadata": {**body["metadata"], "uid": "u", "generation": 1}})


def parsed_target(**spec: Any) -> TargetSpec:
    found = parse(**spec).target
    assert found is not None
    return found


@pytest.mark.parametrize("spec", ACCEPTED, ids=str)
def test_accepted(spec: dict[str, Any]) -> None:
    parse(**spec)


@pytest.mark.parametrize(("spec", "complaint"), REFUSED, ids=str)
def test_refused(spec: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(**spec)
    assert complaint in str(caught.value)


def test_the_defaults() -> None:
    password = Password("keystore-password")
    assert parsed_target(target=target(jks={}, pkcs12={})).keystores == (
        KeystoreSpec(KeystoreFormat.JKS, password, "certificate"),
        KeystoreSpec(KeystoreFormat.PKCS12, password, "certificate", KeystoreProfile.MODERN_2023),
    )


def test_everything() -> None:
    given = {"alias": "app", "profile": "LegacyDES", "passwordSecretRef": {"name": "Pw", "key": "word"}, **TRUST}
    resource = parse(target=target(pkcs12=given), **{"exportable": False})
    assert resource.target is not None
    assert resource.target.keystores == (
        KeystoreSpec(
            KeystoreFormat.PKCS12, Password("Pw", "word"), "app", KeystoreProfile.LEGACY_DES, private=False, trust=True
        ),
    )
    assert resource.passwords == {"pw"}


def test_a_secret_of_type_tls_has_its_keys_beside_and_an_opaque_one_what_it_names() -> None:
    held = {key for key, _ in parsed_target(target={**target(pkcs12={}), "type": "kubernetes.io/tls"}).keys}
    assert held == {"tls.crt", "tls.key", "ca.crt"}
    assert parsed_target(target=target(pkcs12={})).keys == ()
    named = {**target(pkcs12={}), "keys": {"key.der": "privateKeyDer"}}
    assert parsed_target(target=named).keys == (("key.der", "privateKeyDer"),)


def test_without_keystores_there_is_no_password() -> None:
    assert parse().passwords == frozenset()
    assert parse(target=None).passwords == frozenset()
