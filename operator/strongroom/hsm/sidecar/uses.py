"""The calls of the service that are about users' keys: from messages to ``ObjectKeys`` and back."""

from __future__ import annotations

from functools import lru_cache
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
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.handles import CACHED_PER_SEAT
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.wire.hsm import hsm_pb2 as pb

_REFUSALS: Final[dict[type[Refused], tuple[pb.Refusal, str]]] = {
    InvalidInput: (pb.REFUSAL_INVALID, "invalid"),
    KeyRefused: (pb.REFUSAL_KEY_REFUSED, "key_refused"),
}
"""What concerns one use alone; anything else fails the call that it came in."""

_OPERATIONS: Final = {str(each): each for each in Operation}
_MAX_KEY_OCTETS: Final = bounds.MAX_PRIVATE_OCTETS + 1024  # with what is said of it


def make(keys: ObjectKeys, request: pb.MakeKeyRequest) -> pb.ObjectKey:
    spec = spec_from_message(request.spec)
    return material_to_message(keys.make_key(spec, request.owner, exportable=request.exportable))


def take(keys: ObjectKeys, request: pb.TakeKeyRequest) -> pb.ObjectKey:
    spec = spec_from_message(request.spec)
    return material_to_message(keys.take_key(spec, request.owner, request.private, exportable=request.exportable))


def release(keys: ObjectKeys, request: pb.ReleaseKeyRequest) -> pb.ReleaseKeyResponse:
    return pb.ReleaseKeyResponse(wrapped=keys.release_key(_key_of(request), request.target, request.digest))


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


def _made(keys: ObjectKeys, asked: pb.Use) -> pb.Made:
    operation = _OPERATIONS.get(asked.operation)
    if operation is None:
        raise InvalidInput("operation: there is no such operation")
    return made_to_message(keys.use_key(_key_of(asked), asked.algorithm, operation, given_from_message(asked)))


def _key_of(asked: pb.Use | pb.ReleaseKeyRequest) -> ObjectKey:
    """Return the key that a request presents. ``InvalidInput``, ``KeyRefused`` like ``ObjectKey.of``."""
    return _presented(asked.spec.SerializeToString(), asked.key.SerializeToString(), asked.owner)


@lru_cache(maxsize=CACHED_PER_SEAT)
def _presented(spec: bytes, key: bytes, owner: str) -> ObjectKey:
    """Read and check a key once: it comes along with each of its uses, and the same octets are the same key.

    What was refused is read again, and what is longer than any key is not kept.
    """
    if len(spec) + len(key) > _MAX_KEY_OCTETS:
        raise InvalidInput(f"key: has at most {_MAX_KEY_OCTETS} octets")
    return ObjectKey.of(
        spec_from_message(pb.KeySpec.FromString(spec)), from_message(pb.WrappedKey.FromString(key)), owner
    )
