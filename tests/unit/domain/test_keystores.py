"""Passwords of keystores, and what they mean for a target's digest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.keystores import (
    FILES,
    KeystoreFormat,
    KeystoreProfile,
    KeystoreSpec,
    Password,
    checked_password,
)
from strongroom.domain.targets import TargetSpec

PKCS12 = KeystoreSpec(KeystoreFormat.PKCS12, Password("pw"))
PLAIN = TargetSpec("ns", "db")


@pytest.mark.parametrize("octets", [b"123456", b"changeit", b'correct horse ~!"', b"x" * 128])
def test_a_password_of_printable_ascii_is_taken(octets: bytes) -> None:
    assert checked_password(octets) == octets.decode()


@pytest.mark.parametrize(
    "octets", [b"", b"canar", b"canary\n", b"canary\0", "canary-ä".encode(), b"\xff" * 8, b"canary\x7f", b"x" * 129]
)
def test_another_is_refused_and_not_said(octets: bytes) -> None:
    with pytest.raises(InvalidInput, match="6 to 128 characters") as caught:
        checked_password(octets)
    assert "canar" not in str(caught.value)


def test_each_format_has_files_of_its_own() -> None:
    jks = replace(PKCS12, format=KeystoreFormat.JKS)
    assert (PKCS12.keystore, PKCS12.truststore, jks.keystore, jks.truststore) == FILES


def test_a_target_without_keystores_has_the_digest_that_earlier_releases_wrote() -> None:
    assert PLAIN.digest() == "06754cab7225a08c3d16b7cefbfd158d"


def test_everything_of_a_keystore_changes_the_digest_a_new_password_too() -> None:
    others = (
        replace(PKCS12, format=KeystoreFormat.JKS),
        replace(PKCS12, password=Password("other")),
        replace(PKCS12, password=Password("pw", "field")),
        replace(PKCS12, password=Password("pw", version="0" * 32)),
        replace(PKCS12, password=Password("pw", version="1" * 32)),
        replace(PKCS12, alias="other"),
        replace(PKCS12, profile=KeystoreProfile.LEGACY_DES),
        replace(PKCS12, private=False),
        replace(PKCS12, trust=False),
    )
    digests = {replace(PLAIN, keystores=(each,)).digest() for each in (PKCS12, *others)} | {PLAIN.digest()}
    assert len(digests) == len(others) + 2
