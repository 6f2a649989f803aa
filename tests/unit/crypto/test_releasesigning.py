"""Who signs the answers to releases: what a client verifies, with means of its own."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from strongroom.crypto.certificates import LEAF_SECONDS, CertificateAuthority, make_authority
from strongroom.crypto.releasesigning import make_signer, signer_name
from tests.helpers.stores import NOW

DOMAIN = "kv.example"


@pytest.fixture
def authority() -> CertificateAuthority:
    return CertificateAuthority.load({name: text.encode() for name, text in make_authority(DOMAIN, NOW).items()})


def chain(token: str) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(base64.b64decode(each)) for each in jwt.get_unverified_header(token)["x5c"]]


def verified(leaf: x509.Certificate, trusted: x509.Certificate, name: str = f"release.{DOMAIN}") -> None:
    builder = PolicyBuilder().store(Store([trusted])).time(datetime.fromtimestamp(NOW + 60, UTC))
    builder.build_server_verifier(x509.DNSName(name)).verify(leaf, [])


def test_the_published_ca_and_the_header_suffice_to_verify(authority: CertificateAuthority) -> None:
    token = make_signer(authority, DOMAIN, NOW).sign(json.dumps({"response": "\u00fc"}).encode())
    leaf, issuer = chain(token)
    verified(leaf, authority.certificate)
    assert issuer == authority.certificate
    assert jwt.decode(token, leaf.public_key(), algorithms=["ES256"]) == {"response": "\u00fc"}


def test_another_payload_is_not_what_was_signed(authority: CertificateAuthority) -> None:
    signer = make_signer(authority, DOMAIN, NOW)
    head, _, signature = signer.sign(b"{}").split(".")
    other = signer.sign(b'{"a":1}').split(".")[1]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{head}.{other}.{signature}", chain(f"{head}..")[0].public_key(), algorithms=["ES256"])


@pytest.mark.parametrize("name", [f"sts.{DOMAIN}", f"demo.default.{DOMAIN}", DOMAIN])
def test_its_certificate_is_no_servers(authority: CertificateAuthority, name: str) -> None:
    (leaf, _) = chain(make_signer(authority, DOMAIN, NOW).sign(b"{}"))
    with pytest.raises(VerificationError):
        verified(leaf, authority.certificate, name)


def test_another_installation_did_not_sign(authority: CertificateAuthority) -> None:
    other = CertificateAuthority.load({name: text.encode() for name, text in make_authority(DOMAIN, NOW).items()})
    with pytest.raises(VerificationError):
        verified(chain(make_signer(other, DOMAIN, NOW).sign(b"{}"))[0], authority.certificate)


def test_it_ends_with_its_certificate_and_hides_its_key(authority: CertificateAuthority) -> None:
    signer = make_signer(authority, DOMAIN, NOW)
    assert (signer.ends, signer_name(DOMAIN)) == (NOW + LEAF_SECONDS, "release.kv.example")
    assert "EllipticCurve" not in repr(signer)
