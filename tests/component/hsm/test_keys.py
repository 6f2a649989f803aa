"""KEKs and DEK seeds through the socket, on a real token."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.hsm.client import HsmClient
from strongroom.hsm.states import HEALTH_SERVICE, State
from strongroom.wire.hsm import hsm_pb2 as pb
from strongroom.wire.hsm import hsm_pb2_grpc as stubs
from tests.helpers import hsm
from tests.helpers.hsm import Sidecar

OWNER, OTHER_OWNER = "ab" * 16, "cd" * 16
DEK_ID = "dek-1"
SEED = bytes(range(32))


def flip(octets: bytes, at: int) -> bytes:
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


async def test_a_seed_comes_back(client: HsmClient) -> None:
    kek = await client.generate_kek(OWNER, 3)
    assert (kek.key_class, kek.usage, kek.owner, kek.version) == ("aes", "kek", OWNER, 3)
    assert (len(kek.blob), len(kek.mac)) == (40, 32)
    assert kek.world == (await client.status()).world
    wrapped = await client.wrap_dek(kek, DEK_ID, SEED)
    assert len(wrapped) == 61
    assert await client.unwrap_dek(kek, DEK_ID, wrapped) == SEED


async def test_every_kek_and_every_wrapping_is_fresh(client: HsmClient) -> None:
    keks = [await client.generate_kek(OWNER, 1) for _ in range(5)]
    assert len({kek.blob for kek in keks}) == 5
    assert len({await client.wrap_dek(keks[0], DEK_ID, SEED) for _ in range(5)}) == 5


@pytest.mark.parametrize("size", [1, 32, 4096])
async def test_random(client: HsmClient, size: int) -> None:
    first, second = await client.random(size), await client.random(size)
    assert len(first) == len(second) == size
    assert size < 16 or first != second


WRONG_KEK: dict[str, Callable[[WrappedKey], WrappedKey]] = {
    "another owner": lambda kek: replace(kek, owner=OTHER_OWNER),
    "another version": lambda kek: replace(kek, version=kek.version + 1),
    "another world": lambda kek: replace(kek, world="0" * 32 + ".1"),
    "another version of the world": lambda kek: replace(kek, world=kek.world[:32] + ".2"),
    "a flipped bit in the blob": lambda kek: replace(kek, blob=flip(kek.blob, 20)),
    "a flipped bit in the MAC": lambda kek: replace(kek, mac=flip(kek.mac, 31)),
    "a truncated blob": lambda kek: replace(kek, blob=kek.blob[:-8]),
    "an empty blob": lambda kek: replace(kek, blob=b""),
    "a truncated MAC": lambda kek: replace(kek, mac=kek.mac[:16]),
    "no MAC": lambda kek: replace(kek, mac=b""),
}


@pytest.mark.parametrize("wrong", WRONG_KEK)
async def test_a_kek_that_is_not_what_it_says_is_refused(client: HsmClient, wrong: str) -> None:
    kek = await client.generate_kek(OWNER, 1)
    wrapped = await client.wrap_dek(kek, DEK_ID, SEED)  # the true key's handle is cached from here on
    changed = WRONG_KEK[wrong](kek)
    with pytest.raises(KeyRefused):
        await client.unwrap_dek(changed, DEK_ID, wrapped)
    with pytest.raises(KeyRefused):
        await client.wrap_dek(changed, DEK_ID, SEED)
    assert await client.unwrap_dek(kek, DEK_ID, wrapped) == SEED


WRONG_SEED: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit in the IV": lambda wrapped: flip(wrapped, 1),
    "a flipped bit in the ciphertext": lambda wrapped: flip(wrapped, 13),
    "a flipped bit in the tag": lambda wrapped: flip(wrapped, 60),
    "another format version": lambda wrapped: b"\x02" + wrapped[1:],
    "a truncated tag": lambda wrapped: wrapped[:-1],
    "something appended": lambda wrapped: wrapped + b"\x00",
    "nothing": lambda wrapped: b"",
}


@pytest.mark.parametrize("wrong", WRONG_SEED)
async def test_a_seed_that_was_altered_is_refused(client: HsmClient, wrong: str) -> None:
    kek = await client.generate_kek(OWNER, 1)
    wrapped = await client.wrap_dek(kek, DEK_ID, SEED)
    with pytest.raises(KeyRefused):
        await client.unwrap_dek(kek, DEK_ID, WRONG_SEED[wrong](wrapped))
    assert (await client.status()).state is State.SERVING


async def test_a_seed_opens_under_its_own_kek_and_id_only(client: HsmClient) -> None:
    kek, same_facts = await client.generate_kek(OWNER, 1), await client.generate_kek(OWNER, 1)
    wrapped = await client.wrap_dek(kek, DEK_ID, SEED)
    with pytest.raises(KeyRefused):
        await client.unwrap_dek(kek, "dek-2", wrapped)
    with pytest.raises(KeyRefused):
        await client.unwrap_dek(same_facts, DEK_ID, wrapped)


@pytest.mark.parametrize("owner", ["", "ab", "AB" * 16, "g" * 32, "ab" * 17])
async def test_an_owner_is_a_vault_id(client: HsmClient, owner: str) -> None:
    with pytest.raises(InvalidInput, match="owner"):
        await client.generate_kek(owner, 1)


@pytest.mark.parametrize("version", [0, -1, 2**32])
async def test_a_version_counts_from_one(client: HsmClient, version: int) -> None:
    with pytest.raises(InvalidInput, match="version"):
        await client.generate_kek(OWNER, version)


async def test_bounds(client: HsmClient) -> None:
    kek = await client.generate_kek(OWNER, 1)
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(InvalidInput, match="seed"):
            await client.wrap_dek(kek, DEK_ID, seed)
    for dek_id in ("", "x" * 129):
        with pytest.raises(InvalidInput, match="dek_id"):
            await client.wrap_dek(kek, dek_id, SEED)
    for size in (0, 4097):
        with pytest.raises(InvalidInput, match="size"):
            await client.random(size)
    with pytest.raises(InvalidInput, match="not a KEK"):
        await client.wrap_dek(replace(kek, usage="sign"), DEK_ID, SEED)


async def test_status_describes_the_token(client: HsmClient) -> None:
    status = await client.status()
    assert status.serving
    assert status.geography == hsm.GEOGRAPHY
    assert (status.token.label, status.token.model) == (hsm.LABEL, "SoftHSM v2")
    assert status.token.firmware_version
    assert {"AES_GCM", "AES_KEY_WRAP_PAD", "SHA256_HMAC"} <= set(status.token.mechanisms)
    assert status.logins == 1
    assert status.sessions >= 2


async def test_speaks_the_standard_health_protocol(client: HsmClient, shared_sidecar: Sidecar) -> None:
    credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    async with grpc.aio.secure_channel(f"unix:{shared_sidecar.socket}", credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", HEALTH_SERVICE):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


REFUSED_BY_THE_SIDECAR: dict[str, tuple[str, Message, grpc.StatusCode]] = {
    "owner": ("GenerateKek", pb.GenerateKekRequest(owner="x", version=1), grpc.StatusCode.INVALID_ARGUMENT),
    "version": ("GenerateKek", pb.GenerateKekRequest(owner=OWNER), grpc.StatusCode.INVALID_ARGUMENT),
    "size": ("Random", pb.RandomRequest(size=4097), grpc.StatusCode.INVALID_ARGUMENT),
    "no KEK": ("WrapDek", pb.WrapDekRequest(dek_id=DEK_ID, seed=SEED), grpc.StatusCode.INVALID_ARGUMENT),
    "too long": ("WrapDek", pb.WrapDekRequest(seed=bytes(1_100_000)), grpc.StatusCode.RESOURCE_EXHAUSTED),
    "not a message": ("Random", pb.RandomResponse(octets=b"\xff"), grpc.StatusCode.INVALID_ARGUMENT),
}


@pytest.mark.parametrize("wrong", REFUSED_BY_THE_SIDECAR)
async def test_the_sidecar_trusts_no_client(client: HsmClient, shared_sidecar: Sidecar, wrong: str) -> None:
    """The client of this repository checks before it sends; another one need not."""
    method, request, expected = REFUSED_BY_THE_SIDECAR[wrong]
    credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    async with grpc.aio.secure_channel(f"unix:{shared_sidecar.socket}", credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await getattr(stubs.HsmStub(channel), method)(request)
    assert refusal.value.code() is expected
    assert (await client.status()).serving


async def test_many_callers_mix_everything(client: HsmClient) -> None:
    """Without locking in the module this crashes within seconds; without the mutex it loses objects."""
    keks = [await client.generate_kek(OWNER, version) for version in range(1, 9)]
    wrapped = [await client.wrap_dek(kek, DEK_ID, SEED) for kek in keks]
    before = await client.status()

    async def mix(caller: int) -> None:
        choose = random.Random(caller)
        for _ in range(150):
            i, what = choose.randrange(8), choose.randrange(10)
            if what == 0:
                fresh = await client.generate_kek(OWNER, 9)
                assert len(await client.wrap_dek(fresh, DEK_ID, SEED)) == 61
            elif what == 1:
                with pytest.raises(KeyRefused):
                    await client.unwrap_dek(keks[i], "wrong", wrapped[i])
            elif what == 2:
                assert len(await client.random(64)) == 64
            elif what < 6:
                assert len(await client.wrap_dek(keks[i], DEK_ID, SEED)) == 61
            else:
                assert await client.unwrap_dek(keks[i], DEK_ID, wrapped[i]) == SEED

    await asyncio.gather(*(mix(caller) for caller in range(16)))
    after = await client.status()
    assert after.serving
    assert (after.restarts, after.logins) == (before.restarts, before.logins)
    assert after.sessions <= 10  # anchor, eight threads, keeper
