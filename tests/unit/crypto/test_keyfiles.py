"""Key files of every form, and what is no key file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto import jwk, keyfiles
from strongroom.crypto.keyengine import PrivateKey
from strongroom.domain.errors import InvalidInput

PASSWORD = "correct horse"


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


KEYS: dict[str, Callable[[], PrivateKey]] = {
    "rsa": rsa_key,
    "p256": cache(lambda: ec.generate_private_key(ec.SECP256R1())),
    "p521": cache(lambda: ec.generate_private_key(ec.SECP521R1())),
    "p256k": cache(lambda: ec.generate_private_key(ec.SECP256K1())),
    "ed25519": cache(ed25519.Ed25519PrivateKey.generate),
}


def pem(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8, password: str = "") -> bytes:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


def der(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def p12(key: PrivateKey | None, password: str = "") -> bytes:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"name", key, None, None, encryption)


FORMS: dict[str, Callable[[PrivateKey, str], bytes]] = {
    "pkcs8": lambda key, _: pem(key),
    "pkcs8-encrypted": lambda key, password: pem(key, password=password),
    "pkcs8-after-something": lambda key, _: public(key) + b"words\n" + pem(key) + pem(KEYS["p521"]()),
    "der": lambda key, _: der(key),
    "pkcs12": lambda key, password: p12(key, password),
    "pkcs12-open": lambda key, _: p12(key),
}


def public(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", KEYS)
def test_a_file_yields_its_key(name: str, form: str) -> None:
    key = KEYS[name]()
    password = "" if form == "pkcs12-open" else PASSWORD
    assert keyfiles.read(FORMS[form](key, PASSWORD), password) == jwk.private(key)


@pytest.mark.parametrize("name", ["rsa", "p256", "p521", "p256k"])
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_the_older_pem_forms_are_read(name: str, password: str) -> None:
    """PKCS #1 and SEC 1, also with the encryption of RFC 1421."""
    key = KEYS[name]()
    assert keyfiles.read(pem(key, PrivateFormat.TraditionalOpenSSL, password), password) == jwk.private(key)


@pytest.mark.parametrize(
    ("content", "password", "word"),
    [
        (lambda: b"", "", "does not open"),
        (lambda: b"\0" * (keyfiles.FILE_OCTETS + 1), "", "octets"),
        (lambda: public(rsa_key()), "", "no private key in it"),
        (lambda: pem(rsa_key())[:-30], "", "no private key in it"),
        (lambda: pem(rsa_key()).replace(b"M", b"N"), "", "is damaged"),
        (lambda: pem(rsa_key(), password=PASSWORD), "", "give its password"),
        (lambda: pem(rsa_key(), password=PASSWORD), "wrong", "another password"),
        (lambda: p12(rsa_key(), PASSWORD), "", "another password"),
        (lambda: p12(rsa_key(), PASSWORD), "wrong", "another password"),
        (lambda: pem(ec.generate_private_key(ec.SECP224R1())), "", "curve that is none of"),
        (lambda: pem(dsa.generate_private_key(2048)), "", "none of RSA"),
    ],
)
def test_what_is_no_key_file_is_refused_with_the_reason(content: Callable[[], bytes], password: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        keyfiles.read(content(), password)


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda octets: b"-----BEGIN PRIVATE KEY-----" + octets))
def test_whatever_a_file_holds_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        keyfiles.read(content)


@pytest.mark.parametrize("form", ["pkcs8", "pkcs8-after-something", "der"])
@pytest.mark.parametrize("name", KEYS)
def test_a_plain_file_yields_its_key(name: str, form: str) -> None:
    key = KEYS[name]()
    assert keyfiles.read_plain(FORMS[form](key, "")) == jwk.private(key)


@pytest.mark.parametrize(
    "content",
    [
        lambda: p12(rsa_key()),
        lambda: p12(rsa_key(), PASSWORD),
        lambda: pem(rsa_key(), password=PASSWORD),
        lambda: pem(rsa_key(), PrivateFormat.TraditionalOpenSSL, PASSWORD),
        lambda: rsa_key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        lambda: b"\0" * (keyfiles.FILE_OCTETS + 1),
    ],
    ids=["pkcs12", "pkcs12-encrypted", "pkcs8-encrypted", "pkcs1-encrypted", "der-encrypted", "too long"],
)
def test_no_password_is_tried_on_a_plain_file(content: Callable[[], bytes]) -> None:
    """It would be turned into a key as often as the file says: hours, where a stranger wrote it."""
    with pytest.raises(InvalidInput):
        keyfiles.read_plain(content())


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda octets: b"-----BEGIN PRIVATE KEY-----" + octets))
def test_whatever_a_plain_file_holds_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        keyfiles.read_plain(content)
