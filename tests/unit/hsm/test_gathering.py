"""Uses of keys that are asked for at the same time travel together."""

import asyncio
from collections.abc import Callable

import pytest

from strongroom.domain.errors import HsmUnavailable
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.hsm import gathering
from strongroom.hsm.gathering import Gathering, Send
from strongroom.wire.hsm import hsm_pb2 as pb

QUICK = KeySpec(KeyType.EC, curve=Curve.P256, hsm=True)
SLOW = KeySpec(KeyType.RSA, 4096, hsm=True)
RSA = KeySpec(KeyType.RSA, 2048, hsm=True)
DEADLINE = 60.0


class Sidecar:
    """Echoes each use's value, when it is let to."""

    def __init__(self) -> None:
        self.messages: list[list[bytes]] = []
        self.by_way: list[int] = []
        self.gate = asyncio.Event()
        self.arrived = asyncio.Condition()
        self.failure: Exception | None = None

    async def send(self, uses: list[pb.Use]) -> list[pb.Used]:
        self.messages.append([use.value for use in uses])
        async with self.arrived:
            self.arrived.notify_all()
        await asyncio.sleep(0)  # nobody answers in the same pass
        await self.gate.wait()
        if self.failure:
            raise self.failure
        return [pb.Used(made=pb.Made(value=use.value)) for use in uses]

    def ways(self, number: int = 3) -> list[Send]:
        """So many ways to it, which it tells apart."""

        def way(name: int) -> Send:
            async def send(uses: list[pb.Use]) -> list[pb.Used]:
                self.by_way.append(name)
                return await self.send(uses)

            return send

        return [way(name) for name in range(number)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(condition)


def asked(gatherer: Gathering, number: int, spec: KeySpec = QUICK, octets: int = 1) -> asyncio.Task[bytes]:
    async def ask() -> bytes:
        return (await gatherer.use(pb.Use(value=bytes([number]) * octets), spec)).made.value[:1]

    return asyncio.create_task(ask())


async def test_one_goes_at_once_and_the_rest_together() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    first = asked(gatherer, 0)
    await sidecar.until(lambda: len(sidecar.messages) == 1)
    rest = [asked(gatherer, number) for number in range(1, 6)]
    await asyncio.sleep(0)
    sidecar.gate.set()
    assert await first == b"\0"
    assert [await each for each in rest] == [bytes([number]) for number in range(1, 6)]
    assert sidecar.messages == [[b"\0"], [bytes([number]) for number in range(1, 6)]]


async def test_what_is_asked_for_in_one_pass_and_again_after_the_answers_shares_the_messages() -> None:
    sidecar = Sidecar()
    sidecar.gate.set()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)

    async def caller() -> None:
        for number in range(3):
            await gatherer.use(pb.Use(value=bytes([number])), QUICK)

    await asyncio.gather(*(caller() for _ in range(4)))
    assert sidecar.messages == [[bytes([number])] * 2 for number in (0, 0, 1, 1, 2, 2)]


async def test_two_messages_of_quick_uses_are_under_way_and_the_rest_waits() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    everything = [asked(gatherer, 0)]
    await sidecar.until(lambda: len(sidecar.messages) == 1)
    everything += [asked(gatherer, 1)]
    await sidecar.until(lambda: len(sidecar.messages) == 2)
    everything += [asked(gatherer, number) for number in range(2, 8)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert sidecar.messages == [[b"\0"], [b"\1"]]
    sidecar.gate.set()
    assert await asyncio.gather(*everything) == [bytes([number]) for number in range(8)]
    assert len(sidecar.messages[2]) == 3  # one's share of six, between two


async def test_quick_and_slow_uses_go_their_own_ways() -> None:
    quick, slow = Sidecar(), Sidecar()
    quick.gate.set()
    slow.gate.set()
    gatherer = Gathering(quick.send, slow.ways(), DEADLINE)
    assert await asked(gatherer, 1, QUICK) == b"\1"
    assert await asked(gatherer, 2, RSA) == b"\2"
    assert (quick.messages, slow.messages) == ([[b"\1"]], [[b"\2"]])


async def test_slow_uses_are_divided_among_the_lanes() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    everything = [asked(gatherer, number, RSA) for number in range(13)]
    await sidecar.until(lambda: len(sidecar.messages) == 6)
    assert [len(message) for message in sidecar.messages] == [3, 2, 2, 2, 2, 2]
    sidecar.gate.set()
    assert await asyncio.gather(*everything) == [bytes([number]) for number in range(13)]


async def test_slow_uses_take_the_way_on_which_least_is_under_way() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    everything = []
    for number in range(6):
        everything.append(asked(gatherer, number, RSA))
        await sidecar.until(lambda: len(sidecar.messages) == len(everything))
    assert sidecar.by_way == [0, 1, 2, 0, 1, 2]
    sidecar.gate.set()
    await asyncio.gather(*everything)


async def test_slow_uses_take_several_lanes_and_never_hold_up_quick_ones() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    slow = [asked(gatherer, number, SLOW) for number in range(9)]
    await sidecar.until(lambda: len(sidecar.messages) == 6)
    quick = asked(gatherer, 100)
    await sidecar.until(lambda: len(sidecar.messages) == 7)
    sidecar.gate.set()
    assert await quick == b"\x64"
    assert [await each for each in slow] == [bytes([number]) for number in range(9)]
    assert max(map(len, sidecar.messages)) == 2  # two of 4096 bits are as much as 64 of P-256


@pytest.mark.parametrize(
    ("spec", "octets", "largest"),
    [(QUICK, 1, 64), (QUICK, 9_000, 7), (QUICK, 60_000, 1), (SLOW, 1, 2), (SLOW, 60_000, 1), (RSA, 1, 8)],
)
async def test_a_message_is_bounded(spec: KeySpec, octets: int, largest: int) -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    count = 200
    everything = [asked(gatherer, number, spec, octets) for number in range(count)]
    await sidecar.until(lambda: bool(sidecar.messages))
    sidecar.gate.set()
    await asyncio.gather(*everything)
    assert max(map(len, sidecar.messages)) == largest
    assert sum(map(len, sidecar.messages)) == count


async def test_a_long_value_does_not_hold_up_short_ones() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    long = [asked(gatherer, number, QUICK, 60_000) for number in range(7)]
    await sidecar.until(lambda: len(sidecar.messages) == 6)
    short = asked(gatherer, 9)
    await sidecar.until(lambda: len(sidecar.messages) == 7)
    sidecar.gate.set()
    assert await asyncio.gather(short, *long) == [b"\x09", *(bytes([number]) for number in range(7))]


async def test_a_failure_reaches_each_of_its_callers_and_nobody_else() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    first = asked(gatherer, 0)
    await sidecar.until(lambda: len(sidecar.messages) == 1)
    rest = [asked(gatherer, 1), asked(gatherer, 2)]
    sidecar.failure = HsmUnavailable("gone")
    sidecar.gate.set()
    for each in (first, *rest):
        with pytest.raises(HsmUnavailable, match="gone"):
            await each
    sidecar.failure = None
    assert await asked(gatherer, 3) == b"\3"


async def test_whoever_gave_up_is_left_out_and_harms_nobody() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    first = asked(gatherer, 0)
    await sidecar.until(lambda: len(sidecar.messages) == 1)
    gone, stays = asked(gatherer, 1), asked(gatherer, 2)
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()
    await asyncio.gather(gone, first, return_exceptions=True)
    sidecar.gate.set()
    assert await stays == b"\2"
    assert sidecar.messages == [[b"\0"], [b"\2"]]


async def test_too_many_that_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_MAX_WAITING", 2)
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    first = asked(gatherer, 0)
    await sidecar.until(lambda: len(sidecar.messages) == 1)
    waiting = [asked(gatherer, 1), asked(gatherer, 2)]
    with pytest.raises(HsmUnavailable, match="too many"):
        await asked(gatherer, 3)
    sidecar.gate.set()
    assert await asyncio.gather(first, *waiting) == [b"\0", b"\1", b"\2"]


async def test_closing_gives_up_what_waits_and_what_is_under_way() -> None:
    sidecar = Sidecar()
    gatherer = Gathering(sidecar.send, sidecar.ways(), DEADLINE)
    first = asked(gatherer, 0)
    await sidecar.until(lambda: len(sidecar.messages) == 1)
    waiting = asked(gatherer, 1)
    await asyncio.sleep(0)
    gatherer.close()
    for each in (first, waiting):
        with pytest.raises(asyncio.CancelledError):
            await each
