"""Wycheproof's and NIST's vectors against keys in a token: what the token computes, and what is verified outside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from strongroom.crypto import keyengine
from strongroom.domain.algorithms import Algorithm, Given, Made
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, KeyType, Operation
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.handles import CACHED_PER_SEAT, Handles
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.hsm.sidecar.session import OpenToken
from tests.helpers import nist, wycheproof

pytestmark = pytest.mark.token

OWNER = "ab" * 16
WITHOUT = ("ed25519_test.json", "hmac_sha512_test.json")
"""Tokens have no OKP keys; and no message of the other is as long as a digest, which is all that a token is given."""

PUBLIC = (Operation.ENCRYPT, Operation.WRAP, Operation.VERIFY)


@dataclass
class TokenEngine:
    """Divides operations as the service does: private and symmetric ones go to the token."""

    keys: ObjectKeys

    def take(self, spec: KeySpec, private: bytes) -> KeyMaterial:
        return self.keys.take_key(replace(spec, hsm=True), OWNER, private, exportable=False)

    def use(self, material: KeyMaterial, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
        if material.spec.type is not KeyType.OCT and operation in PUBLIC:
            return keyengine.use(material, algorithm, operation, given)
        assert material.wrapped is not None
        return self.keys.use_key(ObjectKey.of(material.spec, material.wrapped, OWNER), algorithm.name, operation, given)


@pytest.fixture(scope="module")
def engine(any_token: OpenToken) -> TokenEngine:
    abilities = Abilities(any_token.description.mechanisms)
    return TokenEngine(ObjectKeys(any_token, Handles(any_token, CACHED_PER_SEAT), abilities))


@pytest.mark.parametrize("file", [file for file in wycheproof.FILES if file not in WITHOUT])
def test_wycheproof(engine: TokenEngine, file: str) -> None:
    tally = wycheproof.run(file, engine, digests_only=True)
    assert tally.wrong == []
    assert tally.accepted + tally.refused > 0


@pytest.mark.parametrize("file", nist.FILES)
def test_nist(engine: TokenEngine, file: str) -> None:
    tally = nist.run(file, engine)
    assert tally.wrong == []
    assert tally.accepted + tally.refused > 0
