"""Certificates that somebody else made."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.crypto import certdrafts, certfiles, keyengine
from strongroom.crypto.certdrafts import Draft
from strongroom.domain.algorithms import ALGORITHMS, Given
from strongroom.domain.certificates import (
    SELF,
    UNKNOWN,
    Action,
    AlternativeNames,
    CertificatePolicy,
    LifetimeAction,
    Usage,
)
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation

EC = KeySpec(KeyType.EC, curve=Curve.P256)
EC_HSM = replace(EC, hsm=True)
POLICY = CertificatePolicy(
    EC, "CN=app.example", AlternativeNames(dns=("app.example",)), SELF, actions=(LifetimeAction(Action.RENEW, 80),)
)
HSM_POLICY = replace(POLICY, key=EC_HSM, exportable=False)
OUTSIDE = replace(POLICY, issuer=UNKNOWN, actions=(LifetimeAction(Action.EMAIL, 80),))
AUTHORITY = replace(
    POLICY, subject="CN=An authority", names=AlternativeNames(), ca=True, ekus=(), usages=(Usage.KEY_CERT_SIGN,)
)


def signed(draft: Draft, key: KeyMaterial) -> bytes:
    """The certificate that a P-256 key in software makes of a draft. DER."""
    made = keyengine.use(key, ALGORITHMS["ES256"], Operation.SIGN, Given(draft.digest))
    return draft.finished(made.value)


def self_signed(now: int, seconds: int = 10**7, policy: CertificatePolicy = POLICY) -> tuple[KeyMaterial, bytes]:
    """A key and its certificate, DER."""
    key = keyengine.make(EC)
    return key, signed(certdrafts.certificate(policy, key.public, begins=now - 60, ends=now + seconds), key)


def pem_file(now: int, seconds: int = 10**7) -> str:
    """A file to import."""
    key, certificate = self_signed(now, seconds)
    return certfiles.pem(key.private, (certificate,)).decode()


def signed_outside(request: bytes, now: int) -> bytes:
    """What a certificate authority makes of a request. DER."""
    public_key = x509.load_der_x509_csr(request).public_key()
    public = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key, ca = self_signed(now, 10**8, AUTHORITY)
    issuer = certdrafts.Authority(ca)
    return signed(certdrafts.certificate(POLICY, public, begins=now - 60, ends=now + 10**7, authority=issuer), key)
