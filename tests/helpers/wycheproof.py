"""Wycheproof's vectors (C2SP/wycheproof, Apache License 2.0) against whatever carries out the operations of keys.

They come from the published Go module that tests/vectors/wycheproof pins by hash, or from STRONGROOM_WYCHEPROOF, a
directory with its files.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pytest

from hack.localcluster import toolchain
from hack.localcluster.errors import BuildFailed
from hack.localcluster.files import locked
from hack.localcluster.paths import cache_root
from strongroom.domain import algorithms
from strongroom.domain.algorithms import ALGORITHMS, DIGEST_OCTETS, Given, Hash, Made
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import AES_SIZES, OCT_SIZES, RSA_SIZES, Curve, KeySpec, KeyType, Operation

_PIN = Path(__file__).resolve().parents[1] / "vectors" / "wycheproof"
_MODULE = "github.com/c2sp/wycheproof"

Case = dict[str, Any]


class Engine(Protocol):
    """What is put to the test: software keys, a token, the whole service."""

    def take(self, spec: KeySpec, private: bytes) -> KeyMaterial:
        """Bring a key in; the engine may protect it as it likes."""
        ...

    def use(self, material: KeyMaterial, algorithm: algorithms.Algorithm, operation: Operation, given: Given) -> Made:
        """Carry out one operation. ``InvalidInput`` when a ciphertext does not open."""
        ...


@dataclass
class Tally:
    """How a file went. ``outside``: what no request can ask for, such as a key of 1024 bits or an OAEP label."""

    accepted: int = 0
    refused: int = 0
    outside: int = 0
    wrong: list[str] = field(default_factory=list)


def directory() -> Path:
    """Where the files are; the test that asks is skipped when they cannot be had."""
    if given := os.environ.get("STRONGROOM_WYCHEPROOF"):
        return Path(given)
    if not (fetched := _fetched()):
        pytest.skip(
            f"Wycheproof's vectors cannot be fetched: they are the Go module {_MODULE}; "
            "or set STRONGROOM_WYCHEPROOF to a directory with them"
        )
    return fetched


@cache
def _fetched() -> Path | None:
    command = ["mod", "download", "-json", _MODULE]
    try:
        cache_root().mkdir(parents=True, exist_ok=True)
        with locked(cache_root()):
            go = toolchain.go(cache_root())
        environment = toolchain.environment()
        answer = subprocess.run(
            [go, *command], cwd=_PIN, env=environment, capture_output=True, check=False, timeout=240
        )
        return Path(json.loads(answer.stdout)["Dir"]) / "testvectors_v1"
    except (BuildFailed, OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        return None


def run(file: str, engine: Engine) -> Tally:
    """Put every case of a file to the engine. The test is skipped when a directory that was given lacks the file."""
    tally, tests = Tally(), _KINDS[file]
    if not (path := directory() / file).exists():
        pytest.skip(f"STRONGROOM_WYCHEPROOF has no {file}")
    for group in json.loads(path.read_text())["testGroups"]:
        keys = _Keys(engine)
        for case in group["tests"]:
            _judge(tally, file, case, tests(keys, group, case))
    return tally


def _judge(tally: Tally, file: str, case: Case, attempt: Attempt | None) -> None:
    if attempt is None or case["result"] == "acceptable":
        tally.outside += 1
        return
    try:
        accepted = attempt.accepts()
    except InvalidInput:
        accepted = False
    if accepted is not (case["result"] == "valid" and attempt.may_be_valid):
        tally.wrong.append(f"{file} {case['tcId']} {case['result']} {case['flags']}: {case['comment']}")
    elif accepted:
        tally.accepted += 1
    else:
        tally.refused += 1


@dataclass(frozen=True)
class Attempt:
    """``may_be_valid`` is False of what is valid elsewhere and not here: a truncated MAC."""

    accepts: Callable[[], bool]
    may_be_valid: bool = True


class _Keys:
    """The keys of one group, and operations with them as the service carries them out: found, checked, used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._taken: dict[tuple[KeySpec, bytes], KeyMaterial] = {}

    def take(self, spec: KeySpec, private: bytes) -> KeyMaterial:
        if (spec, private) not in self._taken:
            self._taken[spec, private] = self._engine.take(spec, private)
        return self._taken[spec, private]

    def use(self, key: KeyMaterial, name: str, operation: Operation, given: Given) -> Made:
        algorithm = algorithms.find(name, key.spec, operation)
        algorithms.check(algorithm, operation, given, key.spec)
        return self._engine.use(key, algorithm, operation, given)

    def use_unchecked(self, key: KeyMaterial, name: str, operation: Operation, given: Given) -> Made:
        """For a MAC of a whole message: requests have digests only."""
        return self._engine.use(key, algorithms.find(name, key.spec, operation), operation, given)


def _octets(holder: Case, *names: str) -> Iterator[bytes]:
    return (bytes.fromhex(holder[name]) for name in names)


def _digest(digest: Hash, message: bytes) -> bytes:
    return hashlib.new(digest.replace("-", ""), message).digest()


def _aes_cbc(keys: _Keys, group: Case, case: Case) -> Attempt:
    name, spec = f"A{group['keySize']}CBCPAD", KeySpec(KeyType.OCT, group["keySize"])
    key, iv, text, sealed = _octets(case, "key", "iv", "msg", "ct")

    def accepts() -> bool:
        material = keys.take(spec, key)
        if keys.use(material, name, Operation.DECRYPT, Given(sealed, iv=iv)).value != text:
            return False
        return keys.use(material, name, Operation.ENCRYPT, Given(text, iv=iv)).value == sealed

    return Attempt(accepts)


def _aes_gcm(keys: _Keys, group: Case, case: Case) -> Attempt | None:
    if (group["ivSize"], group["tagSize"]) != (96, 128) or group["keySize"] not in AES_SIZES:
        return None
    name, spec = f"A{group['keySize']}GCM", KeySpec(KeyType.OCT, group["keySize"])
    key, iv, text, sealed, tag, aad = _octets(case, "key", "iv", "msg", "ct", "tag", "aad")

    def accepts() -> bool:
        material = keys.take(spec, key)
        if keys.use(material, name, Operation.DECRYPT, Given(sealed, iv, tag, aad)).value != text:
            return False
        made = keys.use(material, name, Operation.ENCRYPT, Given(text, aad=aad))
        return keys.use(material, name, Operation.DECRYPT, Given(made.value, made.iv, made.tag, aad)).value == text

    return Attempt(accepts)


def _aes_wrap(suffix: str) -> Callable[[_Keys, Case, Case], Attempt]:
    def tests(keys: _Keys, group: Case, case: Case) -> Attempt:
        name, spec = f"A{group['keySize']}{suffix}", KeySpec(KeyType.OCT, group["keySize"])
        key, text, sealed = _octets(case, "key", "msg", "ct")

        def accepts() -> bool:
            material = keys.take(spec, key)
            if keys.use(material, name, Operation.UNWRAP, Given(sealed)).value != text:
                return False
            return keys.use(material, name, Operation.WRAP, Given(text)).value == sealed

        return Attempt(accepts)

    return tests


def _hmac(digest: Hash) -> Callable[[_Keys, Case, Case], Attempt | None]:
    name, bits = f"HS{digest.removeprefix('SHA-')}", 8 * DIGEST_OCTETS[digest]

    def tests(keys: _Keys, group: Case, case: Case) -> Attempt | None:
        if group["keySize"] not in OCT_SIZES or group["keySize"] < bits:
            return None
        key, message, tag = _octets(case, "key", "msg", "tag")

        def accepts() -> bool:
            material = keys.take(KeySpec(KeyType.OCT, group["keySize"]), key)
            if not keys.use_unchecked(material, name, Operation.VERIFY, Given(message, signature=tag)).valid:
                return False
            return keys.use_unchecked(material, name, Operation.SIGN, Given(message)).value == tag

        return Attempt(accepts, may_be_valid=group["tagSize"] == bits)

    return tests


def _ecdsa(curve: Curve) -> Callable[[_Keys, Case, Case], Attempt]:
    spec = KeySpec(KeyType.EC, curve=curve)
    name = next(each.name for each in ALGORITHMS.values() if each.curve is curve)

    def tests(keys: _Keys, group: Case, case: Case) -> Attempt:
        material = KeyMaterial(spec, public=bytes.fromhex(group["publicKeyDer"]))
        message, signature = _octets(case, "msg", "sig")
        given = Given(_digest(Hash(group["sha"]), message), signature=signature)
        return Attempt(lambda: keys.use(material, name, Operation.VERIFY, given).valid)

    return tests


def _eddsa(keys: _Keys, group: Case, case: Case) -> Attempt:
    material = KeyMaterial(KeySpec(KeyType.OKP, curve=Curve.ED25519), public=bytes.fromhex(group["publicKeyDer"]))
    message, signature = _octets(case, "msg", "sig")
    return Attempt(lambda: keys.use(material, "EdDSA", Operation.VERIFY, Given(message, signature=signature)).valid)


def _rsa_decrypt(keys: _Keys, group: Case, case: Case, name: str) -> Attempt | None:
    if group["keySize"] not in RSA_SIZES:
        return None
    spec, private = KeySpec(KeyType.RSA, group["keySize"]), bytes.fromhex(group["privateKeyPkcs8"])
    text, sealed = _octets(case, "msg", "ct")
    # RSA1_5 may answer a malformed ciphertext with noise, which is no plaintext either (implicit rejection).
    return Attempt(lambda: keys.use(keys.take(spec, private), name, Operation.DECRYPT, Given(sealed)).value == text)


def _rsa_oaep(keys: _Keys, group: Case, case: Case) -> Attempt | None:
    name = {"SHA-1": "RSA-OAEP", "SHA-256": "RSA-OAEP-256"}.get(group["sha"])
    if case["label"] or group["sha"] != group["mgfSha"] or name is None:
        return None
    return _rsa_decrypt(keys, group, case, name)


def _rsa_v15(keys: _Keys, group: Case, case: Case) -> Attempt | None:
    return _rsa_decrypt(keys, group, case, "RSA1_5")


def _rsa_sign(keys: _Keys, group: Case, case: Case) -> Attempt | None:
    name = _rsa_name("RS", group)
    if name is None:
        return None
    message, signature = _octets(case, "msg", "sig")
    spec, private = KeySpec(KeyType.RSA, group["keySize"]), bytes.fromhex(group["privateKeyPkcs8"])
    given = Given(_digest(Hash(group["sha"]), message))
    return Attempt(lambda: keys.use(keys.take(spec, private), name, Operation.SIGN, given).value == signature)


def _rsa_verify(prefix: str) -> Callable[[_Keys, Case, Case], Attempt | None]:
    def tests(keys: _Keys, group: Case, case: Case) -> Attempt | None:
        name = _rsa_name(prefix, group)
        if name is None or (prefix == "PS" and group["sha"] != group["mgfSha"]):
            return None
        spec = KeySpec(KeyType.RSA, group["keySize"])
        material = KeyMaterial(spec, public=bytes.fromhex(group["publicKeyDer"]))
        message, signature = _octets(case, "msg", "sig")
        given = Given(_digest(Hash(group["sha"]), message), signature=signature)
        ours = prefix == "RS" or group["sLen"] == DIGEST_OCTETS[Hash(group["sha"])]
        return Attempt(lambda: keys.use(material, name, Operation.VERIFY, given).valid, may_be_valid=ours)

    return tests


def _rsa_name(prefix: str, group: Case) -> str | None:
    name = f"{prefix}{group['sha'].removeprefix('SHA-')}"
    return name if name in ALGORITHMS and group["keySize"] in RSA_SIZES else None


_KINDS: dict[str, Callable[[_Keys, Case, Case], Attempt | None]] = {
    "aes_cbc_pkcs5_test.json": _aes_cbc,
    "aes_gcm_test.json": _aes_gcm,
    "aes_kwp_test.json": _aes_wrap("KWPAD"),
    "aes_wrap_test.json": _aes_wrap("KW"),
    "ecdsa_secp256k1_sha256_p1363_test.json": _ecdsa(Curve.P256K),
    "ecdsa_secp256r1_sha256_p1363_test.json": _ecdsa(Curve.P256),
    "ecdsa_secp384r1_sha384_p1363_test.json": _ecdsa(Curve.P384),
    "ecdsa_secp521r1_sha512_p1363_test.json": _ecdsa(Curve.P521),
    "ed25519_test.json": _eddsa,
    "hmac_sha256_test.json": _hmac(Hash.SHA256),
    "hmac_sha384_test.json": _hmac(Hash.SHA384),
    "hmac_sha512_test.json": _hmac(Hash.SHA512),
    "rsa_oaep_2048_sha1_mgf1sha1_test.json": _rsa_oaep,
    "rsa_oaep_2048_sha256_mgf1sha256_test.json": _rsa_oaep,
    "rsa_oaep_3072_sha256_mgf1sha256_test.json": _rsa_oaep,
    "rsa_oaep_4096_sha256_mgf1sha256_test.json": _rsa_oaep,
    "rsa_oaep_misc_test.json": _rsa_oaep,
    "rsa_pkcs1_2048_test.json": _rsa_v15,
    "rsa_pkcs1_3072_test.json": _rsa_v15,
    "rsa_pkcs1_4096_test.json": _rsa_v15,
    "rsa_pkcs1_2048_sig_gen_test.json": _rsa_sign,
    "rsa_pkcs1_3072_sig_gen_test.json": _rsa_sign,
    "rsa_pkcs1_4096_sig_gen_test.json": _rsa_sign,
    "rsa_pss_2048_sha256_mgf1_32_test.json": _rsa_verify("PS"),
    "rsa_pss_2048_sha384_mgf1_48_test.json": _rsa_verify("PS"),
    "rsa_pss_3072_sha256_mgf1_32_test.json": _rsa_verify("PS"),
    "rsa_pss_4096_sha256_mgf1_32_test.json": _rsa_verify("PS"),
    "rsa_pss_4096_sha384_mgf1_48_test.json": _rsa_verify("PS"),
    "rsa_pss_4096_sha512_mgf1_32_test.json": _rsa_verify("PS"),
    "rsa_pss_4096_sha512_mgf1_64_test.json": _rsa_verify("PS"),
    "rsa_pss_misc_test.json": _rsa_verify("PS"),
    "rsa_signature_2048_sha256_test.json": _rsa_verify("RS"),
    "rsa_signature_2048_sha384_test.json": _rsa_verify("RS"),
    "rsa_signature_2048_sha512_test.json": _rsa_verify("RS"),
    "rsa_signature_3072_sha256_test.json": _rsa_verify("RS"),
    "rsa_signature_3072_sha384_test.json": _rsa_verify("RS"),
    "rsa_signature_3072_sha512_test.json": _rsa_verify("RS"),
    "rsa_signature_4096_sha256_test.json": _rsa_verify("RS"),
    "rsa_signature_4096_sha384_test.json": _rsa_verify("RS"),
    "rsa_signature_4096_sha512_test.json": _rsa_verify("RS"),
}

FILES = tuple(_KINDS)
