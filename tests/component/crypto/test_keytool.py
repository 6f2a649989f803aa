"""Java's keytool opens our keystores and truststores, and takes out what was put in."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from hack.bootstrap.debs import JAVA, ensure_keytool
from strongroom.crypto import certdrafts, keyengine, keystores
from strongroom.domain.keystores import KeystoreFormat, KeystoreProfile, KeystoreSpec, Password
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from tests.helpers.certificates import AUTHORITY, POLICY, self_signed, signed
from tests.helpers.stores import NOW

PASSWORD = "correct horse ~\"'"
PKCS12 = KeystoreSpec(KeystoreFormat.PKCS12, Password("pw"), "my-app_1.0")
SPECS = {
    "jks": replace(PKCS12, format=KeystoreFormat.JKS),
    **{str(profile): replace(PKCS12, profile=profile) for profile in KeystoreProfile},
}
KEYS = {
    "RSA": KeySpec(KeyType.RSA, 3072),
    "P-256": KeySpec(KeyType.EC, curve=Curve.P256),
    "P-521": KeySpec(KeyType.EC, curve=Curve.P521),
}
parametrized = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@pytest.fixture(scope="module")
def keytool() -> Path:
    found = ensure_keytool()
    if found is None:
        pytest.skip("Java's keytool cannot be had: Debian's package default-jre-headless")
    return found


@cache
def chain(key: str) -> tuple[bytes, bytes, bytes]:
    """A key (PKCS #8), its certificate and that of its CA. DER."""
    ca_key, ca = self_signed(NOW, 10**8, AUTHORITY)
    made, authority = keyengine.make(KEYS[key]), certdrafts.Authority(ca)
    draft = certdrafts.certificate(POLICY, made.public, begins=NOW - 60, ends=NOW + 10**7, authority=authority)
    return made.private, signed(draft, ca_key), ca


def run(keytool: Path, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """Passwords are in its environment: ``PASSWORD``, and ``COPIED`` of what it writes."""
    inherited = os.environ if JAVA.find() is None else JAVA.environment()
    environment = {**inherited, "PASSWORD": password, "COPIED": "another password", "LC_ALL": "C"}
    command = [str(keytool), "-J-Duser.language=en", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def listed(keytool: Path, file: Path, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    return run(keytool, "-list", "-v", "-keystore", str(file), "-storepass:env", "PASSWORD", password=password)


def fingerprint(certificate: bytes) -> str:
    return x509.load_der_x509_certificate(certificate).fingerprint(SHA256()).hex(":").upper()


@parametrized
@pytest.mark.parametrize("key", KEYS)
def test_keytool_finds_the_key_with_its_chain(keytool: Path, tmp_path: Path, spec: KeystoreSpec, key: str) -> None:
    private, leaf, ca = chain(key)
    (tmp_path / "k").write_bytes(keystores.keystore(spec, private, (leaf, ca), PASSWORD))
    said = listed(keytool, tmp_path / "k").stdout
    for line in ("Alias name: my-app_1.0", "Entry type: PrivateKeyEntry", "Certificate chain length: 2"):
        assert line in said
    assert said.index(fingerprint(leaf)) < said.index(fingerprint(ca))


@parametrized
@pytest.mark.parametrize("key", KEYS)
def test_java_takes_the_key_out_as_it_was_put_in(keytool: Path, tmp_path: Path, spec: KeystoreSpec, key: str) -> None:
    private, leaf, ca = chain(key)
    (tmp_path / "k").write_bytes(keystores.keystore(spec, private, (leaf, ca), PASSWORD))
    source = ["-srckeystore", str(tmp_path / "k"), "-srcstorepass:env", "PASSWORD"]
    copy = ["-destkeystore", str(tmp_path / "copy"), "-deststoretype", "PKCS12", "-deststorepass:env", "COPIED"]
    done = run(keytool, "-importkeystore", *source, *copy, "-noprompt")
    assert done.returncode == 0, done.stdout
    found = pkcs12.load_pkcs12((tmp_path / "copy").read_bytes(), b"another password").key
    assert found is not None
    assert found.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == private


@parametrized
def test_keytool_trusts_the_ca_of_a_truststore(keytool: Path, tmp_path: Path, spec: KeystoreSpec) -> None:
    ca = chain("P-256")[2]
    (tmp_path / "t").write_bytes(keystores.truststore(spec, ca, PASSWORD))
    said = listed(keytool, tmp_path / "t").stdout
    for line in ("Your keystore contains 1 entry", "Alias name: ca", "Entry type: trustedCertEntry", fingerprint(ca)):
        assert line in said


@parametrized
def test_a_wrong_password_opens_neither(keytool: Path, tmp_path: Path, spec: KeystoreSpec) -> None:
    private, leaf, ca = chain("P-256")
    for file in (keystores.keystore(spec, private, (leaf,), PASSWORD), keystores.truststore(spec, ca, PASSWORD)):
        (tmp_path / "f").write_bytes(file)
        done = listed(keytool, tmp_path / "f", "another password")
        assert done.returncode != 0
        assert "password was incorrect" in done.stdout
