"""Keystores of both formats: what ``cryptography`` and a reader of our own find in them, and without the password."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from strongroom.crypto import certdrafts, der, keyengine, keystores
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keystores import KeystoreFormat, KeystoreProfile, KeystoreSpec, Password
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from tests.helpers.certificates import AUTHORITY, POLICY, self_signed, signed
from tests.helpers.stores import NOW

PASSWORD = "correct horse"
PKCS12 = KeystoreSpec(KeystoreFormat.PKCS12, Password("pw"), "app")
JKS = replace(PKCS12, format=KeystoreFormat.JKS)
KEYS = {
    "RSA": KeySpec(KeyType.RSA, 2048),
    "P-256": KeySpec(KeyType.EC, curve=Curve.P256),
    "P-521": KeySpec(KeyType.EC, curve=Curve.P521),
}
_PBES2_AES256 = (bytes.fromhex("06092a864886f70d01050d"), bytes.fromhex("060960864801650304012a"))
_PBES1_3DES = bytes.fromhex("060a2a864886f70d010c0103")


@cache
def chain(key: str) -> tuple[KeyMaterial, bytes, bytes]:
    """A key, its certificate and that of the CA, DER."""
    ca_key, ca = self_signed(NOW, 10**8, AUTHORITY)
    made, authority = keyengine.make(KEYS[key]), certdrafts.Authority(ca)
    draft = certdrafts.certificate(POLICY, made.public, begins=NOW - 60, ends=NOW + 10**7, authority=authority)
    return made, signed(draft, ca_key), ca


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("profile", KeystoreProfile)
def test_a_pkcs12_keystore_holds_the_key_and_its_chain(key: str, profile: KeystoreProfile) -> None:
    made, leaf, ca = chain(key)
    file = keystores.keystore(replace(PKCS12, profile=profile), made.private, (leaf, ca), PASSWORD)
    found = pkcs12.load_pkcs12(file, PASSWORD.encode())
    assert found.key is not None
    assert found.cert is not None
    assert found.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == made.private
    assert found.cert.friendly_name == b"app"
    certificates = [found.cert, *found.additional_certs]
    assert [each.certificate.public_bytes(Encoding.DER) for each in certificates] == [leaf, ca]
    assert (_PBES1_3DES in file) is (profile is KeystoreProfile.LEGACY_DES)
    assert all(oid in file for oid in _PBES2_AES256) is (profile is KeystoreProfile.MODERN_2023)


@pytest.mark.parametrize("profile", KeystoreProfile)
def test_a_pkcs12_truststore_holds_the_ca_alone(profile: KeystoreProfile) -> None:
    ca = chain("P-256")[2]
    found = pkcs12.load_pkcs12(keystores.truststore(replace(PKCS12, profile=profile), ca, PASSWORD), PASSWORD.encode())
    assert (found.key, found.cert) == (None, None)
    (only,) = found.additional_certs
    assert (only.friendly_name, only.certificate) == (b"ca", x509.load_der_x509_certificate(ca))


@pytest.mark.parametrize("spec", [PKCS12, JKS], ids=lambda spec: spec.format)
def test_nothing_of_the_key_shows_without_the_password_and_salts_are_random(spec: KeystoreSpec) -> None:
    made, leaf, ca = chain("RSA")
    files = [keystores.keystore(spec, made.private, (leaf, ca), PASSWORD) for _ in range(2)]
    assert files[0] != files[1]
    pieces = [made.private[at : at + 8] for at in range(len(made.private) - 512, len(made.private) - 8)]
    assert not [piece for piece in pieces if piece in files[0]]
    assert PASSWORD.encode() not in files[0]


def test_a_wrong_password_does_not_open_a_pkcs12_file() -> None:
    made, leaf, _ = chain("P-256")
    for file in (keystores.keystore(PKCS12, made.private, (leaf,), PASSWORD), keystores.truststore(PKCS12, leaf, "x")):
        with pytest.raises(ValueError, match="password"):
            pkcs12.load_pkcs12(file, b"another")


@pytest.mark.parametrize("key", KEYS)
def test_a_jks_keystore_holds_the_key_and_its_chain(key: str) -> None:
    made, leaf, ca = chain(key)
    file = Jks(keystores.keystore(JKS, made.private, (leaf, ca), PASSWORD), PASSWORD)
    assert (file.number(4), file.text(), file.number(8)) == (1, "app", (NOW - 60) * 1000)
    assert revealed(file.sized(), PASSWORD) == made.private
    assert file.number(4) == 2
    assert [(file.text(), file.sized()) for _ in range(2)] == [("X.509", leaf), ("X.509", ca)]
    assert file.rest == b""


def test_a_jks_truststore_holds_the_ca_alone() -> None:
    ca = chain("P-256")[2]
    file = Jks(keystores.truststore(JKS, ca, PASSWORD), PASSWORD)
    assert (file.number(4), file.text(), file.number(8)) == (2, "ca", (NOW - 60) * 1000)
    assert (file.text(), file.sized(), file.rest) == ("X.509", ca, b"")


def test_certificates_in_pem_are_read_in_their_order() -> None:
    _, leaf, ca = chain("P-256")
    pem = b"".join(x509.load_der_x509_certificate(each).public_bytes(Encoding.PEM) for each in (leaf, ca))
    assert keystores.certificates(pem) == (leaf, ca)


class Jks:
    """A file of one entry, read from its beginning; that it is whole, and of this password, is proven first."""

    def __init__(self, file: bytes, password: str) -> None:
        content, digest = file[:-20], file[-20:]
        assert digest == sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + content)
        assert content[:12] == struct.pack(">III", 0xFEEDFEED, 2, 1)
        self.rest = content[12:]

    def octets(self, count: int) -> bytes:
        found, self.rest = self.rest[:count], self.rest[count:]
        assert len(found) == count
        return found

    def number(self, octets: int) -> int:
        return int.from_bytes(self.octets(octets), "big")

    def text(self) -> str:
        return self.octets(self.number(2)).decode("ascii")

    def sized(self) -> bytes:
        return self.octets(self.number(4))


def revealed(protected: bytes, password: str) -> bytes:
    """The key in an EncryptedPrivateKeyInfo by Sun's algorithm; the checksum holds."""
    algorithm, encrypted = der.read(protected).children
    assert algorithm.children[0].content == bytes.fromhex("2b060104012a02110101")
    salt, hidden, check = encrypted.content[:20], encrypted.content[20:-20], encrypted.content[-20:]
    written, stream, digest = password.encode("utf-16-be"), b"", salt
    while len(stream) < len(hidden):
        digest = sha1(written + digest)
        stream += digest
    private = bytes(left ^ right for left, right in zip(hidden, stream, strict=False))
    assert sha1(written + private) == check
    return private


def sha1(octets: bytes) -> bytes:
    return hashlib.sha1(octets, usedforsecurity=False).digest()
