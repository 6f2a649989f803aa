"""Losing the token, the worker or the login, and coming back without anybody's action."""

import asyncio
import os
import re
import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from strongroom.domain.errors import HsmUnavailable, LoginRefused
from strongroom.hsm.client import Health, HsmClient
from strongroom.hsm.states import State
from tests.helpers import hsm
from tests.helpers.hsm import Sidecar, TokenHome

OWNER = "ab" * 16
SEED = bytes(range(32))


async def is_healthy(socket: Path) -> bool:
    """Ask by the standard protocol, as a kubelet does; while one worker makes way for the next, nobody answers."""
    credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    async with grpc.aio.secure_channel(f"unix:{socket}", credentials) as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.parametrize(("what", "reason"), [("token", "no token with label"), ("store", "is its store there?")])
async def test_what_goes_away_is_noticed_and_used_again_when_it_is_back(
    sidecar: Sidecar, what: str, reason: str
) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        kek = await client.generate_kek(OWNER, 1)
        wrapped = await client.wrap_dek(kek, "dek-1", SEED)

        getattr(sidecar, f"remove_{what}")()
        lost = await hsm.until(client, State.TOKEN_LOST)
        assert lost.detail
        assert not await is_healthy(sidecar.socket)
        with pytest.raises(HsmUnavailable):
            await client.unwrap_dek(kek, "dek-1", wrapped)

        assert reason in (await hsm.until(client, State.TOKEN_LOST, restarts=1)).detail
        with pytest.raises(HsmUnavailable, match=re.escape(reason)):
            await client.generate_kek(OWNER, 2)

        getattr(sidecar, f"restore_{what}")()
        await hsm.until_serving(client)
        assert await is_healthy(sidecar.socket)
        assert await client.unwrap_dek(kek, "dek-1", wrapped) == SEED


async def test_a_call_that_meets_the_loss_first_says_so(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        sidecar.remove_token()
        with pytest.raises(HsmUnavailable):
            await client.generate_kek(OWNER, 1)
        sidecar.restore_token()
        await hsm.until_serving(client)


async def test_a_killed_worker_is_replaced_within_two_seconds(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        kek = await client.generate_kek(OWNER, 1)
        wrapped = await client.wrap_dek(kek, "dek-1", SEED)
        started = time.monotonic()
        sidecar.kill_worker()
        while True:
            try:
                assert await client.unwrap_dek(kek, "dek-1", wrapped) == SEED
                break
            except HsmUnavailable:
                await asyncio.sleep(0.01)
        assert time.monotonic() - started < 2.0
        assert (await client.status()).restarts == 1


async def test_an_absent_worker_fails_calls_at_once(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        sidecar.stop()
        started = time.monotonic()
        with pytest.raises(HsmUnavailable, match="sidecar does not answer"):
            await client.random(8)
        assert time.monotonic() - started < 0.5


async def test_a_worker_dies_with_its_supervisor(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        worker = sidecar.worker()
        sidecar.kill()
        hsm.eventually(lambda: not Path(f"/proc/{worker}/cmdline").exists() or is_zombie(worker), "end of the worker")
        sidecar.start()
        await hsm.until_serving(client)


def is_zombie(process: int | None) -> bool:
    """A container without an init leaves dead orphans unburied."""
    return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] == "Z"


async def test_draining_answers_what_is_in_flight(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        calls = [asyncio.create_task(client.random(32)) for _ in range(64)]
        await asyncio.gather(*calls[:4])
        code = await asyncio.to_thread(sidecar.stop)
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert code == 0
    assert all(isinstance(result, bytes | HsmUnavailable) for result in results)
    assert not sidecar.socket.exists()


async def test_a_worker_that_leaked_enough_is_replaced(token: TokenHome) -> None:
    with hsm.running(token, "--recycle-after", "20") as sidecar:
        async with HsmClient(sidecar.socket) as client:
            await hsm.until_serving(client)
            for version in range(1, 22):
                await client.generate_kek(OWNER, version)
            await hsm.until(client, State.SERVING, restarts=1)
            await client.generate_kek(OWNER, 99)


async def test_a_refused_login_is_not_tried_again(token: TokenHome) -> None:
    """The right PIN is put in place after the refusal: any second try would succeed, and be seen."""
    right = token.pin_file.read_text()
    token.pin_file.write_text("canary-wrong-0000\n")
    with hsm.running(token) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            refused = await hsm.until(client, State.LOGIN_REFUSED)
            assert refused.logins == 1
            token.pin_file.write_text(right)
            for _ in range(20):
                with pytest.raises(LoginRefused, match="refused the user PIN"):
                    await client.random(8)
            await asyncio.sleep(1.5)
            assert (await client.status()).logins == 1

            sidecar.kill_worker()  # a worker's end is no reason to try again either
            await asyncio.sleep(0.5)
            again = await hsm.until(client, State.LOGIN_REFUSED)
            assert (again.logins, again.restarts) == (0, 1)
            assert not await is_healthy(sidecar.socket)

            sidecar.restart()  # somebody acted
            await hsm.until_serving(client)
    assert "canary" not in sidecar.log.read_text()


async def test_serves_as_soon_as_the_token_is_initialised(blank_token: TokenHome) -> None:
    with hsm.running(blank_token) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            waiting = await hsm.until(client, State.UNINITIALISED)
            assert "strongroom hsm init" in waiting.detail
            with pytest.raises(HsmUnavailable, match="strongroom hsm init"):
                await client.random(8)
            assert (await asyncio.to_thread(blank_token.init)).returncode == 0
            assert (await hsm.until_serving(client)).restarts == 0


async def test_a_missing_pin_file_is_waited_for(token: TokenHome) -> None:
    away = token.pin_file.rename(token.root / "pin-away")
    with hsm.running(token) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            assert "PIN file" in (await hsm.until(client, State.UNINITIALISED)).detail
            away.rename(token.pin_file)
            assert (await hsm.until_serving(client)).logins == 1


async def test_a_worker_that_hangs_is_replaced(token: TokenHome) -> None:
    """Here a PIN file that never answers; to the watchdog it is the same as a network HSM that does not."""
    token.pin_file.unlink()
    os.mkfifo(token.pin_file, 0o600)
    with hsm.running(token, "--hung-after", "0.5") as sidecar:
        async with HsmClient(sidecar.socket) as client:
            assert (await hsm.until(client, State.STARTING, restarts=1)).logins == 0
            token.pin_file.unlink()
            token.pin_file.touch(0o600)
            token.pin_file.write_text(hsm.USER_PIN)
            await hsm.until_serving(client)


async def test_a_frozen_worker_lets_callers_go_after_their_deadline(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket, deadline=0.3) as client:
        await hsm.until_serving(client)
        with sidecar.frozen_worker(), pytest.raises(HsmUnavailable, match="DEADLINE_EXCEEDED"):
            await client.random(8)
        await hsm.until_serving(client)


async def test_watching_yields_each_change_with_its_reason(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        watch = client.watch_health(interval=0.05)
        assert await anext(watch) == Health(serving=True, state=State.SERVING, detail="")
        sidecar.stop()
        gone = await anext(watch)
        assert not gone.serving
        assert "does not answer" in gone.detail
        await watch.aclose()
