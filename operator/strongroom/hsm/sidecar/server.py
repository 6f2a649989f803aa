"""The sidecar's gRPC service: parse, call ``Keys``, answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from strongroom.hsm.messages import from_message, to_message
from strongroom.hsm.sidecar import uses
from strongroom.hsm.sidecar.calls import CallFailed, Calls
from strongroom.hsm.sidecar.condition import Condition
from strongroom.hsm.sidecar.keys import Keys
from strongroom.hsm.sidecar.session import Description
from strongroom.hsm.states import HEALTH_SERVICE, MAX_MESSAGE_OCTETS, STATE_METADATA, State
from strongroom.wire.hsm import hsm_pb2 as pb
from strongroom.wire.hsm import hsm_pb2_grpc as stubs

_MAX_WAITING = 256  # calls accepted at once; beyond it RESOURCE_EXHAUSTED rather than a growing queue


class HsmServicer(stubs.HsmServicer):
    """Answers each call in a thread of the pool. ``restarts`` is passed through to status."""

    def __init__(self, condition: Condition, calls: Calls, restarts: int) -> None:
        self._condition = condition
        self._calls = calls
        self._restarts = restarts

    def GenerateKek(self, request: pb.GenerateKekRequest, context: Any) -> pb.WrappedKey:
        kek = self._call("GenerateKek", context, lambda keys: keys.generate_kek(request.owner, request.version))
        return to_message(kek)

    def WrapDek(self, request: pb.WrapDekRequest, context: Any) -> pb.WrapDekResponse:
        kek = from_message(request.kek)
        wrapped = self._call("WrapDek", context, lambda keys: keys.wrap_dek(kek, request.dek_id, request.seed))
        return pb.WrapDekResponse(wrapped=wrapped)

    def UnwrapDek(self, request: pb.UnwrapDekRequest, context: Any) -> pb.UnwrapDekResponse:
        kek = from_message(request.kek)
        seed = self._call("UnwrapDek", context, lambda keys: keys.unwrap_dek(kek, request.dek_id, request.wrapped))
        return pb.UnwrapDekResponse(seed=seed)

    def DestroyKeks(self, request: pb.DestroyKeksRequest, context: Any) -> pb.DestroyKeksResponse:
        count = self._call("DestroyKeks", context, lambda keys: keys.destroy_keks(request.owner, request.below))
        return pb.DestroyKeksResponse(destroyed=count)

    def MakeKey(self, request: pb.MakeKeyRequest, context: Any) -> Any:
        return self._call("MakeKey", context, lambda keys: uses.make(keys.objects, request))

    def TakeKey(self, request: pb.TakeKeyRequest, context: Any) -> Any:
        return self._call("TakeKey", context, lambda keys: uses.take(keys.objects, request))

    def UseKeys(self, request: pb.UseKeysRequest, context: Any) -> Any:
        return self._call("UseKeys", context, lambda keys: uses.use(keys.objects, request))

    def ReleaseKey(self, request: pb.ReleaseKeyRequest, context: Any) -> Any:
        return self._call("ReleaseKey", context, lambda keys: uses.release(keys.objects, request))

    def Random(self, request: pb.RandomRequest, context: Any) -> pb.RandomResponse:
        return pb.RandomResponse(octets=self._call("Random", context, lambda keys: keys.random(request.size)))

    def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusResponse:
        state, detail, opened = self._condition.read()
        reply = pb.StatusResponse(
            state=f"STATE_{state.name}",
            detail=detail,
            restarts=self._restarts,
            logins=self._condition.logins,
        )
        if opened is not None:
            reply.MergeFrom(
                pb.StatusResponse(
                    world=str(opened.token.world),
                    worlds=opened.token.worlds,
                    geography=opened.token.world.geography,
                    token=_token_info(opened.token.description),
                    sessions=opened.token.sessions,
                    cached_keys=opened.token.cached_keys,
                    made_objects=opened.keys.made_objects,
                )
            )
        return reply

    def _call(self, method: str, context: Any, work: Callable[[Keys], Any]) -> Any:
        try:
            return self._calls.make(method, work)
        except CallFailed as failed:
            context.set_trailing_metadata(((STATE_METADATA, failed.state.name),))
            context.abort(failed.code, failed.detail)


class HealthReporter:
    """grpc.health.v1 for the whole server and for our service; listens to the condition."""

    def __init__(self) -> None:
        self.servicer = health.HealthServicer()
        self.show(State.STARTING, "")

    def show(self, state: State, _: str) -> None:
        serving = health_pb2.HealthCheckResponse.SERVING
        status = serving if state is State.SERVING else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", HEALTH_SERVICE):
            self.servicer.set(service, status)


def build(address: str, threads: int, servicer: HsmServicer, reporter: HealthReporter) -> Any:
    """Return a server bound to ``address`` (``unix:PATH``), not started. Raises ``RuntimeError`` if it cannot bind."""
    server = grpc.server(
        ThreadPoolExecutor(threads, thread_name_prefix="hsm"),
        maximum_concurrent_rpcs=_MAX_WAITING,
        options=(
            ("grpc.max_receive_message_length", MAX_MESSAGE_OCTETS),
            ("grpc.max_send_message_length", MAX_MESSAGE_OCTETS),
        ),
    )
    stubs.add_HsmServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(reporter.servicer, server)
    server.add_secure_port(address, grpc.local_server_credentials(grpc.LocalConnectionType.UDS))
    return server


def _token_info(description: Description) -> pb.TokenInfo:
    return pb.TokenInfo(
        label=description.label,
        manufacturer=description.manufacturer,
        model=description.model,
        serial=description.serial,
        hardware_version=description.hardware_version,
        firmware_version=description.firmware_version,
        library=description.library,
        mechanisms=description.mechanisms,
    )
