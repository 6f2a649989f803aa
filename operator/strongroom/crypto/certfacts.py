"""What a certificate (X.509, RFC 5280) says of itself, in the domain's words."""

from __future__ import annotations

import hashlib
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from strongroom.crypto import altnames, certnames, eckeys
from strongroom.domain import base64url
from strongroom.domain.certificates import (
    MAX_MONTHS,
    PKCS12,
    UNKNOWN,
    AlternativeNames,
    CertificateFacts,
    CertificatePolicy,
    Usage,
    default_actions,
)
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import RSA_SIZES, KeySpec, KeyType

CERTIFICATE_OCTETS: Final = 64 * 1024

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` raises for what others made."""

USAGES: Final = {
    Usage.DIGITAL_SIGNATURE: "digital_signature",
    Usage.NON_REPUDIATION: "content_commitment",
    Usage.KEY_ENCIPHERMENT: "key_encipherment",
    Usage.DATA_ENCIPHERMENT: "data_encipherment",
    Usage.KEY_AGREEMENT: "key_agreement",
    Usage.KEY_CERT_SIGN: "key_cert_sign",
    Usage.CRL_SIGN: "crl_sign",
    Usage.ENCIPHER_ONLY: "encipher_only",
    Usage.DECIPHER_ONLY: "decipher_only",
}
"""The words of ``cryptography``."""

_AGREEMENT_ONLY: Final = (Usage.ENCIPHER_ONLY, Usage.DECIPHER_ONLY)
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def load(certificate: bytes) -> x509.Certificate:
    """Return a certificate in DER; ``InvalidInput``. Only its outer form has been looked at: more may raise later."""
    if len(certificate) > CERTIFICATE_OCTETS:
        raise InvalidInput(f"the certificate: has more than {CERTIFICATE_OCTETS} octets")
    try:
        return x509.load_der_x509_certificate(certificate)
    except UNREADABLE:
        raise InvalidInput("the certificate: is damaged, or no X.509 certificate in DER") from None


def facts(certificate: bytes) -> CertificateFacts:
    """Return what a certificate in DER says; ``InvalidInput`` when it is malformed or of a key that is not known."""
    loaded = load(certificate)
    try:
        return _facts(loaded, certificate)
    except UNREADABLE:
        raise InvalidInput(
            "the certificate: is malformed, or has a key or an extension that is not read here"
        ) from None


def policy_of(
    facts: CertificateFacts, spec: KeySpec | None = None, content_type: str = PKCS12, exportable: bool = True
) -> CertificatePolicy:
    """Return the policy that Azure derives for an import: what would make such a certificate, by an unknown issuer.

    ``spec`` is that of the certificate's key in software unless it is given. ``InvalidInput`` as of ``key_spec_of``.
    """
    return CertificatePolicy(
        key=spec or key_spec_of(facts.public),
        subject=facts.subject,
        names=facts.names,
        issuer=UNKNOWN,
        exportable=exportable,
        content_type=content_type,
        ekus=facts.ekus,
        usages=facts.usages,
        months=min(facts.months, MAX_MONTHS),
        ca=facts.ca,
        actions=default_actions(UNKNOWN),
    )


def key_spec_of(public: bytes, hsm: bool = False) -> KeySpec:
    """Return the kind of a key by SubjectPublicKeyInfo in DER; ``InvalidInput`` for what no certificate has here."""
    try:
        key = load_der_public_key(public)
    except UNREADABLE:
        raise InvalidInput("the certificate's key: is damaged, or of a type that is not known") from None
    return spec_of(key, hsm)


def spec_of(key: object, hsm: bool = False) -> KeySpec:
    """The same, of a key that was loaded."""
    if isinstance(key, RSAPublicKey):
        if key.key_size not in RSA_SIZES:
            raise InvalidInput(f"the certificate's key: has {key.key_size} bits; of RSA, 2048, 3072 or 4096 are taken")
        return KeySpec(KeyType.RSA, key.key_size, hsm=hsm)
    if not isinstance(key, EllipticCurvePublicKey):
        raise InvalidInput("the certificate's key: is of neither RSA nor EC")
    if key.curve.name not in eckeys.NAMES:
        raise InvalidInput("the certificate's key: is on a curve that is none of P-256, P-384, P-521 and P-256K")
    return KeySpec(KeyType.EC, curve=eckeys.NAMES[key.curve.name], hsm=hsm)


def renewal_id(certificate: bytes) -> str:
    """Return what renewal information knows a certificate (DER) by (RFC 9773, section 4.1); empty: it has none."""
    loaded = load(certificate)
    authority = extension(loaded, x509.AuthorityKeyIdentifier)
    if authority is None or authority.key_identifier is None:
        return ""
    serial = loaded.serial_number.to_bytes(loaded.serial_number.bit_length() // 8 + 1, "big")
    return f"{base64url.encode(authority.key_identifier)}.{base64url.encode(serial)}"


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Return one extension of a certificate, if it is there. Raises of ``UNREADABLE`` when any of them is malformed."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _facts(loaded: x509.Certificate, certificate: bytes) -> CertificateFacts:
    if loaded.version is not x509.Version.v3 and len(loaded.extensions):
        raise ValueError("extensions before version 3")
    constraints = extension(loaded, x509.BasicConstraints)
    names = extension(loaded, x509.SubjectAlternativeName)
    ekus = extension(loaded, x509.ExtendedKeyUsage)
    return CertificateFacts(
        subject=certnames.text(loaded.subject),
        issuer=certnames.text(loaded.issuer),
        names=altnames.read(names) if names else AlternativeNames(),
        ekus=tuple(each.dotted_string for each in ekus or ()),
        usages=_usages(extension(loaded, x509.KeyUsage)),
        ca=bool(constraints and constraints.ca),
        begins=int(loaded.not_valid_before_utc.timestamp()),
        ends=int(loaded.not_valid_after_utc.timestamp()),
        serial=loaded.serial_number,
        public=loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        path_length=constraints.path_length if constraints else None,
        permitted=_permitted(extension(loaded, x509.NameConstraints)),
        thumbprint=hashlib.sha1(certificate, usedforsecurity=False).digest(),
    )


def _permitted(constraints: x509.NameConstraints | None) -> tuple[str, ...]:
    trees = constraints.permitted_subtrees or () if constraints else ()
    return tuple(each.value for each in trees if isinstance(each, x509.DNSName))


def _usages(extension: x509.KeyUsage | None) -> tuple[Usage, ...]:
    if extension is None:
        return ()
    able = [each for each in USAGES if extension.key_agreement or each not in _AGREEMENT_ONLY]
    return tuple(each for each in able if getattr(extension, USAGES[each]))
