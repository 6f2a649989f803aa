"""Notices as CloudEvents to a webhook, in the shape that Azure Event Grid gives those of a Key Vault.

CloudEvents 1.0 in structured mode over HTTP (CloudEvents HTTP protocol binding 1.0.2, section 3.2). The receiver is a
setting of the installation: one that a tenant could choose would let him send requests from inside the cluster.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from strongroom.domain.acts import WORDS
from strongroom.domain.errors import InvalidInput, SinkUnavailable
from strongroom.domain.notices import Notice, Stage
from strongroom.domain.objects import Kind

TIMEOUT: Final = 5.0
"""Seconds for one delivery. It is tried again by the work queue."""

_TYPES: Final = {Stage.NEAR: "Microsoft.KeyVault.{}NearExpiry", Stage.EXPIRED: "Microsoft.KeyVault.{}Expired"}


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """Where notices go. ``token_file``: a bearer token, read anew for each; ``ca_file``: PEM; default: the system's."""

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None


class EventSink:
    """Delivers notices one by one. A repetition has the same ``id``, so that receivers can tell."""

    def __init__(self, settings: SinkSettings, url_of: Callable[[Notice], str], clock: Callable[[], int]) -> None:
        """``url_of`` gives the address of the version that a notice is about.

        Raises InvalidInput for an address that is not HTTPS, or for a CA file that cannot be read.
        """
        _require_safe(settings.url)
        self._settings = settings
        self._url_of = url_of
        self._clock = clock
        self._tls = _trust(settings.ca_file)

    async def notify(self, notice: Notice) -> None:
        """Deliver; ``SinkUnavailable`` unless the receiver says that it took it."""
        body = json.dumps(self.event(notice)).encode()
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self._settings.url, data=body, headers=self._headers(), ssl=self._tls, allow_redirects=False
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SinkUnavailable(f"the receiver of notices cannot be reached: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise SinkUnavailable(f"the receiver of notices answered {status}")

    def event(self, notice: Notice) -> dict[str, Any]:
        """Return the CloudEvent of a notice."""
        return {
            "specversion": "1.0",
            "id": _stable_id(notice),
            "source": f"/namespaces/{notice.vault.namespace}/vaults/{notice.vault.name}",
            "type": _TYPES[notice.stage].format(WORDS[notice.kind]),
            "subject": notice.name,
            "time": datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "datacontenttype": "application/json",
            "data": {
                "Id": self._url_of(notice),
                "VaultName": notice.vault.name,
                "ObjectType": WORDS[notice.kind],
                "ObjectName": notice.name,
                "Version": notice.version,
                "NBF": None,
                "EXP": notice.expires,
            },
        }

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        if self._settings.token_file is None:
            return headers
        try:
            token = self._settings.token_file.read_text("ascii").strip()
        except (OSError, ValueError):
            raise SinkUnavailable("the token for the receiver of notices cannot be read") from None
        return {**headers, "Authorization": f"Bearer {token}"}


def _stable_id(notice: Notice) -> str:
    facts = [notice.vault_id, notice.name.lower(), notice.version, str(notice.stage), str(notice.expires)]
    if notice.kind is not Kind.SECRET:
        facts.append(str(notice.kind))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise InvalidInput(
            "the address of the receiver of notices holds credentials: put a token into its file instead"
        )
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not _is_loopback(parts.hostname or ""):
        raise InvalidInput("the address of the receiver of notices must begin with https://")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise InvalidInput("the CA file for the receiver of notices cannot be read as PEM certificates") from None
