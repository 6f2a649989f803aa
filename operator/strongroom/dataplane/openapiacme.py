"""The shape of the member ``acme`` of issuers in the published description: JSON Schema (2020-12)."""

from __future__ import annotations

from strongroom.dataplane import acmewire
from strongroom.dataplane.openapischemas import Json, object_of, text_of
from strongroom.domain import acmesettings


def schema(*, secret: bool) -> Json:
    """Return the member ``acme``; ``secret``: as it is written."""
    authority = text_of(acmewire.CA_LENGTH) | {"description": "PEM. Empty: public authorities."}
    hidden = text_of(acmewire.SECRET_LENGTH)
    update = {
        "server": text_of(acmewire.NAME_LENGTH),
        "port": {"type": "integer", "minimum": 1, "maximum": 65_535},
        "zone": text_of(acmewire.NAME_LENGTH),
        "key_name": text_of(acmewire.NAME_LENGTH),
        "algorithm": {"enum": [each.value for each in acmesettings.TsigAlgorithm]},
    } | ({"secret": hidden | {"description": "base64"}} if secret else {})
    webhook = {"url": text_of(acmewire.URL_LENGTH), "ca_bundle": authority} | ({"token": hidden} if secret else {})
    dns01 = {
        "propagation_seconds": {"type": "integer", "minimum": 0, "maximum": acmesettings.MAX_PROPAGATION},
        "rfc2136": object_of(update, "server", "key_name"),
        "webhook": object_of(webhook, "url"),
    }
    contacts = {"type": "array", "maxItems": acmewire.CONTACTS, "items": text_of(acmewire.EMAIL_LENGTH)}
    members = {
        "directory": text_of(acmewire.URL_LENGTH),
        "ca_bundle": authority,
        "contacts": contacts,
        "dns01": object_of(dns01),
        "http01": object_of({}) | {"description": "The data plane shows proofs, where the installation allows it."},
        "preferred_chain": text_of(acmewire.CHAIN_LENGTH),
        "profile": text_of(64),
    }
    return object_of(members) | {"description": "ACME (RFC 8555); Azure Key Vault does not have it."}
