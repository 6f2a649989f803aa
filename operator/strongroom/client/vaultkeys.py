"""The operations on keys. All raise ``VaultError``; what they return is the JSON of Azure Key Vault's REST API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.client.vaultobjects import Changes, Objects
from strongroom.domain import base64url

_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What is said of a version of a key; None: nothing. ``release_policy``: JSON, of whom it may be released to."""

    common: Changes
    operations: Sequence[str] | None = None
    release_policy: bytes | None = None
    policy_immutable: bool = False

    def body(self) -> dict[str, Any]:
        """Return the members of a request that say it."""
        found = self.common.body() | ({} if self.operations is None else {"key_ops": list(self.operations)})
        return found if self.release_policy is None else found | {"release_policy": self._policy(self.release_policy)}

    def new(self) -> dict[str, Any]:
        """Return the same of a version that is made: only one that is exportable can have a release policy."""
        found = self.body()
        if self.release_policy is None:
            return found
        return found | {"attributes": found.get("attributes", {}) | {"exportable": True}}

    def _policy(self, policy: bytes) -> dict[str, Any]:
        immutable = {"immutable": True} if self.policy_immutable else {}
        return {"contentType": _JSON, "data": base64url.encode(policy), **immutable}


class Keys(Objects):
    """Keys of one vault."""

    collection = "keys"

    async def create(self, name: str, kind: Mapping[str, Any], changes: KeyChanges) -> dict[str, Any]:
        """Generate a version. ``kind``: ``kty``, and ``key_size`` or ``crv``."""
        return await self._session.request("POST", f"{self._path(name)}/create", body={**kind, **changes.new()})

    async def take(self, name: str, jwk: Mapping[str, Any], changes: KeyChanges, *, hsm: bool) -> dict[str, Any]:
        """Import a private key as a version."""
        said = changes.new()
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
