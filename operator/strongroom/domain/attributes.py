"""What a resource declares of a version's attributes, and how a change of the declaration reaches the version. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from strongroom.domain.errors import InvalidInput
from strongroom.domain.objects import Attributes

STALE: Final = "stale"
"""Stands where a digest would: what was applied is not known of the version that is served now."""

_DEFAULTS: Final[dict[str, Any]] = {
    "enabled": True,
    "not_before": None,
    "expires": None,
    "content_type": "",
    "tags": {},
    "operations": ...,
    "release_policy": ...,
    "release_policy_immutable": ...,
}
"""What can be declared, and what an attribute becomes when it is declared no more; the ellipsis: it stays."""


@dataclass(frozen=True, slots=True)
class DeclaredAttributes:
    """Attributes as declared; None: not declared, so left to whoever else sets them. Times in Unix seconds.

    ``expires_after`` counts from the making of each version and stands instead of ``expires``.
    """

    enabled: bool | None = None
    not_before: int | None = None
    expires: int | None = None
    expires_after: int | None = None
    content_type: str | None = None
    tags: tuple[tuple[str, str], ...] | None = None
    operations: tuple[str, ...] | None = None  # this and what follows: of keys
    release_policy: str | None = None
    release_policy_immutable: bool | None = None

    @property
    def digest(self) -> str:
        """Tells two declarations apart; empty when nothing is declared."""
        declared = {name: value for name, value in asdict(self).items() if value is not None}
        return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:16] if declared else ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the attributes that are declared."""
        return tuple(name for name in _DEFAULTS if self._of(name, 0) is not None)

    def fresh(self, now: int) -> Attributes:
        """Return the attributes of a version that is made now."""
        return self.applied(Attributes(now, now), (), now)

    def applied(self, to: Attributes, before: Collection[str], now: int) -> Attributes:
        """Return a version's attributes as declared: those that were declared ``before`` and no more lose their value.

        The same object when nothing changes. ``InvalidInput`` for a release policy that may not change any more.
        """
        wanted: dict[str, Any] = {name: _DEFAULTS[name] for name in before if _DEFAULTS.get(name, ...) is not ...}
        for name in _DEFAULTS:
            if (value := self._of(name, to.created)) is not None:
                wanted[name] = value
        if all(getattr(to, name) == value for name, value in wanted.items()):
            return to
        after = replace(to, **wanted, updated=now)
        if to.release_policy_immutable and _release(to) != _release(after):
            raise InvalidInput("the release policy of this version is immutable; another one needs a new version")
        return after

    def _of(self, name: str, created: int) -> Any:
        if name == "expires" and self.expires_after is not None:
            return created + self.expires_after
        if name == "tags":
            return dict(self.tags) if self.tags is not None else None
        return getattr(self, name)


def _release(of: Attributes) -> tuple[str, bool]:
    return of.release_policy, of.release_policy_immutable


UNDECLARED: Final = DeclaredAttributes()
"""Nothing is declared."""
