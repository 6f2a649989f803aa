"""The HSM as seen from another process: an asynchronous client of the sidecar's sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from strongroom.domain.errors import StrongroomError
from strongroom.domain.keys import KeyService, WrappedKey
from strongroom.hsm import bounds
from strongroom.hsm.messages import from_message, to_message
from strongroom.hsm.places import slow_ways, uses_socket
from strongroom.hsm.states import MAX_MESSAGE_OCTETS, State
from strongroom.hsm.statuses import RESULTS, to_domain
from strongroom.hsm.userskeys import UsersKeys
from strongroom.hsm.usesocket import UseSocket
from strongroom.wire.hsm import hsm_pb2 as pb
from strongroom.wire.hsm import hsm_pb2_grpc as stubs

# A sidecar that restarts is back within a second: reconnect faster than gRPC's default of one second and more.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", MAX_MESSAGE_OCTETS),
    ("grpc.max_send_message_length", MAX_MESSAGE_OCTETS),
)
_DEFAULT_DEADLINE = 5.0  # seconds
_STATUS_DEADLINE = 1.0  # seconds; status never waits for the token

Observer = Callable[[str, str, float], None]
"""Told of each call: its method, its result (``RESULTS``), and how long it took in seconds."""


@dataclass(frozen=True, slots=True)
class Token:
    """What the token says of itself."""

    label: str
    manufacturer: str
    model: str
    serial: str
    hardware_version: str
    firmware_version: str
    library: str
    mechanisms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What the sidecar knows of its token. ``detail`` is for people and may be shown in a condition."""

    state: State
    detail: str
    world: str  # id of the world key that wraps new keys
    worlds: tuple[str, ...]  # of all that the token holds, oldest first
    geography: str
    token: Token
    sessions: int
    cached_keys: int
    made_objects: int
    restarts: int
    logins: int

    @property
    def serving(self) -> bool:
        return self.state is State.SERVING


@dataclass(frozen=True, slots=True)
class Health:
    """Whether keys can be used now, and if not, why."""

    serving: bool
    state: State
    detail: str
    world: str = ""  # id of the world key that wraps new keys, as far as a pool tells


class HsmClient(KeyService, UsersKeys):
    """``KeyService`` and ``TokenKeys`` over the sidecar's sockets. Make and close it in one running event loop.

    Nobody retries here: a call while the sidecar restarts raises ``HsmUnavailable`` at once. ``deadline`` bounds each
    call, in seconds. Besides the errors of ``KeyService``, a token that failed its self-check raises ``Refused``.
    """

    def __init__(self, socket: Path, *, deadline: float = _DEFAULT_DEADLINE, observe: Observer | None = None) -> None:
        credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
        self._channel = grpc.aio.secure_channel(f"unix:{socket}", credentials, options=_OPTIONS)
        self._stub: Any = stubs.HsmStub(self._channel)  # type: ignore[no-untyped-call]
        self._deadline = deadline
        self._observe = observe or _unseen
        self._quick = self._use_socket(uses_socket(socket))
        self._slow = tuple(map(self._use_socket, slow_ways(socket)))
        UsersKeys.__init__(self, self._call, self._quick.send, tuple(each.send for each in self._slow), deadline)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel what is in flight and let go of the sockets."""
        self.close_uses()
        for each in (self._quick, *self._slow):
            each.close()
        await self._channel.close()

    async def generate_kek(self, owner: str, version: int) -> WrappedKey:
        bounds.check_owner(owner, version)
        request = pb.GenerateKekRequest(owner=owner, version=version)
        return from_message(await self._call("GenerateKek", request))

    async def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
        bounds.check_wrapped_key(kek)
        bounds.check_dek_id(dek_id)
        bounds.check_seed(seed)
        request = pb.WrapDekRequest(kek=to_message(kek), dek_id=dek_id, seed=seed)
        wrapped: bytes = (await self._call("WrapDek", request)).wrapped
        return wrapped

    async def unwrap_dek(self, kek: WrappedKey, dek_id: str, wrapped: bytes) -> bytes:
        bounds.check_wrapped_key(kek)
        bounds.check_dek_id(dek_id)
        bounds.check_sealed(wrapped)
        request = pb.UnwrapDekRequest(kek=to_message(kek), dek_id=dek_id, wrapped=wrapped)
        seed: bytes = (await self._call("UnwrapDek", request)).seed
        return seed

    async def destroy_keks(self, owner: str, below: int) -> int:
        """Destroy KEKs that live in a dedicated token: the owner's, of versions lower than ``below``."""
        bounds.check_destruction(owner, below)
        request = pb.DestroyKeksRequest(owner=owner, below=below)
        destroyed: int = (await self._call("DestroyKeks", request)).destroyed
        return destroyed

    async def random(self, size: int) -> bytes:
        bounds.check_size(size)
        octets: bytes = (await self._call("Random", pb.RandomRequest(size=size))).octets
        return octets

    async def status(self) -> Status:
        """Ask the sidecar for its state. Raises ``HsmUnavailable`` only when there is no sidecar to ask."""
        return _status(await self._call("Status", pb.StatusRequest(), deadline=_STATUS_DEADLINE))

    async def health(self) -> Health:
        """Like ``status``, but an absent sidecar is an answer, not an error."""
        try:
            status = await self.status()
        except StrongroomError as error:
            return Health(serving=False, state=State.UNSPECIFIED, detail=str(error))
        return Health(serving=status.serving, state=status.state, detail=status.detail)

    async def watch_health(self, interval: float = 1.0) -> AsyncIterator[Health]:
        """Yield the health now and after each change, asking every ``interval`` seconds. Ends only by cancellation."""
        last: Health | None = None
        while True:
            now = await self.health()
            if now != last:
                yield now
            last = now
            await asyncio.sleep(interval)

    def _use_socket(self, path: Path) -> UseSocket:
        return UseSocket(path, self._deadline, self._seen, partial(self._call, "UseKeys"))

    async def _call(self, method: str, request: Any, deadline: float | None = None) -> Any:
        with self._seen(method):
            try:
                return await getattr(self._stub, method)(request, timeout=deadline or self._deadline)
            except grpc.aio.AioRpcError as error:
                raise to_domain(error) from error

    @contextmanager
    def _seen(self, method: str) -> Iterator[None]:
        """Tell the observer of a call."""
        began, result = time.perf_counter(), "cancelled"
        try:
            yield
            result = "ok"
        except StrongroomError as error:
            result = RESULTS[type(error)]
            raise
        finally:
            self._observe(method, result, time.perf_counter() - began)


def _unseen(method: str, result: str, seconds: float) -> None:
    """Nobody watches."""


def _status(reply: pb.StatusResponse) -> Status:
    token = reply.token
    return Status(
        state=State.parse(reply.state),
        detail=reply.detail,
        world=reply.world,
        worlds=tuple(reply.worlds),
        geography=reply.geography,
        token=Token(
            label=token.label,
            manufacturer=token.manufacturer,
            model=token.model,
            serial=token.serial,
            hardware_version=token.hardware_version,
            firmware_version=token.firmware_version,
            library=token.library,
            mechanisms=tuple(token.mechanisms),
        ),
        sessions=reply.sessions,
        cached_keys=reply.cached_keys,
        made_objects=reply.made_objects,
        restarts=reply.restarts,
        logins=reply.logins,
    )
