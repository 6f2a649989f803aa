"""Bodies as Azure Key Vault's REST API has them: what is read of requests, and what answers look like."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain import base64url
from strongroom.domain.apiobjects import Condition, Wanted
from strongroom.domain.errors import BackupRefused, InvalidInput
from strongroom.domain.fields import Fields
from strongroom.domain.names import HEX_ID
from strongroom.domain.objects import Attributes, ObjectHead
from strongroom.domain.vaults import VaultHead

VALUE_OCTETS: Final = 25 * 1024
CONTENT_TYPE_LENGTH: Final = 255
TAGS: Final = 15
TAG_LENGTH: Final = 512
PEM: Final = "application/x-pem-file"
"""What Azure calls the media type of a secret that is PEM."""

_IF_MATCH: Final = re.compile(rf'\*|"?({HEX_ID.pattern})"?')


def read_value(fields: Fields) -> bytes:
    """Return the value to set; ``InvalidInput`` above 25 KiB. The empty text is a value."""
    octets = fields.required_text("value", VALUE_OCTETS).encode()
    if len(octets) > VALUE_OCTETS:
        raise InvalidInput(f"Property value has invalid value: at most {VALUE_OCTETS} octets")
    return octets


def read_wanted(fields: Fields) -> Wanted:
    """Return the attributes that a request mentions."""
    attributes = fields.inner("attributes")
    return Wanted(
        enabled=attributes.flag("enabled"),
        not_before=attributes.moment("nbf"),
        expires=attributes.moment("exp"),
        content_type=fields.text("contentType", CONTENT_TYPE_LENGTH),
        tags=fields.texts("tags", TAGS, TAG_LENGTH),
    )


def read_backup(fields: Fields, octets: int) -> bytes:
    """Return the octets of a backup; ``BackupRefused`` when they are not base64url."""
    text = fields.required_text("value", octets).rstrip("=")
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BackupRefused("Backup blob is corrupt.") from None
    if base64url.encode(found) != text:
        raise BackupRefused("Backup blob is corrupt.")  # its last character has bits that encode nothing
    return found


def read_condition(if_match: str | None, if_none_match: str | None) -> Condition:
    """Return the condition of a write (RFC 9110, section 13.1); ``InvalidInput`` for what is not one of ours."""
    if if_none_match is not None and if_none_match.strip() != "*":
        raise InvalidInput("If-None-Match: only * is understood")
    if if_match is None:
        return Condition(absent=if_none_match is not None)
    found = _IF_MATCH.fullmatch(if_match.strip())
    if found is None:
        raise InvalidInput("If-Match: it must be a version in double quotes, as the header ETag gives it, or *")
    if if_none_match is not None:
        raise InvalidInput("If-Match and If-None-Match exclude each other")
    return Condition(found[1] or "", present=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vault's objects are: ``https://<host>[:port]``, without a slash at the end."""

    base: str

    def of(self, collection: str, name: str, version: str = "") -> str:
        """Return the identifier of an object or of one of its versions."""
        return f"{self.base}/{collection}/{name}/{version}" if version else f"{self.base}/{collection}/{name}"


def recovery_level(vault: VaultHead) -> str:
    """Return Azure's word for what becomes of deleted objects."""
    level = "Recoverable" if vault.retention_days >= 90 else "CustomizedRecoverable"
    return level if vault.purge_protection else f"{level}+Purgeable"


def attributes(vault: VaultHead, of: Attributes) -> dict[str, Any]:
    """Return the member ``attributes``; what is not set is left out."""
    found: dict[str, Any] = {"enabled": of.enabled}
    if of.not_before is not None:
        found["nbf"] = of.not_before
    if of.expires is not None:
        found["exp"] = of.expires
    return found | {
        "created": of.created,
        "updated": of.updated,
        "recoveryLevel": recovery_level(vault),
        "recoverableDays": vault.retention_days,
    }


def managed(place: Place, head: ObjectHead, version: str) -> dict[str, Any]:
    """Return what a certificate's key and secret have beside their own."""
    if head.certificate is None:
        return {}
    return {"managed": True} | ({"kid": place.of("keys", head.name, version)} if version else {})


def item(vault: VaultHead, place: Place, head: ObjectHead, of: Attributes, version: str = "") -> dict[str, Any]:
    """Return a SecretItem, or the part of a SecretBundle that is not the value."""
    found: dict[str, Any] = {"id": place.of("secrets", head.name, version), "attributes": attributes(vault, of)}
    found |= managed(place, head, version)
    if of.content_type:
        found["contentType"] = of.content_type
    if of.tags:
        found["tags"] = of.tags
    return found


def deletion(place: Place, head: ObjectHead, collection: str = "deletedsecrets") -> dict[str, Any]:
    """Return what a deleted object has beside its bundle."""
    return {
        "recoveryId": place.of(collection, head.name),
        "deletedDate": head.deleted_at,
        "scheduledPurgeDate": head.purge_at,
    }


def value(payload: bytes) -> dict[str, str]:
    """Return the member ``value``. Octets that are no text, which only an import can have made, are in base64."""
    try:
        return {"value": payload.decode()}
    except UnicodeDecodeError:
        return {"value": base64.b64encode(payload).decode(), "valueEncoding": "base64"}
