"""Where a vault is, and for whom a token must be to be good there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import VAULT_NAME

_LENGTH: Final = 512
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """``https://<vault>.<namespace>.<domain>[:port]``."""

    vault: str
    namespace: str
    domain: str
    port: int = 443

    @classmethod
    def of(cls, url: str) -> VaultAddress:
        """Read a URL. ``InvalidInput`` when it is not that of a vault: no token is ever sent to anything else."""
        parts = _split(url)
        labels = (parts.hostname or "").split(".", 2)
        extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme != "https" or extra or not _HOST.fullmatch(parts.hostname or "") or len(labels) < 3:
            raise _not_a_vault()
        if not VAULT_NAME.fullmatch(labels[0]):
            raise _not_a_vault()
        return cls(labels[0], labels[1], labels[2], _port(url) or 443)

    @property
    def host(self) -> str:
        """The name in the certificate."""
        return f"{self.vault}.{self.namespace}.{self.domain}"

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"https://{self.host}{self._suffix}"

    @property
    def audience(self) -> str:
        """What a token must be for: the installation, not the single vault."""
        return f"https://{self.domain}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return "" if self.port == 443 else f":{self.port}"

    def holds(self, url: str) -> bool:
        """Whether a URL leads to this vault and nowhere else: only then may it be followed with a token."""
        try:
            parts, port = _split(url), _port(url) or 443
        except InvalidInput:
            return False
        plain = not (parts.username or parts.password)
        return (parts.scheme, parts.hostname, port) == ("https", self.host, self.port) and plain


def read_endpoint(text: str) -> tuple[str, int | None]:
    """Read ``host`` or ``host:port``, an IPv6 address in brackets. Raises InvalidInput."""
    parts, port = _split(f"//{text}"), _port(f"//{text}")
    if not parts.hostname or parts.path or parts.query or parts.username:
        raise InvalidInput("an endpoint is written as 127.0.0.1:8443, or without a port")
    return parts.hostname, port


def _split(url: str) -> SplitResult:
    if len(url) > _LENGTH or not url.isprintable() or not url.isascii() or "\\" in url:
        raise _not_a_vault()
    try:
        return urlsplit(url)
    except ValueError:
        raise _not_a_vault() from None


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        raise _not_a_vault() from None


def _not_a_vault() -> InvalidInput:
    return InvalidInput("a vault's URL is https://<vault>.<namespace>.<domain>, with a port where it is not 443")
