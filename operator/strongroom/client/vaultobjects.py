"""What can be done with every kind of object of a vault. All raise ``VaultError``, and return the JSON of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from strongroom.client.session import Session
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import HEX_ID, fold

_NEWEST: Final = {"$orderby": "created desc"}
"""Versions in order of time, the newest first. Azure knows no order."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is said of a version beside its content; None: nothing. Times in Unix seconds."""

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


class Objects:
    """The objects of one vault in a collection. ``InvalidInput`` for a name or version that would be another path."""

    collection: ClassVar[str]
    """Its name in paths: ``secrets``, ``keys``, ``certificates``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, name: str, version: str = "") -> dict[str, Any]:
        """Return the bundle, a secret's with its value; of the version that is served unless one is named."""
        return await self._session.request("GET", self._path(name, version))

    def list(self, *, deleted: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the objects, in the order of their names."""
        return self._session.items(f"/{'deleted' if deleted else ''}{self.collection}")

    def versions(self, name: str) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the versions of an object, the newest first."""
        return self._session.items(f"{self._path(name)}/versions", _NEWEST)

    async def delete(self, name: str) -> dict[str, Any]:
        """Delete softly; the answer says until when it can be recovered."""
        return await self._session.request("DELETE", self._path(name))

    async def deleted(self, name: str) -> dict[str, Any]:
        """Return the bundle of a deleted object, without a value."""
        return await self._session.request("GET", self._deleted(name))

    async def recover(self, name: str) -> dict[str, Any]:
        """Undo a deletion."""
        return await self._session.request("POST", f"{self._deleted(name)}/recover")

    async def purge(self, name: str) -> None:
        """Remove a deleted object for good."""
        await self._session.request("DELETE", self._deleted(name))

    async def backup(self, name: str) -> str:
        """Return all versions as an encrypted text that ``restore`` takes."""
        answer = await self._session.request("POST", f"{self._path(name)}/backup")
        return str(answer.get("value", ""))

    async def restore(self, backup: str) -> dict[str, Any]:
        """Make the object of a backup, which must not exist."""
        return await self._session.request("POST", f"/{self.collection}/restore", body={"value": backup})

    def _path(self, name: str, version: str = "") -> str:
        fold(name)
        if not version:
            return f"/{self.collection}/{name}"
        if not HEX_ID.fullmatch(version):
            raise InvalidInput("a version has 32 lower-case hexadecimal digits")
        return f"/{self.collection}/{name}/{version}"

    def _deleted(self, name: str) -> str:
        fold(name)
        return f"/deleted{self.collection}/{name}"


def _said(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
