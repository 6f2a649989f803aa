"""The accounts with ACME servers: their keys are made once and kept sealed in the vault whose issuer they are of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from strongroom.crypto.keypairs import make_key_pair
from strongroom.domain.acmesettings import AcmeAccount
from strongroom.domain.codec import decode, encode
from strongroom.domain.issuers import Issuer
from strongroom.domain.keypairs import PRIVATE_KEY, Algorithm, KeyPair
from strongroom.domain.names import account_name
from strongroom.domain.vaults import VaultHead

_KEY: Final = KeyPair(Algorithm.EC, 256)


class Documents(Protocol):
    """Small sealed documents of a vault, each changed by compare-and-swap."""

    async def read(self, vault: VaultHead, name: str) -> bytes:
        """Return one; empty: there is none."""
        ...

    async def change(self, vault: VaultHead, name: str, change: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
        """Replace one; return it as it was, and as it is."""
        ...


class Accounts:
    """Raises what ``Documents`` raises."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def of(self, vault: VaultHead, issuer: Issuer, directory: str, binding: str) -> AcmeAccount:
        """Return an issuer's account; with a new key where there is none with this directory and external account.

        The key is kept before the server hears of it: after a crash the server finds the account by it.
        """
        name = account_name(issuer.name)
        kept = await self._documents.read(vault, name)
        if not _fits(kept, directory, binding):
            made = encode(AcmeAccount(directory, make_key_pair(_KEY)[PRIVATE_KEY], binding))
            _, kept = await self._documents.change(
                vault, name, lambda before: before if _fits(before, directory, binding) else made
            )
        return decode(AcmeAccount, kept)

    async def registered(self, vault: VaultHead, issuer: Issuer, account: AcmeAccount, url: str) -> AcmeAccount:
        """Remember the URL of an account; empty: that the server does not know it."""
        known = replace(account, url=url)

        def change(before: bytes) -> bytes:
            same = before and decode(AcmeAccount, before).key == account.key
            return encode(known) if same else before

        await self._documents.change(vault, account_name(issuer.name), change)
        return known


def _fits(kept: bytes, directory: str, binding: str) -> bool:
    if not kept:
        return False
    account = decode(AcmeAccount, kept)
    return (account.directory, account.binding) == (directory, binding)
