"""Wycheproof's vectors against software keys: every algorithm of ours, each invalid vector refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from strongroom.crypto import keyengine
from strongroom.domain.algorithms import ALGORITHMS, Algorithm, Given, Made
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Operation
from tests.helpers import wycheproof

SOFTWARE = SimpleNamespace(take=keyengine.take, use=keyengine.use)


@pytest.mark.parametrize("file", wycheproof.FILES)
def test_each_valid_vector_is_accepted_and_each_invalid_one_refused(file: str) -> None:
    tally = wycheproof.run(file, SOFTWARE)
    assert tally.wrong == []
    assert tally.accepted + tally.refused > 0


class Recorder:
    """Software keys, and which algorithms were asked for."""

    take = staticmethod(keyengine.take)

    def __init__(self) -> None:
        self.names: set[str] = set()

    def use(self, material: KeyMaterial, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
        self.names.add(algorithm.name)
        return keyengine.use(material, algorithm, operation, given)


def test_the_vectors_reach_every_algorithm_but_those_that_wycheproof_has_none_for() -> None:
    recorder = Recorder()
    for file in wycheproof.FILES:
        if "pkcs1_3072" not in file and "pkcs1_4096" not in file:  # slow, and of the same algorithms
            wycheproof.run(file, recorder)
    unpadded = {f"A{size}CBC" for size in (128, 192, 256)}  # NIST's vectors are of these
    same = {"CKM_AES_KEY_WRAP", "CKM_AES_KEY_WRAP_PAD"}  # other names of A*KW and A*KWPAD
    assert set(ALGORITHMS) - recorder.names == {"RSNULL"} | unpadded | same


@pytest.mark.parametrize("file", ["aes_wrap_test.json", "ed25519_test.json", "rsa_signature_2048_sha256_test.json"])
def test_an_engine_that_believes_everything_is_found_out(file: str) -> None:
    believer = SimpleNamespace(take=keyengine.take, use=lambda *_: Made(valid=True))
    assert wycheproof.run(file, believer).wrong
