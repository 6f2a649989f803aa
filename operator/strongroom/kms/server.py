"""KMS API v2 as gRPC: parse, ask the key ring, answer; one table turns errors into statuses."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc

from strongroom.domain.errors import InvalidInput, KeyNotFound, KeyRefused, Refused, Retryable, StrongroomError
from strongroom.kms.keyring import KeyRing
from strongroom.kms.refreshing import Refresher
from strongroom.wire.kms import kms_pb2 as pb
from strongroom.wire.kms import kms_pb2_grpc as stubs

T = TypeVar("T")

_VERSION: Final = "v2"
_OK: Final = "ok"
_MESSAGE_OCTETS: Final = 64 * 1024  # a ciphertext of 1 kB, a key id of 1 kB, annotations of 32 kB
_CALLS: Final = 256  # at once; beyond it RESOURCE_EXHAUSTED rather than a growing queue
_UID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")

# First match wins, so a subclass stands before its base.
_STATUS_OF: Final[tuple[tuple[type[StrongroomError], grpc.StatusCode], ...]] = (
    (InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (KeyNotFound, grpc.StatusCode.NOT_FOUND),
    (KeyRefused, grpc.StatusCode.PERMISSION_DENIED),
    (Refused, grpc.StatusCode.FAILED_PRECONDITION),
    (Retryable, grpc.StatusCode.UNAVAILABLE),
)

_log = logging.getLogger(__name__)


class KmsServicer(stubs.KeyManagementServiceServicer):
    """``refresher`` is None when the key file is all there is."""

    def __init__(self, ring: KeyRing, refresher: Refresher | None) -> None:
        self._ring = ring
        self._refresher = refresher

    async def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusResponse:
        try:
            current = self._ring.current()
        except Retryable as error:
            return pb.StatusResponse(version=_VERSION, healthz=f"{error}: {self._complaint()}")
        return pb.StatusResponse(version=_VERSION, healthz=await self._health(), key_id=current)

    async def Encrypt(self, request: pb.EncryptRequest, context: Any) -> pb.EncryptResponse:
        version, ciphertext = await _answered(context, request.uid, self._ring.encrypt(request.plaintext))
        return pb.EncryptResponse(ciphertext=ciphertext, key_id=version)

    async def Decrypt(self, request: pb.DecryptRequest, context: Any) -> pb.DecryptResponse:
        return pb.DecryptResponse(plaintext=await _answered(context, request.uid, self._decrypt(request)))

    async def _decrypt(self, request: pb.DecryptRequest) -> bytes:
        """Another API server's plugin may have had the version first."""
        if self._refresher and not self._ring.knows(request.key_id):
            await self._refresher.look_soon()
        return await self._ring.decrypt(request.key_id, request.ciphertext)

    async def _health(self) -> str:
        """Only using the key shows that it can be used."""
        try:
            await self._ring.probe()
        except StrongroomError as error:
            return str(error)
        return _OK

    def _complaint(self) -> str:
        return self._refresher.complaint if self._refresher else "no Secret is named to read it from"


def build(socket: Path, servicer: KmsServicer) -> Any:
    """Return a server bound to ``socket``, not started. Make it in the running loop; RuntimeError if it cannot bind."""
    limits = (("grpc.max_receive_message_length", _MESSAGE_OCTETS), ("grpc.max_send_message_length", _MESSAGE_OCTETS))
    server = grpc.aio.server(maximum_concurrent_rpcs=_CALLS, options=limits)
    stubs.add_KeyManagementServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    server.add_secure_port(f"unix:{socket}", grpc.local_server_credentials(grpc.LocalConnectionType.UDS))
    return server


async def _answered(context: Any, uid: str, work: Awaitable[T]) -> T:
    """Await the work; end the call with a status when it fails. Messages of our own errors are public."""
    try:
        return await work
    except StrongroomError as error:
        status = next(code for kind, code in _STATUS_OF if isinstance(error, kind))
        _log.warning("request %s: %s: %s", uid if _UID.fullmatch(uid) else "?", status.name, error)
        await context.abort(status, str(error))
        raise  # abort never returns
