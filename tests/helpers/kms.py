"""The KMS plugin as an API server sees it: gRPC on its socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from strongroom.domain.errors import NotFound
from strongroom.domain.keymaterial import key_owner
from strongroom.domain.keytypes import KeySpec
from strongroom.domain.wrappedkeys import WrappedKeys, WrappedVersion
from strongroom.hsm.client import HsmClient
from strongroom.hsm.pool import HsmPool
from strongroom.kms.keyfile import KeyFile
from strongroom.kms.runtime import KmsSettings, Plugin
from strongroom.wire.kms import kms_pb2 as pb
from strongroom.wire.kms import kms_pb2_grpc as stubs
from tests.helpers.hsm import Sidecar
from tests.helpers.wrappedkeys import NAME, SPEC, TENANT, version_id

SEED = b"thirty-two octets of a DEK seed!"


async def made(client: HsmClient, number: int, spec: KeySpec = SPEC) -> WrappedVersion:
    """Return a version that the token made."""
    owner = key_owner(TENANT, NAME, version_id(number))
    return WrappedVersion(version_id(number), (await client.make_key(spec, owner)).pack())


class Published:
    """What the native Secret holds, instead of a cluster."""

    def __init__(self) -> None:
        self.keys: WrappedKeys | None = None

    async def fetch(self) -> WrappedKeys:
        if self.keys is None:
            raise NotFound("there is no such Secret")
        return self.keys

    async def close(self) -> None:
        pass

    def add(self, version: WrappedVersion) -> None:
        self.keys = WrappedKeys(TENANT, NAME, (*(self.keys.versions if self.keys else ()), version))


class Running:
    """A stub on the plugin's socket, as an API server has one, and the file behind it."""

    def __init__(self, folder: Path) -> None:
        self.socket, self.file = folder / "kms.sock", KeyFile(folder / "keys.json")
        options = [("grpc.default_authority", "localhost"), ("grpc.max_reconnect_backoff_ms", 100)]
        self._channel = grpc.aio.insecure_channel(f"unix:{self.socket}", options=options)
        self._stub: Any = stubs.KeyManagementServiceStub(self._channel)

    async def status(self) -> Any:
        return await self._stub.Status(pb.StatusRequest(), timeout=15, wait_for_ready=True)

    async def encrypt(self, plaintext: bytes = SEED) -> Any:
        return await self._stub.Encrypt(pb.EncryptRequest(plaintext=plaintext, uid="a-uid"), timeout=3)

    async def decrypt(self, sealed: Any, **changed: Any) -> bytes:
        facts = {"ciphertext": sealed.ciphertext, "key_id": sealed.key_id, "annotations": dict(sealed.annotations)}
        request = pb.DecryptRequest(**{"uid": "a-uid", **facts, **changed})
        plaintext: bytes = (await self._stub.Decrypt(request, timeout=3)).plaintext
        return plaintext

    async def until(self, true: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(15):
            while True:
                status = await self.status()
                if true(status):
                    return status
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self._channel.close()


@asynccontextmanager
async def running(
    folder: Path, sidecar: Sidecar, source: Published | None, *, poll: float = 0.05, use_after: float = 0.2
) -> AsyncIterator[Running]:
    """A plugin in ``folder``, stopped at the end."""
    settings = KmsSettings(folder / "kms.sock", folder / "keys.json", poll, use_after)
    stopping = asyncio.Event()
    async with HsmPool([HsmClient(sidecar.socket, deadline=2.0)]) as pool:
        plugin = asyncio.create_task(
            Plugin(settings, pool, source, time.monotonic).run(stopping)  # type: ignore[arg-type]
        )
        plain = Running(folder)
        try:
            yield plain
        finally:
            await plain.close()
            stopping.set()
            await plugin
