"""Backups of single objects: encrypted for a geography and a tenant, and carried away by whoever asked for one.

Layout, version 1::

    "SRB" 0x01 | length of the header (4, big-endian) | header | envelope

The header holds, in the clear, a KEK that was made for this backup in the token, wrapped by the world key, and a DEK
wrapped by that KEK. The KEK's owner is a digest of the tenant, which the world MAC key covers: another tenant's vault
cannot pass for this one's, and a token of another geography cannot unwrap it. The envelope is bound to the header.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass

from strongroom.crypto.envelope import SEED_OCTETS, Binding, Dek, seal, unseal
from strongroom.domain.backups import VALUES_OCTETS, VERSIONS, Backup
from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import BackupRefused, InvalidInput, KeyRefused, LimitExceeded, Tampered, UnsupportedFormat
from strongroom.domain.keys import KeyService, WrappedKey
from strongroom.domain.vaults import WrappedDek

_MAGIC = b"SRB\x01"
_LENGTH_OCTETS = 4
_HEADER_OCTETS = 4096


@dataclass(frozen=True, slots=True)
class _Header:
    kek: WrappedKey
    dek: WrappedDek


class Backups:
    """Raises what ``KeyService`` raises when the token cannot serve now."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    async def seal(self, tenant: str, backup: Backup) -> bytes:
        """Return the octets of a backup. ``LimitExceeded`` for more versions or octets than one may hold."""
        if len(backup.versions) > VERSIONS or sum(len(each.payload) for each in backup.versions) > VALUES_OCTETS:
            raise LimitExceeded(
                f"a backup holds at most {VERSIONS} versions with {VALUES_OCTETS // 2**20} MiB of values; purge old "
                "versions, or keep fewer (keepVersions)"
            )
        kek = await self._keys.generate_kek(_owner(tenant), 1)
        token_octets = await self._keys.random(SEED_OCTETS)
        dek = Dek(
            os.urandom(16).hex(), bytes(a ^ b for a, b in zip(token_octets, os.urandom(SEED_OCTETS), strict=True))
        )
        wrapped = await self._keys.wrap_dek(kek, dek.id, dek.seed)
        header = encode(_Header(kek, WrappedDek(dek.id, kek.version, wrapped)))
        sealed = await asyncio.to_thread(lambda: seal(dek, _binding(tenant, header), encode(backup)))
        return _MAGIC + len(header).to_bytes(_LENGTH_OCTETS, "big") + header + sealed

    async def open(self, tenant: str, octets: bytes) -> Backup:
        """Return a backup that was made for this tenant in this geography; ``BackupRefused`` for anything else."""
        try:
            header, sealed = _split(octets)
            public = decode(_Header, header)
            if public.kek.owner != _owner(tenant):
                raise Tampered("a backup of another tenant")
            seed = await self._keys.unwrap_dek(public.kek, public.dek.id, public.dek.wrapped)
            dek = Dek(public.dek.id, seed)
            return await asyncio.to_thread(
                lambda: decode(Backup, unseal(lambda _: dek, _binding(tenant, header), sealed))
            )
        except (Tampered, KeyRefused, InvalidInput, ValueError):
            raise BackupRefused("Backup blob is corrupt, or was made for another geography or tenant.") from None
        except UnsupportedFormat:
            raise BackupRefused("Backup blob was written by a newer release; upgrade first.") from None


def _owner(tenant: str) -> str:
    return hashlib.sha256(b"strongroom/backup/v1\0" + tenant.encode()).hexdigest()[:32]


def _binding(tenant: str, header: bytes) -> Binding:
    return Binding(_owner(tenant), "backup", "", public=hashlib.sha256(header).digest())


def _split(octets: bytes) -> tuple[bytes, bytes]:
    start = len(_MAGIC) + _LENGTH_OCTETS
    if octets[:3] == _MAGIC[:3] and octets[3:4] > _MAGIC[3:]:
        raise UnsupportedFormat("a backup of a newer release")
    if len(octets) < start or not octets.startswith(_MAGIC):
        raise Tampered("not a backup")
    length = int.from_bytes(octets[len(_MAGIC) : start], "big")
    if length > _HEADER_OCTETS:
        raise Tampered("not a backup")
    return octets[start : start + length], octets[start + length :]
