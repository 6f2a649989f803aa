"""Certificates and requests that are signed elsewhere, as openssl and ``cryptography`` judge them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtensionOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto import altnames, certdrafts, certfiles, certnames, keyengine
from strongroom.crypto.certdrafts import LATEST, Authority, Draft
from strongroom.domain import algorithms
from strongroom.domain.algorithms import Given
from strongroom.domain.certificates import AlternativeNames, CertificatePolicy, Usage, default_usages
from strongroom.domain.errors import InvalidInput, Tampered
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import EC_CURVES, RSA_SIZES, Curve, KeySpec, KeyType, Operation

NOW = 1_790_000_000
DAY = 86_400
AT, LATER = datetime(2026, 1, 1), datetime(2036, 1, 1)
SPECS = [KeySpec(KeyType.RSA, RSA_SIZES[0]), *(KeySpec(KeyType.EC, curve=curve) for curve in EC_CURVES)]
P256 = KeySpec(KeyType.EC, curve=Curve.P256)
NAMES = AlternativeNames(
    emails=("ops@demo.example",),
    dns=("demo.example", "*.demo.example", "xn--bcher-kva.example"),
    upns=("jürgen@corp.example",),
    uris=("https://demo.example/a?b=%20#c", "spiffe://demo.example/ns/x", "urn:uuid:1"),
    addresses=("192.0.2.1", "2001:db8::1"),
)
openssl_only = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the command openssl")


@cache
def key(spec: KeySpec) -> KeyMaterial:
    return keyengine.make(spec)


def signature(draft: Draft, material: KeyMaterial) -> bytes:
    algorithm = algorithms.find(draft.algorithm, material.spec, Operation.SIGN)
    assert len(draft.digest) == algorithms.DIGEST_OCTETS[algorithm.hash]
    return keyengine.use(material, algorithm, Operation.SIGN, Given(draft.digest)).value


def policy(spec: KeySpec = P256, **changes: Any) -> CertificatePolicy:
    given = CertificatePolicy(spec, "CN=demo.example", AlternativeNames(dns=("demo.example",)))
    return replace(given, **{"usages": default_usages(spec), **changes})


def self_signed(spec: KeySpec = P256, *, ends: int = NOW + 90 * DAY, **changes: Any) -> bytes:
    draft = certdrafts.certificate(policy(spec, **changes), key(spec).public, begins=NOW, ends=ends)
    return draft.finished(signature(draft, key(spec)))


@cache
def authority() -> tuple[bytes, KeyMaterial]:
    spec = KeySpec(KeyType.EC, curve=Curve.P384)
    usages = (Usage.KEY_CERT_SIGN, Usage.CRL_SIGN)
    asked = CertificatePolicy(spec, "C=DE, O=Examples, CN=Example CA", ca=True, usages=usages, ekus=())
    material = keyengine.make(spec)
    draft = certdrafts.certificate(
        asked, material.public, begins=NOW - DAY, ends=NOW + 999 * DAY, permitted=("demo.example",), path_length=0
    )
    return draft.finished(signature(draft, material)), material


def issued(spec: KeySpec = P256, **changes: Any) -> bytes:
    certificate, signer = authority()
    places = Authority(certificate, ("http://pki.example/a.crl",), ("http://ocsp.example",), ("http://pki.example/a",))
    draft = certdrafts.certificate(
        policy(spec, **changes), key(spec).public, begins=NOW, ends=NOW + DAY, authority=places
    )
    return draft.finished(signature(draft, signer))


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return (done.stdout + done.stderr).decode()


def extension(certificate: bytes, kind: type[x509.ExtensionType]) -> x509.Extension[Any]:
    return x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(kind)


@openssl_only
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.curve or spec.type)
def test_openssl_verifies_what_a_key_signs_for_itself(spec: KeySpec, tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    file.write_bytes(certfiles.pem(b"", [self_signed(spec, names=NAMES)]))
    at = ["-attime", str(NOW + 1)]
    openssl("verify", "-x509_strict", "-check_ss_sig", *at, "-CAfile", str(file), str(file))
    text = openssl("x509", "-noout", "-text", "-in", str(file))
    assert "othername: UPN::jürgen@corp.example" in text
    assert "IP Address:192.0.2.1" in text
    assert "X509v3 Basic Constraints: critical\n                CA:FALSE" in text


@openssl_only
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.curve or spec.type)
def test_openssl_verifies_a_request(spec: KeySpec, tmp_path: Path) -> None:
    draft = certdrafts.request(policy(spec, names=NAMES), key(spec).public)
    file = tmp_path / "a.csr"
    file.write_bytes(draft.finished(signature(draft, key(spec))))
    text = openssl("req", "-verify", "-noout", "-text", "-inform", "DER", "-in", str(file))
    assert "verify OK" in text
    for part in ("DNS:*.demo.example", "CA:FALSE", "Digital Signature", "TLS Web Client Authentication"):
        assert part in text


@openssl_only
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.curve or spec.type)
def test_openssl_verifies_what_an_authority_signs(spec: KeySpec, tmp_path: Path) -> None:
    for name, certificate in (("ca", authority()[0]), ("a", issued(spec))):
        (tmp_path / name).write_bytes(certfiles.pem(b"", [certificate]))
    openssl("verify", "-x509_strict", "-attime", str(NOW + 1), "-CAfile", str(tmp_path / "ca"), str(tmp_path / "a"))


@openssl_only
def test_an_authority_cannot_name_what_it_is_not_permitted(tmp_path: Path) -> None:
    other = issued(names=AlternativeNames(dns=("bank.example",)))
    for name, certificate in (("ca", authority()[0]), ("a", other)):
        (tmp_path / name).write_bytes(certfiles.pem(b"", [certificate]))
    with pytest.raises(AssertionError, match="permitted subtree violation"):
        openssl("verify", "-attime", str(NOW + 1), "-CAfile", str(tmp_path / "ca"), str(tmp_path / "a"))


def test_the_issuers_name_and_key_are_the_authoritys() -> None:
    ca, leaf = (x509.load_der_x509_certificate(each) for each in (authority()[0], issued()))
    leaf.verify_directly_issued_by(ca)
    assert leaf.issuer.public_bytes() == ca.subject.public_bytes()
    own = extension(authority()[0], x509.SubjectKeyIdentifier).value.digest
    assert extension(issued(), x509.AuthorityKeyIdentifier).value.key_identifier == own
    assert leaf.signature_hash_algorithm is not None
    assert leaf.signature_hash_algorithm.name == "sha384"  # of the authority's key, not its own
    assert extension(issued(), x509.CRLDistributionPoints)
    assert len(extension(issued(), x509.AuthorityInformationAccess).value) == 2


def test_a_name_in_another_encoding_is_repeated_octet_by_octet() -> None:
    signer = generate_private_key(SECP256R1())
    for kind in (_ASN1Type.PrintableString, _ASN1Type.T61String, _ASN1Type.BMPString, _ASN1Type.UniversalString):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA", _type=kind)])
        ca = x509.CertificateBuilder(name, name, signer.public_key(), 1, AT, LATER)
        made = ca.add_extension(x509.BasicConstraints(True, None), True).sign(signer, SHA256())
        given = Authority(made.public_bytes(Encoding.DER))
        draft = certdrafts.certificate(policy(), key(P256).public, begins=NOW, ends=NOW + 1, authority=given)
        assert made.subject.public_bytes() in draft.body


def test_a_signature_of_another_key_or_text_is_refused() -> None:
    for spec in SPECS:
        draft, other = (certdrafts.request(policy(spec, subject=f"CN={x}"), key(spec).public) for x in "ab")
        good = signature(draft, key(spec))
        for bad in (b"", good[:-1], good + b"\0", bytes(len(good)), signature(other, key(spec))):
            with pytest.raises(Tampered):
                draft.finished(bad)
        assert draft.finished(good)


def test_what_a_policy_does_not_ask_for_is_not_there() -> None:
    certificate = self_signed(usages=(), ekus=(), names=AlternativeNames())
    found = {each.oid for each in x509.load_der_x509_certificate(certificate).extensions}
    assert found == {
        ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER
    }  # fmt: skip


def test_names_are_critical_where_the_subject_is_empty() -> None:
    assert not extension(self_signed(), x509.SubjectAlternativeName).critical
    assert extension(self_signed(subject=""), x509.SubjectAlternativeName).critical


def test_no_certificate_ends_after_the_last_year() -> None:
    loaded = x509.load_der_x509_certificate(self_signed(ends=LATEST + 10**12))
    assert loaded.not_valid_after_utc.isoformat() == "9999-12-31T23:59:59+00:00"
    serials = {x509.load_der_x509_certificate(self_signed()).serial_number for _ in range(20)}
    assert len(serials) == 20
    assert all(1 << 64 < each < 1 << 159 for each in serials)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": " ", "ca": True}, r"^x509_props\.subject: a CA"),
        ({"subject": "CN"}, r"^x509_props\.subject: "),
        ({"names": AlternativeNames(dns=("a_b.example",))}, r"^x509_props\.sans\.dns_names: "),
        ({"ekus": ("serverAuth",)}, r"^x509_props\.ekus: "),
        ({"ekus": ("9.9.9",)}, r"^x509_props\.ekus: "),
        ({"ekus": ("1.3." + "9" * 200,)}, r"^x509_props\.ekus: "),
        ({"ekus": tuple(f"1.3.6.{x}" for x in range(33))}, r"^x509_props\.ekus: "),
    ],
)
def test_a_policy_that_makes_no_certificate_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        self_signed(**changes)
    with pytest.raises(InvalidInput, match=words):
        certdrafts.request(policy(**changes), key(P256).public)


@pytest.mark.parametrize(
    "changes",
    [
        {"begins": NOW, "ends": NOW},
        {"begins": -(10**10), "ends": NOW},
        {"begins": LATEST + 5, "ends": LATEST + 9},
        {"path_length": 0},
        {"permitted": ("demo.example",)},
    ],
)
def test_what_is_asked_beside_a_policy_is_checked(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        certdrafts.certificate(policy(), key(P256).public, **{"begins": NOW, "ends": NOW + 1, **changes})


def test_only_an_authority_signs_for_others() -> None:
    with pytest.raises(InvalidInput, match="not that of a CA"):
        certdrafts.certificate(policy(), key(P256).public, begins=NOW, ends=NOW + 1, authority=Authority(self_signed()))


def test_a_key_of_another_type_is_refused() -> None:
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    public = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for octets in (public, b"", b"\x30\0"):
        with pytest.raises(InvalidInput, match="key: "):
            certdrafts.request(policy(), octets)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CN=DefaultPolicy", "CN=DefaultPolicy"),
        (
            "C=US, ST=WA, L=Redmond, O=Test Noodle, OU=TestNugget, CN=Mickey Mouse",
            "C=US, ST=WA, L=Redmond, O=Test Noodle, OU=TestNugget, CN=Mickey Mouse",
        ),
        ("cn=a,dc=corp,DC=example", "CN=a, DC=corp, DC=example"),
        ('CN="Smith, J.";S=WA', "CN=Smith\\, J., ST=WA"),
        ("CN=Smith\\, J.\\ , O= b ", "CN=Smith\\, J.\\ , O=b"),
        ("CN=J\\C3\\BCrgen+OU=x", "CN=Jürgen+OU=x"),
        ("emailAddress=a@b.example, SERIALNUMBER=12 3, T=Dr, GN=A, SN=B", None),
        ("E=a@b.example, STREET=Main St 1, 2.5.4.15=Private, OID.2.5.4.17=1010", None),
        ("CN=a=b#c", "CN=a=b#c"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_a_subject_is_read_as_clients_write_it(text: str, shown: str | None) -> None:
    name = certnames.subject(text)
    assert certnames.subject(certnames.text(name)) == name
    assert shown is None or certnames.text(name) == shown


def test_the_last_part_of_a_text_comes_first_in_the_certificate() -> None:
    """RFC 4514, section 2.1."""
    assert [each.oid for each in certnames.subject("CN=a, O=b, C=US")] == [
        NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("demo.example", "parts like CN=name"),
        ("CN=a,", "parts like CN=name"),
        ("CN=a, Inc", "comma in a name"),
        ("CN=", "CN is empty"),
        ("C=USA", "C is two letters"),
        ("C=1a", "C is two letters"),
        ("CN=" + "x" * 65, "CN has more than 64"),
        ("CN=" + "ü" * 33, "CN has more than 64"),
        ("O=" + "x" * 65, "O has more than 64"),
        ("L=" + "x" * 129, "L has more than 128"),
        ("E=jürgen@b.example", "E has ASCII"),
        ("SERIALNUMBER=a_b", "SERIALNUMBER has letters"),
        ("FOO=a", "not known here"),
        ("9.9=a", "no OID"),
        ("1." + "9" * 99 + "=a", ""),
        ("CN=#0c01", "hexadecimal"),
        ('CN="a', "quote"),
        ("CN=a\\", "quote"),
        ("CN=\\ff", "not UTF-8"),
        ("CN=\\00", "control"),
        ("CN=a\nb", "control"),
        ("CN=\ud800", "control"),
        ("CN=a+CN=a", "twice"),
        ("CN=a" * 400, "more than 1024"),
    ],
)
def test_what_is_no_subject_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=r"^x509_props\.subject: .*" + re.escape(words)):
        certnames.subject(text)


@given(st.text(alphabet='CNO=,;+"\\# aü1.<>', max_size=40) | st.text(max_size=60))
def test_any_text_is_a_subject_or_invalid(text: str) -> None:
    try:
        name = certnames.subject(text)
    except InvalidInput:
        return
    assert certnames.subject(certnames.text(name)) == name


WRONG = {
    "dns": [
        "", "*", "*.", "a..b", "a.", ".a", "-a.example", "a-.example", "a_b.example", "b.*.example", "a*.example",
        "*.*.example", "bücher.example", "x" * 64 + ".example", ".".join(["a" * 60] * 5), "192.0.2.1", "a b", "a\n",
    ],
    "emails": ["", "a", "@a.example", "a@", "a@b_c.example", "A <a@b.example>", "jü@b.example", "a@b@c d",
               "a..b@c.example", "x" * 65 + "@a.example", '"a b"@c.example'],
    "upns": ["", "a", "a@\0", "x@" + "a" * 1024, "\ud800@a"],
    "uris": ["", "a", "/a", "//a/b", "https:", "https://", "https:///a", "http://a b/", "http://ü.example",
             "http://a/%zz", "1http://a", "x:" + "a" * 2048, "http://a.example/\n", "http://a<b/"],
    "addresses": ["", "1.2.3", "1.2.3.256", "01.2.3.4", "::1%eth0", "10.0.0.0/8", "a"],
}  # fmt: skip
FIELDS = {"dns": "dns_names", "addresses": "ipAddresses"}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in WRONG.items() for value in values])
def test_what_is_no_name_of_its_kind_is_refused(kind: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^x509_props\.sans\.{FIELDS.get(kind, kind)}: "):
        altnames.alternative_names(AlternativeNames(**{kind: (value,)}))


def test_names_are_read_back() -> None:
    extension = altnames.alternative_names(NAMES)
    assert extension is not None
    assert altnames.read(extension) == NAMES
    assert altnames.alternative_names(AlternativeNames()) is None


def test_names_are_counted_and_never_repeated() -> None:
    with pytest.raises(InvalidInput, match="at most 100"):
        altnames.alternative_names(AlternativeNames(dns=tuple(f"a{x}" for x in range(60)), upns=("a@b",) * 41))
    extension = altnames.alternative_names(AlternativeNames(dns=("a", "a")))
    assert extension is not None
    assert len(list(extension)) == 1


def test_an_international_name_is_told_how_it_is_written() -> None:
    with pytest.raises(InvalidInput, match="A-labels"):
        altnames.alternative_names(AlternativeNames(dns=("bücher.example",)))


@given(st.sampled_from(sorted(WRONG)), st.text(max_size=40))
def test_any_text_is_a_name_or_invalid(kind: str, value: str) -> None:
    names = AlternativeNames(**{kind: (value,)})
    try:
        extension = altnames.alternative_names(names)
    except InvalidInput:
        return
    assert extension is not None
    assert extension.public_bytes()


@pytest.mark.parametrize("usage", [Usage.ENCIPHER_ONLY, Usage.DECIPHER_ONLY])
def test_what_only_enciphers_or_deciphers_agrees_on_keys(usage: Usage) -> None:
    """Without keyAgreement the two mean nothing, and cannot be written."""
    draft = certdrafts.request(policy(usages=(usage,)), key(P256).public)
    assert draft.digest
