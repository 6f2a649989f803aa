"""The self-check must be able to fail, or passing it would mean nothing."""

from typing import Any

import pytest
from pkcs11 import Attribute

from strongroom.hsm.sidecar import provisioning, selfcheck, usersattacks
from strongroom.hsm.sidecar.attributes import FINAL, NEWBORN_KEY, STAGED_MAC, Template, unwrapped_key
from strongroom.hsm.sidecar.faults import TokenUnfit
from strongroom.hsm.sidecar.module import Module
from tests.helpers import hsm
from tests.helpers.worlds import STAGED_WORLD, world_of


def without(template: Template, *names: Attribute) -> Template:
    return {name: value for name, value in template.items() if name not in names}


BAD_WORLDS: dict[str, tuple[dict[str, Template], str]] = {
    "no unwrap template, and users' keys": (
        {"world": without(STAGED_WORLD, Attribute.UNWRAP_TEMPLATE)},
        "unwrap a user's key as readable data",
    ),
    "no unwrap template": (
        {"world": without(STAGED_WORLD, Attribute.UNWRAP_TEMPLATE)},
        "unwrap a blob as readable",
    ),
    "no wrap template": (
        {"world": without(STAGED_WORLD, Attribute.WRAP_TEMPLATE)},
        "wrap the world key under itself",
    ),
    "no wrap-with-trusted": (
        {"world": without(STAGED_WORLD, Attribute.WRAP_WITH_TRUSTED)},
        "wrap the world key under one's own RSA key",
    ),
    "any mechanism": (
        {"world": without(STAGED_WORLD, Attribute.ALLOWED_MECHANISMS)},
        "use the world key with another mechanism",
    ),
    "not sensitive": (
        {"world": {**STAGED_WORLD, Attribute.SENSITIVE: False}},
        "read the world key",
    ),
    "left modifiable": (
        {"world": STAGED_WORLD, "final": without(FINAL, Attribute.MODIFIABLE)},
        "turn the world key into a decryption key",
    ),
    "MAC key not sensitive": (
        {"world": STAGED_WORLD, "mac": {**STAGED_MAC, Attribute.SENSITIVE: False}},
        "read the world MAC key",
    ),
    "MAC key wrappable by anybody": (
        {"world": STAGED_WORLD, "mac": without(STAGED_MAC, Attribute.WRAP_WITH_TRUSTED)},
        "wrap the world MAC key under one's own RSA key",
    ),
}


@pytest.mark.parametrize("flaw", BAD_WORLDS)
def test_finds_a_badly_made_world(module_in_process: Module, flaw: str) -> None:
    templates, attack = BAD_WORLDS[flaw]
    token = provisioning.find_token(module_in_process, hsm.LABEL)
    with world_of(token, **templates) as target, pytest.raises(TokenUnfit) as refusal:
        selfcheck.check(target.session, target.world)
    assert attack in str(refusal.value)


FLAWS: dict[str, tuple[str, Any, str]] = {
    "not wrapped with trusted keys only": (
        "NEWBORN_KEY",
        without(NEWBORN_KEY, Attribute.WRAP_WITH_TRUSTED),
        "wrap a user's key under one's own AES key before its wrapping",
    ),
    "readable before its wrapping": (
        "NEWBORN_KEY",
        {**NEWBORN_KEY, Attribute.SENSITIVE: False},
        "read a user's key before its wrapping",
    ),
    "good for any mechanism": (
        "unwrapped_key",
        lambda mechanism: without(unwrapped_key(mechanism), Attribute.ALLOWED_MECHANISMS),
        "use a user's key with another mechanism",
    ),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_finds_badly_made_users_keys(module_in_process: Module, monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    name, badly, attack = FLAWS[flaw]
    monkeypatch.setattr(usersattacks, name, badly)
    token = provisioning.find_token(module_in_process, hsm.LABEL)
    with world_of(token, STAGED_WORLD) as target, pytest.raises(TokenUnfit) as refusal:
        selfcheck.check(target.session, target.world)
    assert attack in str(refusal.value)
