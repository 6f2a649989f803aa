"""The member ``acme`` of issuers, which Azure Key Vault does not have: how certificates are asked for by ACME.

Secrets are written and never shown. In a PATCH ``acme`` takes the place of what was; a secret that is left out stays as
long as it is sent to the same server: nobody learns it by having it sent to his own.
"""

from __future__ import annotations

from typing import Any, Final

from strongroom.crypto import certfacts, pemblocks
from strongroom.domain import acmesettings
from strongroom.domain.acmesettings import AcmeSettings, Rfc2136, TsigAlgorithm, Webhook
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields

URL_LENGTH: Final = 2048
NAME_LENGTH: Final = 254
EMAIL_LENGTH: Final = 320
SECRET_LENGTH: Final = 4096
CA_LENGTH: Final = 65_536
CHAIN_LENGTH: Final = 1024
CONTACTS: Final = 10


def read_acme(fields: Fields, provider: str, before: AcmeSettings | None) -> AcmeSettings | None:
    """Return what a request says of an issuer; ``before``: as it was, where that stays. ``InvalidInput``."""
    speaks = provider.lower() in acmesettings.PROVIDERS
    if fields.has("acme") and not speaks:
        raise InvalidInput("acme: is for issuers whose provider is ACME, DigiCert or GlobalSign")
    settings = _read(fields.inner("acme"), before) if fields.has("acme") else before
    if speaks:
        acmesettings.check(settings or AcmeSettings(), provider)
    return settings if speaks else None


def shown(of: AcmeSettings | None) -> dict[str, Any]:
    """Return the member for an answer, without secrets; nothing where there is none."""
    if of is None:
        return {}
    found = {
        "directory": of.directory,
        "ca_bundle": of.ca,
        "contacts": list(of.contacts),
        "dns01": _shown_dns01(of),
        "preferred_chain": of.chain,
        "profile": of.profile,
    }
    return {"acme": {name: value for name, value in found.items() if value} | ({"http01": {}} if of.http01 else {})}


def _read(fields: Fields, before: AcmeSettings | None) -> AcmeSettings:
    dns01 = fields.inner("dns01")
    propagation = dns01.number("propagation_seconds", 0, acmesettings.MAX_PROPAGATION)
    return AcmeSettings(
        directory=fields.text("directory", URL_LENGTH) or "",
        ca=_read_ca(fields, "acme.ca_bundle"),
        contacts=tuple(fields.words("contacts", CONTACTS, EMAIL_LENGTH) or ()),
        rfc2136=_read_rfc2136(dns01.inner("rfc2136"), before) if dns01.has("rfc2136") else None,
        webhook=_read_webhook(dns01.inner("webhook"), before) if dns01.has("webhook") else None,
        propagation=acmesettings.DEFAULT_PROPAGATION if propagation is None else propagation,
        chain=fields.text("preferred_chain", CHAIN_LENGTH) or "",
        profile=fields.text("profile", 64) or "",
        http01=_wants_http01(fields),
    )


def _wants_http01(fields: Fields) -> bool:
    fields.inner("http01")  # an object without members, yet
    return fields.has("http01")


def _read_rfc2136(fields: Fields, before: AcmeSettings | None) -> Rfc2136:
    server, port = fields.required_text("server", NAME_LENGTH), fields.number("port", 1, 65_535) or 53
    algorithm = fields.text("algorithm", 32)
    secret, kept = fields.text("secret", SECRET_LENGTH), before.rfc2136 if before else None
    if secret is None and kept and (kept.server, kept.port) == (server, port):
        secret = kept.secret
    if secret is None:
        raise InvalidInput("Property acme.dns01.rfc2136.secret is required")
    return Rfc2136(
        server=server,
        port=port,
        key_name=fields.required_text("key_name", NAME_LENGTH),
        secret=secret,
        algorithm=_read_algorithm(algorithm) if algorithm else TsigAlgorithm.SHA256,
        zone=fields.text("zone", NAME_LENGTH) or "",
    )


def _read_algorithm(word: str) -> TsigAlgorithm:
    try:
        return TsigAlgorithm(word)
    except ValueError:
        raise InvalidInput(f"acme.dns01.rfc2136.algorithm: is one of {', '.join(TsigAlgorithm)}") from None


def _read_webhook(fields: Fields, before: AcmeSettings | None) -> Webhook:
    url, token = fields.required_text("url", URL_LENGTH), fields.text("token", SECRET_LENGTH)
    kept = before.webhook if before else None
    if token is None and kept and kept.url == url:
        token = kept.token
    return Webhook(url, token or "", _read_ca(fields, "acme.dns01.webhook.ca_bundle"))


def _read_ca(fields: Fields, where: str) -> str:
    text = fields.text("ca_bundle", CA_LENGTH) or ""
    if not text:
        return ""
    blocks = [each for each in pemblocks.split(text.encode(), where) if each.label in pemblocks.CERTIFICATES]
    try:
        for each in blocks:
            certfacts.load(each.octets)
    except (InvalidInput, ValueError):
        raise InvalidInput(f"{where}: holds a certificate that cannot be read") from None
    if not blocks:
        raise InvalidInput(f"{where}: holds certificates in PEM")
    return "".join(each.text.decode("ascii", "replace") for each in blocks)


def _shown_dns01(of: AcmeSettings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if of.rfc2136:
        names = ("server", "port", "zone", "key_name", "algorithm")
        found["rfc2136"] = {name: value for name in names if (value := getattr(of.rfc2136, name))}
    if of.webhook:
        found["webhook"] = {"url": of.webhook.url} | ({"ca_bundle": of.webhook.ca} if of.webhook.ca else {})
    return found | ({"propagation_seconds": of.propagation} if found else {})
