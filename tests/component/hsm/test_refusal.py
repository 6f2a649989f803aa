"""A token that is not what it should be, seen from the client."""

import asyncio

import pytest

from strongroom.domain.errors import HsmUnavailable, Retryable, StrongroomError
from strongroom.hsm.client import HsmClient
from strongroom.hsm.states import State
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome

# A world as the ceremony would make it that tried no attacks.
A_WORLD = """
import sys
from pathlib import Path
from pkcs11 import Attribute, KeyType, MechanismFlag
from strongroom.hsm.sidecar import attributes, module
from strongroom.hsm.sidecar.world import WorldId
path, label, so_pin, user_pin = sys.argv[1:]
DEDICATED = False
token = next(t for t in module.load(Path(path)).tokens() if t.label == label)
world = WorldId("test-1", bytes(16), 1)
wrapping = attributes.wrapping_of(token.slot.get_mechanisms())
staged = attributes.staged_world(wrapping, dedicated=DEDICATED)
uses = MechanismFlag.WRAP | MechanismFlag.UNWRAP
with token.open(rw=True, so_pin=so_pin, attribute_mapper=attributes.Mapper()) as so:
    so.generate_key(KeyType.AES, 256, id=world.cka_id, label=world.world_label, store=True,
                    capabilities=uses, template=staged)
    so.generate_key(KeyType.GENERIC_SECRET, 256, id=world.cka_id, label=world.mac_label, store=True,
                    capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                    template={**attributes.STAGED_MAC, Attribute.EXTRACTABLE: not DEDICATED})
with token.open(rw=True, user_pin=user_pin, attribute_mapper=attributes.Mapper()) as user:
    for key in list(user.get_objects({Attribute.PRIVATE: False})):
        key.copy(attributes.FINAL)
        key.destroy()
"""
# As somebody would make it who had not read about unwrap templates.
BAD_WORLD = A_WORLD.replace("uses =", "del staged[Attribute.UNWRAP_TEMPLATE]\nuses =")


@pytest.fixture
def bad_token(blank_token: TokenHome) -> TokenHome:
    made = blank_token.python(BAD_WORLD, str(hsm.module_path()), hsm.LABEL, hsm.SO_PIN, hsm.USER_PIN)
    assert made.returncode == 0, made.stderr
    return blank_token


async def test_a_token_that_lets_an_attack_through_is_not_used(bad_token: TokenHome) -> None:
    with hsm.running(bad_token) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            refused = await hsm.until(client, State.TOKEN_REFUSED)
            assert "does not enforce its key attributes: one can unwrap a blob as readable" in refused.detail
            for call in (client.random(8), client.generate_kek("ab" * 16, 1)):
                with pytest.raises(StrongroomError, match="does not enforce") as refusal:
                    await call
                assert not isinstance(refusal.value, Retryable)
            await asyncio.sleep(1.5)
            steady = await client.status()
            assert (steady.state, steady.restarts, steady.logins) == (State.TOKEN_REFUSED, 0, 1)


def test_init_refuses_it_too(bad_token: TokenHome) -> None:
    refused = bad_token.init()
    assert refused.returncode == 1
    assert "does not enforce its key attributes" in refused.stderr


async def test_a_module_that_cannot_be_loaded_is_named(token: TokenHome) -> None:
    with hsm.running(token, "--module", "/nowhere/libhsm.so") as sidecar:
        async with HsmClient(sidecar.socket) as client:
            lost = await hsm.until(client, State.TOKEN_LOST)
            assert "/nowhere/libhsm.so" in lost.detail
            with pytest.raises(HsmUnavailable, match=r"libhsm\.so"):
                await client.random(8)


async def test_status_on_the_command_line(token: TokenHome) -> None:
    with hsm.running(token) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            await hsm.until_serving(client)
        shown = await asyncio.to_thread(token.strongroom, "hsm", "status", "--socket", str(sidecar.socket))
    assert shown.returncode == 0
    assert "state       SERVING" in shown.stdout
    assert "SoftHSM project SoftHSM v2" in shown.stdout
    gone = await asyncio.to_thread(token.strongroom, "hsm", "status", "--socket", str(sidecar.socket))
    assert gone.returncode == 1
    assert "the HSM sidecar does not answer" in gone.stderr
