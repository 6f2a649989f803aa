"""Software keys and the ``openssl`` command understand each other, in both directions."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_private_key

from strongroom.crypto import jwk, keyengine, keyfiles
from strongroom.domain import algorithms
from strongroom.domain.algorithms import ALGORITHMS, Given, Made
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import COORDINATE_OCTETS, EC_CURVES, Curve, KeySpec, KeyType, Operation

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the command openssl")

RSA = KeySpec(KeyType.RSA, 2048)
OKP = KeySpec(KeyType.OKP, curve=Curve.ED25519)
TEXT = b"sixteen octets.."
_PADDINGS = {
    "RSA1_5": ["rsa_padding_mode:pkcs1"],
    "RSA-OAEP": ["rsa_padding_mode:oaep", "rsa_oaep_md:sha1", "rsa_mgf1_md:sha1"],
    "RSA-OAEP-256": ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"],
    "RSNULL": ["rsa_padding_mode:pkcs1"],
    **{f"RS{bits}": ["rsa_padding_mode:pkcs1", f"digest:sha{bits}"] for bits in (256, 384, 512)},
    **{
        f"PS{bits}": ["rsa_padding_mode:pss", f"digest:sha{bits}", "rsa_pss_saltlen:digest"] for bits in (256, 384, 512)
    },
}

SIGNING = [
    name for name, each in ALGORITHMS.items() if Operation.SIGN in each.operations and each.type is not KeyType.OCT
]


@cache
def made(spec: KeySpec) -> KeyMaterial:
    return keyengine.make(spec)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def openssl(*arguments: str, check: bool = True) -> bytes:
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    assert done.returncode == 0 or not check, done.stderr.decode()
    return done.stdout


def use(material: KeyMaterial, name: str, operation: Operation, given: Given) -> Made:
    algorithm = algorithms.find(name, material.spec, operation)
    algorithms.check(algorithm, operation, given, material.spec)
    return keyengine.use(material, algorithm, operation, given)


def write(home: Path, material: KeyMaterial, **files: bytes) -> None:
    """Lay the key's two halves and more files beside each other."""
    (home / "public.pem").write_text(jwk.public_pem(material))
    (home / "private.der").write_bytes(material.private)
    for name, content in files.items():
        (home / name).write_bytes(content)


def options(name: str) -> list[str]:
    return [part for option in _PADDINGS.get(name, []) for part in ("-pkeyopt", option)]


PRIVATE = ["-inkey", "private.der", "-keyform", "DER"]
PUBLIC = ["-pubin", "-inkey", "public.pem"]


@pytest.mark.parametrize("name", ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"])
def test_rsa_encryption(home: Path, name: str) -> None:
    sealed = use(made(RSA), name, Operation.ENCRYPT, Given(TEXT)).value
    write(home, made(RSA), text=TEXT, sealed=sealed)
    assert openssl("pkeyutl", "-decrypt", *PRIVATE, "-in", "sealed", *options(name)) == TEXT
    theirs = openssl("pkeyutl", "-encrypt", *PUBLIC, "-in", "text", *options(name))
    assert use(made(RSA), name, Operation.DECRYPT, Given(theirs)).value == TEXT


@pytest.mark.parametrize("name", SIGNING)
def test_signatures(home: Path, name: str) -> None:
    material = made(
        RSA if ALGORITHMS[name].type is KeyType.RSA else KeySpec(ALGORITHMS[name].type, 0, ALGORITHMS[name].curve)
    )
    digest = hashlib.new(ALGORITHMS[name].hash.replace("-", ""), TEXT).digest() if ALGORITHMS[name].hash else TEXT
    ours = use(material, name, Operation.SIGN, Given(digest)).value
    write(home, material, digest=digest, signature=in_their_form(material, ours))
    raw = ["-rawin"] if material.spec == OKP else []
    verify = ["pkeyutl", "-verify", *PUBLIC, *raw, "-in", "digest", "-sigfile", "signature", *options(name)]
    assert b"Verified Successfully" in openssl(*verify)
    (home / "digest").write_bytes(digest[::-1])
    assert b"Verified Successfully" not in openssl(*verify, check=False)
    (home / "digest").write_bytes(digest)
    theirs = in_our_form(material, openssl("pkeyutl", "-sign", *PRIVATE, *raw, "-in", "digest", *options(name)))
    assert use(material, name, Operation.VERIFY, Given(digest, signature=theirs)).valid


def in_their_form(material: KeyMaterial, signature: bytes) -> bytes:
    """Of ECDSA: r || s to DER."""
    if material.spec.type is not KeyType.EC:
        return signature
    half = len(signature) // 2
    return encode_dss_signature(*(int.from_bytes(part, "big") for part in (signature[:half], signature[half:])))


def in_our_form(material: KeyMaterial, signature: bytes) -> bytes:
    """Of ECDSA: DER to r || s."""
    if material.spec.type is not KeyType.EC:
        return signature
    assert material.spec.curve
    octets = COORDINATE_OCTETS[material.spec.curve]
    return b"".join(part.to_bytes(octets, "big") for part in decode_dss_signature(signature))


@pytest.mark.parametrize("size", [128, 192, 256])
@pytest.mark.parametrize("padded", [True, False])
def test_aes_cbc(home: Path, size: int, padded: bool) -> None:
    material = made(KeySpec(KeyType.OCT, size))
    name, text = f"A{size}CBC{'PAD' if padded else ''}", TEXT + b"odd" * padded
    made_ = use(material, name, Operation.ENCRYPT, Given(text))
    (home / "sealed").write_bytes(made_.value)
    (home / "text").write_bytes(text)
    cipher = [f"-aes-{size}-cbc", "-K", material.private.hex(), "-iv", made_.iv.hex(), *([] if padded else ["-nopad"])]
    assert openssl("enc", "-d", *cipher, "-in", "sealed") == text
    theirs = openssl("enc", "-e", *cipher, "-in", "text")
    assert use(material, name, Operation.DECRYPT, Given(theirs, iv=made_.iv)).value == text


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_hmac(home: Path, bits: int) -> None:
    material, digest = made(KeySpec(KeyType.OCT, bits)), hashlib.new(f"sha{bits}", TEXT).digest()
    (home / "digest").write_bytes(digest)
    key = ["-mac", "HMAC", "-macopt", f"hexkey:{material.private.hex()}"]
    theirs = openssl("dgst", f"-sha{bits}", *key, "-binary", "digest")
    assert use(material, f"HS{bits}", Operation.SIGN, Given(digest)).value == theirs


@pytest.mark.parametrize(
    "arguments",
    [
        ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        ["genpkey", "-algorithm", "ED25519"],
        *(["ecparam", "-genkey", "-name", curve] for curve in ("prime256v1", "secp384r1", "secp521r1", "secp256k1")),
    ],
)
def test_its_key_files_are_read(home: Path, arguments: list[str]) -> None:
    content = openssl(*arguments)
    (home / "key.pem").write_bytes(content)
    read = jwk.read(keyfiles.read(content))
    material = keyengine.take(read.spec, read.private)
    assert jwk.public_pem(material).encode() == openssl("pkey", "-in", "key.pem", "-pubout")
    for more in (["-v2", "aes-256-cbc", "-passout", "pass:word"], ["-nocrypt"]):
        assert keyfiles.read(openssl("pkcs8", "-topk8", "-in", "key.pem", *more), "word") == keyfiles.read(content)
    openssl("req", "-x509", "-key", "key.pem", "-subj", "/CN=a", "-out", "cert.pem", "-days", "1")
    bundle = openssl("pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-passout", "pass:word")
    assert keyfiles.read(bundle, "word") == keyfiles.read(content)


@pytest.mark.parametrize("spec", [RSA, OKP, *(KeySpec(KeyType.EC, curve=curve) for curve in EC_CURVES)], ids=str)
def test_it_finds_nothing_wrong_with_our_keys(home: Path, spec: KeySpec) -> None:
    write(home, made(spec))
    assert b"Key is valid" in openssl("pkey", "-in", "private.der", "-inform", "DER", "-check", "-noout")
    assert load_der_private_key(made(spec).private, None)
