"""The operations on secrets. All raise ``VaultError``; what they return is the JSON of Azure Key Vault's REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.client.session import Session
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import HEX_ID, fold

NEWEST: Final = {"$orderby": "created desc"}
"""Versions in order of time, the newest first. Azure knows no order."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is said of a version beside its value; None: nothing. Times in Unix seconds."""

    enabled: bool | None = None
    not_before: int | None = None
    expires: int | None = None
    content_type: str | None = None
    tags: Mapping[str, str] | None = field(default=None, hash=False)

    def body(self) -> dict[str, Any]:
        """Return the members of a request that say it."""
        attributes = {"enabled": self.enabled, "nbf": self.not_before, "exp": self.expires}
        found = {"attributes": _said(attributes), "contentType": self.content_type, "tags": self.tags}
        return {name: value for name, value in _said(found).items() if value != {} or name == "tags"}


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


class Secrets:
    """Secrets of one vault. ``InvalidInput`` for a name or version that cannot be one: it would be another path."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def set(self, name: str, value: str, changes: Changes, condition: Condition) -> dict[str, Any]:
        """Make a version; return its bundle, the value included."""
        body = {"value": value, **changes.body()}
        return await self._session.request("PUT", _path(name), body=body, headers=condition.headers())

    async def get(self, name: str, version: str = "") -> dict[str, Any]:
        """Return the bundle with the value; of the version that is served unless one is named."""
        return await self._session.request("GET", _path(name, version))

    async def update(self, name: str, version: str, changes: Changes, condition: Condition) -> dict[str, Any]:
        """Change what is said of a version."""
        path = _path(name, version)
        return await self._session.request("PATCH", path, body=changes.body(), headers=condition.headers())

    def list(self, *, deleted: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the secrets, in the order of their names."""
        return self._session.items("/deletedsecrets" if deleted else "/secrets")

    def versions(self, name: str) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the versions of a secret, the newest first."""
        return self._session.items(f"{_path(name)}/versions", NEWEST)

    async def delete(self, name: str) -> dict[str, Any]:
        """Delete softly; the answer says until when it can be recovered."""
        return await self._session.request("DELETE", _path(name))

    async def deleted(self, name: str) -> dict[str, Any]:
        """Return the bundle of a deleted secret, without its value."""
        return await self._session.request("GET", _path(name, of="deletedsecrets"))

    async def recover(self, name: str) -> dict[str, Any]:
        """Undo a deletion."""
        return await self._session.request("POST", f"{_path(name, of='deletedsecrets')}/recover")

    async def purge(self, name: str) -> None:
        """Remove a deleted secret for good."""
        await self._session.request("DELETE", _path(name, of="deletedsecrets"))

    async def backup(self, name: str) -> str:
        """Return all versions as an encrypted text that ``restore`` takes."""
        answer = await self._session.request("POST", f"{_path(name)}/backup")
        return str(answer.get("value", ""))

    async def restore(self, backup: str) -> dict[str, Any]:
        """Make the secret of a backup, which must not exist."""
        return await self._session.request("POST", "/secrets/restore", body={"value": backup})


def _path(name: str, version: str = "", of: str = "secrets") -> str:
    fold(name)
    if not version:
        return f"/{of}/{name}"
    if not HEX_ID.fullmatch(version):
        raise InvalidInput("a version has 32 lower-case hexadecimal digits")
    return f"/{of}/{name}/{version}"


def _said(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
