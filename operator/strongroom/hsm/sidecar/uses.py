"""The calls of the service that are about users' keys: from messages to ``ObjectKeys`` and back."""

from __future__ import annotations

from typing import Final

from strongroom.domain.algorithms import ALGORITHMS
from strongroom.domain.errors import InvalidInput, KeyRefused, Refused
from strongroom.domain.keytypes import Operation
from strongroom.hsm import bounds
from strongroom.hsm.messages import (
    from_message,
    given_from_message,
    made_to_message,
    material_to_message,
    spec_from_message,
)
from strongroom.hsm.sidecar import metrics
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.wire.hsm import hsm_pb2 as pb

_REFUSALS: Final[dict[type[Refused], tuple[pb.Refusal, str]]] = {
    InvalidInput: (pb.REFUSAL_INVALID, "invalid"),
    KeyRefused: (pb.REFUSAL_KEY_REFUSED, "key_refused"),
}
"""What concerns one use alone; anything else fails the call that it came in."""


def make(keys: ObjectKeys, request: pb.MakeKeyRequest) -> pb.ObjectKey:
    spec = spec_from_message(request.spec)
    return material_to_message(keys.make_key(spec, request.owner, exportable=request.exportable))


def take(keys: ObjectKeys, request: pb.TakeKeyRequest) -> pb.ObjectKey:
    spec = spec_from_message(request.spec)
    return material_to_message(keys.take_key(spec, request.owner, request.private, exportable=request.exportable))


def release(keys: ObjectKeys, request: pb.ReleaseKeyRequest) -> pb.ReleaseKeyResponse:
    spec, key = spec_from_message(request.spec), from_message(request.key)
    return pb.ReleaseKeyResponse(wrapped=keys.release_key(spec, key, request.owner, request.target, request.digest))


def use(keys: ObjectKeys, request: pb.UseKeysRequest) -> pb.UseKeysResponse:
    """Carry out one use after the other in this thread, and answer each."""
    bounds.check_uses(len(request.uses))
    return pb.UseKeysResponse(used=[_used(keys, each) for each in request.uses])


def _used(keys: ObjectKeys, asked: pb.Use) -> pb.Used:
    result = "ok"
    try:
        return pb.Used(made=_made(keys, asked))
    except (InvalidInput, KeyRefused) as error:
        refusal, result = _REFUSALS[type(error)]
        return pb.Used(refusal=refusal, detail=str(error))
    finally:
        if asked.algorithm in ALGORITHMS and asked.operation in _OPERATIONS:  # nobody makes up labels
            metrics.of_use(asked.algorithm, asked.operation, result).inc()


_OPERATIONS: Final = frozenset(Operation)


def _made(keys: ObjectKeys, asked: pb.Use) -> pb.Made:
    if asked.operation not in _OPERATIONS:
        raise InvalidInput("operation: there is no such operation")
    made = keys.use_key(
        spec_from_message(asked.spec),
        from_message(asked.key),
        asked.owner,
        asked.algorithm,
        Operation(asked.operation),
        given_from_message(asked),
    )
    return made_to_message(made)
