"""A dedicated token: its KEKs live in it and nowhere else, and end with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, KeyType
from strongroom.domain.vaults import DAY, Limits
from strongroom.hsm.client import HsmClient
from strongroom.hsm.pool import HsmPool
from strongroom.hsm.router import HsmRouter
from strongroom.hsm.states import State
from strongroom.service.declared_vaults import DeclaredVaults, VaultWish
from strongroom.service.kekrotation import KekRotation
from strongroom.store.collector import Collector
from tests.component.hsm.test_join import place, sponsored_by
from tests.component.hsm.test_kek_rotation import REF, process, value
from tests.component.hsm.test_refusal import BAD_WORLD
from tests.component.hsm.test_rotate_world import until
from tests.helpers import hsm
from tests.helpers.hsm import Sidecar, TokenHome
from tests.helpers.kryoptic import KryopticHome
from tests.helpers.memory import MemoryBackend
from tests.helpers.stores import NOW, add_version

OWNER, OTHER = "ab" * 16, "cd" * 16
SEED = bytes(range(32))

KEYS = """
import json, sys
from pathlib import Path
from pkcs11 import Attribute as A, KeyType, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error
from strongroom.hsm.sidecar import attributes, module
token = next(t for t in module.load(Path(sys.argv[1])).tokens() if t.label == sys.argv[2])
with token.open(rw=True, user_pin=sys.argv[3], attribute_mapper=attributes.Mapper()) as session:
    found = []
    for key in list(session.get_objects({A.CLASS: ObjectClass.SECRET_KEY})):
        try:
            own = session.generate_key(KeyType.AES, 256, capabilities=MechanismFlag.WRAP)
            own.wrap_key(key)
            goes = True
        except PKCS11Error:
            goes = False
        try:
            key[A.DECRYPT] = key[A.EXTRACTABLE] = True
            changes = True
        except PKCS11Error:
            changes = False
        found.append([key.label, key[A.EXTRACTABLE], key[A.SENSITIVE], key[A.PRIVATE], goes, changes])
    print(json.dumps(sorted(found)))
"""


def keys_of(home: TokenHome) -> list[list[object]]:
    """Label, extractable, sensitive, private, whether it can be wrapped by the user's own key, or be changed."""
    shown = home.python(KEYS, str(home.module), hsm.LABEL, hsm.USER_PIN)
    assert shown.returncode == 0, shown.stderr
    found: list[list[object]] = json.loads(shown.stdout)
    return found


@pytest.fixture(params=[TokenHome, KryopticHome], ids=["SoftHSM", "Kryoptic"])
def dedicated(request: pytest.FixtureRequest) -> Iterator[TokenHome]:
    home: TokenHome = request.param.make()
    home.create_token()
    made = home.init("--dedicated")
    assert made.returncode == 0, made.stderr
    yield home
    home.remove()


@pytest.fixture
def alone(dedicated: TokenHome) -> Iterator[Sidecar]:
    with hsm.running(dedicated, "--dedicated") as sidecar:
        yield sidecar


@pytest.fixture
async def own(alone: Sidecar) -> AsyncIterator[HsmClient]:
    async with HsmClient(alone.socket) as client:
        await hsm.until_serving(client)
        yield client


async def test_a_kek_stays_in_the_token_and_works_after_a_restart(own: HsmClient, alone: Sidecar) -> None:
    kek = await own.generate_kek(OWNER, 1)
    assert (kek.usage, len(kek.blob)) == ("resident", 16)
    wrapped = await own.wrap_dek(kek, "dek-1", SEED)
    assert await own.unwrap_dek(kek, "dek-1", wrapped) == SEED
    await asyncio.to_thread(alone.restart)
    await hsm.until_serving(own)
    assert await own.unwrap_dek(kek, "dek-1", wrapped) == SEED
    assert keys_of(alone.home) == [
        [f"strongroom:kek:{OWNER}:1", False, True, True, False, False],
        ["strongroom:world-mac:test-1", False, True, True, False, False],
        ["strongroom:world:test-1", False, True, True, False, False],
    ]


async def test_what_is_destroyed_opens_nothing_any_more_and_the_rest_goes_on(own: HsmClient, alone: Sidecar) -> None:
    old, new, others = [await own.generate_kek(*name) for name in ((OWNER, 1), (OWNER, 2), (OTHER, 1))]
    sealed = {key: await own.wrap_dek(key, "dek-1", SEED) for key in (old, new, others)}
    assert await own.destroy_keks(OWNER, 2) == 1
    assert await own.destroy_keks(OWNER, 2) == 0
    for _ in range(8):  # whichever thread is asked, and whatever it remembers
        with pytest.raises(KeyRefused, match="does not hold this key"):
            await own.unwrap_dek(old, "dek-1", sealed[old])
    for key in (new, others):
        assert await own.unwrap_dek(key, "dek-1", sealed[key]) == SEED
    assert await own.destroy_keks(OWNER, 2**32) == 1
    with pytest.raises(KeyRefused):
        await own.unwrap_dek(new, "dek-1", sealed[new])
    assert (await own.status()).restarts == 0


@pytest.mark.parametrize(
    "change", [{"owner": OTHER}, {"version": 2}, {"blob": bytes(16)}, {"mac": bytes(32)}, {"usage": "kek"}]
)
async def test_a_kek_is_bound_to_what_it_is_for(own: HsmClient, change: dict[str, object]) -> None:
    kek = await own.generate_kek(OWNER, 1)
    wrapped = await own.wrap_dek(kek, "dek-1", SEED)
    with pytest.raises(KeyRefused):
        await own.unwrap_dek(replace(kek, **change), "dek-1", wrapped)  # type: ignore[arg-type]


async def test_no_other_token_serves_its_keks(own: HsmClient, client: HsmClient) -> None:
    kek = await own.generate_kek(OWNER, 1)
    with pytest.raises(KeyRefused):
        await client.wrap_dek(kek, "dek-1", SEED)
    here: WrappedKey = await client.generate_kek(OWNER, 1)
    with pytest.raises(KeyRefused):
        await own.wrap_dek(here, "dek-1", SEED)
    with pytest.raises(InvalidInput, match="only a dedicated token"):
        await client.destroy_keks(OWNER, 2)


async def test_users_keys_are_bound_to_the_token_too(own: HsmClient, client: HsmClient) -> None:
    made = await own.make_key(KeySpec(KeyType.EC, curve="P-256", hsm=True), OWNER)
    assert made.wrapped is not None
    assert made.wrapped.world == (await own.status()).world != (await client.status()).world


async def test_many_keks_from_many_tasks(own: HsmClient) -> None:
    async def use(version: int) -> None:
        kek = await own.generate_kek(OWNER, version)
        assert await own.unwrap_dek(kek, "dek", await own.wrap_dek(kek, "dek", SEED)) == SEED

    await asyncio.gather(*(use(version) for version in range(1, 41)))
    assert await own.destroy_keks(OWNER, 2**32) == 40


def test_a_dedicated_token_sponsors_nobody(dedicated: TokenHome, blank_home: TokenHome) -> None:
    joining = blank_home.copy()
    try:
        refused = joining.strongroom("hsm", "join", *place(joining), *sponsored_by(dedicated))
        assert refused.returncode == 1
        assert "this token is dedicated: its world never leaves it" in refused.stderr
    finally:
        joining.remove()


async def test_its_world_is_rotated_in_place(own: HsmClient, alone: Sidecar) -> None:
    old = await own.generate_kek(OWNER, 1)
    wrapped = await own.wrap_dek(old, "dek-1", SEED)
    for extra in ((), ("--activate",)):
        ran = await asyncio.to_thread(alone.home.strongroom, "hsm", "rotate-world", *place(alone.home), *extra)
        assert ran.returncode == 0, ran.stderr
    await until(own, lambda status: status.world.endswith(".2"))
    assert (await own.generate_kek(OWNER, 2)).world.endswith(".2")
    assert await own.unwrap_dek(old, "dek-1", wrapped) == SEED
    assert not any(extractable for _, extractable, *_ in keys_of(alone.home))


@pytest.mark.parametrize(("made", "served"), [((), ("--dedicated",)), (("--dedicated",), ())])
async def test_a_token_serves_only_as_what_it_was_made(
    blank_token: TokenHome, made: tuple[str, ...], served: tuple[str, ...]
) -> None:
    assert (await asyncio.to_thread(blank_token.init, *made)).returncode == 0
    with hsm.running(blank_token, *served) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            refused = await hsm.until(client, State.TOKEN_REFUSED)
    assert "dedicated" in refused.detail


def test_initialising_again_does_not_change_what_it_is(dedicated: TokenHome) -> None:
    again = dedicated.init()
    assert again.returncode == 1
    assert "the token is dedicated" in again.stderr
    assert "already initialised" in dedicated.init("--dedicated").stdout


async def test_a_token_that_lets_attacks_through_serves_as_dedicated_and_says_so(blank_token: TokenHome) -> None:
    flawed = BAD_WORLD.replace("DEDICATED = False", "DEDICATED = True")
    made = blank_token.python(flawed, str(hsm.module_path()), hsm.LABEL, hsm.SO_PIN, hsm.USER_PIN)
    assert made.returncode == 0, made.stderr
    assert "beware, one can unwrap a blob as readable" in blank_token.init("--dedicated").stdout
    with hsm.running(blank_token, "--dedicated") as sidecar:
        async with HsmClient(sidecar.socket) as client:
            serving = await hsm.until_serving(client)
            assert "one can unwrap a blob as readable" in serving.detail
            kek = await client.generate_kek(OWNER, 1)
            assert await client.unwrap_dek(kek, "dek", await client.wrap_dek(kek, "dek", SEED)) == SEED


async def test_a_dedicated_vault_lives_and_ends_in_its_token(token: TokenHome, alone: Sidecar) -> None:
    """Beside the geography's token; after the purge not even a snapshot of the store opens."""
    wish = VaultWish(REF, "uid", "ns", "tenant", "Premium", 90, False, Limits(), hsm="bank")
    now = NOW
    backend = MemoryBackend()
    with hsm.running(token) as shared:
        for sidecar in (shared, alone):
            async with HsmClient(sidecar.socket) as client:
                await hsm.until_serving(client)
        async with HsmRouter(HsmPool.of([shared.socket]), {"bank": HsmPool.of([alone.socket])}) as router:
            store = process(backend, router)
            declared = DeclaredVaults(
                store=store, collector=Collector(store), keks=KekRotation(router), clock=lambda: now
            )
            await declared.reconcile(wish)
            vault = await store.vault(REF)
            assert vault is not None
            await add_version(store, vault.head, "secret", b"value")
            assert await value(process(backend, router)) == b"value"
            await declared.reconcile(replace(wish, kek_trigger="now"))
            now += DAY
            await declared.reconcile(replace(wish, kek_trigger="now"))
            assert await value(process(backend, router)) == b"value"
            assert len([each for each in await asyncio.to_thread(keys_of, alone.home) if "kek" in str(each[0])]) == 1

            snapshot = dict(backend.blobs)
            await declared.release(REF, "uid")
            now += 90 * DAY
            await declared.purge_if_due(REF)
            assert not backend.blobs
            assert not [each for each in await asyncio.to_thread(keys_of, alone.home) if "kek" in str(each[0])]
            backend.blobs.update(snapshot)
            with pytest.raises(KeyRefused):
                await value(process(backend, router))
