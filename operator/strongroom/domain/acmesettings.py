"""How certificates are asked of an authority by ACME (RFC 8555), and the account that is kept for it. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from strongroom.domain.errors import InvalidInput

PROVIDER: Final = "ACME"
DIRECTORIES: Final = {
    "digicert": "https://acme.digicert.com/v2/acme/directory/",
    "globalsign": "https://emea.acme.atlas.globalsign.com/directory",
}
"""Providers of Azure's that speak ACME, in lower case, and where, unless an issuer says otherwise."""

PROVIDERS: Final = (PROVIDER.lower(), *DIRECTORIES)

MAX_PROPAGATION: Final = 60
DEFAULT_PROPAGATION: Final = 10
_SECRET_OCTETS: Final = 512

_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
_DNS_NAME: Final = re.compile(_HOST.pattern + r"\.?")
_EMAIL: Final = re.compile(r"[^\s@,?]{1,64}@[A-Za-z0-9.-]{1,253}")
_WORD: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


class TsigAlgorithm(StrEnum):
    """How updates of a zone are authenticated (RFC 8945, section 6). A persistent word."""

    SHA256 = "hmac-sha256"
    SHA384 = "hmac-sha384"
    SHA512 = "hmac-sha512"


@dataclass(frozen=True, slots=True)
class Rfc2136:
    """A DNS server that takes dynamic updates (RFC 2136), and the TSIG key (RFC 8945) that it takes them by."""

    server: str  # host name or address
    key_name: str
    secret: str = field(repr=False)  # base64
    port: int = 53
    algorithm: TsigAlgorithm = TsigAlgorithm.SHA256
    zone: str = ""  # empty: the server is asked


@dataclass(frozen=True, slots=True)
class Webhook:
    """A service of the user's that publishes records. ``url``: ``/present`` and ``/cleanup`` are added to it."""

    url: str
    token: str = field(default="", repr=False)
    ca: str = ""  # PEM that it is trusted by; empty: public authorities


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """An issuer's settings for ACME. A persistent format: fields are only ever added. Secrets hide in ``repr``.

    Without ``rfc2136``, ``webhook`` and ``http01`` only names are certified that the authority holds proven already.
    ``http01``: the data plane shows proofs, where a record in DNS proves nothing or there is none.
    ``propagation`` is how many seconds after a record was published the authority is told to look.
    """

    directory: str = ""  # empty: the provider's
    ca: str = ""  # PEM that the directory is trusted by; empty: public authorities
    contacts: tuple[str, ...] = ()  # e-mail addresses; empty: the issuer's administrators'
    rfc2136: Rfc2136 | None = None
    webhook: Webhook | None = None
    propagation: int = DEFAULT_PROPAGATION
    chain: str = ""  # name of the preferred chain's last issuer
    profile: str = ""  # as the directory names it
    http01: bool = False


@dataclass(frozen=True, slots=True)
class AcmeAccount:
    """An account with a directory (RFC 8555, section 7.1.2). A persistent format; the key hides in ``repr``.

    ``url`` is empty until the directory has said that it has the account.
    """

    directory: str
    key: str = field(repr=False)  # EC P-256, PKCS #8 in PEM
    binding: str = ""  # identifier of the external account that it is bound to (RFC 8555, section 7.3.4)
    url: str = ""


def directory_of(provider: str, settings: AcmeSettings | None) -> str:
    """Return the URL of an issuer's directory; empty: it has none."""
    return settings.directory if settings and settings.directory else DIRECTORIES.get(provider.lower(), "")


def check(settings: AcmeSettings, provider: str) -> None:
    """Raise ``InvalidInput`` unless certificates can be asked for so. Sizes are checked where bodies are read."""
    if not directory_of(provider, settings):
        raise InvalidInput("acme.directory: is needed; it is the URL of the authority's ACME directory")
    if settings.directory:
        check_url("acme.directory", settings.directory)
    _check_ca("acme.ca_bundle", settings.ca)
    if not all(_EMAIL.fullmatch(each) for each in settings.contacts):
        raise InvalidInput("acme.contacts: are e-mail addresses")
    if settings.rfc2136 and settings.webhook:
        raise InvalidInput("acme.dns01: has either rfc2136 or webhook")
    if settings.profile and not _WORD.fullmatch(settings.profile):
        raise InvalidInput("acme.profile: has 1 to 64 letters, digits, dots, hyphens and underscores")
    if settings.rfc2136:
        _check_rfc2136(settings.rfc2136)
    if settings.webhook:
        _check_webhook(settings.webhook)


def check_url(where: str, url: str) -> None:
    """Raise ``InvalidInput`` unless a URL is https, or http to this machine itself, without credentials in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidInput(f"{where}: is no URL") from None
    if not url.isascii() or not url.isprintable() or " " in url or not host or parts.fragment:
        raise InvalidInput(f"{where}: is no URL")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(f"{where}: has a user or a password in it")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise InvalidInput(f"{where}: begins with https:// (http:// only for a loopback address)")


def is_loopback(host: str) -> bool:
    """Does a host say by itself that it is this machine?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_ca(where: str, pem: str) -> None:
    if pem and _CERTIFICATE not in pem:
        raise InvalidInput(f"{where}: holds certificates in PEM")


def _check_rfc2136(settings: Rfc2136) -> None:
    where = "acme.dns01.rfc2136"
    if not _HOST.fullmatch(settings.server) and not _is_address(settings.server):
        raise InvalidInput(f"{where}.server: is the name or the address of a host")
    for name, text in (("key_name", settings.key_name), ("zone", settings.zone or "zone")):
        if not _DNS_NAME.fullmatch(text) or len(text) > 254:
            raise InvalidInput(f"{where}.{name}: is a DNS name")
    if not _is_base64(settings.secret):
        raise InvalidInput(f"{where}.secret: is 1 to {_SECRET_OCTETS} octets in base64")


def _check_webhook(settings: Webhook) -> None:
    check_url("acme.dns01.webhook.url", settings.url)
    if urlsplit(settings.url).query:
        raise InvalidInput("acme.dns01.webhook.url: has a query; paths are added to it")
    if settings.token and not _TOKEN.fullmatch(settings.token):
        raise InvalidInput("acme.dns01.webhook.token: has 1 to 4096 visible ASCII characters")
    _check_ca("acme.dns01.webhook.ca_bundle", settings.ca)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        return 0 < len(base64.b64decode(text, validate=True)) <= _SECRET_OCTETS
    except (binascii.Error, ValueError):
        return False
