"""The issuers that a vault has accounts with, and the contacts of its certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strongroom.domain.casettings import PREFIX, CaSettings
from strongroom.domain.certificates import SELF, UNKNOWN
from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import ContactsNotFound, InvalidInput, IssuerNotFound, LimitExceeded
from strongroom.domain.issuers import Contacts, Issuer
from strongroom.domain.names import account_name, fold
from strongroom.domain.vaults import VaultHead
from strongroom.service import bootstrapca, systemobjects
from strongroom.service.vaultsettings import VaultSettings

_CONTACTS: Final = "certificates/contacts"
_PREFIX: Final = "certificates/issuers/"
MOST: Final = 100
"""Issuers of one vault."""

BUILT_IN: Final = (SELF, UNKNOWN)


class Issuers:
    """Raises what ``VaultSettings`` raises."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings

    async def check(self, vault: VaultHead, name: str) -> None:
        """Raise ``InvalidInput`` unless certificates can be asked of this issuer."""
        if name in BUILT_IN or name.startswith(PREFIX) or _is_ours(vault, name):
            return
        found = await self._find(vault, name) or await self._find(vault, name, fresh=True)
        if found is None:
            raise InvalidInput(
                f"issuer.name: the vault has no issuer {name}; use Self or Unknown, or PUT /certificates/issuers/{name}"
            )
        if not found.enabled:
            raise InvalidInput(f"issuer.name: the issuer {name} is disabled")

    async def get(self, vault: VaultHead, name: str, *, fresh: bool = False) -> Issuer:
        """Return an issuer; a certificate of the vault that issues needs no account. ``NotFound``."""
        if _is_ours(vault, name):
            return bootstrapca.ISSUER
        if name.startswith(PREFIX):
            return Issuer(name, "VaultCA", ca=CaSettings(name.removeprefix(PREFIX)))
        found = await self._find(vault, name, fresh=fresh)
        if found is None:
            raise _not_found(name)
        return found

    async def all(self, vault: VaultHead, *, fresh: bool = False) -> list[Issuer]:
        """Return all issuers, by name."""
        names = await self._settings.names(vault, _PREFIX, fresh=fresh)
        found = [await self._find(vault, name.removeprefix(_PREFIX), fresh=fresh) for name in names]
        return [each for each in found if each is not None]

    async def change(self, vault: VaultHead, name: str, change: Callable[[Issuer | None], Issuer]) -> Issuer:
        """Replace an issuer by what ``change`` makes of it. ``InvalidInput``, ``LimitExceeded``."""
        if name.lower() in map(str.lower, BUILT_IN):
            raise InvalidInput(f"{name} is an issuer that every vault has; choose another name")
        if await self._find(vault, name) is None and len(await self.all(vault)) >= MOST:
            raise LimitExceeded(f"a vault has at most {MOST} issuers; delete what is not needed")
        _, after = await self._settings.change(vault, _place(name), lambda before: encode(change(_read(before))))
        return decode(Issuer, after)

    async def remove(self, vault: VaultHead, name: str) -> Issuer:
        """Remove an issuer and the key of its account; return it as it was. ``NotFound``."""
        await self._settings.change(vault, account_name(name), lambda _: b"")
        before, _ = await self._settings.change(vault, _place(name), lambda _: b"")
        if not before:
            raise _not_found(name)
        return decode(Issuer, before)

    async def contacts(self, vault: VaultHead, *, fresh: bool = False) -> Contacts:
        """Return whom to tell. ``NotFound``."""
        found = await self._settings.read(vault, _CONTACTS, fresh=fresh)
        if not found:
            raise ContactsNotFound("Contacts not found: the vault has none")
        return decode(Contacts, found)

    async def set_contacts(self, vault: VaultHead, contacts: Contacts) -> Contacts:
        """Replace the list; return it."""
        await self._settings.change(vault, _CONTACTS, lambda _: encode(contacts))
        return contacts

    async def remove_contacts(self, vault: VaultHead) -> Contacts:
        """Remove the list; return it as it was. ``NotFound``."""
        before, _ = await self._settings.change(vault, _CONTACTS, lambda _: b"")
        if not before:
            raise ContactsNotFound("Contacts not found: the vault has none")
        return decode(Contacts, before)

    async def _find(self, vault: VaultHead, name: str, *, fresh: bool = False) -> Issuer | None:
        return _read(await self._settings.read(vault, _place(name), fresh=fresh))


def _is_ours(vault: VaultHead, name: str) -> bool:
    return name == bootstrapca.ISSUER.name and vault.ref == systemobjects.REF


def _read(octets: bytes) -> Issuer | None:
    return decode(Issuer, octets) if octets else None


def _place(name: str) -> str:
    return _PREFIX + fold(name)


def _not_found(name: str) -> IssuerNotFound:
    return IssuerNotFound(f"Issuer not found: {name}")
