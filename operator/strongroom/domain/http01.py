"""Which vaults may prove which names by ``http-01`` (RFC 8555, section 8.3). Pure.

Whoever answers at a name gets certificates for it, and the data plane answers for all vaults. So it is the installation
that says whose a name is; what it does not list is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import VaultRef
from strongroom.domain.network import parse_address, parse_range

ANY: Final = "*"

_VAULT: Final = re.compile(r"\*|[a-z0-9][a-z0-9-]{0,62}/(\*|[a-z][a-z0-9-]{1,22}[a-z0-9])")
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"\*|(\*\.)?{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class NameGrant:
    """``vault``: ``<namespace>/<name>``, ``<namespace>/*`` or ``*``. ``names``: of each the form of ``check_name``."""

    vault: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _VAULT.fullmatch(self.vault):
            raise InvalidInput("vault is <namespace>/<name>, <namespace>/* or *")
        for each in self.names:
            check_name(each)

    def covers(self, vault: VaultRef, name: str) -> bool:
        """May the vault prove the name (DNS, or an address)?"""
        if self.vault not in (ANY, str(vault), f"{vault.namespace}/{ANY}"):
            return False
        return any(_matches(each, name.lower()) for each in self.names)


def check_name(text: str) -> None:
    """Raise ``InvalidInput`` unless it is a DNS name in lower case, ``*.<name>`` for all below one, an address, a CIDR
    range, or ``*``.
    """
    if _is_range(text):
        return
    last = text.rpartition(".")[2]
    if not _NAME.fullmatch(text) or len(text) > 253 or last.isdigit():
        raise InvalidInput("names are DNS names in lower case, *.<name>, addresses, CIDR ranges, or *")


def may_prove(grants: Iterable[NameGrant], vault: VaultRef, name: str) -> bool:
    """May a vault prove a name?"""
    return any(grant.covers(vault, name) for grant in grants)


def _matches(pattern: str, name: str) -> bool:
    if pattern in (ANY, name):
        return True
    address = parse_address(name)
    if address is None:
        return pattern.startswith("*.") and name.endswith(pattern[1:])
    return _is_range(pattern) and address in parse_range(pattern)


def _is_range(text: str) -> bool:
    try:
        parse_range(text)
    except InvalidInput:
        return False
    return True
