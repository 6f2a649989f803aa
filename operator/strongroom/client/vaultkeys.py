"""The operations on keys. All raise ``VaultError``; what they return is the JSON of Azure Key Vault's REST API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.client.vaultobjects import Changes, Objects


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What is said of a version of a key; None: nothing."""

    common: Changes
    operations: Sequence[str] | None = None

    def body(self) -> dict[str, Any]:
        """Return the members of a request that say it."""
        return self.common.body() | ({} if self.operations is None else {"key_ops": list(self.operations)})


class Keys(Objects):
    """Keys of one vault."""

    collection = "keys"

    async def create(self, name: str, kind: Mapping[str, Any], changes: KeyChanges) -> dict[str, Any]:
        """Generate a version. ``kind``: ``kty``, and ``key_size`` or ``crv``."""
        return await self._session.request("POST", f"{self._path(name)}/create", body={**kind, **changes.body()})

    async def take(self, name: str, jwk: Mapping[str, Any], changes: KeyChanges, *, hsm: bool) -> dict[str, Any]:
        """Import a private key as a version."""
        said = changes.body()
        key = {**jwk, **({"key_ops": said.pop("key_ops")} if "key_ops" in said else {})}
        return await self._session.request("PUT", self._path(name), body={"key": key, "Hsm": hsm, **said})

    async def rotate(self, name: str) -> dict[str, Any]:
        """Make a version like the one that is served."""
        return await self._session.request("POST", f"{self._path(name)}/rotate")

    async def update(self, name: str, version: str, changes: KeyChanges) -> dict[str, Any]:
        """Change what is said of a version."""
        return await self._session.request("PATCH", self._path(name, version), body=changes.body())

    async def use(self, name: str, version: str, word: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Use a version. ``word``: encrypt, decrypt, sign, verify, wrapkey, unwrapkey or release."""
        return await self._session.request("POST", f"{self._path(name, version)}/{word}", body=body)

    async def policy(self, name: str) -> dict[str, Any]:
        """Return the rotation policy."""
        return await self._session.request("GET", f"{self._path(name)}/rotationpolicy")

    async def set_policy(self, name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the rotation policy."""
        return await self._session.request("PUT", f"{self._path(name)}/rotationpolicy", body=policy)

    async def random(self, count: int) -> dict[str, Any]:
        """Draw octets from the vault's HSM."""
        return await self._session.request("POST", "/rng", body={"count": count})
