"""The client's end of the socket for uses, without a socket."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from strongroom.domain.errors import HsmUnavailable, LoginRefused
from strongroom.hsm.frames import Frames, framed
from strongroom.hsm.useconnection import UseConnection
from strongroom.wire.hsm import hsm_pb2 as pb


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = Frames()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.feed(bytes(data))

    def abort(self) -> None:
        self.aborted = True


def opened(deadline: float = 5.0) -> tuple[UseConnection, Transport]:
    connection, transport = UseConnection(deadline), Transport()
    connection.connection_made(transport)
    return connection, transport


def asked(connection: UseConnection, number: int) -> asyncio.Task[pb.UseKeysResponse]:
    return asyncio.create_task(connection.ask(pb.UseKeysRequest(uses=[pb.Use(value=bytes([number]))])))


def answer(number: int) -> bytes:
    used = pb.Used(made=pb.Made(value=bytes([number])))
    return framed(pb.UseKeysAnswer(response=pb.UseKeysResponse(used=[used])).SerializeToString())


async def value(answered: Awaitable[pb.UseKeysResponse]) -> bytes:
    return (await answered).used[0].made.value


async def test_answers_reach_who_asked_in_order() -> None:
    connection, transport = opened()
    tasks = [asked(connection, number) for number in range(3)]
    await asyncio.sleep(0)
    first = transport.written.take()
    assert first is not None
    assert pb.UseKeysRequest.FromString(first).uses[0].value == b"\0"
    stream = answer(0) + answer(1) + answer(2)
    for octet in stream:
        connection.data_received(bytes([octet]))
    assert [await value(task) for task in tasks] == [b"\0", b"\1", b"\2"]
    assert connection.is_open


async def test_the_answer_to_whoever_gave_up_goes_to_nobody_else() -> None:
    connection, _ = opened()
    gone, stays = asked(connection, 0), asked(connection, 1)
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    connection.data_received(answer(0) + answer(1))
    assert await value(stays) == b"\1"


async def test_a_failure_is_its_messages_alone() -> None:
    connection, _ = opened()
    tasks = [asked(connection, 0), asked(connection, 1)]
    await asyncio.sleep(0)
    failure = pb.Failure(code=9, state="STATE_LOGIN_REFUSED", detail="the token refused the user PIN")
    connection.data_received(framed(pb.UseKeysAnswer(failure=failure).SerializeToString()) + answer(1))
    with pytest.raises(LoginRefused, match="refused the user PIN"):
        await tasks[0]
    assert await value(tasks[1]) == b"\1"


async def test_a_deadline_ends_the_connection_for_all() -> None:
    """A late answer could not be told from the next one."""
    connection, transport = opened(deadline=0.02)
    tasks = [asked(connection, 0)]
    await asyncio.sleep(0.01)
    tasks.append(asked(connection, 1))
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [(type(end), str(end)) for end in ends] == [
        (HsmUnavailable, "the HSM sidecar does not answer (DEADLINE_EXCEEDED)")
    ] * 2
    assert transport.aborted
    assert not connection.is_open


ENDS: dict[str, Callable[[UseConnection], None]] = {
    "it is closed": lambda connection: connection.connection_lost(None),
    "it breaks": lambda connection: connection.connection_lost(OSError("secret path")),
    "no message": lambda connection: connection.data_received(framed(b"\xff" * 9)),
    "too long a message": lambda connection: connection.data_received(b"\xff" * 4),
}


@pytest.mark.parametrize("how", ENDS)
async def test_no_end_leaves_anybody_waiting_or_is_a_verdict(how: str) -> None:
    connection, _ = opened()
    tasks = [asked(connection, 0), asked(connection, 1)]
    await asyncio.sleep(0)
    ENDS[how](connection)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [HsmUnavailable] * 2
    assert not any("secret" in str(end) for end in ends)
    assert not connection.is_open


async def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    connection, transport = opened()
    connection.data_received(answer(0))
    assert transport.aborted
    assert not connection.is_open


async def test_an_empty_answer_is_no_verdict() -> None:
    connection, _ = opened()
    task = asked(connection, 0)
    await asyncio.sleep(0)
    connection.data_received(framed(b""))
    with pytest.raises(HsmUnavailable):
        await task
