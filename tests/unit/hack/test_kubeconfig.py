"""Kubeconfig files, ours and other people's, and the certificates in ours."""

import base64
import datetime

import pytest
import yaml
from cryptography import x509
from cryptography.x509 import verification

from hack.localcluster import LocalClusterError, kubeconfig, pki


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig.render("https://here", b"PEM", kubeconfig.by_token("t")))
    assert kubeconfig.read(path) == kubeconfig.Endpoint("https://here", b"PEM")


def test_an_authority_in_a_file_beside_it_is_found(tmp_path):
    content = yaml.safe_load(kubeconfig.render("https://here", b"", kubeconfig.by_token("t")))
    content["clusters"][0]["cluster"] = {"server": "https://here", "certificate-authority": "ca.pem"}
    (tmp_path / "ca.pem").write_bytes(b"PEM")
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    assert kubeconfig.read(tmp_path / "kubeconfig").authority == b"PEM"


@pytest.mark.parametrize("content", [None, "", "{", "current-context: gone\ncontexts: []\n"])
def test_an_unusable_file_says_what_to_check(tmp_path, content):
    if content is not None:
        (tmp_path / "kubeconfig").write_text(content)
    with pytest.raises(LocalClusterError, match="current-context"):
        kubeconfig.read(tmp_path / "kubeconfig")


def test_a_user_with_a_certificate_carries_it_along():
    user = kubeconfig.by_certificate(pki.KeyPair(b"certificate", b"key"))
    assert base64.b64decode(user["client-certificate-data"]) == b"certificate"
    assert base64.b64decode(user["client-key-data"]) == b"key"


def test_a_server_certificate_holds_for_its_hosts_under_its_own_authority_only():
    authority, other = pki.Authority("one"), pki.Authority("other")
    certificate = x509.load_pem_x509_certificate(
        authority.issue("server", hosts=["localhost", "127.0.0.1"]).certificate
    )
    assert _verifier(authority).verify(certificate, [])
    with pytest.raises(verification.VerificationError):
        _verifier(other).verify(certificate, [])


def _verifier(authority: pki.Authority) -> verification.ServerVerifier:
    store = verification.Store([x509.load_pem_x509_certificate(authority.certificate)])
    now = datetime.datetime.now(datetime.UTC)
    return verification.PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName("localhost"))
