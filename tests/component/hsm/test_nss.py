"""The same code on another module: what NSS softokn can do it does rightly, what it cannot is said, and it is unfit."""

from collections.abc import Iterator
from functools import partial

import pytest
from pkcs11 import KeyType as P11KeyType
from pkcs11 import MechanismFlag, ObjectClass

from hack.bootstrap import nss as nss_package
from strongroom.domain.algorithms import ALGORITHMS, DOES_NOT_OPEN, Family, Given
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import EC_CURVES, OCT_SIZES, RSA_SIZES, KeySpec, KeyType, Operation
from strongroom.hsm.sidecar import selfcheck
from strongroom.hsm.sidecar.attacks import Target
from strongroom.hsm.sidecar.attributes import NEWBORN_KEK, UNWRAPPED_KEK
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.faults import TokenUnfit
from strongroom.hsm.sidecar.usersattacks import users_keys
from tests.helpers import nss
from tests.helpers import objectkeys as outside
from tests.helpers.nss import Nss

pytestmark = pytest.mark.token

OWNER = "ab" * 16
mine = partial(ObjectKey.of, owner=OWNER)
RSA = [KeySpec(KeyType.RSA, size, hsm=True) for size in RSA_SIZES]
OCT = [KeySpec(KeyType.OCT, size, hsm=True) for size in OCT_SIZES]


@pytest.fixture(scope="module")
def token() -> Iterator[Nss]:
    path = nss_package.find()
    if path is None:
        pytest.skip("NSS softokn is not installed (Debian: libnss3)")
    with nss.opened(path) as opened:
        yield opened


def taken(token: Nss, spec: KeySpec) -> tuple[bytes, WrappedKey]:
    private = outside.private_of(spec)
    key = token.keys().take_key(spec, OWNER, private, exportable=False).wrapped
    assert key is not None
    return private, key


@pytest.mark.parametrize("spec", RSA, ids=lambda spec: str(spec.size))
def test_rsa(token: Nss, spec: KeySpec) -> None:
    private, key = taken(token, spec)
    keys, info = token.keys(), outside.info_of(private)
    for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RSNULL"):
        digest = outside.digest(ALGORITHMS[name])
        made = keys.use_key(mine(spec, key), name, Operation.SIGN, Given(digest))
        assert outside.verifies(info, ALGORITHMS[name], digest, made.value), name
    for name in ("RSA1_5", "RSA-OAEP", "RSA-OAEP-256"):
        given = Given(outside.encrypted_for(info, ALGORITHMS[name], b"secret"))
        assert keys.use_key(mine(spec, key), name, Operation.DECRYPT, given).value == b"secret", name
        if name != "RSA1_5":  # NSS then answers noise that nobody can tell from a text, which is better still
            with pytest.raises(InvalidInput, match=DOES_NOT_OPEN):
                keys.use_key(mine(spec, key), name, Operation.DECRYPT, Given(bytes(spec.size // 8)))


def test_a_made_key_signs(token: Nss) -> None:
    material = token.keys().make_key(RSA[0], OWNER, exportable=False)
    assert material.wrapped is not None
    made = token.keys().use_key(mine(RSA[0], material.wrapped), "PS256", Operation.SIGN, Given(bytes(32)))
    assert outside.verifies(material.public, ALGORITHMS["PS256"], bytes(32), made.value)


@pytest.mark.parametrize("size", [128, 192, 256])
@pytest.mark.parametrize("family", [Family.AES_CBC, Family.AES_CBC_PAD, Family.AES_KW, Family.AES_KWP])
def test_aes(token: Nss, size: int, family: Family) -> None:
    spec = KeySpec(KeyType.OCT, size, hsm=True)
    private, key = taken(token, spec)
    algorithm = next(each for each in ALGORITHMS.values() if (each.family, each.size) == (family, size))
    wraps = Operation.WRAP in algorithm.operations
    into, out = (Operation.WRAP, Operation.UNWRAP) if wraps else (Operation.ENCRYPT, Operation.DECRYPT)
    for length in (16, 32, 48) if family in (Family.AES_CBC, Family.AES_KW) else (1, 15, 16, 33):
        text = bytes(range(length))
        made = token.keys().use_key(mine(spec, key), algorithm.name, into, Given(text))
        assert outside.opened(private, algorithm, made, b"") == text
        given = outside.sealed(private, algorithm, text, b"")
        assert token.keys().use_key(mine(spec, key), algorithm.name, out, given).value == text


def test_what_gcm_sealed_elsewhere_opens(token: Nss) -> None:
    private, key = taken(token, OCT[2])
    given = outside.sealed(private, ALGORITHMS["A256GCM"], b"text", b"more")
    assert token.keys().use_key(mine(OCT[2], key), "A256GCM", Operation.DECRYPT, given).value == b"text"


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
def test_hmac(token: Nss, name: str) -> None:
    private, key = taken(token, OCT[4])
    digest = outside.digest(ALGORITHMS[name])
    made = token.keys().use_key(mine(OCT[4], key), name, Operation.SIGN, Given(digest)).value
    assert made == outside.mac(private, ALGORITHMS[name], digest)


@pytest.mark.parametrize("curve", EC_CURVES)
def test_a_key_that_could_never_be_used_is_not_made(token: Nss, curve: str) -> None:
    """NSS makes and wraps EC keys, and does not unwrap them."""
    spec = next(each for each in (KeySpec(KeyType.EC, curve=c, hsm=True) for c in EC_CURVES) if each.curve == curve)
    with pytest.raises(InvalidInput, match="cannot make this kind"):
        token.keys().make_key(spec, OWNER, exportable=False)


def test_a_wrapping_of_another_format_makes_nothing_exportable(token: Nss) -> None:
    with pytest.raises(InvalidInput, match="no exportable keys"):
        token.keys().make_key(OCT[2], OWNER, exportable=True)


def test_the_self_check_refuses_it(token: Nss) -> None:
    with pytest.raises(TokenUnfit):
        selfcheck.check(token.session, token.world)


def test_it_enforces_next_to_nothing(token: Nss) -> None:
    """With a KEK that was made without the AES-GCM that its binding cannot do, so that the attacks are reached."""
    session, world = token.session, token.world
    newborn = session.generate_key(P11KeyType.AES, 256, capabilities=MechanismFlag.ENCRYPT, template=NEWBORN_KEK)
    blob = world.wrap(newborn)
    uses = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
    kek = world.unwrap(ObjectClass.SECRET_KEY, P11KeyType.AES, blob, UNWRAPPED_KEK, uses)
    succeeded = selfcheck.succeeding_attacks(Target(session, world, newborn, blob, kek, users_keys(session, world)))
    assert "wrap the world key under one's own AES key" in succeeded
    assert "unwrap a user's key as readable" in succeeded
