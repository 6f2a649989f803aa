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
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hack.localcluster import toolchain
from hack.localcluster.errors import BuildFailed
from hack.localcluster.files import locked
from hack.localcluster.paths import cache_root
from strongroom.domain.algorithms import ALGORITHMS, DIGEST_OCTETS, Given, Hash
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import AES_SIZES, OCT_SIZES, RSA_SIZES, Curve, KeySpec, KeyType, Operation
from tests.helpers.keyvectors import Attempt, Engine, Keys, Tally

_PIN = Path(__file__).resolve().parents[1] / "vectors" / "wycheproof"
_MODULE = "github.com/c2sp/wycheproof"

Case = dict[str, Any]


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


def run(file: str, engine: Engine, *, digests_only: bool = False) -> Tally:
    """Put every case of a file to the engine. The test is skipped when a directory that was given lacks the file."""
    tally, tests = Tally(), _KINDS[file]
    if not (path := directory() / file).exists():
        pytest.skip(f"STRONGROOM_WYCHEPROOF has no {file}")
    for group in json.loads(path.read_text())["testGroups"]:
        keys = Keys(engine, digests_only=digests_only)
        for case in group["tests"]:
            attempt = None if case["result"] == "acceptable" else tests(keys, group, case)
            label = f"{file} {case['tcId']} {case['result']} {case['flags']}: {case['comment']}"
            tally.judge(attempt, case["result"] == "valid", label)
    return tally


def _octets(holder: Case, *names: str) -> Iterator[bytes]:
    return (bytes.fromhex(holder[name]) for name in names)


def _digest(digest: Hash, message: bytes) -> bytes:
    return hashlib.new(digest.replace("-", ""), message).digest()


def _aes_cbc(keys: Keys, group: Case, case: Case) -> Attempt:
    name, spec = f"A{group['keySize']}CBCPAD", KeySpec(KeyType.OCT, group["keySize"])
    key, iv, text, sealed = _octets(case, "key", "iv", "msg", "ct")

    def accepts() -> bool:
        material = keys.take(spec, key)
        if keys.use(material, name, Operation.DECRYPT, Given(sealed, iv=iv)).value != text:
            return False
        return keys.use(material, name, Operation.ENCRYPT, Given(text, iv=iv)).value == sealed

    return Attempt(accepts)


def _aes_gcm(keys: Keys, group: Case, case: Case) -> Attempt | None:
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


def _aes_wrap(suffix: str) -> Callable[[Keys, Case, Case], Attempt]:
    def tests(keys: Keys, group: Case, case: Case) -> Attempt:
        name, spec = f"A{group['keySize']}{suffix}", KeySpec(KeyType.OCT, group["keySize"])
        key, text, sealed = _octets(case, "key", "msg", "ct")

        def accepts() -> bool:
            material = keys.take(spec, key)
            if keys.use(material, name, Operation.UNWRAP, Given(sealed)).value != text:
                return False
            return keys.use(material, name, Operation.WRAP, Given(text)).value == sealed

        return Attempt(accepts)

    return tests


def _hmac(digest: Hash) -> Callable[[Keys, Case, Case], Attempt | None]:
    name, bits = f"HS{digest.removeprefix('SHA-')}", 8 * DIGEST_OCTETS[digest]

    def tests(keys: Keys, group: Case, case: Case) -> Attempt | None:
        if group["keySize"] not in OCT_SIZES or group["keySize"] < bits:
            return None
        key, message, tag = _octets(case, "key", "msg", "tag")
        if keys.digests_only and 8 * len(message) != bits:
            return None

        def accepts() -> bool:
            material = keys.take(KeySpec(KeyType.OCT, group["keySize"]), key)
            if not keys.use_unchecked(material, name, Operation.VERIFY, Given(message, signature=tag)).valid:
                return False
            return keys.use_unchecked(material, name, Operation.SIGN, Given(message)).value == tag

        return Attempt(accepts, may_be_valid=group["tagSize"] == bits)

    return tests


def _ecdsa(curve: Curve) -> Callable[[Keys, Case, Case], Attempt]:
    spec = KeySpec(KeyType.EC, curve=curve)
    name = next(each.name for each in ALGORITHMS.values() if each.curve is curve)

    def tests(keys: Keys, group: Case, case: Case) -> Attempt:
        material = KeyMaterial(spec, public=bytes.fromhex(group["publicKeyDer"]))
        message, signature = _octets(case, "msg", "sig")
        given = Given(_digest(Hash(group["sha"]), message), signature=signature)
        return Attempt(lambda: keys.use(material, name, Operation.VERIFY, given).valid)

    return tests


def _eddsa(keys: Keys, group: Case, case: Case) -> Attempt:
    material = KeyMaterial(KeySpec(KeyType.OKP, curve=Curve.ED25519), public=bytes.fromhex(group["publicKeyDer"]))
    message, signature = _octets(case, "msg", "sig")
    return Attempt(lambda: keys.use(material, "EdDSA", Operation.VERIFY, Given(message, signature=signature)).valid)


def _rsa_decrypt(keys: Keys, group: Case, case: Case, name: str) -> Attempt | None:
    if group["keySize"] not in RSA_SIZES:
        return None
    spec, private = KeySpec(KeyType.RSA, group["keySize"]), bytes.fromhex(group["privateKeyPkcs8"])
    text, sealed = _octets(case, "msg", "ct")
    # RSA1_5 may answer a malformed ciphertext with noise, which is no plaintext either (implicit rejection).
    return Attempt(lambda: keys.use(keys.take(spec, private), name, Operation.DECRYPT, Given(sealed)).value == text)


def _rsa_oaep(keys: Keys, group: Case, case: Case) -> Attempt | None:
    name = {"SHA-1": "RSA-OAEP", "SHA-256": "RSA-OAEP-256"}.get(group["sha"])
    if case["label"] or group["sha"] != group["mgfSha"] or name is None:
        return None
    return _rsa_decrypt(keys, group, case, name)


def _rsa_v15(keys: Keys, group: Case, case: Case) -> Attempt | None:
    return _rsa_decrypt(keys, group, case, "RSA1_5")


def _rsa_sign(keys: Keys, group: Case, case: Case) -> Attempt | None:
    name = _rsa_name("RS", group)
    if name is None:
        return None
    message, signature = _octets(case, "msg", "sig")
    spec, private = KeySpec(KeyType.RSA, group["keySize"]), bytes.fromhex(group["privateKeyPkcs8"])
    given = Given(_digest(Hash(group["sha"]), message))
    return Attempt(lambda: keys.use(keys.take(spec, private), name, Operation.SIGN, given).value == signature)


def _rsa_verify(prefix: str) -> Callable[[Keys, Case, Case], Attempt | None]:
    def tests(keys: Keys, group: Case, case: Case) -> Attempt | None:
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


_KINDS: dict[str, Callable[[Keys, Case, Case], Attempt | None]] = {
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
