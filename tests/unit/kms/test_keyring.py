"""Versions of the key: on disk before in use, used by all before written with, never fewer."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyNotFound, KeyRefused, Retryable
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Operation
from strongroom.kms.envelope import CIPHERTEXT_OCTETS, PLAINTEXT_OCTETS
from strongroom.kms.keyfile import KeyFile
from strongroom.kms.keyring import KeyRing
from tests.helpers.wrappedkeys import keys, version_id


class Token:
    """Gives back what it was given, and refuses what it is told to. Real tokens: tests/component/kms."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.used: list[str] = []

    async def use_key(
        self, material: KeyMaterial, owner: str, algorithm: str, operation: Operation, given: Given
    ) -> Made:
        assert material.wrapped is not None
        assert (material.wrapped.owner, algorithm) == (owner, "A256GCM")
        self.used.append(owner)
        if owner in self.fails:
            raise self.fails[owner]
        if operation is Operation.ENCRYPT:
            return Made(given.value, iv=bytes(12), tag=given.aad[-16:])
        if given.tag != given.aad[-16:]:
            raise InvalidInput("value: does not open")
        return Made(given.value)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Scene:
    def __init__(self, folder: Path) -> None:
        self.file = KeyFile(folder / "keys.json")
        self.token, self.clock = Token(), Clock()
        self.ring = self.started()

    def started(self) -> KeyRing:
        return KeyRing(self.file, self.token, use_after=60, monotonic=self.clock)  # type: ignore[arg-type]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_without_a_key_nothing_is_done(scene: Scene) -> None:
    for attempt in (scene.ring.encrypt(b"x"), scene.ring.decrypt(version_id(1), b"x" * 40), scene.ring.probe()):
        with pytest.raises(Retryable, match="no key yet"):
            await attempt


async def test_the_first_key_is_used_at_once_and_is_on_disk(scene: Scene) -> None:
    await scene.ring.take(keys(1, 2))
    assert (await scene.ring.encrypt(b"seed"))[0] == version_id(2)
    assert scene.file.load() == keys(1, 2)
    assert scene.started().current() == version_id(2)


async def test_a_new_version_is_read_with_at_once_and_written_with_later(scene: Scene) -> None:
    await scene.ring.take(keys(1))
    old, sealed = await scene.ring.encrypt(b"seed")
    await scene.ring.take(keys(1, 2))
    assert scene.ring.knows(version_id(2))
    scene.clock.now = 59
    await scene.ring.take(keys(1, 2))  # seen again: the time does not begin anew
    assert scene.ring.current() == old
    scene.clock.now = 60
    assert scene.ring.current() == version_id(2)
    assert await scene.ring.decrypt(old, sealed) == b"seed"


async def test_what_could_not_be_written_is_not_used(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.ring.take(keys(1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scene.file, "save", full)
    with pytest.raises(OSError, match="No space"):
        await scene.ring.take(keys(1, 2))
    scene.clock.now = 1000
    assert not scene.ring.knows(version_id(2))
    assert scene.ring.current() == version_id(1)


async def test_a_version_that_the_token_refuses_is_left_out(scene: Scene) -> None:
    await scene.ring.take(keys(1))
    scene.token.fails[keys(2).owner(version_id(2))] = KeyRefused("another world")
    await scene.ring.take(keys(1, 2, 3))
    assert scene.file.load() == keys(1, 3)
    scene.token.fails.clear()  # the world has arrived
    await scene.ring.take(keys(1, 2, 3))
    assert scene.file.load() == keys(2, 1, 3)
    scene.clock.now = 1000
    assert scene.ring.current() == version_id(3)


async def test_while_the_token_is_away_nothing_is_taken_and_nothing_lost(scene: Scene) -> None:
    await scene.ring.take(keys(1))
    scene.token.fails[keys(2).owner(version_id(2))] = HsmUnavailable("away")
    with pytest.raises(HsmUnavailable):
        await scene.ring.take(keys(1, 2))
    assert scene.file.load() == keys(1)


async def test_known_versions_are_not_tried_again(scene: Scene) -> None:
    await scene.ring.take(keys(1, 2))
    tries = len(scene.token.used)
    await scene.ring.take(keys(1, 2))
    assert len(scene.token.used) == tries


async def test_another_keys_versions_are_refused(scene: Scene) -> None:
    await scene.ring.take(keys(1))
    with pytest.raises(InvalidInput, match="another key"):
        await scene.ring.take(keys(2, name="other"))
    assert scene.file.load() == keys(1)


@pytest.mark.parametrize("size", [0, PLAINTEXT_OCTETS + 1])
async def test_a_plaintext_has_bounds(scene: Scene, size: int) -> None:
    await scene.ring.take(keys(1))
    with pytest.raises(InvalidInput):
        await scene.ring.encrypt(bytes(size))


async def test_the_longest_plaintext_makes_what_an_api_server_still_takes(scene: Scene) -> None:
    await scene.ring.take(keys(1))
    version, sealed = await scene.ring.encrypt(bytes(PLAINTEXT_OCTETS))
    assert len(sealed) == CIPHERTEXT_OCTETS
    assert await scene.ring.decrypt(version, sealed) == bytes(PLAINTEXT_OCTETS)


@pytest.mark.parametrize("sealed", [b"", b"\x01" * 29, b"\x02" * 40, b"\x01" * (CIPHERTEXT_OCTETS + 1)])
async def test_what_is_no_ciphertext_of_ours_never_reaches_the_token(scene: Scene, sealed: bytes) -> None:
    await scene.ring.take(keys(1))
    tries = len(scene.token.used)
    with pytest.raises(InvalidInput, match="form"):
        await scene.ring.decrypt(version_id(1), sealed)
    assert len(scene.token.used) == tries


async def test_a_version_that_is_not_there_is_named_as_such(scene: Scene) -> None:
    await scene.ring.take(keys(1))
    with pytest.raises(KeyNotFound):
        await scene.ring.decrypt(version_id(9), b"\x01" * 40)
