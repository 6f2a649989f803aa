"""Key pairs, read by the programs that people read them with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from strongroom.crypto.keypairs import make_key_pair, make_ssh_key_pair
from strongroom.domain.keypairs import Algorithm, KeyPair, SshKeyPair, SshKeyType

ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def key_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@ssh_keygen
@pytest.mark.parametrize(
    ("policy", "size", "name"),
    [
        (SshKeyPair(), 256, "ED25519"),
        (SshKeyPair(SshKeyType.RSA, 2056), 2056, "RSA"),
        (SshKeyPair(SshKeyType.RSA), 3072, "RSA"),
        (SshKeyPair(SshKeyType.ECDSA), 256, "ECDSA"),
        (SshKeyPair(SshKeyType.ECDSA, 384), 384, "ECDSA"),
        (SshKeyPair(SshKeyType.ECDSA, 521, "alice @ laptop"), 521, "ECDSA"),
    ],
)
def test_ssh_keygen_reads_both_halves_of_one_pair(tmp_path: Path, policy: SshKeyPair, size: int, name: str) -> None:
    pair = make_ssh_key_pair(policy)
    (tmp_path / "public").write_text(pair["publicKey"])
    told = run("ssh-keygen", "-l", "-f", str(tmp_path / "public")).split()
    assert (told[0], told[-1]) == (str(size), f"({name})")
    derived = run("ssh-keygen", "-y", "-P", "", "-f", key_file(tmp_path, pair["privateKey"]))
    assert derived.split()[:2] == pair["publicKey"].split()[:2]


def test_the_public_key_is_one_line_with_the_comment_if_there_is_one() -> None:
    assert make_ssh_key_pair(SshKeyPair(comment="alice @ laptop"))["publicKey"].split(" ", 2)[2] == "alice @ laptop"
    assert len(make_ssh_key_pair(SshKeyPair())["publicKey"].split(" ")) == 2


@openssl
@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (KeyPair(), "Public-Key: (3072 bit"),
        (KeyPair(Algorithm.RSA, 2048), "Public-Key: (2048 bit"),
        (KeyPair(Algorithm.EC), "prime256v1"),
        (KeyPair(Algorithm.EC, 384), "secp384r1"),
        (KeyPair(Algorithm.EC, 521), "secp521r1"),
        (KeyPair(Algorithm.ED25519), "ED25519 Public-Key"),
    ],
)
def test_openssl_reads_both_halves_of_one_pair(tmp_path: Path, policy: KeyPair, told: str) -> None:
    pair = make_key_pair(policy)
    (tmp_path / "public").write_text(pair["publicKey"])
    assert told in run("openssl", "pkey", "-pubin", "-in", str(tmp_path / "public"), "-noout", "-text")
    assert run("openssl", "pkey", "-pubout", "-in", key_file(tmp_path, pair["privateKey"])) == pair["publicKey"]


def test_keys_are_in_the_formats_that_are_promised() -> None:
    pair = make_key_pair(KeyPair(Algorithm.EC))
    assert pair["privateKey"].startswith("-----BEGIN PRIVATE KEY-----\n")
    assert pair["publicKey"].startswith("-----BEGIN PUBLIC KEY-----\n")
    assert make_ssh_key_pair(SshKeyPair())["privateKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")


def test_no_key_is_made_twice() -> None:
    made = [make_key_pair(KeyPair(Algorithm.ED25519)) for _ in range(100)]
    made += [make_ssh_key_pair(SshKeyPair()) for _ in range(100)]
    for half in ("privateKey", "publicKey"):
        assert len({pair[half] for pair in made}) == 200
