"""Keystores and truststores under a password: PKCS #12 (RFC 7292), or JKS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs12,
)

from strongroom.crypto import certfacts, jks
from strongroom.domain.keystores import CA_ALIAS, KeystoreFormat, KeystoreProfile, KeystoreSpec

_ITERATIONS: Final = 10_000
"""As Java's own keytool writes. Each look at a target that is to be written pays for it, and so does each reader."""


def keystore(spec: KeystoreSpec, private: bytes, chain: Sequence[bytes], password: str) -> bytes:
    """Return a file with a key (PKCS #8 in DER) and its certificates (DER), the key's own first. Salts are random."""
    if spec.format is KeystoreFormat.JKS:
        return jks.keystore(spec.alias, private, chain, password)
    key = load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)
    first, *further = map(certfacts.load, chain)
    encryption = _encryption(spec.profile, password)
    return pkcs12.serialize_key_and_certificates(spec.alias.encode(), key, first, further, encryption)  # type: ignore[arg-type]


def truststore(spec: KeystoreSpec, certificate: bytes, password: str) -> bytes:
    """Return a file with one certificate (DER) under the alias ``ca``, marked so that Java trusts it."""
    if spec.format is KeystoreFormat.JKS:
        return jks.truststore(CA_ALIAS, certificate, password)
    trusted = pkcs12.PKCS12Certificate(certfacts.load(certificate), CA_ALIAS.encode())
    return pkcs12.serialize_java_truststore([trusted], _encryption(spec.profile, password))


def certificates(pem: bytes) -> tuple[bytes, ...]:
    """Return certificates in PEM as DER, in their order; ``ValueError`` for what is none."""
    return tuple(each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(pem))


def _encryption(profile: KeystoreProfile, password: str) -> KeySerializationEncryption:
    modern = profile is KeystoreProfile.MODERN_2023
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ITERATIONS)
    builder = builder.hmac_hash(SHA256() if modern else SHA1())  # noqa: S303 - readers of the legacy profile know no other
    scheme = pkcs12.PBES.PBESv2SHA256AndAES256CBC if modern else pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
    return builder.key_cert_algorithm(scheme).build(password.encode("ascii"))
