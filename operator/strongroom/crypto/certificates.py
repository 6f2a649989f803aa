"""X.509 (RFC 5280) for our own servers: a CA that may name one domain, and what it signed. PEM in and out.

All keys are EC P-256: every client has it, and a signature takes microseconds. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.crypto import certfacts, certfiles, keyengine
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.errors import Tampered
from strongroom.domain.keytypes import Curve, KeySpec, KeyType

CERTIFICATE: Final = "certificate"
PRIVATE_KEY: Final = "privateKey"

_DAY = 86_400
CA_SECONDS: Final = 3652 * _DAY
LEAF_SECONDS: Final = 7 * _DAY
"""Of a certificate that a server makes for itself: cheap to replace, and not to be revoked, so it is short-lived."""

KEY: Final = KeySpec(KeyType.EC, curve=Curve.P256)
"""Of all certificates here."""

_SKEW = 3600  # a client's clock may be behind ours
_ANY_ADDRESS = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server's certificate with its key. The key hides in ``repr``."""

    certificate: bytes  # PEM
    private_key: bytes = field(repr=False)  # PEM, PKCS #8
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA that can sign. ``domain`` is the one that it may name; empty for a CA that is not constrained."""

    certificate: x509.Certificate
    private_key: EllipticCurvePrivateKey = field(repr=False)
    domain: str
    ends: int

    @classmethod
    def load(cls, fields: Mapping[str, bytes]) -> CertificateAuthority:
        """Read what ``make_authority`` made. ``Tampered`` when it is something else."""
        try:
            certificate = x509.load_pem_x509_certificate(fields[CERTIFICATE])
            key = load_pem_private_key(fields[PRIVATE_KEY], None)
        except (KeyError, ValueError, TypeError):
            raise Tampered("the stored certificate authority is not a certificate and its key") from None
        if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise Tampered("the stored certificate authority's key is not that of its certificate")
        ends = int(certificate.not_valid_after_utc.timestamp())
        return cls(certificate, key, _permitted_domain(certificate), ends)

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def material(self) -> CertificateMaterial:
        """The certificate with its key, as certificates of vaults are kept."""
        key = keyengine.material(KEY, self.private_key)
        return CertificateMaterial(key, (self.certificate.public_bytes(Encoding.DER),))

    def issue(self, names: Sequence[str], now: int) -> Leaf:
        """Return a server's certificate for these DNS names, with a key of its own."""
        key = generate_private_key(SECP256R1())
        ends = min(now + LEAF_SECONDS, self.ends)
        builder = (
            _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Strongroom")]), now - _SKEW, ends)
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.private_key.public_key()), critical=False
            )
        )
        certificate = builder.sign(self.private_key, SHA256())
        return Leaf(certificate.public_bytes(Encoding.PEM), _private_pem(key), now, ends)


def leaf_of(material: CertificateMaterial, name: str, trusted: Sequence[CertificateAuthority], now: int) -> Leaf | None:
    """Return what a server shows for a DNS name; None for what clients who trust these authorities would refuse.

    ``InvalidInput`` for a certificate that cannot be read.
    """
    certificate, facts = certfacts.load(material.certificate), certfacts.facts(material.certificate)
    if name not in facts.names.dns or not facts.begins <= now < facts.ends:
        return None
    if not material.key.private or not any(_signed(certificate, each) for each in trusted):
        return None
    pem = certificate.public_bytes(Encoding.PEM)
    return Leaf(pem, certfiles.pem(material.key.private, ()), facts.begins, facts.ends)


def _signed(certificate: x509.Certificate, authority: CertificateAuthority) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def make_authority(domain: str, now: int) -> dict[str, str]:
    """Return a fresh CA for the servers of one domain: certificate and key as PEM, by field name.

    It can name nothing else: whoever trusts it for our servers does not trust it for the rest of the world's.
    """
    key = generate_private_key(SECP256R1())
    year = datetime.fromtimestamp(now, UTC).year
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Strongroom"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Strongroom bootstrap CA {year}"),
        ]
    )
    constraints = x509.NameConstraints([x509.DNSName(domain)], [x509.IPAddress(each) for each in _ANY_ADDRESS])
    certificate = (
        _builder(name, now - _SKEW, now + CA_SECONDS)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return {
        CERTIFICATE: certificate.public_bytes(Encoding.PEM).decode("ascii"),
        PRIVATE_KEY: _private_pem(key).decode("ascii"),
    }


def _builder(subject: x509.Name, begins: int, ends: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(begins, UTC))
        .not_valid_after(datetime.fromtimestamp(ends, UTC))
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _permitted_domain(certificate: x509.Certificate) -> str:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return ""
    names = [each.value for each in constraints.permitted_subtrees or () if isinstance(each, x509.DNSName)]
    return names[0] if len(names) == 1 else ""
