"""Certificates (RFC 5280) and requests for them (PKCS #10, RFC 2986), drawn up here and signed elsewhere.

A key may be in a token, and signing with it is asynchronous; ``cryptography`` signs at once or not at all. So it is
given a key that signs with nothing, and what it made is completed with the real signature afterwards.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.crypto import certextensions, certfacts, certnames, der, eckeys, keyengine, rsakeys
from strongroom.crypto.certextensions import Authority
from strongroom.domain.algorithms import ALGORITHMS, Algorithm, Given, Hash
from strongroom.domain.certificates import CertificatePolicy
from strongroom.domain.errors import InvalidInput, Tampered
from strongroom.domain.keytypes import Curve, Operation

__all__ = ["Authority", "Draft", "certificate", "request"]

LATEST: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, in Unix seconds: the end of what has none (RFC 5280, section 4.1.2.5)."""

_EARLIEST: Final = -631_152_000  # 1950, where UTCTime begins
_UNSIGNED: Final = der.write(der.BITS, b"\0")
_HASHES: Final[dict[Hash, SHA256 | SHA384 | SHA512]] = {
    Hash.SHA256: SHA256(),
    Hash.SHA384: SHA384(),
    Hash.SHA512: SHA512(),
}
_ALGORITHMS: Final = {Curve.P256: "ES256", Curve.P384: "ES384", Curve.P521: "ES512", Curve.P256K: "ES256K"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be signed, and by which algorithm; ``finished`` puts the signature in."""

    digest: bytes  # of the octets to be signed: ``Given.value`` of a signing operation
    algorithm: str  # "RS256", "ES256", "ES384", "ES512" or "ES256K" (``domain.algorithms``)
    body: bytes = field(repr=False)  # DER: the octets to be signed, and the AlgorithmIdentifier of the signature
    signer: bytes = field(repr=False)  # whose SubjectPublicKeyInfo, DER

    def finished(self, signature: bytes) -> bytes:
        """Return the certificate or request in DER; ``Tampered`` unless the signature is the signer's of this draft.

        ``signature`` as keys make it here: the octets of PKCS #1 v1.5 (RFC 8017), or r || s (IEEE P1363).
        """
        algorithm, given = ALGORITHMS[self.algorithm], Given(self.digest, signature=signature)
        key = keyengine.public_key(self.signer)
        if isinstance(key, EllipticCurvePublicKey):
            made, encoded = eckeys.verify(key, algorithm, given), _dss(signature)
        else:
            assert isinstance(key, RSAPublicKey)
            made, encoded = rsakeys.use_public(key, algorithm, Operation.VERIFY, given), signature
        if not made.valid:
            raise Tampered("the signature of a certificate does not verify under the key that should have made it")
        return der.write(der.SEQUENCE, self.body, der.write(der.BITS, b"\0", encoded))


def request(policy: CertificatePolicy, public: bytes) -> Draft:
    """Draw up a request (PKCS #10) for what the policy says, signed by the key whose SubjectPublicKeyInfo is given.

    ``InvalidInput`` for a policy or a key by which no certificate can be made.
    """
    signer, algorithm = _signer(public)
    builder = x509.CertificateSigningRequestBuilder().subject_name(certnames.subject(policy.subject))
    for extension, critical in certextensions.wanted(policy):
        builder = builder.add_extension(extension, critical)
    made = builder.sign(signer, _HASHES[algorithm.hash])
    return _draft(made.tbs_certrequest_bytes, made.public_bytes(Encoding.DER), algorithm, public)


def certificate(
    policy: CertificatePolicy,
    public: bytes,
    *,
    begins: int,
    ends: int,
    authority: Authority | None = None,
    permitted: tuple[str, ...] = (),
    path_length: int | None = None,
) -> Draft:
    """Draw up a certificate of the key whose SubjectPublicKeyInfo is given, signed by the authority or by itself.

    Times in Unix seconds; what ends after the year 9999 ends with it. Of a CA, ``permitted`` are the DNS domains that
    it may name and nothing else, and ``path_length`` is how many CAs may follow it (RFC 5280, sections 4.2.1.10 and
    4.2.1.9). ``InvalidInput`` for what makes no certificate.
    """
    ends = min(ends, LATEST)
    if not _EARLIEST <= begins < ends:
        raise InvalidInput("x509_props: a certificate begins after 1950, and ends after it begins")
    subject, key = certnames.subject(policy.subject), _public(public)
    issuer, signed_by = (_issuer(authority), _authority_key(authority)) if authority else (subject, public)
    signer, algorithm = _signer(signed_by)
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime.fromtimestamp(begins, UTC).replace(tzinfo=None),
        not_valid_after=datetime.fromtimestamp(ends, UTC).replace(tzinfo=None),
    )
    for extension, critical in certextensions.issued(policy, key, authority, permitted, path_length):
        builder = builder.add_extension(extension, critical)
    made = builder.sign(signer, _HASHES[algorithm.hash])
    return _draft(made.tbs_certificate_bytes, made.public_bytes(Encoding.DER), algorithm, signed_by)


def _draft(to_be_signed: bytes, unsigned: bytes, algorithm: Algorithm, signer: bytes) -> Draft:
    body = der.read(unsigned).content.removesuffix(_UNSIGNED)
    assert body.startswith(to_be_signed)
    digest = hashlib.new(algorithm.hash.replace("-", ""), to_be_signed).digest()
    return Draft(digest, algorithm.name, body, signer)


def _dss(signature: bytes) -> bytes:
    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def _public(public: bytes) -> RSAPublicKey | EllipticCurvePublicKey:
    certfacts.key_spec_of(public)
    key = keyengine.public_key(public)
    assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey)
    return key


def _issuer(authority: Authority) -> x509.Name:
    """Return the name, which must come out as the very octets that the authority has (RFC 5280, section 4.1.2.4)."""
    loaded = certfacts.load(authority.certificate)
    fields = [each for each in der.read(loaded.tbs_certificate_bytes).children if each.tag != der.EXPLICIT_0]
    if not loaded.subject.rdns or loaded.subject.public_bytes() != fields[4].whole:
        raise InvalidInput(
            "the issuer: its certificate has no subject, or one in an encoding that cannot be repeated here"
        )
    return loaded.subject


def _authority_key(authority: Authority) -> bytes:
    key = certfacts.load(authority.certificate).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _signer(public: bytes) -> tuple[_RSAKey | _ECKey, Algorithm]:
    key = _public(public)
    if isinstance(key, RSAPublicKey):
        return _RSAKey(key), ALGORITHMS["RS256"]
    return _ECKey(key), ALGORITHMS[_ALGORITHMS[eckeys.NAMES[key.curve.name]]]


class _Unsigning:
    """What both keys have that sign with nothing. ``cryptography`` asks for the public part and a signature only."""

    def __init__(self, public: Any) -> None:
        self._public = public

    def public_key(self) -> Any:
        return self._public

    @property
    def key_size(self) -> int:
        size: int = self._public.key_size
        return size

    @property
    def curve(self) -> EllipticCurve:
        curve: EllipticCurve = self._public.curve
        return curve

    def sign(self, *_: Any, **__: Any) -> bytes:
        return b""

    def _nothing(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("the private part is elsewhere")

    decrypt = exchange = private_numbers = private_bytes = __copy__ = __deepcopy__ = _nothing


class _RSAKey(_Unsigning, RSAPrivateKey):
    pass


class _ECKey(_Unsigning, EllipticCurvePrivateKey):
    pass
