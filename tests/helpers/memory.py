"""In-memory doubles of the two ports the store stands on. They police the contract and fail on command."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from strongroom.crypto import keyengine
from strongroom.domain import algorithms
from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import Conflict, HsmUnavailable, KeyRefused, Refused, StoreUnavailable
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, Operation
from strongroom.store.backend import Blob, BlobKind

HEAD_LIMIT = 64 * 1024


@dataclass
class Fault:
    """Fails the write with this number (from 1), before or after it took effect."""

    at: int
    after: bool = False
    error: type[Exception] = StoreUnavailable


@dataclass
class MemoryBackend:
    """A ``Backend`` in a dictionary.

    Polices: names and ids are hashes, tokens come from here, of a record only the attributes change, kind and owner of
    a name never change, nothing exceeds its bound. ``fault`` is one shot.
    """

    blobs: dict[str, Blob] = field(default_factory=dict)
    writes: int = 0
    fault: Fault | None = None
    before_write: Callable[[str, Blob], None] | None = None
    log: list[str] = field(default_factory=list)
    now: int = 1_000_000
    _token: int = 0

    async def get(self, name: str) -> Blob | None:
        return self.blobs.get(name)

    async def create(self, blob: Blob) -> Blob:
        assert not blob.token, "a new blob has no token"
        assert blob.data, "a blob holds something"
        self._police(blob)

        def effect() -> Blob:
            if blob.name in self.blobs:
                raise Conflict("the name is taken")
            return self._keep(replace(blob, uid=os.urandom(8).hex(), stored_at=self.now))

        return self._write("create", blob, effect)

    async def replace(self, blob: Blob) -> Blob:
        assert blob.token, "a replacement names the state it replaces"
        self._police(blob)

        def effect() -> Blob:
            known = self.blobs.get(blob.name)
            if known is None or known.token != blob.token:
                raise Conflict("changed meanwhile")
            assert (known.kind, known.vault, known.object) == (blob.kind, blob.vault, blob.object)
            if blob.kind is BlobKind.RECORD and blob.data:  # or its value is removed altogether
                assert _lasting(known) == _lasting(blob), "of a record only the attributes change"
            return self._keep(replace(blob, uid=known.uid, stored_at=known.stored_at))

        return self._write("replace", blob, effect)

    async def delete(self, blob: Blob) -> None:
        assert blob.token, "a deletion names the state it deletes"

        def effect() -> Blob:
            known = self.blobs.get(blob.name)
            if known is not None and known.token != blob.token:
                raise Conflict("changed meanwhile")
            return self.blobs.pop(blob.name, blob)

        self._write("delete", blob, effect)

    async def list(self, kind: BlobKind, *, vault: str = "", object: str = "", data: bool = False) -> list[Blob]:
        return [
            blob if data else replace(blob, data={})
            for blob in self.blobs.values()
            if blob.kind is kind and vault in ("", blob.vault) and object in ("", blob.object)
        ]

    def _write(self, verb: str, blob: Blob, effect: Callable[[], Blob]) -> Blob:
        if self.before_write:
            self.before_write(verb, blob)
        self.writes += 1
        fault = self.fault if self.fault and self.fault.at == self.writes else None
        if fault:
            self.fault = None
            if not fault.after:
                raise fault.error("failed before it took effect")
        result = effect()
        self.log.append(f"{verb} {blob.kind}")
        if fault:
            raise fault.error("failed after it took effect")
        return result

    def _keep(self, blob: Blob) -> Blob:
        self._token += 1
        kept = replace(blob, token=str(self._token))
        self.blobs[blob.name] = kept
        return kept

    def _police(self, blob: Blob) -> None:
        prefix, _, digest = blob.name.partition("-")
        assert prefix in ("vault", "head", "record")
        assert len(digest) == 32
        assert len(blob.vault) == 32
        assert sum(map(len, blob.data.values())) < HEAD_LIMIT


@dataclass
class MemoryKeys:
    """An ``Hsm`` with a world key in memory; the bindings of the real one, none of its protection."""

    world: bytes = field(default_factory=lambda: os.urandom(32))
    in_force: int = 1  # version of the world key
    down: bool = False
    unwraps: int = 0
    dedicated: bool = False
    classes: dict[str, MemoryKeys] = field(default_factory=dict)  # dedicated HSMs
    resident: dict[str, set[int]] = field(default_factory=dict)  # of such a one: versions of KEKs, by owner
    _inside: dict[bytes, KeyMaterial] = field(default_factory=dict)

    def at(self, hsm: str) -> MemoryKeys:
        if hsm and hsm not in self.classes:
            raise Refused(f"no HSM class {hsm} is configured here")
        return self.classes[hsm] if hsm else self

    def add_class(self, name: str) -> MemoryKeys:
        """Add a class of dedicated HSMs and return its token."""
        self.classes[name] = MemoryKeys(world=self.world, dedicated=True)
        return self.classes[name]

    async def destroy_keks(self, owner: str, below: int) -> int:
        self._serve()
        doomed = {version for version in self.resident.get(owner, set()) if version < below}
        self.resident[owner] = self.resident.get(owner, set()) - doomed
        return len(doomed)

    async def generate_kek(self, owner: str, version: int) -> WrappedKey:
        self._serve()
        blob = os.urandom(40)
        usage, geography = ("resident", "1") if self.dedicated else ("kek", "0")
        self.resident.setdefault(owner, set()).add(version)
        unsigned = WrappedKey(f"{geography * 32}.{self.in_force}", "aes", usage, owner, version, blob, b"")
        return replace(unsigned, mac=self._mac(unsigned))

    async def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
        assert len(seed) == 32
        pad = self._pad(kek, dek_id)
        body = bytes(a ^ b for a, b in zip(seed, pad, strict=True))
        return body + hmac.new(pad, body, hashlib.sha256).digest()

    async def unwrap_dek(self, kek: WrappedKey, dek_id: str, wrapped: bytes) -> bytes:
        self.unwraps += 1
        pad, body = self._pad(kek, dek_id), wrapped[:32]
        if not hmac.compare_digest(hmac.new(pad, body, hashlib.sha256).digest(), wrapped[32:]):
            raise KeyRefused("the wrapped DEK is not what this KEK wrapped")
        return bytes(a ^ b for a, b in zip(body, pad, strict=True))

    async def random(self, size: int) -> bytes:
        self._serve()
        assert 1 <= size <= 4096
        return os.urandom(size)

    # Users' keys: bound to their owner as in a token; the private part hides in ``_inside``

    async def make_key(self, spec: KeySpec, owner: str, *, exportable: bool = False) -> KeyMaterial:
        self._serve()
        return self._kept(keyengine.make(_software(spec)), spec, owner, exportable=exportable)

    async def take_key(self, spec: KeySpec, owner: str, private: bytes, *, exportable: bool = False) -> KeyMaterial:
        self._serve()
        return self._kept(keyengine.take(_software(spec), private), spec, owner, exportable=exportable)

    async def use_key(
        self, material: KeyMaterial, owner: str, algorithm: str, operation: Operation, given: Given
    ) -> Made:
        self._serve()
        inside = self._inside_of(material, owner)
        return keyengine.use(inside, algorithms.find(algorithm, inside.spec, operation), operation, given)

    async def release_key(self, material: KeyMaterial, owner: str, target: bytes, digest: str) -> bytes:
        self._serve()
        self._inside_of(material, owner)
        assert material.wrapped is not None
        if material.wrapped.usage != "exportable":
            raise KeyRefused("the key is not exportable")
        return hashlib.sha256(target + digest.encode() + material.wrapped.blob).digest()

    def _kept(self, software: KeyMaterial, spec: KeySpec, owner: str, *, exportable: bool) -> KeyMaterial:
        unsigned = WrappedKey(
            f"{'0' * 32}.1", spec.type.lower(), "exportable" if exportable else "key", owner, 1, os.urandom(40), b""
        )
        wrapped = replace(unsigned, mac=self._mac(unsigned))
        self._inside[wrapped.blob] = software
        return KeyMaterial(spec, software.public, wrapped=wrapped)

    def _inside_of(self, material: KeyMaterial, owner: str) -> KeyMaterial:
        wrapped = material.wrapped
        assert wrapped is not None
        if not hmac.compare_digest(wrapped.mac, self._mac(wrapped)) or wrapped.owner != owner:
            raise KeyRefused("the wrapped key failed its MAC, or is not its owner's")
        return self._inside[wrapped.blob]

    def _pad(self, kek: WrappedKey, dek_id: str) -> bytes:
        self._serve()
        if not hmac.compare_digest(kek.mac, self._mac(kek)):
            raise KeyRefused("the wrapped KEK failed its MAC")
        if kek.usage == "resident":
            homes = [self, *self.classes.values()]
            if not any(home.dedicated and kek.version in home.resident.get(kek.owner, ()) for home in homes):
                raise KeyRefused("the token does not hold this key")
        return hmac.new(self.world, kek.blob + dek_id.encode(), hashlib.sha256).digest()

    def _mac(self, kek: WrappedKey) -> bytes:
        facts = repr((kek.world, kek.key_class, kek.usage, kek.owner, kek.version, kek.blob.hex()))
        return hmac.new(self.world, facts.encode(), hashlib.sha256).digest()

    def _serve(self) -> None:
        if self.down:
            raise HsmUnavailable("the token is gone")


def _software(spec: KeySpec) -> KeySpec:
    return KeySpec(spec.type, spec.size, spec.curve)


def _lasting(record: Blob) -> tuple[object, ...]:
    notes = {key: value for key, value in record.notes.items() if key != "octets"}
    return record.version, notes, record.data["payload"]
