"""The shapes of the published description of keys: JSON Schema (2020-12) of their bodies."""

from __future__ import annotations

from strongroom.crypto import release
from strongroom.dataplane import keywire
from strongroom.dataplane.openapischemas import BASE64URL, Json, changes, object_of, page_of, reference, text_of
from strongroom.dataplane.operations import BACKUP_BODY
from strongroom.domain import keytypes
from strongroom.domain.algorithms import ALGORITHMS, VALUE_OCTETS
from strongroom.domain.releasepolicies import POLICY_OCTETS
from strongroom.service.identity.attestations import LONGEST as ATTESTATION_LENGTH


def schemas(page: int) -> dict[str, Json]:
    """Return the bodies by name."""
    item, deleted = _item(), _deleted_times()
    wanted = _wanted()
    return {
        "KeyCreateParameters": object_of(
            {**_spec(), **wanted, "attributes": _attributes_wanted(exportable=True)}, "kty"
        ),
        "KeyImportParameters": object_of(
            {
                "key": reference("schemas", "JsonWebKeyParameters"),
                "Hsm": {"type": ["boolean", "null"]},
                **wanted,
                "attributes": _attributes_wanted(exportable=True),
            },
            "key",
        ),
        "JsonWebKeyParameters": _private(),
        "KeyUpdateParameters": object_of(wanted),
        "KeyRestoreParameters": object_of({"value": text_of(BACKUP_BODY, pattern=BASE64URL)}, "value"),
        "KeyOperationParameters": object_of(
            {"alg": _algorithm(), **_octets("value", "iv", "tag", "aad")}, "alg", "value"
        ),
        "KeyVerifyParameters": object_of({"alg": _algorithm(), **_octets("digest", "value")}, "alg", "digest", "value"),
        "KeyReleaseParameters": object_of(_release(), "target"),
        "KeyRotationPolicyParameters": object_of({"lifetimeActions": _actions(), "attributes": _expiry()}),
        "RandomBytesParameters": object_of(
            {"count": {"type": "integer", "minimum": 1, "maximum": keywire.RANDOM_OCTETS}}, "count"
        ),
        "KeyAttributes": {
            "allOf": [reference("schemas", "SecretAttributes"), object_of({"exportable": {"type": "boolean"}})]
        },
        "JsonWebKey": _public(),
        "KeyBundle": object_of(_bundle(), "key", "attributes"),
        "DeletedKeyBundle": object_of(_bundle() | deleted, "key", "attributes", *deleted),
        "KeyItem": object_of(item, "kid", "attributes"),
        "DeletedKeyItem": object_of(item | deleted, "kid", "attributes", *deleted),
        "KeyListResult": page_of(reference("schemas", "KeyItem"), page),
        "DeletedKeyListResult": page_of(reference("schemas", "DeletedKeyItem"), page),
        "BackupKeyResult": object_of({"value": {"type": "string", "pattern": BASE64URL}}, "value"),
        "KeyOperationResult": object_of(
            {"kid": {"type": "string"}, **_octets("value", "iv", "tag", "aad")}, "kid", "value"
        ),
        "KeyVerifyResult": object_of({"value": {"type": "boolean"}}, "value"),
        "KeyReleaseResult": object_of(
            {"value": {"type": "string", "description": "A compact JSON Web Signature, ES256, with x5c."}}, "value"
        ),
        "KeyRotationPolicy": object_of(
            {"id": {"type": "string"}, "lifetimeActions": _actions(), "attributes": _expiry()}, "lifetimeActions"
        ),
        "RandomBytes": object_of({"value": {"type": "string", "pattern": BASE64URL}}, "value"),
    }


def _algorithm() -> Json:
    return {"enum": sorted(ALGORITHMS)}


def _octets(*names: str) -> Json:
    return {name: text_of(VALUE_OCTETS * 4 // 3 + 4, pattern=BASE64URL) for name in names}


def _kty() -> Json:
    return {"enum": ["RSA", "RSA-HSM", "EC", "EC-HSM", "oct", "oct-HSM", "OKP"]}


def _operations() -> Json:
    return {
        "type": "array",
        "maxItems": keywire.OPERATIONS,
        "items": {"enum": [each.value for each in keytypes.Operation]},
    }


def _spec() -> Json:
    sizes: list[int | None] = [*keytypes.RSA_SIZES, *keytypes.OCT_SIZES, None]
    return {
        "kty": _kty(),
        "key_size": {"enum": sizes, "description": "Bits, of RSA and oct keys."},
        "crv": {"enum": [*(each.value for each in keytypes.Curve), None], "description": "Of EC and OKP keys."},
        "public_exponent": {
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": 2**32 - 1,
            "description": "Of RSA-HSM.",
        },
    }


def _wanted() -> Json:
    policy = object_of(
        {
            "contentType": text_of(64),
            "data": text_of(POLICY_OCTETS * 4 // 3, pattern=BASE64URL),
            "immutable": {"type": "boolean"},
        }
    )
    found = {name: schema for name, schema in changes().items() if name != "contentType"}
    return {"key_ops": _operations(), **found, "release_policy": policy}


def _release() -> Json:
    return {
        "target": {**text_of(ATTESTATION_LENGTH), "description": "An attestation: a JSON Web Token."},
        "nonce": {**text_of(keywire.NONCE_LENGTH, nullable=True), "description": "Comes back in the answer."},
        "enc": {"enum": [*release.DIGESTS, None]},
    }


def _attributes_wanted(*, exportable: bool) -> Json:
    found = dict(changes()["attributes"])
    return found | {"properties": found["properties"] | ({"exportable": {"type": "boolean"}} if exportable else {})}


def _private() -> Json:
    numbers = {
        name: text_of(1400, pattern=BASE64URL) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi", "k", "x", "y")
    }
    return object_of({"kty": _kty(), "key_ops": _operations(), "crv": {"type": "string"}, **numbers}, "kty")


def _public() -> Json:
    numbers = {name: {"type": "string", "pattern": BASE64URL} for name in ("n", "e", "x", "y")}
    fixed = {"kid": {"type": "string"}, "kty": _kty(), "key_ops": _operations(), "crv": {"type": "string"}}
    return object_of(fixed | numbers, "kid", "kty", "key_ops") | {"additionalProperties": False}


def _item() -> Json:
    return {
        "kid": {"type": "string", "description": "A URL; in lists of keys without a version."},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "attributes": reference("schemas", "KeyAttributes"),
    }


def _bundle() -> Json:
    found = {name: schema for name, schema in _item().items() if name != "kid"}
    policy = {"contentType": {"type": "string"}, "data": {"type": "string"}, "immutable": {"type": "boolean"}}
    return {"key": reference("schemas", "JsonWebKey"), **found, "release_policy": object_of(policy, "data")}


def _deleted_times() -> Json:
    seconds = {"type": "integer", "description": "Unix seconds."}
    return {"recoveryId": {"type": "string"}, "deletedDate": seconds, "scheduledPurgeDate": seconds}


def _actions() -> Json:
    duration = text_of(keywire.WORD_LENGTH)
    return {
        "type": "array",
        "maxItems": keywire.ACTIONS,
        "items": object_of(
            {
                "trigger": object_of({"timeAfterCreate": duration, "timeBeforeExpiry": duration}),
                "action": object_of({"type": {"enum": ["Rotate", "Notify"]}}, "type"),
            },
            "trigger",
            "action",
        ),
    }


def _expiry() -> Json:
    found = object_of({"expiryTime": {"type": ["string", "null"], "maxLength": keywire.WORD_LENGTH}})
    return found | {"type": ["object", "null"]}
