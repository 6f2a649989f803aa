"""How a CA of the vault issues, in the bodies of issuers: an addition to Azure's."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from strongroom.dataplane.openapischemas import Json, object_of, text_of
from strongroom.domain.casettings import CaSettings
from strongroom.domain.certificates import MAX_MONTHS
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.domain.names import OBJECT_NAME
from strongroom.domain.vaults import DAY

PROVIDER: Final = "VaultCA"
URLS: Final = 4
URL_LENGTH: Final = 512
_DAYS: Final = MAX_MONTHS * 31
_URLS: Final = {"crl": "crl_urls", "ocsp": "ocsp_urls", "issuer": "issuer_urls"}


def read(fields: Fields, provider: str, present: CaSettings | None) -> CaSettings | None:
    """Return the settings that a request describes; ``InvalidInput``. None for other providers."""
    given = fields.inner("ca")
    if provider.lower() != PROVIDER.lower():
        if fields.has("ca"):
            raise InvalidInput(f"Property ca is for issuers of the provider {PROVIDER}")
        return None
    base = present or CaSettings("")
    name = given.text("certificate", 127) or base.certificate
    if not OBJECT_NAME.fullmatch(name):
        raise InvalidInput("Property ca.certificate is required: the name of a certificate in this vault that is a CA")
    days = given.number("max_validity_days", 1, _DAYS)
    found = {field: given.words(word, URLS, URL_LENGTH) for word, field in _URLS.items()}
    urls = {field: getattr(base, field) if each is None else _checked(each) for field, each in found.items()}
    return CaSettings(name, **urls, longest=base.longest if days is None else days * DAY)


def shown(of: CaSettings | None) -> dict[str, Any]:
    """Return the member."""
    if of is None:
        return {}
    urls = {word: list(getattr(of, field)) for word, field in _URLS.items() if getattr(of, field)}
    days = {"max_validity_days": of.longest // DAY} if of.longest else {}
    return {"ca": {"certificate": of.certificate, **urls, **days}}


def schema() -> Json:
    """Return its shape."""
    urls = {"type": ["array", "null"], "maxItems": URLS, "items": text_of(URL_LENGTH)}
    days = {"type": ["integer", "null"], "minimum": 1, "maximum": _DAYS}
    name = text_of(127, nullable=True) | {"description": "The name of a certificate in this vault that is a CA."}
    return object_of({"certificate": name, **dict.fromkeys(_URLS, urls), "max_validity_days": days})


def _checked(urls: list[str]) -> tuple[str, ...]:
    for each in urls:
        try:
            parts = urlsplit(each)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.netloc or not each.isascii() or " " in each:
            raise InvalidInput("Property ca: a URL begins with http:// or https://, and is ASCII")
    return tuple(urls)
