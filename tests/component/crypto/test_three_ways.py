"""One key in software, in a token and in the hands of ``openssl``: what any of them makes, the others understand."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.domain.algorithms import ALGORITHMS, Given, Made
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, KeyType, Operation
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.handles import CACHED_PER_SEAT, Handles
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from tests.component.crypto import test_openssl as command
from tests.component.crypto.test_openssl import OKP, PRIVATE, PUBLIC, RSA, SIGNING, TEXT, openssl, options
from tests.component.crypto.test_token_vectors import TokenEngine
from tests.helpers.opentokens import opened

pytestmark = [pytest.mark.token, pytest.mark.skipif(not shutil.which("openssl"), reason="needs the command openssl")]

home = command.home
IV = bytes(range(16))


@dataclass(frozen=True)
class Held:
    """The key in software and in the token, by one interface."""

    software: KeyMaterial
    uses: dict[str, Callable[[str, Operation, Given], Made]]


@pytest.fixture(scope="module")
def engine(module_in_process: Module) -> Iterator[TokenEngine]:
    with opened(module_in_process) as token:
        abilities = Abilities(token.description.mechanisms)
        yield TokenEngine(ObjectKeys(token, Handles(token, CACHED_PER_SEAT), abilities))


def held(engine: TokenEngine, spec: KeySpec) -> Held:
    software = command.made(spec)
    inside = engine.take(spec, software.private)
    return Held(
        software,
        {
            "software": lambda name, operation, given: command.use(software, name, operation, given),
            "token": lambda name, operation, given: engine.use(inside, ALGORITHMS[name], operation, given),
        },
    )


def spec_of(name: str) -> KeySpec:
    return RSA if ALGORITHMS[name].type is KeyType.RSA else KeySpec(KeyType.EC, 0, ALGORITHMS[name].curve)


@pytest.mark.parametrize("name", [name for name in SIGNING if ALGORITHMS[name].type is not OKP.type])
def test_signatures(home: Path, engine: TokenEngine, name: str) -> None:
    key = held(engine, spec_of(name))
    digest = hashlib.new(ALGORITHMS[name].hash.replace("-", ""), TEXT).digest() if ALGORITHMS[name].hash else TEXT
    command.write(home, key.software, digest=digest)
    signed = openssl("pkeyutl", "-sign", *PRIVATE, "-in", "digest", *options(name))
    made = {where: use(name, Operation.SIGN, Given(digest)).value for where, use in key.uses.items()}
    for signature in (*made.values(), command.in_our_form(key.software, signed)):
        for where, use in key.uses.items():
            assert use(name, Operation.VERIFY, Given(digest, signature=signature)).valid, where
        (home / "signature").write_bytes(command.in_their_form(key.software, signature))
        verify = ["-verify", *PUBLIC, "-in", "digest", "-sigfile", "signature", *options(name)]
        assert b"Verified Successfully" in openssl("pkeyutl", *verify)


@pytest.mark.parametrize("name", ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"])
def test_rsa_encryption(home: Path, engine: TokenEngine, name: str) -> None:
    key = held(engine, RSA)
    command.write(home, key.software, text=TEXT)
    sealed = openssl("pkeyutl", "-encrypt", *PUBLIC, "-in", "text", *options(name))
    made = {where: use(name, Operation.ENCRYPT, Given(TEXT)).value for where, use in key.uses.items()}
    for ciphertext in (*made.values(), sealed):
        for where, use in key.uses.items():
            assert use(name, Operation.DECRYPT, Given(ciphertext)).value == TEXT, where
        (home / "sealed").write_bytes(ciphertext)
        assert openssl("pkeyutl", "-decrypt", *PRIVATE, "-in", "sealed", *options(name)) == TEXT


@pytest.mark.parametrize("size", [128, 192, 256])
@pytest.mark.parametrize("padded", [True, False])
def test_aes_cbc(home: Path, engine: TokenEngine, size: int, padded: bool) -> None:
    key = held(engine, KeySpec(KeyType.OCT, size))
    name, text = f"A{size}CBC{'PAD' if padded else ''}", TEXT + b"odd" * padded
    (home / "text").write_bytes(text)
    cipher = [f"-aes-{size}-cbc", "-K", key.software.private.hex(), "-iv", IV.hex(), *([] if padded else ["-nopad"])]
    sealed = openssl("enc", "-e", *cipher, "-in", "text")
    for where, use in key.uses.items():
        assert use(name, Operation.ENCRYPT, Given(text, iv=IV)).value == sealed, where
        assert use(name, Operation.DECRYPT, Given(sealed, iv=IV)).value == text, where


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_hmac(home: Path, engine: TokenEngine, bits: int) -> None:
    key, digest = held(engine, KeySpec(KeyType.OCT, bits)), hashlib.new(f"sha{bits}", TEXT).digest()
    (home / "digest").write_bytes(digest)
    secret = ["-mac", "HMAC", "-macopt", f"hexkey:{key.software.private.hex()}"]
    theirs = openssl("dgst", f"-sha{bits}", *secret, "-binary", "digest")
    for where, use in key.uses.items():
        assert use(f"HS{bits}", Operation.SIGN, Given(digest)).value == theirs, where


WAYS = [
    (name, into, out)
    for name, each in ALGORITHMS.items()
    for into, out in ((Operation.ENCRYPT, Operation.DECRYPT), (Operation.WRAP, Operation.UNWRAP))
    if into in each.operations
]


@pytest.mark.parametrize(("name", "into", "out"), WAYS)
def test_software_opens_what_the_token_closes_and_the_other_way(
    engine: TokenEngine, name: str, into: Operation, out: Operation
) -> None:
    algorithm = ALGORITHMS[name]
    key = held(engine, RSA if algorithm.type is KeyType.RSA else KeySpec(KeyType.OCT, algorithm.size or 256))
    for closes, close in key.uses.items():
        for opens, open_ in key.uses.items():
            made = close(name, into, Given(bytes(32)))
            given = Given(made.value, iv=made.iv, tag=made.tag)
            assert open_(name, out, given).value == bytes(32), (closes, opens)
