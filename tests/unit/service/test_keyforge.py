"""Keys that take long to make or to check: how many at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.crypto import keyengine
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, KeyType
from strongroom.domain.objects import Kind
from strongroom.service.keyforge import KeyForge
from strongroom.store.parts import PartStore
from tests.helpers.faketoken import FakeToken
from tests.helpers.stores import Lab, make_vault

RSA = KeySpec(KeyType.RSA, 2048)


class Counted:
    """A function of the engine, and how many threads were in it at once."""

    def __init__(self, work: Callable[..., KeyMaterial]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._now = self.most = 0

    def __call__(self, *given: Any) -> KeyMaterial:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return self._work(*given)
        finally:
            with self._lock:
                self._now -= 1


async def test_rsa_keys_are_made_two_at_a_time_and_checked_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()
    vaults = [(await make_vault(lab.process(), name)).head for name in ("demo", "other")]
    forge = KeyForge(store=PartStore(lab.process(), Kind.KEY), token=FakeToken(), monotonic=lambda: 0.0)
    make, take = Counted(keyengine.make), Counted(keyengine.take)
    monkeypatch.setattr(keyengine, "make", make)
    monkeypatch.setattr(keyengine, "take", take)

    made = await asyncio.gather(*(forge.make(vault, "x", "0" * 32, RSA) for vault in vaults * 3))
    await asyncio.gather(*(forge.take(vaults[0], "x", "0" * 32, RSA, each.private) for each in made))

    assert len({each.public for each in made}) == 6
    assert (make.most, take.most) == (2, 1)
