"""Keys that take long to make or to check: how many at a time; opened keys: for how long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.crypto import keyengine
from strongroom.domain.algorithms import Given
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation
from strongroom.domain.objects import Kind
from strongroom.service.apikeys import FoundKey
from strongroom.service.keyforge import KeyForge
from strongroom.store.parts import PartStore
from tests.helpers.api import Replica
from tests.helpers.controllers import World, vault, vault_key
from tests.helpers.faketoken import FakeToken
from tests.helpers.stores import Lab, make_vault

RSA = KeySpec(KeyType.RSA, 2048)
SIGN = Operation.SIGN


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


async def test_opened_keys_are_forgotten_in_time_whether_or_not_others_are_used() -> None:
    world = World()
    controller = world.process()
    world.apply(vault())
    await controller.reconcile(vault_key())
    api, now = Replica(world), 0.0
    head, spec = await api.vault(), KeySpec(KeyType.EC, curve=Curve.P256)
    made = [await api.keys.create(head, name, spec, Wanted()) for name in ("x", "y")]
    forge = KeyForge(store=PartStore(api.store, Kind.KEY), token=world.keys, monotonic=lambda: now)

    async def sign(key: FoundKey) -> None:
        material = await forge.material(head, key.head, key.version)
        given = Given(bytes(32))
        await forge.use(head, key.head.name, key.version, material, algorithm="ES256", operation=SIGN, given=given)

    await sign(made[0])
    now = 599.0
    forge.forget_expired()
    assert (len(forge._opened), keyengine._private_key.cache_info().currsize > 0) == (1, True)
    now = 600.0
    await sign(made[1])
    assert (len(forge._opened), keyengine._private_key.cache_info().currsize) == (1, 1)
    now = 1200.0
    forge.forget_expired()
    assert (len(forge._opened), keyengine._private_key.cache_info().currsize) == (0, 0)
