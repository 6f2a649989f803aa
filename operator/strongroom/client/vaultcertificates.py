"""The operations on certificates. All raise ``VaultError``, and return the JSON of Azure Key Vault's REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from strongroom.client.vaultobjects import Changes, Objects
from strongroom.client.vaultsecrets import Secrets
from strongroom.domain.names import fold

_CONTACTS: Final = "/certificates/contacts"
_ISSUERS: Final = "/certificates/issuers"


class Certificates(Objects):
    """Certificates of one vault, their issuers and their contacts."""

    collection = "certificates"

    def list(self, *, deleted: bool = False, pending: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Iterate in the order of names. ``pending``: also those whose first version is not made yet."""
        query = {"includePending": "true"} if pending else None
        return self._session.items(f"/{'deleted' if deleted else ''}{self.collection}", query)

    async def create(self, name: str, policy: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
        """Ask for a version; return the operation. An empty ``policy``: by the one that the certificate has."""
        body = ({"policy": policy} if policy else {}) | changes.body()
        return await self._session.request("POST", f"{self._path(name)}/create", body=body)

    async def take(self, name: str, file: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
        """Import a file as a version. ``file``: ``value``, ``pwd``, ``policy`` and ``preserveCertOrder``."""
        return await self._session.request("POST", f"{self._path(name)}/import", body={**file, **changes.body()})

    async def update(self, name: str, version: str, changes: Changes) -> dict[str, Any]:
        """Change what is said of a version."""
        return await self._session.request("PATCH", self._path(name, version), body=changes.body())

    async def pending(self, name: str, request: str = "") -> dict[str, Any]:
        """Return the last operation. ``request``: it must be this one."""
        query = {"request_id": request} if request else None
        return await self._session.request("GET", f"{self._path(name)}/pending", query=query)

    async def cancel(self, name: str) -> dict[str, Any]:
        """End the operation without a version."""
        return await self._session.request(
            "PATCH", f"{self._path(name)}/pending", body={"cancellation_requested": True}
        )

    async def forget(self, name: str) -> dict[str, Any]:
        """Remove the operation, which ends without a version if it has none; return it as it was."""
        return await self._session.request("DELETE", f"{self._path(name)}/pending")

    async def merge(self, name: str, chain: Sequence[str], changes: Changes) -> dict[str, Any]:
        """Bring in what an issuer outside made: certificates as PEM, or as DER in base64."""
        body = {"x5c": [*chain], **changes.body()}
        return await self._session.request("POST", f"{self._path(name)}/pending/merge", body=body)

    async def policy(self, name: str) -> dict[str, Any]:
        """Return the policy by which versions are made."""
        return await self._session.request("GET", f"{self._path(name)}/policy")

    async def set_policy(self, name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
        """Change what ``policy`` mentions."""
        return await self._session.request("PATCH", f"{self._path(name)}/policy", body=policy)

    async def secret(self, name: str, version: str) -> dict[str, Any]:
        """Return the secret of a version: the whole file, with the private key if that is exportable."""
        return await Secrets(self._session).get(name, version)

    async def contacts(self) -> dict[str, Any]:
        """Return whom the vault tells of certificates that near their end."""
        return await self._session.request("GET", _CONTACTS)

    async def set_contacts(self, emails: Sequence[str]) -> dict[str, Any]:
        """Replace whom the vault tells."""
        return await self._session.request("PUT", _CONTACTS, body={"contacts": [{"email": each} for each in emails]})

    async def clear_contacts(self) -> dict[str, Any]:
        """Tell nobody; return whom it was to tell."""
        return await self._session.request("DELETE", _CONTACTS)

    def issuers(self) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the issuers that the vault has accounts with."""
        return self._session.items(_ISSUERS)

    async def issuer(self, name: str) -> dict[str, Any]:
        """Return an issuer, without its password."""
        return await self._session.request("GET", _issuer(name))

    async def set_issuer(self, name: str, issuer: Mapping[str, Any]) -> dict[str, Any]:
        """Make an issuer, or replace the one of this name."""
        return await self._session.request("PUT", _issuer(name), body=issuer)

    async def update_issuer(self, name: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """Change what ``change`` mentions of an issuer."""
        return await self._session.request("PATCH", _issuer(name), body=change)

    async def delete_issuer(self, name: str) -> dict[str, Any]:
        """Remove an issuer; return it as it was."""
        return await self._session.request("DELETE", _issuer(name))


def _issuer(name: str) -> str:
    fold(name)
    return f"{_ISSUERS}/{name}"
