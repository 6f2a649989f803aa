"""What certificates say of themselves, and the policies that are derived from them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import certdrafts, certfacts, keyengine
from strongroom.domain import certificates
from strongroom.domain.algorithms import ALGORITHMS, Given
from strongroom.domain.certificates import (
    MAX_MONTHS,
    PEM,
    UNKNOWN,
    Action,
    AlternativeNames,
    CertificatePolicy,
    LifetimeAction,
    Usage,
)
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import EC_CURVES, Curve, KeySpec, KeyType, Operation

NOW = 1_790_000_000
P256 = KeySpec(KeyType.EC, curve=Curve.P256)
NAMES = AlternativeNames(
    ("ops@demo.example",), ("demo.example", "*.demo.example"), ("a@corp.example",), ("urn:x:1",), ("::1", "10.0.0.1")
)
POLICY = CertificatePolicy(
    P256,
    "CN=demo.example, O=Examples, C=DE",
    NAMES,
    ekus=("1.3.6.1.5.5.7.3.1", "1.2.3.4.5"),
    usages=(Usage.DIGITAL_SIGNATURE, Usage.KEY_AGREEMENT, Usage.DECIPHER_ONLY),
)


@cache
def key(spec: KeySpec = P256) -> KeyMaterial:
    return keyengine.make(spec)


@cache
def made(policy: CertificatePolicy = POLICY, days: int = 365) -> bytes:
    draft = certdrafts.certificate(policy, key().public, begins=NOW, ends=NOW + 86_400 * days)
    algorithm = ALGORITHMS[draft.algorithm]
    return draft.finished(keyengine.use(key(), algorithm, Operation.SIGN, Given(draft.digest)).value)


def built(*extensions: x509.ExtensionType, subject: x509.Name | None = None, public: object = None) -> bytes:
    signer = ec.generate_private_key(ec.SECP256R1())
    name = subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    at = datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
    builder = x509.CertificateBuilder(name, name, public or signer.public_key(), 7, at, at.replace(year=2099))  # type: ignore[arg-type]
    for each in extensions:
        builder = builder.add_extension(each, False)
    return builder.sign(signer, SHA256()).public_bytes(Encoding.DER)


def test_facts_are_what_the_policy_asked_for() -> None:
    facts = certfacts.facts(made())
    assert (facts.subject, facts.issuer, facts.names) == (POLICY.subject, POLICY.subject, NAMES)
    assert (facts.ekus, facts.usages, facts.ca) == (POLICY.ekus, POLICY.usages, False)
    assert (facts.begins, facts.ends, facts.months) == (NOW, NOW + 365 * 86_400, 12)
    assert facts.public == key().public
    assert facts.thumbprint == hashlib.sha1(made(), usedforsecurity=False).digest()
    assert facts.serial == x509.load_der_x509_certificate(made()).serial_number


def test_a_policy_is_derived_as_azure_does() -> None:
    policy = certfacts.policy_of(certfacts.facts(made()), P256, PEM, exportable=False)
    assert policy == CertificatePolicy(
        P256,
        POLICY.subject,
        NAMES,
        issuer=UNKNOWN,
        exportable=False,
        content_type=PEM,
        ekus=POLICY.ekus,
        usages=POLICY.usages,
        months=12,
        actions=(LifetimeAction(Action.EMAIL, percentage=80),),
    )
    certificates.check(policy)
    assert certfacts.policy_of(certfacts.facts(made())).key == P256


def test_the_policy_makes_the_same_certificate_again() -> None:
    facts = certfacts.facts(made(certfacts.policy_of(certfacts.facts(made()))))
    assert (facts.subject, facts.names, facts.ekus, facts.usages) == (
        POLICY.subject, NAMES, POLICY.ekus, POLICY.usages
    )  # fmt: skip


def test_a_certificate_without_extensions_has_few_facts() -> None:
    facts = certfacts.facts(built())
    assert (facts.names, facts.ekus, facts.usages, facts.ca) == (AlternativeNames(), (), (), False)
    certificates.check(certfacts.policy_of(facts))


def test_a_life_of_centuries_is_the_longest_of_a_policy() -> None:
    policy = certfacts.policy_of(certfacts.facts(made(days=365 * 900)))
    assert policy.months == MAX_MONTHS
    certificates.check(policy)


def test_names_of_other_kinds_are_left_out() -> None:
    names = [
        x509.DirectoryName(x509.Name([])),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\0"),
        x509.DNSName("a.example"),
    ]
    facts = certfacts.facts(built(x509.SubjectAlternativeName(names)))
    assert facts.names == AlternativeNames(dns=("a.example",))


@pytest.mark.parametrize("value", [b"\x05\0", b"\x0c\x01\xff", b"\x16\x03a@b"])
def test_a_malformed_user_principal_name_is_refused(value: bytes) -> None:
    upn = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), value)
    with pytest.raises(InvalidInput, match="malformed"):
        certfacts.facts(built(x509.SubjectAlternativeName([upn])))


def test_a_network_is_no_name() -> None:
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_network("10.0.0.0/8"))])
    with pytest.raises(InvalidInput, match="malformed"):
        certfacts.facts(built(names))


OTHERS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "cut": lambda: made()[:-1],
    "longer": lambda: made() + b"\0",
    "pem": lambda: x509.load_der_x509_certificate(made()).public_bytes(Encoding.PEM),
    "too long": lambda: b"\0" * (certfacts.CERTIFICATE_OCTETS + 1),
    "version 1 with extensions": lambda: made().replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x00", 1),
    "version 9": lambda: made().replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x08", 1),
    "the same extension twice": lambda: made().replace(b"\x55\x1d\x23", b"\x55\x1d\x0e", 1),
    "a malformed extension": lambda: built(x509.UnrecognizedExtension(ExtensionOID.KEY_USAGE, b"\x05\0")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_certificate_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^the certificate: "):
        certfacts.facts(OTHERS[name]())


def octets(public: object) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("hsm", [False, True])
def test_the_kind_of_a_key_is_read(hsm: bool) -> None:
    specs = [KeySpec(KeyType.EC, curve=curve) for curve in EC_CURVES] + [KeySpec(KeyType.RSA, 2048)]
    for spec in specs:
        assert certfacts.key_spec_of(key(spec).public, hsm) == KeySpec(spec.type, spec.size, spec.curve, hsm)


@pytest.mark.parametrize(
    ("public", "words"),
    [
        (lambda: octets(rsa.generate_private_key(65537, 1024).public_key()), "1024 bits"),  # noqa: S505
        (lambda: octets(rsa.RSAPublicNumbers(65537, 2**16383 + 1).public_key()), "16384 bits"),
        (lambda: octets(ec.generate_private_key(ec.SECP224R1()).public_key()), "curve"),
        (lambda: octets(ed25519.Ed25519PrivateKey.generate().public_key()), "neither RSA nor EC"),
        (lambda: b"", "damaged"),
        (lambda: key().public[:-1], "damaged"),
    ],
)
def test_a_key_that_no_certificate_has_here_is_refused(public: Callable[[], bytes], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        certfacts.key_spec_of(public())


@pytest.mark.filterwarnings("ignore")  # of odd names and serial numbers
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7), cut=st.integers(0, 3))
@settings(max_examples=1500, deadline=None)
def test_a_damaged_certificate_has_facts_or_is_invalid(at: int, bit: int, cut: int) -> None:
    content = bytearray(made())
    content[at % len(content)] ^= 1 << bit
    try:
        facts = certfacts.facts(bytes(content[: len(content) - cut]))
        certfacts.policy_of(facts)
    except InvalidInput:
        return
    assert facts.thumbprint


@pytest.mark.filterwarnings("ignore")
@given(st.binary(max_size=200))
def test_names_in_an_extension_are_read_or_invalid(value: bytes) -> None:
    try:
        certfacts.facts(built(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, value)))
    except InvalidInput:
        return


def test_the_words_of_usages_are_all_there() -> None:
    assert set(certfacts.USAGES) == set(Usage)


def test_the_identifier_of_renewal_information_is_that_of_the_rfcs_example() -> None:
    """RFC 9773, section 4.1: a serial number whose first octet has its sign bit set."""
    authority = x509.AuthorityKeyIdentifier(bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4"), None, None)
    assert certfacts.renewal_id(_with_serial(0x87654321, authority)) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    assert certfacts.renewal_id(_with_serial(1, authority)).endswith(".AQ")
    assert certfacts.renewal_id(_with_serial(1, None)) == ""


def _with_serial(serial: int, authority: x509.AuthorityKeyIdentifier | None) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example")])
    now = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, now, now)
    if authority is not None:
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)
