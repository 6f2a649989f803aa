"""Users' keys in a real token, each answer checked against `cryptography`."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pkcs11 import Attribute

from strongroom.domain import algorithms
from strongroom.domain.algorithms import ALGORITHMS, DOES_NOT_OPEN, Family, Given, Hash
from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import EC_CURVES, OCT_SIZES, RSA_SIZES, Curve, KeySpec, KeyType, Operation
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.handles import CACHED_PER_SEAT, Handles
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.hsm.sidecar.session import OpenToken
from tests.helpers import objectkeys as outside

pytestmark = pytest.mark.token

OWNER, OTHER_OWNER = "ab" * 16, "cd" * 16
mine = partial(ObjectKey.of, owner=OWNER)
RSA = [KeySpec(KeyType.RSA, size, hsm=True) for size in RSA_SIZES]
EC = [KeySpec(KeyType.EC, curve=curve, hsm=True) for curve in EC_CURVES]
OCT = [KeySpec(KeyType.OCT, size, hsm=True) for size in OCT_SIZES]
SMALL = [RSA[0], *EC, *OCT]

SIGN, VERIFY, ENCRYPT, DECRYPT, WRAP, UNWRAP = (
    Operation.SIGN, Operation.VERIFY, Operation.ENCRYPT, Operation.DECRYPT, Operation.WRAP, Operation.UNWRAP
)  # fmt: skip

HIDDEN = {"all mechanisms": frozenset[str](), "raw RSA only": frozenset({"RSA_PKCS_OAEP", "RSA_PKCS_PSS"})}


def named(spec: KeySpec) -> str:
    return f"{spec.kty} {spec.curve or spec.size}"


def fitting(specs: list[KeySpec], operation: Operation, families: set[Family] | None = None) -> list[Any]:
    """Return every (spec, algorithm) with this operation."""
    found = []
    for spec in specs:
        for algorithm in ALGORITHMS.values():
            if families and algorithm.family not in families:
                continue
            try:
                algorithms.find(algorithm.name, spec, operation)
            except InvalidInput:
                continue
            found.append(pytest.param(spec, algorithm.name, id=f"{named(spec)} {algorithm.name}"))
    return found


@dataclass
class Token:
    """An open token, and the keys that were made in it."""

    opened: OpenToken
    made: dict[KeySpec, KeyMaterial] = field(default_factory=dict)

    def keys(self, hidden: frozenset[str] = frozenset()) -> ObjectKeys:
        """Return operations on the token as it would be without some mechanisms."""
        listed = set(self.opened.description.mechanisms) - hidden
        return ObjectKeys(self.opened, Handles(self.opened, CACHED_PER_SEAT), Abilities(listed))

    def key(self, spec: KeySpec) -> KeyMaterial:
        """Return a key of this kind; made once, because RSA takes its time."""
        if spec not in self.made:
            self.made[spec] = self.keys().make_key(spec, OWNER, exportable=False)
        return self.made[spec]


@pytest.fixture(scope="module")
def token(any_token: OpenToken) -> Token:
    return Token(any_token)


KRYOPTIC = "Kryoptic Project"


@pytest.fixture(autouse=True)
def _able(token: Token, request: pytest.FixtureRequest) -> None:
    """Skip what Kryoptic cannot: it answers CKR_GENERAL_ERROR when asked how long a raw RSA block is."""
    if token.opened.description.manufacturer != KRYOPTIC:
        return
    given = request.node.callspec.params
    if getattr(given.get("spec"), "curve", None) is Curve.P256K:
        pytest.skip("Kryoptic has no secp256k1")
    if given.get("hidden") == "raw RSA only" and str(given.get("name")).startswith("RSA-OAEP"):
        pytest.skip("Kryoptic does not decrypt raw RSA blocks through python-pkcs11; it has RSA-OAEP itself")


def wrapped(material: KeyMaterial) -> WrappedKey:
    assert material.wrapped is not None
    return material.wrapped


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(("spec", "name"), fitting([*RSA, *EC], SIGN))
def test_a_signature_verifies_outside(token: Token, spec: KeySpec, name: str, hidden: str) -> None:
    algorithm, key = ALGORITHMS[name], token.key(spec)
    digest = outside.digest(algorithm)
    made = token.keys(HIDDEN[hidden]).use_key(mine(spec, wrapped(key)), name, SIGN, Given(digest))
    assert len(made.value) == outside.signature_octets(algorithm, spec)
    assert outside.verifies(key.public, algorithm, digest, made.value)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("operation", [DECRYPT, UNWRAP])
@pytest.mark.parametrize(("spec", "name"), fitting(RSA, DECRYPT))
def test_opens_what_was_encrypted_outside(
    token: Token, spec: KeySpec, name: str, operation: Operation, hidden: str
) -> None:
    algorithm, key = ALGORITHMS[name], token.key(spec)
    keys = token.keys(HIDDEN[hidden])
    for text in (b"", b"\0\0 a secret \0", bytes(algorithms.longest_text(algorithm, spec))):
        given = Given(outside.encrypted_for(key.public, algorithm, text))
        assert keys.use_key(mine(spec, wrapped(key)), name, operation, given).value == text


def texts(family: Family) -> list[bytes]:
    lengths = {
        Family.AES_GCM: (0, 1, 16, 17, 65536),
        Family.AES_CBC: (16, 32, 65536),
        Family.AES_CBC_PAD: (0, 1, 15, 16, 17, 65520),
        Family.AES_KW: (16, 24, 32, 64, 2400),
        Family.AES_KWP: (1, 7, 8, 9, 16, 20, 32, 33, 1217),
    }
    return [bytes(at % 251 for at in range(length)) for length in lengths[family]]


AES_FAMILIES = {Family.AES_GCM, Family.AES_CBC, Family.AES_CBC_PAD, Family.AES_KW, Family.AES_KWP}


def both_ways(name: str) -> tuple[Operation, Operation]:
    return (ENCRYPT, DECRYPT) if ENCRYPT in ALGORITHMS[name].operations else (WRAP, UNWRAP)


@pytest.mark.parametrize(("spec", "name"), fitting(OCT, ENCRYPT, AES_FAMILIES) + fitting(OCT, WRAP, AES_FAMILIES))
def test_a_symmetric_key_agrees_with_the_outside_both_ways(token: Token, spec: KeySpec, name: str) -> None:
    algorithm, (into, out) = ALGORITHMS[name], both_ways(name)
    private, keys = outside.private_of(spec), token.keys()
    key = wrapped(keys.take_key(spec, OWNER, private, exportable=False))
    aad = b"additional" if algorithm.family is Family.AES_GCM else b""
    for text in texts(algorithm.family):
        made = keys.use_key(mine(spec, key), name, into, Given(text, aad=aad))
        assert outside.opened(private, algorithm, made, aad) == text
        given = outside.sealed(private, algorithm, text, aad)
        assert keys.use_key(mine(spec, key), name, out, given).value == text


def test_wrapping_block_by_block_is_the_same(token: Token) -> None:
    """For tokens that do not yield each block of an operation in parts at once."""
    private, keys = outside.private_of(OCT[2]), token.keys()
    keys._abilities.streams_blocks = False
    key = wrapped(keys.take_key(OCT[2], OWNER, private, exportable=False))
    for text in texts(Family.AES_KWP):
        made = keys.use_key(mine(OCT[2], key), "A256KWPAD", WRAP, Given(text))
        assert outside.opened(private, ALGORITHMS["A256KWPAD"], made, b"") == text
        assert keys.use_key(mine(OCT[2], key), "A256KWPAD", UNWRAP, Given(made.value)).value == text


def test_cbc_without_padding_fills_the_last_block_with_zeros(token: Token) -> None:
    key, keys, iv = wrapped(token.key(OCT[2])), token.keys(), bytes(16)
    for text in (b"", b"x", bytes(range(1, 16)), bytes(range(1, 18))):
        filled = text + bytes(-len(text) % 16)
        made = keys.use_key(mine(OCT[2], key), "A256CBC", ENCRYPT, Given(text, iv=iv)).value
        assert made == keys.use_key(mine(OCT[2], key), "A256CBC", ENCRYPT, Given(filled, iv=iv)).value
        assert len(made) == len(filled)


def test_an_iv_is_fresh_unless_it_is_given(token: Token) -> None:
    key, keys = token.key(OCT[2]), token.keys()
    for name, given in (("A256GCM", Given(b"")), ("A256CBC", Given(b"")), ("A256CBCPAD", Given(b""))):
        assert len({keys.use_key(mine(OCT[2], wrapped(key)), name, ENCRYPT, given).iv for _ in range(5)}) == 5
    fixed = Given(b"", iv=bytes(16))
    assert keys.use_key(mine(OCT[2], wrapped(key)), "A256CBCPAD", ENCRYPT, fixed).iv == bytes(16)


@pytest.mark.parametrize(("spec", "name"), fitting(OCT, SIGN))
def test_a_mac_agrees_with_the_outside(token: Token, spec: KeySpec, name: str) -> None:
    algorithm, private, keys = ALGORITHMS[name], outside.private_of(spec), token.keys()
    key = wrapped(keys.take_key(spec, OWNER, private, exportable=False))
    digest = outside.digest(algorithm)
    made = keys.use_key(mine(spec, key), name, SIGN, Given(digest)).value
    assert made == outside.mac(private, algorithm, digest)
    for signature, valid in (
        (made, True),
        (made[:-1] + bytes([made[-1] ^ 1]), False),
        (made[:-1], False),
        (b"", False),
    ):
        given = Given(digest, signature=signature)
        assert keys.use_key(mine(spec, key), name, VERIFY, given).valid is valid


ALTERED: dict[str, Callable[[Given], Given]] = {
    "first octet": lambda given: replace(given, value=bytes([given.value[0] ^ 1]) + given.value[1:]),
    "last octet": lambda given: replace(given, value=given.value[:-1] + bytes([given.value[-1] ^ 1])),
    "all zeros": lambda given: replace(given, value=bytes(len(given.value))),
    "all ones": lambda given: replace(given, value=b"\xff" * len(given.value)),
}
AUTHENTIC = {Family.AES_GCM, Family.AES_KW, Family.AES_KWP, Family.RSA_OAEP}


@pytest.mark.parametrize("alteration", ALTERED)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(
    ("spec", "name"), fitting([RSA[0], OCT[2]], DECRYPT, AUTHENTIC) + fitting([OCT[2]], UNWRAP, AUTHENTIC)
)
def test_every_reason_not_to_open_reads_the_same(
    token: Token, spec: KeySpec, name: str, hidden: str, alteration: str
) -> None:
    algorithm, key, keys = ALGORITHMS[name], token.key(spec), token.keys(HIDDEN[hidden])
    if spec.type is KeyType.RSA:
        out, given = DECRYPT, Given(outside.encrypted_for(key.public, algorithm, b"secret"))
    else:
        into, out = both_ways(name)
        made = keys.use_key(mine(spec, wrapped(key)), name, into, Given(bytes(32)))
        given = Given(made.value, iv=made.iv, tag=made.tag)
    with pytest.raises(InvalidInput) as refusal:
        keys.use_key(mine(spec, wrapped(key)), name, out, ALTERED[alteration](given))
    assert str(refusal.value) == DOES_NOT_OPEN
    keys.use_key(mine(spec, wrapped(key)), name, out, given)  # the session is not stuck


@pytest.mark.parametrize("last", [b"\x00", b"\x11", b"\xff", b"\x02"])
def test_a_wrong_padding_does_not_open(token: Token, last: bytes) -> None:
    key, keys = wrapped(token.key(OCT[2])), token.keys()
    made = keys.use_key(mine(OCT[2], key), "A256CBC", ENCRYPT, Given(bytes(15) + last, iv=bytes(16)))
    with pytest.raises(InvalidInput, match=DOES_NOT_OPEN):
        keys.use_key(mine(OCT[2], key), "A256CBCPAD", DECRYPT, Given(made.value, iv=bytes(16)))


def test_a_wrong_v15_padding_does_not_open(token: Token) -> None:
    with pytest.raises(InvalidInput, match=DOES_NOT_OPEN):
        token.keys().use_key(mine(RSA[0], wrapped(token.key(RSA[0]))), "RSA1_5", DECRYPT, Given(bytes(256)))


WRONG: dict[str, Callable[[WrappedKey], WrappedKey]] = {
    "owner": lambda key: replace(key, owner=OTHER_OWNER),
    "world": lambda key: replace(key, world="0" * 32 + ".1"),
    "usage": lambda key: replace(key, usage="exportable"),
    "blob": lambda key: replace(key, blob=bytes([key.blob[0] ^ 1]) + key.blob[1:]),
    "short blob": lambda key: replace(key, blob=key.blob[:-8]),
    "MAC": lambda key: replace(key, mac=bytes([key.mac[0] ^ 1]) + key.mac[1:]),
    "short MAC": lambda key: replace(key, mac=key.mac[:-1]),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("spec", [EC[0], OCT[2]], ids=named)
def test_a_key_that_is_not_what_it_says_is_refused(token: Token, spec: KeySpec, wrong: str) -> None:
    name = "ES256" if spec is EC[0] else "HS256"
    key, keys = wrapped(token.key(spec)), token.keys()
    keys.use_key(mine(spec, key), name, SIGN, Given(bytes(32)))  # the true key's handle is cached from here on
    with pytest.raises(KeyRefused):
        keys.use_key(mine(spec, WRONG[wrong](key)), name, SIGN, Given(bytes(32)))


def test_whoever_uses_a_key_names_its_owner(token: Token) -> None:
    with pytest.raises(KeyRefused, match="owner"):
        token.keys().use_key(
            ObjectKey.of(EC[0], wrapped(token.key(EC[0])), OTHER_OWNER), "ES256", SIGN, Given(bytes(32))
        )


@pytest.mark.parametrize(
    ("made", "said", "name", "octets"),
    [
        (EC[0], EC[3], "ES256K", 32),
        (OCT[3], OCT[4], "HS512", 64),
        (RSA[0], RSA[1], "RS256", 32),
    ],
)
def test_the_kind_of_a_key_is_bound(token: Token, made: KeySpec, said: KeySpec, name: str, octets: int) -> None:
    with pytest.raises(KeyRefused, match="MAC"):
        token.keys().use_key(mine(said, wrapped(token.key(made))), name, SIGN, Given(bytes(octets)))


def test_a_kek_is_no_users_key(token: Token) -> None:
    key = replace(wrapped(token.key(OCT[2])), key_class="aes", usage="kek")
    with pytest.raises(InvalidInput, match="not a user's key"):
        token.keys().use_key(mine(OCT[2], key), "A256GCM", ENCRYPT, Given(b""))


@pytest.mark.parametrize(
    ("spec", "name", "operation", "given"),
    [
        (RSA[0], "RSA-OAEP", ENCRYPT, Given(b"text")),
        (RSA[0], "PS256", VERIFY, Given(bytes(32), signature=bytes(256))),
        (EC[0], "ES256", VERIFY, Given(bytes(32), signature=bytes(64))),
        (EC[0], "ES384", SIGN, Given(bytes(48))),
        (EC[0], "ES256", SIGN, Given(bytes(33))),
        (OCT[0], "A256GCM", ENCRYPT, Given(b"text")),
        (OCT[0], "HS256", SIGN, Given(bytes(32))),
        (OCT[2], "A256GCM", DECRYPT, Given(b"", iv=b"", tag=b"")),
        (OCT[2], "A256CBC", DECRYPT, Given(bytes(15), iv=bytes(16))),
        (OCT[2], "A256KW", WRAP, Given(bytes(8))),
        (OCT[2], "A256GCM", ENCRYPT, Given(bytes(65537))),
        (OCT[2], "none", SIGN, Given(b"")),
    ],
    ids=str,
)
def test_what_a_key_or_the_token_does_not_do_is_refused(
    token: Token, spec: KeySpec, name: str, operation: Operation, given: Given
) -> None:
    with pytest.raises(InvalidInput):
        token.keys().use_key(mine(spec, wrapped(token.key(spec))), name, operation, given)


@pytest.mark.parametrize(
    ("spec", "name", "hidden"),
    [(EC[0], "ES256", "ECDSA"), (RSA[0], "RS256", "RSA_PKCS"), (OCT[2], "HS256", "SHA256_HMAC")],
    ids=str,
)
def test_a_mechanism_that_the_token_lacks_is_named(token: Token, spec: KeySpec, name: str, hidden: str) -> None:
    keys = token.keys(frozenset({hidden}))
    with pytest.raises(InvalidInput, match=f"CKM_{hidden}"):
        keys.use_key(mine(spec, wrapped(token.key(spec))), name, SIGN, Given(bytes(32)))


def test_a_kind_that_the_token_cannot_make_is_refused(token: Token) -> None:
    with pytest.raises(InvalidInput, match="CKM_EC_KEY_PAIR_GEN"):
        token.keys(frozenset({"EC_KEY_PAIR_GEN"})).make_key(EC[0], OWNER, exportable=False)


@pytest.mark.parametrize("spec", [KeySpec(KeyType.EC, curve=Curve.P256), KeySpec(KeyType.OKP, curve=Curve.ED25519)])
def test_a_software_key_is_not_made_in_a_token(token: Token, spec: KeySpec) -> None:
    with pytest.raises(InvalidInput, match="HSM"):
        token.keys().make_key(spec, OWNER, exportable=False)


def test_another_exponent(token: Token) -> None:
    material = token.key(KeySpec(KeyType.RSA, 2048, hsm=True, exponent=17))
    public = serialization.load_der_public_key(material.public)
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.public_numbers().e == 17
    given = Given(hashlib.sha256(b"a text").digest())
    made = token.keys().use_key(mine(material.spec, wrapped(material)), "RS256", Operation.SIGN, given)
    public.verify(made.value, b"a text", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("spec", SMALL, ids=named)
def test_every_key_is_fresh(token: Token, spec: KeySpec) -> None:
    again = token.keys().make_key(spec, OWNER, exportable=False)
    assert wrapped(again).blob != wrapped(token.key(spec)).blob
    assert again.public != token.key(spec).public or spec.type is KeyType.OCT


@pytest.mark.parametrize("spec", [*RSA, *EC], ids=named)
def test_a_key_from_outside_keeps_its_public_part_and_works(token: Token, spec: KeySpec) -> None:
    name = "PS256" if spec.type is KeyType.RSA else fitting([spec], SIGN)[0].values[1]
    private, keys = outside.private_of(spec), token.keys()
    taken = keys.take_key(spec, OWNER, private, exportable=False)
    assert taken.public == outside.info_of(private)
    digest = outside.digest(ALGORITHMS[name])
    made = keys.use_key(mine(spec, wrapped(taken)), name, SIGN, Given(digest)).value
    assert outside.verifies(taken.public, ALGORITHMS[name], digest, made)


def spliced() -> bytes:
    """An EC key with the public part of another."""
    first, second = (outside.private_of(EC[0]) for _ in range(2))
    return first[:-64] + second[-64:]


def rsa_with(**changed: int) -> bytes:
    """An RSA key with numbers that do not follow from its primes."""
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    values = {name: getattr(numbers, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    values |= {name: values[name] + change for name, change in changed.items()}
    broken = rsa.RSAPrivateNumbers(**values, public_numbers=numbers.public_numbers)
    return outside.pkcs8(broken.private_key(unsafe_skip_rsa_key_validation=True))


def without_public_part() -> bytes:
    """PKCS #8 of a P-256 key with only the scalar."""
    return bytes.fromhex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420") + b"\x07" * 32


NOT_TAKEN: dict[str, tuple[KeySpec, Callable[[], bytes]]] = {
    "nothing": (EC[0], lambda: b""),
    "no DER": (RSA[0], lambda: b"\x30\x80 no DER"),
    "trailing octets": (EC[0], lambda: outside.private_of(EC[0]) + b"\0"),
    "another type": (RSA[0], lambda: outside.private_of(EC[0])),
    "another type the other way": (EC[0], lambda: outside.private_of(RSA[0])),
    "another curve": (EC[0], lambda: outside.private_of(EC[3])),
    "another size": (RSA[1], lambda: outside.private_of(RSA[0])),
    "no public part": (EC[0], without_public_part),
    "another's public part": (EC[0], spliced),
    "RSA with another exponent": (RSA[0], lambda: rsa_with(d=2)),
    "RSA with another CRT exponent": (RSA[0], lambda: rsa_with(dmp1=2)),
    "RSA with another coefficient": (RSA[0], lambda: rsa_with(iqmp=2)),
    "RSA with a small exponent": (RSA[0], lambda: outside.pkcs8(rsa.generate_private_key(3, 2048))),
    "a short symmetric key": (OCT[2], lambda: bytes(31)),
    "a long symmetric key": (OCT[2], lambda: bytes(33)),
    "far too long": (RSA[0], lambda: bytes(8193)),
}


@pytest.mark.parametrize("wrong", NOT_TAKEN)
def test_a_key_from_outside_must_be_what_it_says(token: Token, wrong: str) -> None:
    spec, private = NOT_TAKEN[wrong]
    with pytest.raises(InvalidInput) as refusal:
        token.keys().take_key(spec, OWNER, private(), exportable=False)
    assert refusal.value.__cause__ is None  # a parser's error may show the key


@pytest.fixture(scope="module")
def target() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def info(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return outside.info_of(outside.pkcs8(key))


@pytest.mark.parametrize("spec", [RSA[0], *EC], ids=named)
def test_an_exportable_key_is_released_to_a_target_alone(
    token: Token, spec: KeySpec, target: rsa.RSAPrivateKey
) -> None:
    keys = token.keys()
    key = keys.make_key(spec, OWNER, exportable=True)
    assert wrapped(key).usage == "exportable"
    opened = outside.released(target, keys.release_key(mine(spec, wrapped(key)), info(target), "SHA-1"), Hash.SHA1)
    length = outside.der_length(opened)
    assert opened[length:].strip(b"\0") == b""  # SoftHSM 2.6.1 fills up with zeros what it wraps
    made_by_kryoptic = token.opened.description.manufacturer == KRYOPTIC
    read = partial(outside.public_of, spec=spec) if made_by_kryoptic else outside.info_of
    assert read(opened[:length]) == key.public


@pytest.mark.parametrize("spec", OCT, ids=named)
def test_an_exportable_symmetric_key_is_the_one_that_was_used(
    token: Token, spec: KeySpec, target: rsa.RSAPrivateKey
) -> None:
    keys = token.keys()
    key = wrapped(keys.make_key(spec, OWNER, exportable=True))
    opened = outside.released(target, keys.release_key(mine(spec, key), info(target), "SHA-1"), Hash.SHA1)
    assert len(opened) * 8 == spec.size
    if spec.size <= 256:
        made = keys.use_key(mine(spec, key), f"A{spec.size}KW", WRAP, Given(bytes(16)))
        assert outside.opened(opened, ALGORITHMS["A256KW"], made, b"") == bytes(16)
    else:
        made = keys.use_key(mine(spec, key), "HS384", SIGN, Given(bytes(48)))
        assert outside.mac(opened, ALGORITHMS["HS384"], bytes(48)) == made.value


def test_a_key_that_is_not_exportable_stays(token: Token, target: rsa.RSAPrivateKey) -> None:
    with pytest.raises(KeyRefused, match="not made exportable"):
        token.keys().release_key(mine(EC[0], wrapped(token.key(EC[0]))), info(target), "SHA-1")


def test_a_key_that_only_says_it_is_exportable_stays(token: Token, target: rsa.RSAPrivateKey) -> None:
    said = replace(wrapped(token.key(OCT[4])), usage="exportable")
    with pytest.raises(KeyRefused, match="MAC"):
        token.keys().release_key(mine(OCT[4], said), info(target), "SHA-1")


def test_a_release_is_for_its_owner(token: Token, target: rsa.RSAPrivateKey) -> None:
    key = wrapped(token.keys().make_key(EC[0], OWNER, exportable=True))
    with pytest.raises(KeyRefused, match="owner"):
        token.keys().release_key(ObjectKey.of(EC[0], key, OTHER_OWNER), info(target), "SHA-1")


@pytest.mark.parametrize("digest", ["MD5", ""])
def test_a_digest_that_nobody_knows_is_refused(token: Token, target: rsa.RSAPrivateKey, digest: str) -> None:
    key = wrapped(token.keys().make_key(EC[0], OWNER, exportable=True))
    with pytest.raises(InvalidInput, match="the digest is SHA-1, SHA-256"):
        token.keys().release_key(mine(EC[0], key), info(target), digest)


@pytest.mark.parametrize("digest", [Hash.SHA256, Hash.SHA384])
def test_a_token_releases_with_what_digests_it_knows(token: Token, target: rsa.RSAPrivateKey, digest: Hash) -> None:
    key = wrapped(token.keys().make_key(OCT[2], OWNER, exportable=True))
    if token.opened.description.manufacturer == KRYOPTIC:
        released = token.keys().release_key(mine(OCT[2], key), info(target), digest.value)
        assert len(outside.released(target, released, digest)) == 32
    else:
        with pytest.raises(InvalidInput, match="RSA-OAEP and SHA-1, not with SHA"):
            token.keys().release_key(mine(OCT[2], key), info(target), digest.value)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: b"",
        lambda: b"no DER",
        lambda: info(ec.generate_private_key(ec.SECP256R1())),
        lambda: info(rsa.generate_private_key(65537, 1024)),  # noqa: S505
        lambda: info(rsa.generate_private_key(3, 2048)),
        lambda: bytes(1025),
    ],
)
def test_a_target_is_a_good_rsa_key(token: Token, wrong: Callable[[], bytes]) -> None:
    key = wrapped(token.keys().make_key(EC[0], OWNER, exportable=True))
    with pytest.raises(InvalidInput, match="target"):
        token.keys().release_key(mine(EC[0], key), wrong(), "SHA-1")


def test_nothing_is_left_in_the_session(token: Token, target: rsa.RSAPrivateKey) -> None:
    keys = token.keys()
    session = token.opened.seat().session
    before = len(list(session.get_objects({Attribute.TOKEN: False})))
    for spec in (EC[0], OCT[2]):
        keys.take_key(spec, OWNER, outside.private_of(spec), exportable=False)
        key = wrapped(keys.make_key(spec, OWNER, exportable=True))
        keys.release_key(mine(spec, key), info(target), "SHA-1")
    assert len(list(session.get_objects({Attribute.TOKEN: False}))) == before
