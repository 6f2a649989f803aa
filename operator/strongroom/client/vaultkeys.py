"""The operations on keys. All raise ``VaultError``; what they return is the JSON of Azure Key Vault's REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.client.session import Session
from strongroom.client.vaultsecrets import NEWEST, Changes
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import HEX_ID, fold


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What is said of a version of a key; None: nothing."""

    common: Changes
    operations: Sequence[str] | None = None

    def body(self) -> dict[str, Any]:
        """Return the members of a request that say it."""
        return self.common.body() | ({} if self.operations is None else {"key_ops": list(self.operations)})


class Keys:
    """Keys of one vault. ``InvalidInput`` for a name or version that cannot be one: it would be another path."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def create(self, name: str, kind: Mapping[str, Any], changes: KeyChanges) -> dict[str, Any]:
        """Generate a version. ``kind``: ``kty``, and ``key_size`` or ``crv``."""
        return await self._session.request("POST", f"{_path(name)}/create", body={**kind, **changes.body()})

    async def take(self, name: str, jwk: Mapping[str, Any], changes: KeyChanges, *, hsm: bool) -> dict[str, Any]:
        """Import a private key as a version."""
        said = changes.body()
        key = {**jwk, **({"key_ops": said.pop("key_ops")} if "key_ops" in said else {})}
        return await self._session.request("PUT", _path(name), body={"key": key, "Hsm": hsm, **said})

    async def rotate(self, name: str) -> dict[str, Any]:
        """Make a version like the one that is served."""
        return await self._session.request("POST", f"{_path(name)}/rotate")

    async def get(self, name: str, version: str = "") -> dict[str, Any]:
        """Return the bundle with the public part; of the version that is served unless one is named."""
        return await self._session.request("GET", _path(name, version))

    async def update(self, name: str, version: str, changes: KeyChanges) -> dict[str, Any]:
        """Change what is said of a version."""
        return await self._session.request("PATCH", _path(name, version), body=changes.body())

    def list(self, *, deleted: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the keys, in the order of their names."""
        return self._session.items("/deletedkeys" if deleted else "/keys")

    def versions(self, name: str) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the versions of a key, the newest first."""
        return self._session.items(f"{_path(name)}/versions", NEWEST)

    async def delete(self, name: str) -> dict[str, Any]:
        """Delete softly; the answer says until when it can be recovered."""
        return await self._session.request("DELETE", _path(name))

    async def deleted(self, name: str) -> dict[str, Any]:
        """Return the bundle of a deleted key."""
        return await self._session.request("GET", _path(name, of="deletedkeys"))

    async def recover(self, name: str) -> dict[str, Any]:
        """Undo a deletion."""
        return await self._session.request("POST", f"{_path(name, of='deletedkeys')}/recover")

    async def purge(self, name: str) -> None:
        """Remove a deleted key for good."""
        await self._session.request("DELETE", _path(name, of="deletedkeys"))

    async def backup(self, name: str) -> str:
        """Return all versions as an encrypted text that ``restore`` takes."""
        answer = await self._session.request("POST", f"{_path(name)}/backup")
        return str(answer.get("value", ""))

    async def restore(self, backup: str) -> dict[str, Any]:
        """Make the key of a backup, which must not exist."""
        return await self._session.request("POST", "/keys/restore", body={"value": backup})

    async def use(self, name: str, version: str, word: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Use a version. ``word``: encrypt, decrypt, sign, verify, wrapkey, unwrapkey or release."""
        return await self._session.request("POST", f"{_path(name, version)}/{word}", body=body)

    async def policy(self, name: str) -> dict[str, Any]:
        """Return the rotation policy."""
        return await self._session.request("GET", f"{_path(name)}/rotationpolicy")

    async def set_policy(self, name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the rotation policy."""
        return await self._session.request("PUT", f"{_path(name)}/rotationpolicy", body=policy)

    async def random(self, count: int) -> dict[str, Any]:
        """Draw octets from the vault's HSM."""
        return await self._session.request("POST", "/rng", body={"count": count})


def _path(name: str, version: str = "", of: str = "keys") -> str:
    fold(name)
    if not version:
        return f"/{of}/{name}"
    if not HEX_ID.fullmatch(version):
        raise InvalidInput("a version has 32 lower-case hexadecimal digits")
    return f"/{of}/{name}/{version}"
