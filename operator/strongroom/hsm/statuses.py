"""The statuses of the sidecar, by the table in ``hsm.proto``, to our errors; the same on both of its sockets."""

from __future__ import annotations

from typing import Final

import grpc

from strongroom.domain.errors import (
    HsmUnavailable,
    InvalidInput,
    KeyRefused,
    LoginRefused,
    Refused,
    StrongroomError,
)
from strongroom.hsm.states import STATE_METADATA, State
from strongroom.wire.hsm import hsm_pb2 as pb

RESULTS: Final[dict[type[StrongroomError], str]] = {
    HsmUnavailable: "unavailable",
    InvalidInput: "invalid",
    KeyRefused: "key_refused",
    LoginRefused: "login_refused",
    Refused: "refused",
}
"""What an observer is told of a failed call; besides ``ok`` and ``cancelled``."""

_BY_CODE: Final[dict[grpc.StatusCode, type[StrongroomError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.PERMISSION_DENIED: KeyRefused,
}
_BY_NUMBER: Final = {code.value[0]: code for code in grpc.StatusCode}


def to_domain(error: grpc.aio.AioRpcError) -> StrongroomError:
    """Translate a gRPC status; what is not in the table is ``HsmUnavailable``.

    Only a status with the sidecar's metadata is its verdict: gRPC makes statuses of its own, and by none of those may
    a key pass for refused. Nor are gRPC's texts passed on, which name sockets and internals.
    """
    state = next((str(value) for key, value in error.trailing_metadata() or () if key == STATE_METADATA), None)
    return no_answer(error.code()) if state is None else _verdict(error.code(), state, error.details() or "")


def from_failure(failure: pb.Failure) -> StrongroomError:
    """Translate a status that came in a frame."""
    code = _BY_NUMBER.get(failure.code, grpc.StatusCode.UNKNOWN)
    return _verdict(code, State.parse(failure.state).name, failure.detail)


def to_failure(code: grpc.StatusCode, state: State, detail: str) -> pb.Failure:
    """Return a status for a frame."""
    return pb.Failure(code=code.value[0], state=f"STATE_{state.name}", detail=detail)


def no_answer(code: grpc.StatusCode) -> HsmUnavailable:
    """Return what to raise when the sidecar itself said nothing."""
    return HsmUnavailable(f"the HSM sidecar does not answer ({code.name})")


def _verdict(code: grpc.StatusCode, state: str, detail: str) -> StrongroomError:
    detail = detail or "the HSM sidecar gave no reason"
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return LoginRefused(detail) if state == State.LOGIN_REFUSED.name else Refused(detail)
    return _BY_CODE.get(code, HsmUnavailable)(detail)
