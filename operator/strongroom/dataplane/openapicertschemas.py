"""The shapes of the published description of certificates: JSON Schema (2020-12) of their bodies."""

from __future__ import annotations

from typing import Final

from strongroom.dataplane import cawire, certwire, issuerwire, openapiacme, wire
from strongroom.dataplane.openapischemas import BASE64URL, Json, object_of, page_of, reference, text_of
from strongroom.dataplane.operations import BACKUP_BODY
from strongroom.domain import certificatepolicies, certificates, keytypes

_BASE64: Final = "^[A-Za-z0-9+/\\s]*={0,2}\\s*$"
_SECONDS: Final[Json] = {"type": "integer", "description": "Unix seconds."}
_TEXT: Final[Json] = {"type": "string"}
_FLAG: Final[Json] = {"type": ["boolean", "null"]}


def schemas(page: int) -> dict[str, Json]:
    """Return the bodies by name."""
    return _parameters() | _answers(page) | _around(page)


def _parameters() -> dict[str, Json]:
    policy = reference("schemas", "CertificatePolicyParameters")
    wanted = {
        "attributes": object_of({"enabled": _FLAG}),
        "tags": {
            "type": "object",
            "maxProperties": wire.TAGS,
            "additionalProperties": text_of(certwire.TAG_LENGTH),
        },
    }
    chain = {
        "type": "array",
        "minItems": 1,
        "maxItems": certwire.CHAIN,
        "items": _TEXT | {"maxLength": certwire.FILE_OCTETS},
    }
    file = {
        "value": _TEXT | {"maxLength": certwire.FILE_OCTETS * 4 // 3, "description": "PKCS #12 in base64, or PEM."},
        "pwd": text_of(certwire.PASSWORD_LENGTH, nullable=True),
    }
    return {
        "CertificatePolicyParameters": object_of(_policy()),
        "CertificateCreateParameters": object_of({"policy": policy, "preserveCertOrder": _FLAG, **wanted}),
        "CertificateImportParameters": object_of(
            {**file, "policy": policy, "preserveCertOrder": _FLAG, **wanted}, "value"
        ),
        "CertificateUpdateParameters": object_of({"policy": policy, **wanted}),
        "CertificateMergeParameters": object_of({"x5c": chain, **wanted}, "x5c"),
        "CertificateOperationUpdateParameter": object_of({"cancellation_requested": _FLAG}),
        "CertificateRestoreParameters": object_of({"value": text_of(BACKUP_BODY, pattern=BASE64URL)}, "value"),
    }


def _answers(page: int) -> dict[str, Json]:
    bundle, deleted = _bundle(), {"recoveryId": _TEXT, "deletedDate": _SECONDS, "scheduledPurgeDate": _SECONDS}
    item = {name: bundle[name] for name in ("id", "x5t", "tags")} | {
        "attributes": reference("schemas", "CertificateItemAttributes")
    }
    times = {"nbf": _SECONDS, "exp": _SECONDS, "created": _SECONDS, "updated": _SECONDS}
    return {
        "CertificateItemAttributes": object_of({"enabled": {"type": "boolean"}, **times}, "enabled", "created"),
        "CertificateBundle": object_of(bundle, "id", "attributes", "policy"),
        "DeletedCertificateBundle": object_of(bundle | deleted, "id", "attributes", "policy", *deleted),
        "CertificateItem": object_of(item, "id", "attributes"),
        "DeletedCertificateItem": object_of(item | deleted, "id", "attributes", *deleted),
        "CertificateListResult": page_of(reference("schemas", "CertificateItem"), page),
        "DeletedCertificateListResult": page_of(reference("schemas", "DeletedCertificateItem"), page),
        "CertificatePolicy": object_of(
            _policy() | {"id": _TEXT, "attributes": object_of({"enabled": {"type": "boolean"}, **times})}, "id"
        ),
        "CertificateOperation": object_of(_operation(), "id", "issuer", "csr", "status", "request_id"),
        "BackupCertificateResult": object_of({"value": {"type": "string", "pattern": BASE64URL}}, "value"),
    }


def _around(page: int) -> dict[str, Json]:
    person = {name: text_of(issuerwire.TEXT_LENGTH) for name in ("email", "name", "phone")}
    person["email"] = text_of(issuerwire.TEXT_LENGTH, pattern=f"^{issuerwire.EMAIL}$")
    people = {"type": "array", "maxItems": issuerwire.PEOPLE, "items": object_of(person, "email")}
    issuer = _issuer(secret=True)
    shown = _issuer(secret=False) | {"id": _TEXT}
    return {
        "ContactsParameters": object_of({"contacts": people | {"minItems": 1}}, "contacts"),
        "Contacts": object_of({"id": _TEXT, "contacts": people}, "id", "contacts"),
        "CertificateIssuerSetParameters": object_of(issuer, "provider"),
        "CertificateIssuerUpdateParameters": object_of(issuer),
        "IssuerBundle": object_of(shown, "id", "provider"),
        "CertificateIssuerItem": object_of({"id": _TEXT, "provider": _TEXT}, "id", "provider"),
        "CertificateIssuerListResult": object_of(
            {
                "value": {"type": "array", "items": reference("schemas", "CertificateIssuerItem")},
                "nextLink": {"type": ["string", "null"]},
            },
            "value",
        ),
    }


def _issuer(*, secret: bool) -> dict[str, Json]:
    administrator = {name: text_of(issuerwire.TEXT_LENGTH) for name in ("first_name", "last_name", "email", "phone")}
    credentials = {"account_id": text_of(issuerwire.TEXT_LENGTH)}
    credentials |= {"pwd": text_of(issuerwire.TEXT_LENGTH)} if secret else {}
    details = {
        "id": text_of(issuerwire.TEXT_LENGTH),
        "zip": {"type": "integer"},
        "admin_details": {"type": "array", "maxItems": issuerwire.PEOPLE, "items": object_of(administrator)},
    }
    return {
        "provider": text_of(issuerwire.PROVIDER_LENGTH) | {"minLength": 1},
        "credentials": object_of(credentials),
        "org_details": object_of(details),
        "acme": openapiacme.schema(secret=secret),
        "ca": cawire.schema(),
        "attributes": object_of({"enabled": _FLAG, "created": _SECONDS, "updated": _SECONDS}),
    }


def _policy() -> dict[str, Json]:
    kinds = [kty + hsm for kty in ("RSA", "EC") for hsm in ("", "-HSM")]
    sizes: list[int | None] = [*keytypes.RSA_SIZES, 256, 384, 521, None]
    key = {
        "exportable": _FLAG,
        "kty": {"enum": [*kinds, None]},
        "key_size": {"enum": sizes},
        "reuse_key": _FLAG,
        "crv": {"enum": [*(each.value for each in keytypes.EC_CURVES), None]},
    }
    issuer = {
        "name": text_of(certificatepolicies.ISSUER_LENGTH, nullable=True),
        "cty": text_of(certificatepolicies.TYPE_LENGTH, nullable=True),
        "cert_transparency": _FLAG,
    }
    return {
        "key_props": object_of(key),
        "secret_props": object_of({"contentType": {"enum": [*certificates.CONTENT_TYPES, None]}}),
        "x509_props": object_of(_x509()),
        "lifetime_actions": {"type": "array", "maxItems": certificatepolicies.ACTIONS, "items": _action()},
        "issuer": object_of(issuer),
    }


def _x509() -> dict[str, Json]:
    names = {"type": "array", "maxItems": certificatepolicies.NAMES, "items": text_of(certificatepolicies.NAME_LENGTH)}
    usages = {
        "type": "array",
        "maxItems": certificatepolicies.USAGES,
        "items": {"enum": [u.value for u in certificates.Usage]},
    }
    return {
        "subject": text_of(certificatepolicies.SUBJECT_LENGTH, nullable=True) | {"description": "RFC 4514."},
        "sans": object_of(dict.fromkeys(("emails", "dns_names", "upns", "uris", "ipAddresses"), names)),
        "ekus": {
            "type": "array",
            "maxItems": certificatepolicies.EKUS,
            "items": text_of(certificatepolicies.EKU_LENGTH),
        },
        "key_usage": usages,
        "validity_months": {"type": ["integer", "null"], "minimum": 0, "maximum": certificates.MAX_MONTHS},
        "basic_constraints": object_of({"ca": _FLAG}),
    }


def _action() -> Json:
    trigger = {
        "lifetime_percentage": {"type": ["integer", "null"], "minimum": 1, "maximum": 99},
        "days_before_expiry": {"type": ["integer", "null"], "minimum": 1, "maximum": certificatepolicies.DAYS},
    }
    action = {"action_type": {"enum": [each.value for each in certificates.Action]}}
    return object_of({"trigger": object_of(trigger), "action": object_of(action, "action_type")}, "trigger", "action")


def _bundle() -> dict[str, Json]:
    base64 = {"type": "string", "pattern": _BASE64, "description": "DER in base64."}
    return {
        "id": _TEXT,
        "kid": _TEXT,
        "sid": _TEXT,
        "x5t": {"type": "string", "pattern": BASE64URL, "description": "SHA-1 of the certificate."},
        "cer": base64,
        "contentType": _TEXT,
        "attributes": reference("schemas", "SecretAttributes"),
        "tags": {"type": "object", "additionalProperties": _TEXT},
        "policy": reference("schemas", "CertificatePolicy"),
        "pending": object_of({"id": _TEXT}, "id"),
        "preserveCertOrder": {"type": "boolean"},
    }


def _operation() -> dict[str, Json]:
    error = object_of({"code": _TEXT, "message": _TEXT}, "code", "message")
    return {
        "id": _TEXT,
        "issuer": object_of({"name": _TEXT, "cty": _TEXT, "cert_transparency": {"type": "boolean"}}, "name"),
        "csr": {"type": "string", "pattern": _BASE64, "description": "PKCS #10 in base64."},
        "cancellation_requested": {"type": "boolean"},
        "status": {"enum": [each.value for each in certificates.Progress]},
        "status_details": _TEXT,
        "error": error,
        "target": _TEXT,
        "request_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    }
