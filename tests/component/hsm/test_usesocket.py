"""Uses of keys by the sidecar's own socket for them: what it answers, what befalls it, and what is done without it."""

import asyncio
import logging
import os
import stat
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
import uvloop

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import HsmUnavailable, LoginRefused, StrongroomError
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation
from strongroom.hsm.client import HsmClient
from strongroom.hsm.places import slow_sockets, uses_socket
from strongroom.hsm.sidecar import server
from strongroom.hsm.sidecar.calls import Calls
from strongroom.hsm.sidecar.condition import Condition, Open
from strongroom.hsm.sidecar.useserver import UseServer, answering
from strongroom.hsm.states import State
from strongroom.hsm.statuses import from_failure, to_domain
from strongroom.wire.hsm import hsm_pb2 as pb
from strongroom.wire.hsm import hsm_pb2_grpc as stubs
from tests.helpers import hsm
from tests.helpers.hsm import Sidecar, TokenHome
from tests.helpers.hsm_vector import OBJECT, OBJECT_SPEC
from tests.helpers.usesocket import Peer, as_with_an_older_sidecar, goes_by_the_socket, is_connected

OWNER = "ab" * 16
EC = KeySpec(KeyType.EC, curve=Curve.P256, hsm=True)
RSA = KeySpec(KeyType.RSA, 2048, hsm=True)


async def signed(client: HsmClient, key: KeyMaterial, name: str = "ES256") -> bytes:
    return (await client.use_key(key, OWNER, name, Operation.SIGN, Given(bytes(32)))).value


async def until_signed(client: HsmClient, key: KeyMaterial, within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while True:
            try:
                await signed(client, key)
            except HsmUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients go by every socket."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("many_cores")
async def test_quick_and_slow_uses_have_sockets_of_their_own_and_all_are_counted_as_calls(sidecar: Sidecar) -> None:
    told: list[tuple[str, str]] = []
    async with HsmClient(sidecar.socket, observe=lambda method, result, _: told.append((method, result))) as client:
        await hsm.until_serving(client)
        slow, quick = await client.make_key(RSA, OWNER), await client.make_key(EC, OWNER)
        await signed(client, slow, "RS256")
        assert [is_connected(each) for each in (client._quick, *client._slow)] == [False, True, False, False]
        await signed(client, quick)
        assert goes_by_the_socket(client)
        assert told[-2:] == [("UseKeys", "ok")] * 2
        await asyncio.gather(*(signed(client, slow, "RS256") for _ in range(20)))
        assert all(map(is_connected, client._slow))
    paths = [uses_socket(sidecar.socket), *slow_sockets(sidecar.socket)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600] * 4
    sidecar.stop()
    assert not any(path.exists() for path in paths)


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize("workers", [1, 4, 6])
async def test_fewer_threads_serve_the_same_sockets(token: TokenHome, workers: int) -> None:
    with hsm.running(token, "--workers", str(workers)) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            await hsm.until_serving(client)
            slow, quick = await client.make_key(RSA, OWNER), await client.make_key(EC, OWNER)
            uses = [signed(client, slow, "RS256") for _ in range(20)] + [signed(client, quick) for _ in range(20)]
            assert {len(each) for each in await asyncio.gather(*uses)} == {256, 64}
            assert all(map(is_connected, (client._quick, *client._slow)))


REQUESTS: dict[str, pb.UseKeysRequest] = {
    "no uses": pb.UseKeysRequest(),
    "too many uses": pb.UseKeysRequest(uses=[pb.Use()] * 65),
    "uses that mean nothing": pb.UseKeysRequest(uses=[pb.Use(), pb.Use(operation="sing", algorithm="HS256")]),
    "a foreign key": pb.UseKeysRequest(
        uses=[pb.Use(spec=pb.KeySpec(type="oct", size=256), owner=OWNER, operation="sign", algorithm="HS256")]
    ),
}


async def by_grpc(socket: Path, request: pb.UseKeysRequest) -> tuple[type, str]:
    credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    async with grpc.aio.secure_channel(f"unix:{socket}", credentials) as channel:
        try:
            return pb.UseKeysResponse, str(await stubs.HsmStub(channel).UseKeys(request))  # type: ignore[no-untyped-call]
        except grpc.aio.AioRpcError as error:
            told = to_domain(error)
            return type(told), str(told)


def by_frame(socket: Path, request: pb.UseKeysRequest) -> tuple[type, str]:
    with Peer(uses_socket(socket)) as peer:
        answered = peer.ask(request.SerializeToString())
    assert answered is not None
    answer = pb.UseKeysAnswer.FromString(answered)
    if answer.HasField("response"):
        return pb.UseKeysResponse, str(answer.response)
    told = from_failure(answer.failure)
    return type(told), str(told)


@pytest.mark.parametrize("what", REQUESTS)
async def test_it_answers_as_grpc_does(client: HsmClient, shared_sidecar: Sidecar, what: str) -> None:
    expected = await by_grpc(shared_sidecar.socket, REQUESTS[what])
    assert by_frame(shared_sidecar.socket, REQUESTS[what]) == expected
    assert (await client.status()).serving


async def test_in_each_state_it_refuses_as_grpc_does(blank_token: TokenHome) -> None:
    request = pb.UseKeysRequest(uses=[pb.Use()])
    with hsm.running(blank_token) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            await hsm.until(client, State.UNINITIALISED)
            refused = by_frame(sidecar.socket, request)
            assert refused == await by_grpc(sidecar.socket, request)
            assert refused[0] is HsmUnavailable
            assert "strongroom hsm init" in refused[1]
            with pytest.raises(HsmUnavailable, match="strongroom hsm init"):
                await client.use_key(
                    KeyMaterial(OBJECT_SPEC, wrapped=OBJECT), OBJECT.owner, "HS256", Operation.SIGN, Given(bytes(32))
                )
            assert goes_by_the_socket(client)


async def test_a_refused_login_is_told_by_it(token: TokenHome) -> None:
    token.pin_file.write_text("canary-wrong-0000\n")
    request = pb.UseKeysRequest(uses=[pb.Use()])
    with hsm.running(token) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            await hsm.until(client, State.LOGIN_REFUSED)
            refused = by_frame(sidecar.socket, request)
            assert refused == await by_grpc(sidecar.socket, request)
            assert refused[0] is LoginRefused


async def test_a_lost_token_is_told_by_it_and_used_again_when_it_is_back(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        await signed(client, key)
        sidecar.remove_token()
        await hsm.until(client, State.TOKEN_LOST, restarts=1)
        with pytest.raises(HsmUnavailable, match="no token with label"):
            await signed(client, key)
        sidecar.restore_token()
        await hsm.until_serving(client)
        await signed(client, key)
        assert goes_by_the_socket(client)


async def test_a_worker_killed_amid_uses_fails_those_alone(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        await signed(client, key)
        with sidecar.frozen_worker():
            uses = [asyncio.create_task(signed(client, key)) for _ in range(8)]
            await asyncio.sleep(0.05)
            began = time.monotonic()
            sidecar.kill_worker()
            ends = await asyncio.gather(*uses, return_exceptions=True)
            assert time.monotonic() - began < 2
        assert [type(end) for end in ends] == [HsmUnavailable] * 8
        await hsm.until(client, State.SERVING, restarts=1)
        await signed(client, key)
        assert goes_by_the_socket(client)


async def test_a_frozen_worker_lets_uses_go_after_their_deadline(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket, deadline=0.3) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        await signed(client, key)
        with sidecar.frozen_worker():
            ends = await asyncio.gather(*(signed(client, key) for _ in range(5)), return_exceptions=True)
            assert [type(end) for end in ends] == [HsmUnavailable] * 5
            with pytest.raises(HsmUnavailable):  # by a connection of its own, which nobody accepts
                await signed(client, key)
        await until_signed(client, key)


def test_the_event_loop_of_the_programs_does_the_same(sidecar: Sidecar) -> None:
    """Controller and data plane run on uvloop: a use, a deadline, a killed worker, no worker, and a use again."""

    async def uses() -> None:
        async with HsmClient(sidecar.socket, deadline=1.0) as client:
            await hsm.until_serving(client)
            key = await client.make_key(EC, OWNER)
            assert {len(each) for each in await asyncio.gather(*(signed(client, key) for _ in range(200)))} == {64}
            assert goes_by_the_socket(client)
            with sidecar.frozen_worker():
                ends = await asyncio.gather(*(signed(client, key) for _ in range(5)), return_exceptions=True)
                assert [type(end) for end in ends] == [HsmUnavailable] * 5
                under_way = asyncio.create_task(signed(client, key))
                await asyncio.sleep(0.05)
                sidecar.kill_worker()
                with pytest.raises(HsmUnavailable):
                    await under_way
            await until_signed(client, key)
            sidecar.stop()
            with pytest.raises(HsmUnavailable):
                await signed(client, key)
            sidecar.start()
            await until_signed(client, key)
            assert goes_by_the_socket(client)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uses())


async def test_draining_answers_what_is_under_way(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        await signed(client, key)
        uses = [asyncio.create_task(signed(client, key)) for _ in range(64)]
        await asyncio.gather(*uses[:4])
        began = time.monotonic()
        code = await asyncio.to_thread(sidecar.stop)
        assert time.monotonic() - began < 4  # an idle connection is no reason to wait
        ends = await asyncio.gather(*uses, return_exceptions=True)
    assert code == 0
    assert all(isinstance(end, bytes | HsmUnavailable) for end in ends)


async def test_a_replaced_worker_is_used_by_it_again(token: TokenHome) -> None:
    with hsm.running(token, "--recycle-after", "20") as sidecar:
        async with HsmClient(sidecar.socket) as client:
            await hsm.until_serving(client)
            key = await client.make_key(EC, OWNER)
            await signed(client, key)
            for version in range(1, 22):
                await client.generate_kek(OWNER, version)
            await hsm.until(client, State.SERVING, restarts=1)
            await until_signed(client, key)
            assert goes_by_the_socket(client)


async def test_without_it_uses_go_as_calls_and_that_is_logged_once(
    shared_sidecar: Sidecar, caplog: pytest.LogCaptureFixture
) -> None:
    async with HsmClient(shared_sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        path = client._quick._path
        as_with_an_older_sidecar(client)
        with caplog.at_level(logging.WARNING):
            await asyncio.gather(*(signed(client, key) for _ in range(20)))
            client._quick._again = 0.0
            await signed(client, key)
        assert not goes_by_the_socket(client)
        client._quick._path = path  # it was upgraded
        async with asyncio.timeout(5):
            while not goes_by_the_socket(client):
                await signed(client, key)
    assert caplog.text.count("has no socket for uses of keys") == 1


async def test_a_sidecar_that_is_away_is_not_taken_for_an_older_one(
    sidecar: Sidecar, caplog: pytest.LogCaptureFixture
) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        sidecar.stop()
        with pytest.raises(HsmUnavailable, match="sidecar does not answer"):
            await signed(client, key)
        sidecar.start()
        await hsm.until_serving(client)
        await signed(client, key)
        assert goes_by_the_socket(client)
    assert "has no socket for uses of keys" not in caplog.text


async def test_closing_lets_go_of_what_is_under_way(sidecar: Sidecar) -> None:
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        key = await client.make_key(EC, OWNER)
        await signed(client, key)
        with sidecar.frozen_worker():
            use = asyncio.create_task(signed(client, key))
            await asyncio.sleep(0.05)
            await client.close()
            [end] = await asyncio.gather(use, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError | StrongroomError)


async def test_whoever_gives_up_costs_the_others_nothing(client: HsmClient) -> None:
    key = await client.make_key(EC, OWNER)
    uses = [asyncio.create_task(signed(client, key)) for _ in range(100)]
    await asyncio.sleep(0.005)
    for each in uses[::3]:
        each.cancel()
    ends = await asyncio.gather(*uses, return_exceptions=True)
    assert all(isinstance(end, bytes) for at, end in enumerate(ends) if at % 3)
    assert len(await signed(client, key)) == 64


def test_a_path_that_leaves_no_room_for_its_name_is_refused_at_the_start(token: TokenHome) -> None:
    directory = token.root / "run"
    path = directory / ("s" * (107 - len(str(directory)) - 1))
    started = token.strongroom(
        "hsm", "--socket", str(path), "--module", str(token.module), "--pin-file", str(token.pin_file)
    )
    assert started.returncode != 0
    assert "socket has at most 102 octets" in started.stderr


class Hung:
    """Keys of a token that hangs when they are used."""

    def __init__(self) -> None:
        self.objects = self
        self.made_objects = 0
        self.entered, self.gate = threading.Event(), threading.Event()

    def use_key(self, *_: object) -> Made:
        self.entered.set()
        self.gate.wait(10)
        return Made(b"late")


async def test_a_token_that_hangs_leaves_status_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_token_info", lambda _: pb.TokenInfo())
    token = SimpleNamespace(
        world=SimpleNamespace(geography="g"), worlds=(), sessions=1, cached_keys=0, description=None
    )
    home, keys, condition = TokenHome.make(), Hung(), Condition()
    condition.become(State.SERVING, opened=Open(cast(Any, token), cast(Any, keys)))
    calls = Calls(condition, lambda _: None)
    path = home.root / "s"
    uses = UseServer([uses_socket(path)], answering(calls))
    grpc_server = server.build(f"unix:{path}", 2, server.HsmServicer(condition, calls, 0), server.HealthReporter())
    uses.start()
    grpc_server.start()
    try:
        async with HsmClient(path, deadline=0.3) as client:
            material = KeyMaterial(OBJECT_SPEC, wrapped=OBJECT)
            for _ in range(3):
                with pytest.raises(HsmUnavailable):
                    await client.use_key(material, OBJECT.owner, "HS256", Operation.SIGN, Given(bytes(32)))
                assert (await client.status()).serving
        assert keys.entered.is_set()
        assert not uses.stop(0.1).wait(0.3)  # what hangs is waited for no longer than it may take
    finally:
        keys.gate.set()
        await asyncio.to_thread(grpc_server.stop(0).wait)
        assert await asyncio.to_thread(uses.stop(0).wait, 5)
        home.remove()
