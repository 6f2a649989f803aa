"""Policies of certificates as Azure Key Vault's REST API has them: how they are read. Pure.

The source is https://learn.microsoft.com/rest/api/keyvault/certificates. Requests and resources are read alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from strongroom.domain import certificates
from strongroom.domain.certificates import (
    Action,
    AlternativeNames,
    CertificatePolicy,
    LifetimeAction,
    Usage,
)
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.domain.keytypes import Curve, KeySpec, key_spec
from strongroom.domain.vaults import DAY

SUBJECT_LENGTH: Final = 1024
NAME_LENGTH: Final = 512
NAMES: Final = 100
USAGES: Final = 9
EKUS: Final = 32
EKU_LENGTH: Final = 128
ACTIONS: Final = 8
ISSUER_LENGTH: Final = 127
TYPE_LENGTH: Final = 255
"""Characters of a media type, or of what an issuer calls a type of certificate."""

WORD_LENGTH: Final = 32
"""Characters of the name of a type, curve, usage or action."""

DAYS: Final = certificates.MAX_MONTHS * 27

BITS: Final = {Curve.P256: 256, Curve.P384: 384, Curve.P521: 521, Curve.P256K: 256}
"""What ``key_size`` says of a key on a curve."""

SANS: Final = {"emails": "emails", "dns_names": "dns", "upns": "upns", "uris": "uris", "ipAddresses": "addresses"}
"""Members of ``sans``, and the fields that they are."""


def read(fields: Fields, base: CertificatePolicy | None) -> CertificatePolicy:
    """Return the policy that these members describe: what they do not mention is as in ``base``, or Azure's default.

    ``InvalidInput`` for a member out of its bounds, or a key that there is not. Whether certificates can be made by the
    policy as a whole, ``certificates.check`` says.
    """
    spec = _read_spec(fields.inner("key_props"), base)
    issuer = fields.inner("issuer")
    name = issuer.text("name", ISSUER_LENGTH)
    plain = base or _default(spec, ca=bool(fields.inner("x509_props").inner("basic_constraints").flag("ca")))
    policy = _with_x509(_with_key(plain, spec, fields), fields.inner("x509_props"))
    transparency, kind = issuer.flag("cert_transparency"), issuer.text("cty", TYPE_LENGTH)
    policy = replace(
        policy,
        issuer=certificates.canonical_issuer(name) if name else policy.issuer,
        certificate_type=policy.certificate_type if kind is None else kind,
        transparency=policy.transparency if transparency is None else transparency,
    )
    actions = _read_actions(fields)
    if actions is None:
        return policy if base else replace(policy, actions=certificates.default_actions(policy.issuer))
    return replace(policy, actions=actions)


def _default(spec: KeySpec, *, ca: bool) -> CertificatePolicy:
    """Azure's, but that a CA signs certificates and revocation lists, for whatever use."""
    usages = certificates.ca_usages() if ca else certificates.default_usages(spec)
    ekus = () if ca else (certificates.SERVER_AUTH, certificates.CLIENT_AUTH)
    return CertificatePolicy(spec, usages=usages, ekus=ekus, exportable=not spec.hsm)


def _read_spec(key: Fields, base: CertificatePolicy | None) -> KeySpec:
    kty, curve = key.text("kty", WORD_LENGTH), key.text("crv", WORD_LENGTH)
    size = key.number("key_size", 0, 2**16)
    if base is not None and kty is None and curve is None and size is None:
        return base.key
    if kty is None and base is not None:
        kty = base.key.kty
    spec = key_spec(kty or "RSA", None if (kty or "").startswith("EC") else size, curve)
    if spec.curve is not None and size not in (None, 0, BITS.get(spec.curve)):
        raise InvalidInput(f"key_props.key_size: a key on the curve {spec.curve} has {BITS.get(spec.curve)} bits")
    return spec


def _with_key(policy: CertificatePolicy, spec: KeySpec, fields: Fields) -> CertificatePolicy:
    key = fields.inner("key_props")
    exportable, reuse = key.flag("exportable"), key.flag("reuse_key")
    content_type = fields.inner("secret_props").text("contentType", TYPE_LENGTH)
    return replace(
        policy,
        key=spec,
        exportable=policy.exportable if exportable is None else exportable,
        reuse_key=policy.reuse_key if reuse is None else reuse,
        content_type=content_type or policy.content_type,
    )


def _with_x509(policy: CertificatePolicy, x509: Fields) -> CertificatePolicy:
    subject, months = x509.text("subject", SUBJECT_LENGTH), x509.number("validity_months", 0, certificates.MAX_MONTHS)
    usages, ekus = x509.words("key_usage", USAGES, WORD_LENGTH), x509.words("ekus", EKUS, EKU_LENGTH)
    ca = x509.inner("basic_constraints").flag("ca")
    return replace(
        policy,
        subject=policy.subject if subject is None else subject,
        names=_read_names(x509.inner("sans")) if x509.plain("sans") else policy.names,
        ekus=policy.ekus if ekus is None else tuple(ekus),
        usages=policy.usages if usages is None else _read_usages(usages),
        months=months or policy.months,
        lifetime=0 if months else policy.lifetime,
        ca=policy.ca if ca is None else ca,
    )


def _read_names(sans: Fields) -> AlternativeNames:
    found = {name: tuple(sans.words(word, NAMES, NAME_LENGTH) or ()) for word, name in SANS.items()}
    return AlternativeNames(**found)


def _read_usages(words: list[str]) -> tuple[Usage, ...]:
    try:
        return tuple(dict.fromkeys(Usage(word) for word in words))
    except ValueError:
        raise InvalidInput(f"x509_props.key_usage has these words: {', '.join(Usage)}") from None


def _read_actions(fields: Fields) -> tuple[LifetimeAction, ...] | None:
    if not fields.has("lifetime_actions"):
        return None
    return tuple(_read_action(each) for each in fields.items("lifetime_actions", ACTIONS))


def _read_action(each: Fields) -> LifetimeAction:
    trigger, word = each.inner("trigger"), each.inner("action").required_text("action_type", WORD_LENGTH)
    known = {action.lower(): action for action in Action}
    if word.lower() not in known:
        raise InvalidInput(f"lifetime_actions: the action_type is one of {', '.join(Action)}")
    percentage = trigger.number("lifetime_percentage", 1, 99)
    days = trigger.number("days_before_expiry", 1, DAYS)
    return LifetimeAction(known[word.lower()], percentage or 0, (days or 0) * DAY)
