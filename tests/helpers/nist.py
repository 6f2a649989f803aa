"""NIST's vectors (CAVP), as the package ``cryptography_vectors`` carries them, against whatever uses keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.crypto.eckeys import CURVES
from strongroom.domain.algorithms import ALGORITHMS, Given
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import AES_SIZES, COORDINATE_OCTETS, RSA_SIZES, Curve, KeySpec, KeyType, Operation
from tests.helpers.keyvectors import Attempt, Engine, Keys, Tally

Case = dict[str, str]
"""What one case says, and its section beside it, by names in upper case."""

_CURVES = {"P-256": Curve.P256, "P-384": Curve.P384, "P-521": Curve.P521, "K-256": Curve.P256K}


def run(file: str, engine: Engine) -> Tally:
    """Put every case of a file to the engine; the test that asks is skipped without the package."""
    package = pytest.importorskip("cryptography_vectors", reason="NIST's vectors are in PyPI's cryptography_vectors")
    tally, tests, keys = Tally(), _KINDS[file], Keys(engine)
    for number, case in enumerate(cases((Path(package.__path__[0]) / file).read_text())):
        valid = "FAIL" not in case and not case.get("RESULT", "P").startswith("F")
        tally.judge(tests(keys, case), valid, f"{file} {number}: {case.get('RESULT', '')}")
    return tally


def cases(text: str) -> Iterator[Case]:
    """Read a file of CAVP: blocks between blank lines, of ``[section]`` or ``[name = value]`` and ``name = value``.

    A block without a result, as the modulus of an RSA key is, belongs to every case after it in its section.
    """
    lines = (line.strip() for line in text.splitlines() if not line.startswith("#"))
    section: Case = {}
    for block in re.split(r"\n\n+", "\n".join(lines)):
        headings = [line[1:-1] for line in block.splitlines() if line.startswith("[")]
        members = _members(line for line in block.splitlines() if not line.startswith("["))
        if headings:
            section = _members(heading if " = " in heading else f"SECTION = {heading}" for heading in headings)
        if members.keys() & _RESULTS:
            yield section | members
        else:
            section = section | members


def _members(lines: Iterable[str]) -> Case:
    parted = (line.partition("=") for line in lines if line)
    return {name.strip().upper(): value.strip() for name, _, value in parted}


_RESULTS = {"S", "CIPHERTEXT", "CT", "C", "R"}


def _octets(case: Case, *names: str) -> Iterator[bytes]:
    return (bytes.fromhex(case[name]) for name in names)


def _aes_cbc(keys: Keys, case: Case) -> Attempt:
    key, iv, text, sealed = _octets(case, "KEY", "IV", "PLAINTEXT", "CIPHERTEXT")
    name = f"A{8 * len(key)}CBC"

    def accepts() -> bool:
        material = keys.take(KeySpec(KeyType.OCT, 8 * len(key)), key)
        if keys.use(material, name, Operation.ENCRYPT, Given(text, iv=iv)).value != sealed:
            return False
        return keys.use(material, name, Operation.DECRYPT, Given(sealed, iv=iv)).value == text

    return Attempt(accepts)


def _aes_gcm(keys: Keys, case: Case) -> Attempt | None:
    if (case["IVLEN"], case["TAGLEN"]) != ("96", "128"):
        return None
    key, iv, sealed, tag, aad = _octets(case, "KEY", "IV", "CT", "TAG", "AAD")

    def accepts() -> bool:
        material = keys.take(KeySpec(KeyType.OCT, 8 * len(key)), key)
        made = keys.use(material, f"A{8 * len(key)}GCM", Operation.DECRYPT, Given(sealed, iv, tag, aad))
        return "PT" not in case or made.value == bytes.fromhex(case["PT"])

    return Attempt(accepts)


def _aes_wrap(suffix: str) -> Callable[[Keys, Case], Attempt]:
    def tests(keys: Keys, case: Case) -> Attempt:
        key, sealed = _octets(case, "K", "C")
        name = f"A{8 * len(key)}{suffix}"

        def accepts() -> bool:
            material = keys.take(KeySpec(KeyType.OCT, 8 * len(key)), key)
            text = keys.use(material, name, Operation.UNWRAP, Given(sealed)).value
            if "P" in case and text != bytes.fromhex(case["P"]):
                return False
            return keys.use(material, name, Operation.WRAP, Given(text)).value == sealed

        return Attempt(accepts)

    return tests


def _rsa(prefix: str) -> Callable[[Keys, Case], Attempt | None]:
    def tests(keys: Keys, case: Case) -> Attempt | None:
        size, digest = int(case["MOD"]), case["SHAALG"]
        name = f"{prefix}{digest.removeprefix('SHA')}"
        if size not in RSA_SIZES or name not in ALGORITHMS:
            return None
        public = RSAPublicNumbers(int(case["E"], 16), int(case["N"], 16)).public_key()
        encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        message, signature = _octets(case, "MSG", "S")
        given = Given(hashlib.new(digest, message).digest(), signature=signature)
        material = KeyMaterial(KeySpec(KeyType.RSA, size), public=encoded)
        ours = prefix == "RS"  # the salts of NIST's PSS vectors have 10 octets
        return Attempt(lambda: keys.use(material, name, Operation.VERIFY, given).valid, may_be_valid=ours)

    return tests


def _ecdsa(keys: Keys, case: Case) -> Attempt | None:
    curve_name, digest = case["SECTION"].split(",")
    curve = _CURVES.get(curve_name)
    name = next(
        (each.name for each in ALGORITHMS.values() if curve and (each.curve, each.hash) == (curve, digest)), None
    )
    if curve is None or name is None:
        return None
    x, y, r, s = (int(case[part], 16) for part in ("QX", "QY", "R", "S"))
    public = EllipticCurvePublicNumbers(x, y, CURVES[curve]).public_key()
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = b"".join(part.to_bytes(COORDINATE_OCTETS[curve], "big") for part in (r, s))
    given = Given(hashlib.new(digest.replace("-", ""), bytes.fromhex(case["MSG"])).digest(), signature=signature)
    material = KeyMaterial(KeySpec(KeyType.EC, curve=curve), public=encoded)
    return Attempt(lambda: keys.use(material, name, Operation.VERIFY, given).valid)


_WRAPS = {"KW": "KW", "KWP": "KWPAD"}
_KINDS: dict[str, Callable[[Keys, Case], Attempt | None]] = {
    **{
        f"ciphers/AES/CBC/CBC{part}{size}.rsp": _aes_cbc
        for part in ("GFSbox", "KeySbox", "MMT", "VarKey", "VarTxt")
        for size in AES_SIZES
    },
    **{f"ciphers/AES/GCM/gcmDecrypt{size}.rsp": _aes_gcm for size in AES_SIZES},
    **{
        f"keywrap/kwtestvectors/{word}_{way}_{size}.txt": _aes_wrap(suffix)
        for word, suffix in _WRAPS.items()
        for way in ("AD", "AE")
        for size in AES_SIZES
    },
    "asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp": _rsa("RS"),
    "asymmetric/RSA/FIPS_186-2/SigGen15_186-3.rsp": _rsa("RS"),
    "asymmetric/RSA/FIPS_186-2/SigVerPSS_186-3.rsp": _rsa("PS"),
    "asymmetric/ECDSA/FIPS_186-3/SigVer.rsp": _ecdsa,
    "asymmetric/ECDSA/FIPS_186-3/SigGen.txt": _ecdsa,
    "asymmetric/ECDSA/SECP256K1/SigGen.txt": _ecdsa,
}

FILES = tuple(_KINDS)
