"""The plugin as an API server sees it: gRPC on its socket, a real sidecar and a real token behind it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from strongroom.domain.keytypes import KeySpec, KeyType
from strongroom.domain.wrappedkeys import WrappedKeys
from strongroom.hsm.client import HsmClient
from strongroom.kms import envelope
from strongroom.wire.kms import kms_pb2 as pb
from tests.helpers import hsm
from tests.helpers.hsm import Sidecar, TokenHome
from tests.helpers.kms import SEED, Published, Running, made, running
from tests.helpers.wrappedkeys import NAME, TENANT, version_id


@pytest.fixture
def folder(token: TokenHome) -> Path:
    """A short path, removed with the token."""
    path = token.root / "kms"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
async def plugin(
    folder: Path, shared_sidecar: Sidecar, client: HsmClient, published: Published
) -> AsyncIterator[Running]:
    """A plugin with a key, on a token that serves."""
    published.add(await made(client, 1))
    async with running(folder, shared_sidecar, published) as found:
        await found.until(lambda status: bool(status.healthz == "ok"))
        yield found


def code(caught: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> grpc.StatusCode:
    return caught.value.code()


async def test_a_seed_is_sealed_and_opened(plugin: Running) -> None:
    status = await plugin.status()
    assert (status.version, status.healthz, status.key_id) == ("v2", "ok", version_id(1))
    sealed = await plugin.encrypt()
    assert (sealed.key_id, SEED in sealed.ciphertext) == (version_id(1), False)
    assert len(sealed.ciphertext) == 1 + 12 + 16 + len(SEED)
    assert await plugin.decrypt(sealed) == SEED
    assert (await plugin.encrypt()).ciphertext != sealed.ciphertext


async def test_every_octet_counts(plugin: Running) -> None:
    sealed = await plugin.encrypt()
    for place in range(len(sealed.ciphertext)):
        spoilt = bytearray(sealed.ciphertext)
        spoilt[place] ^= 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await plugin.decrypt(sealed, ciphertext=bytes(spoilt))
        assert code(caught) is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plugin.decrypt(sealed, ciphertext=sealed.ciphertext[:-1])
    assert code(caught) is grpc.StatusCode.INVALID_ARGUMENT


async def test_one_version_does_not_open_what_another_sealed(
    plugin: Running, client: HsmClient, published: Published
) -> None:
    sealed = await plugin.encrypt()
    published.add(await made(client, 2))
    await plugin.until(lambda status: bool(status.key_id == version_id(2)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plugin.decrypt(sealed, key_id=version_id(2))
    assert code(caught) is grpc.StatusCode.INVALID_ARGUMENT
    assert await plugin.decrypt(sealed) == SEED


@pytest.mark.parametrize("size", [0, 1024, 60_000])
async def test_sizes_are_bounded(plugin: Running, size: int) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plugin.encrypt(bytes(size))
    assert code(caught) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_message_that_is_too_long_is_not_even_read(plugin: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plugin.encrypt(bytes(70_000))
    assert code(caught) is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_unknown_version_is_looked_for_at_once(
    folder: Path, shared_sidecar: Sidecar, client: HsmClient, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another API server's plugin had it first."""
    monkeypatch.setattr("strongroom.kms.refreshing._LEAST_PAUSE", 0.0)
    first, second = await made(client, 1), await made(client, 2)
    both = WrappedKeys(TENANT, NAME, (first, second))
    elsewhere = await envelope.seal(client, both, both.newest, SEED)
    sealed = pb.EncryptResponse(ciphertext=elsewhere, key_id=both.newest)
    published.add(first)
    async with running(folder, shared_sidecar, published, poll=3600, use_after=3600) as plugin:
        await plugin.until(lambda status: bool(status.healthz == "ok"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await plugin.decrypt(sealed)
        assert code(caught) is grpc.StatusCode.NOT_FOUND
        published.add(second)
        assert await plugin.decrypt(sealed) == SEED
        assert (await plugin.status()).key_id == version_id(1)  # written with later


async def test_it_says_what_it_waits_for(folder: Path, shared_sidecar: Sidecar, published: Published) -> None:
    async with running(folder, shared_sidecar, published) as plugin:
        status = await plugin.until(lambda status: "no such Secret" in status.healthz)
        assert (status.version, status.key_id) == ("v2", "")
        assert status.healthz.startswith("the plugin has no key yet")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await plugin.encrypt()
        assert code(caught) is grpc.StatusCode.UNAVAILABLE


async def test_a_key_of_another_kind_is_not_taken(
    folder: Path, shared_sidecar: Sidecar, client: HsmClient, published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    published.add(await made(client, 1, KeySpec(KeyType.OCT, 128, hsm=True)))
    with caplog.at_level(logging.ERROR):
        async with running(folder, shared_sidecar, published) as plugin:
            await plugin.until(lambda status: "no key yet: the token opens none" in status.healthz)
            assert "not taken: alg: not one" in caplog.text
    assert plugin.file.load() is None


async def test_only_the_token_and_the_file_are_needed_to_start(
    folder: Path, shared_sidecar: Sidecar, client: HsmClient, published: Published
) -> None:
    published.add(await made(client, 1))
    published.add(await made(client, 2))
    async with running(folder, shared_sidecar, published) as plugin:
        await plugin.until(lambda status: bool(status.healthz == "ok"))
        sealed = await plugin.encrypt()
    published.keys = None
    async with running(folder, shared_sidecar, None) as plugin:
        assert (await plugin.status()).key_id == version_id(2)
        assert await plugin.decrypt(sealed) == SEED


async def test_the_plugin_may_be_there_before_the_token_and_after(
    folder: Path, sidecar: Sidecar, published: Published
) -> None:
    async with HsmClient(sidecar.socket) as own:
        await hsm.until_serving(own)
        published.add(await made(own, 1))
    sidecar.stop()
    async with running(folder, sidecar, published) as plugin:
        await plugin.until(lambda status: "sidecar" in status.healthz)
        sidecar.start()
        await plugin.until(lambda status: bool(status.healthz == "ok"))
        sealed = await plugin.encrypt()
        sidecar.kill()
        status = await plugin.until(lambda status: bool(status.healthz != "ok"))
        assert status.key_id == version_id(1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await plugin.decrypt(sealed)
        assert code(caught) is grpc.StatusCode.UNAVAILABLE
        sidecar.start()
        await plugin.until(lambda status: bool(status.healthz == "ok"))
        assert await plugin.decrypt(sealed) == SEED


async def test_the_log_never_holds_a_seed_or_what_a_client_makes_up(
    plugin: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        sealed = await plugin.encrypt()
        await plugin.decrypt(sealed)
        with pytest.raises(grpc.aio.AioRpcError):
            await plugin.decrypt(sealed, key_id="\n".join([version_id(3), "forged line"]), uid="x\nforged line")
    assert "NOT_FOUND" in caplog.text
    assert "forged" not in caplog.text
    assert SEED.decode() not in caplog.text
