"""Certificates as clients judge them: real handshakes, in memory."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from strongroom.crypto.certificates import (
    CA_SECONDS,
    LEAF_SECONDS,
    CertificateAuthority,
    Leaf,
    make_authority,
)
from strongroom.domain.errors import Tampered

DOMAIN = "vault.example"
NOW = int(time.time())  # a client judges by its own clock


def authority(domain: str = DOMAIN, now: int = NOW) -> CertificateAuthority:
    return CertificateAuthority.load({name: text.encode() for name, text in make_authority(domain, now).items()})


def shake_hands(leaf: Leaf, trusted: str, name: str, scratch: Path) -> None:
    """A client that trusts the PEM and expects the name; raises what it complains of."""
    file = scratch / "leaf.pem"
    file.write_bytes(leaf.certificate + leaf.private_key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=trusted)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("name", ["demo.default.vault.example", "sts.vault.example"])
def test_a_strict_client_accepts_a_leaf_for_its_names(name: str, tmp_path: Path) -> None:
    ca = authority()
    leaf = ca.issue(["*.default.vault.example", "sts.vault.example"], NOW)
    shake_hands(leaf, ca.pem, name, tmp_path)
    assert (leaf.begins, leaf.ends) == (NOW, NOW + LEAF_SECONDS)


@pytest.mark.parametrize(
    ("names", "name", "complaint"),
    [
        (["*.default.vault.example"], "demo.other.vault.example", "Hostname mismatch"),
        (["*.default.vault.example"], "a.b.default.vault.example", "Hostname mismatch"),
        (["demo.default.vault.example.org"], "demo.default.vault.example.org", "permitted subtree violation"),
        (["bank.example"], "bank.example", "permitted subtree violation"),
    ],
)
def test_a_client_refuses_what_the_authority_may_not_name(
    names: list[str], name: str, complaint: str, tmp_path: Path
) -> None:
    ca = authority()
    with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
        shake_hands(ca.issue(names, NOW), ca.pem, name, tmp_path)


def test_a_client_refuses_a_leaf_of_another_authority(tmp_path: Path) -> None:
    leaf = authority().issue(["*.default.vault.example"], NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(leaf, authority().pem, "demo.default.vault.example", tmp_path)


def test_a_client_whose_clock_is_behind_accepts_a_new_leaf(tmp_path: Path) -> None:
    ca = authority(now=NOW + 3000)
    shake_hands(ca.issue(["sts.vault.example"], NOW + 3000), ca.pem, "sts.vault.example", tmp_path)


def test_a_leaf_never_outlives_its_authority() -> None:
    ca = authority()
    assert ca.issue(["sts.vault.example"], NOW + CA_SECONDS - 5).ends == ca.ends == NOW + CA_SECONDS


def test_what_is_stored_is_checked() -> None:
    one, other = make_authority(DOMAIN, NOW), make_authority(DOMAIN, NOW)
    assert authority().domain == DOMAIN
    for fields in (
        {},
        {"certificate": b"", "privateKey": b""},
        {"certificate": one["certificate"].encode(), "privateKey": other["privateKey"].encode()},
    ):
        with pytest.raises(Tampered):
            CertificateAuthority.load(fields)


def test_keys_hide_in_repr() -> None:
    ca = authority()
    assert "PRIVATE" not in repr(ca)
    assert "PRIVATE" not in repr(ca.issue(["sts.vault.example"], NOW))
