"""Opened keys: what an observer is told, and that they go."""

from __future__ import annotations

from strongroom.store.keyring import Keyring
from tests.helpers.stores import Lab, make_vault


async def test_lookups_are_told_and_idle_keys_go() -> None:
    lab = Lab()
    head = (await make_vault(lab.process())).head
    now, told = 0.0, []
    keyring = Keyring(lab.keys, lambda: now, 600.0, on_lookup=told.append)
    for moment in (0.0, 599.0, 600.0):
        now = moment
        await keyring.ring(head.keks, head.deks)
    assert told == [False, True, False]
    assert len(keyring) == 1
    keyring.forget_expired()
    assert len(keyring) == 1
    now = 1200.0
    keyring.forget_expired()
    assert len(keyring) == 0
