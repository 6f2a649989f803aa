"""Extensions of the certificates that are made here (RFC 5280, section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import AuthorityInformationAccessOID

from strongroom.crypto import altnames, certfacts
from strongroom.domain.certificates import CertificatePolicy, Usage
from strongroom.domain.errors import InvalidInput

EKUS: Final = 32

_OID: Final = re.compile(r"[0-9]+(?:\.[0-9]+){1,31}")
_OID_CHARACTERS: Final = 128
_ANY_ADDRESS: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))

Extension = tuple[x509.ExtensionType, bool]
"""An extension, and whether whoever does not know it must refuse the certificate."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs: the certificate of a CA in DER, and where its lists, its OCSP responder and itself are found. URLs."""

    certificate: bytes
    crl_urls: tuple[str, ...] = ()
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()


def wanted(policy: CertificatePolicy, path_length: int | None = None) -> Iterator[Extension]:
    """Yield what a policy asks for: also what a request asks an issuer for. ``InvalidInput``."""
    if policy.ca and not policy.subject.strip():
        raise InvalidInput("x509_props.subject: a CA needs one")  # RFC 5280, section 4.1.2.6
    yield x509.BasicConstraints(policy.ca, path_length), True
    if policy.usages:
        yield _usage(policy.usages), True
    if policy.ekus:
        yield _ekus(policy.ekus), False
    names = altnames.alternative_names(policy.names)
    if names:
        yield names, not policy.subject.strip()


def issued(
    policy: CertificatePolicy,
    key: RSAPublicKey | EllipticCurvePublicKey,
    authority: Authority | None,
    permitted: tuple[str, ...],
    path_length: int | None,
) -> Iterator[Extension]:
    """Yield what a certificate has of the policy, the key and the authority; ``InvalidInput``."""
    if (permitted or path_length is not None) and not policy.ca:
        raise InvalidInput("x509_props.basic_constraints: only a CA has a path length and names that it may issue for")
    if path_length is not None and path_length < 0:
        raise InvalidInput("x509_props.basic_constraints: a path length is 0 or more")
    yield from wanted(policy, path_length)
    if permitted:
        yield _constraints(permitted), True
    own = x509.SubjectKeyIdentifier.from_public_key(key)
    yield own, False
    yield (_authority_key(authority) if authority else _identifier(own)), False
    if authority:
        yield from _places(authority)


def _usage(usages: tuple[Usage, ...]) -> x509.KeyUsage:
    """What only enciphers or deciphers agrees on keys: without that, the two mean nothing (section 4.2.1.3)."""
    agrees = {Usage.KEY_AGREEMENT, Usage.ENCIPHER_ONLY, Usage.DECIPHER_ONLY} & set(usages)
    found = {*usages, *((Usage.KEY_AGREEMENT,) if agrees else ())}
    return x509.KeyUsage(**{word: usage in found for usage, word in certfacts.USAGES.items()})


def _ekus(oids: tuple[str, ...]) -> x509.ExtendedKeyUsage:
    if len(oids) > EKUS or any(len(each) > _OID_CHARACTERS or not _OID.fullmatch(each) for each in oids):
        raise InvalidInput(f"x509_props.ekus: are at most {EKUS} OIDs, written like 1.3.6.1.5.5.7.3.1")
    try:
        return x509.ExtendedKeyUsage([x509.ObjectIdentifier(each) for each in dict.fromkeys(oids)])
    except ValueError:
        raise InvalidInput("x509_props.ekus: one of them is no OID") from None


def _constraints(domains: tuple[str, ...]) -> x509.NameConstraints:
    """Only these domains, and no addresses: what is not named at all would be allowed (RFC 5280, section 4.2.1.10)."""
    try:
        for each in domains:
            altnames.check_dns(each)
    except ValueError as error:
        raise InvalidInput(f"the domains that a CA may name: {error}") from None
    return x509.NameConstraints(
        [x509.DNSName(each) for each in domains], [x509.IPAddress(each) for each in _ANY_ADDRESS]
    )


def _identifier(own: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _authority_key(authority: Authority) -> x509.AuthorityKeyIdentifier:
    loaded = certfacts.load(authority.certificate)
    try:
        constraints = certfacts.extension(loaded, x509.BasicConstraints)
        identifier = certfacts.extension(loaded, x509.SubjectKeyIdentifier)
        usage = certfacts.extension(loaded, x509.KeyUsage)
    except certfacts.UNREADABLE:
        raise InvalidInput("the issuer: its certificate has a malformed extension") from None
    if not constraints or not constraints.ca or (usage and not usage.key_cert_sign):
        raise InvalidInput("the issuer: its certificate is not that of a CA (basic constraints, keyCertSign)")
    return _identifier(identifier or x509.SubjectKeyIdentifier.from_public_key(loaded.public_key()))


def _places(authority: Authority) -> Iterator[Extension]:
    if authority.crl_urls:
        full = [x509.UniformResourceIdentifier(each) for each in authority.crl_urls]
        yield x509.CRLDistributionPoints([x509.DistributionPoint(full, None, None, None)]), False
    methods = [
        *((AuthorityInformationAccessOID.OCSP, each) for each in authority.ocsp_urls),
        *((AuthorityInformationAccessOID.CA_ISSUERS, each) for each in authority.issuer_urls),
    ]
    if methods:
        found = [x509.AccessDescription(kind, x509.UniformResourceIdentifier(url)) for kind, url in methods]
        yield x509.AuthorityInformationAccess(found), False
