"""gRPC statuses to our errors."""

import asyncio
import contextlib
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode

from strongroom.domain.algorithms import Given
from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyRefused, LoginRefused, Refused, StrongroomError
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Operation
from strongroom.hsm.client import HsmClient
from strongroom.hsm.messages import from_message, to_message
from strongroom.hsm.states import STATE_METADATA, State
from strongroom.hsm.statuses import from_failure, to_domain, to_failure
from strongroom.wire.hsm import hsm_pb2 as pb
from tests.helpers.hsm_vector import KEK, OBJECT, OBJECT_SPEC

CASES: list[tuple[StatusCode, State | None, type[StrongroomError]]] = [
    (StatusCode.UNAVAILABLE, None, HsmUnavailable),
    (StatusCode.UNAVAILABLE, State.TOKEN_LOST, HsmUnavailable),
    (StatusCode.UNAVAILABLE, State.UNINITIALISED, HsmUnavailable),
    (StatusCode.DEADLINE_EXCEEDED, None, HsmUnavailable),
    (StatusCode.RESOURCE_EXHAUSTED, None, HsmUnavailable),
    (StatusCode.INTERNAL, State.SERVING, HsmUnavailable),
    (StatusCode.UNKNOWN, None, HsmUnavailable),
    (StatusCode.UNIMPLEMENTED, None, HsmUnavailable),
    (StatusCode.FAILED_PRECONDITION, State.LOGIN_REFUSED, LoginRefused),
    (StatusCode.FAILED_PRECONDITION, State.TOKEN_REFUSED, Refused),
    (StatusCode.PERMISSION_DENIED, State.SERVING, KeyRefused),
    (StatusCode.INVALID_ARGUMENT, State.SERVING, InvalidInput),
]


def error(code: StatusCode, state: State | None, details: str = "said by the sidecar") -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata(*([] if state is None else [(STATE_METADATA, state.name)]))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details)


@pytest.mark.parametrize(("code", "state", "expected"), CASES)
def test_each_status_becomes_one_error(code: StatusCode, state: State | None, expected: type[StrongroomError]) -> None:
    assert type(to_domain(error(code, state))) is expected


@pytest.mark.parametrize(("code", "state"), [(code, state) for code, state, _ in CASES if state is not None])
def test_a_status_in_a_frame_becomes_the_same_error(code: StatusCode, state: State) -> None:
    for detail in ("said by the sidecar", ""):
        expected, framed = to_domain(error(code, state, detail)), from_failure(to_failure(code, state, detail))
        assert (type(framed), str(framed)) == (type(expected), str(expected))


def test_a_status_in_a_frame_that_a_newer_sidecar_made_is_no_verdict() -> None:
    assert type(from_failure(pb.Failure(code=99, detail="new"))) is HsmUnavailable


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
def test_without_the_sidecars_mark_it_is_no_verdict(code: StatusCode) -> None:
    assert type(to_domain(error(code, None))) is HsmUnavailable


def test_what_the_sidecar_said_is_passed_on() -> None:
    told = to_domain(error(StatusCode.UNAVAILABLE, State.TOKEN_LOST, "no token with label 'x' is present"))
    assert str(told) == "no token with label 'x' is present"


def test_what_grpc_said_is_not() -> None:
    told = to_domain(error(StatusCode.UNAVAILABLE, None, "failed to connect to /run/secret/path"))
    assert str(told) == "the HSM sidecar does not answer (UNAVAILABLE)"


def test_a_key_survives_the_socket() -> None:
    assert from_message(to_message(KEK)) == KEK


def test_a_state_of_a_newer_sidecar_is_unspecified() -> None:
    assert State.parse(99) is State.UNSPECIFIED
    assert State.parse(int(State.SERVING)) is State.SERVING


class Answering:
    """A sidecar's stub that answers or fails as it is told."""

    def __init__(self, failure: Exception | None) -> None:
        self.failure = failure

    async def Random(self, request: pb.RandomRequest, **_: float) -> pb.RandomResponse:
        if self.failure:
            raise self.failure
        return pb.RandomResponse(octets=bytes(request.size))


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (None, "ok"),
        (error(StatusCode.UNAVAILABLE, None), "unavailable"),
        (error(StatusCode.PERMISSION_DENIED, State.SERVING), "key_refused"),
        (error(StatusCode.FAILED_PRECONDITION, State.LOGIN_REFUSED), "login_refused"),
        (error(StatusCode.FAILED_PRECONDITION, State.TOKEN_REFUSED), "refused"),
        (error(StatusCode.INVALID_ARGUMENT, State.SERVING), "invalid"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
async def test_an_observer_is_told_of_each_call(tmp_path: Path, failure: Exception | None, result: str) -> None:
    told: list[tuple[str, str, float]] = []
    async with HsmClient(tmp_path / "s", observe=lambda *call: told.append(call)) as client:
        client._stub = Answering(failure)
        with contextlib.suppress(StrongroomError, asyncio.CancelledError):
            assert await client.random(8) == bytes(8)
    [(method, said, seconds)] = told
    assert (method, said) == ("Random", result)
    assert seconds >= 0


async def test_a_call_that_is_never_made_is_not_told_of(tmp_path: Path) -> None:
    told: list[tuple[str, str, float]] = []
    async with HsmClient(tmp_path / "s", observe=lambda *call: told.append(call)) as client:
        with pytest.raises(InvalidInput):
            await client.random(0)
    assert told == []


def without_uses_socket(directory: Path) -> Path:
    """Return a path that leaves no room for the socket for uses: then all goes by calls, and no socket is opened."""
    return directory / ("s" * 100)


class Silent:
    """A sidecar that never answers a use."""

    def __init__(self) -> None:
        self.uses = 0
        self.asked = asyncio.Event()

    async def UseKeys(self, request: pb.UseKeysRequest, **_: float) -> pb.UseKeysResponse:
        self.uses += len(request.uses)
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_use_gives_up_at_its_deadline_even_while_it_waits_for_others(tmp_path: Path) -> None:
    sign = Operation.SIGN
    async with HsmClient(without_uses_socket(tmp_path), deadline=0.05) as client:
        client._stub = silent = Silent()
        material = KeyMaterial(OBJECT_SPEC, wrapped=OBJECT)
        uses = [client.use_key(material, OBJECT.owner, "HS256", sign, Given(bytes(32))) for _ in range(3)]
        first = asyncio.create_task(uses[0])
        await silent.asked.wait()
        ends = await asyncio.gather(first, *uses[1:], return_exceptions=True)
    assert [type(end) for end in ends] == [HsmUnavailable] * 3
    assert silent.uses == 1


class Short(Silent):
    """A sidecar that leaves a use unanswered."""

    async def UseKeys(self, request: pb.UseKeysRequest, **_: float) -> pb.UseKeysResponse:
        return pb.UseKeysResponse()


async def test_an_answer_that_is_missing_is_no_verdict(tmp_path: Path) -> None:
    async with HsmClient(without_uses_socket(tmp_path)) as client:
        client._stub = Short()
        material = KeyMaterial(OBJECT_SPEC, wrapped=OBJECT)
        with pytest.raises(HsmUnavailable, match="did not answer every use"):
            await client.use_key(material, OBJECT.owner, "HS256", Operation.SIGN, Given(bytes(32)))
