"""A vault's next KEK: made in the token, and all DEKs of the vault wrapped by it instead of the last.

Nothing of it is stored before the one compare-and-swap of the vault's head, so there is nothing to resume or to clean
up after a crash: the next run makes another. Records are not touched; replicas that still hold the earlier head go on
by its KEK and the same DEKs.
"""

from __future__ import annotations

from dataclasses import replace
from hmac import compare_digest
from typing import Final

from strongroom.domain.errors import HsmUnavailable
from strongroom.domain.keys import KeyService, WrappedKey
from strongroom.domain.vaults import VaultHead, WrappedDek

_ALL: Final = 2**32  # above every version


class KekRotation:
    """Raises what ``KeyService`` raises, and ``Refused`` for a vault whose class of HSMs is not configured."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    async def next(self, head: VaultHead) -> tuple[WrappedKey, tuple[WrappedDek, ...]]:
        """Return a new KEK and the DEKs, in their order, wrapped by it."""
        kek = await self._keys.at(head.hsm).generate_kek(head.id, head.keks[-1].version + 1)
        old = {each.version: each for each in head.keks}
        return kek, tuple([await self._rewrapped(dek, old[dek.kek_version], kek) for dek in head.deks])

    async def retire(self, head: VaultHead) -> None:
        """Destroy what came before the present KEK in a dedicated token; elsewhere nothing is kept of it.

        Only lower versions: one that is being made at this moment, by whoever also thinks that it leads, has a higher.
        """
        if head.hsm:
            await self._keys.at(head.hsm).destroy_keks(head.id, head.keks[-1].version)

    async def shred(self, head: VaultHead) -> None:
        """Destroy all KEKs of a vault in its dedicated token: nobody opens anything of it again, nor of a snapshot."""
        if head.hsm:
            await self._keys.at(head.hsm).destroy_keks(head.id, _ALL)

    async def _rewrapped(self, dek: WrappedDek, old: WrappedKey, new: WrappedKey) -> WrappedDek:
        seed = await self._keys.unwrap_dek(old, dek.id, dek.wrapped)
        wrapped = await self._keys.wrap_dek(new, dek.id, seed)
        # The last copy under the old KEK is about to be given up: first see that the new one opens.
        if not compare_digest(await self._keys.unwrap_dek(new, dek.id, wrapped), seed):
            raise HsmUnavailable("the token opened another DEK than it wrapped; the old KEK stays")
        return replace(dek, kek_version=new.version, wrapped=wrapped)
