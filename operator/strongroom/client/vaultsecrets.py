"""The operations on secrets. All raise ``VaultError``; what they return is the JSON of Azure Key Vault's REST API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongroom.client.vaultobjects import Changes, Objects


@dataclass(frozen=True, slots=True)
class Condition:
    """On what a write depends: that ``version`` is current, or that there is no such secret."""

    version: str = ""
    absent: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers that say it (RFC 9110, section 13.1)."""
        if self.absent:
            return {"If-None-Match": "*"}
        return {"If-Match": f'"{self.version}"'} if self.version else {}


class Secrets(Objects):
    """Secrets of one vault."""

    collection = "secrets"

    async def set(self, name: str, value: str, changes: Changes, condition: Condition) -> dict[str, Any]:
        """Make a version; return its bundle, the value included."""
        body = {"value": value, **changes.body()}
        return await self._session.request("PUT", self._path(name), body=body, headers=condition.headers())

    async def update(self, name: str, version: str, changes: Changes, condition: Condition) -> dict[str, Any]:
        """Change what is said of a version."""
        path = self._path(name, version)
        return await self._session.request("PATCH", path, body=changes.body(), headers=condition.headers())
