"""Policies of certificates in requests and answers of Azure Key Vault's REST API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.dataplane.wire import Place
from strongroom.domain.certificatepolicies import BITS, SANS, WORD_LENGTH, read
from strongroom.domain.certificates import CertificatePolicy, LifetimeAction
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.domain.keytypes import KeySpec
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import DAY


def imported(fields: Fields, base: CertificatePolicy, content_type: str) -> CertificatePolicy:
    """Return the policy of a certificate that is brought in. ``base``: what the certificate itself speaks of."""
    hsm = (fields.inner("key_props").text("kty", WORD_LENGTH) or "").endswith("-HSM")
    policy = read(fields, replace(base, content_type=content_type, exportable=not hsm))
    if replace(policy.key, hsm=False) != base.key:
        raise InvalidInput(
            f"policy.key_props: the certificate's key is {_described(base.key)}; leave these members out"
        )
    if policy.key.hsm and policy.exportable:
        raise InvalidInput("policy.key_props.exportable: a key in the HSM cannot be exported; set it to false")
    return policy


def mentioned(fields: Fields) -> bool:
    """Does a request describe a policy?"""
    return bool(fields.plain("policy"))


def shown(place: Place, head: ObjectHead, of: CertificatePolicy) -> dict[str, Any]:
    """Return a CertificatePolicy."""
    issuer = {"name": of.issuer, "cty": of.certificate_type or None, "cert_transparency": of.transparency}
    return {
        "id": place.of("certificates", head.name, "policy"),
        "key_props": _shown_key(of),
        "secret_props": {"contentType": of.content_type},
        "x509_props": {
            "subject": of.subject,
            "sans": {word: list(getattr(of.names, name)) for word, name in SANS.items() if getattr(of.names, name)},
            "ekus": list(of.ekus),
            "key_usage": [usage.value for usage in of.usages],
            "validity_months": of.months,
            "basic_constraints": {"ca": of.ca},
        },
        "lifetime_actions": [_shown_action(each) for each in of.actions],
        "issuer": {word: value for word, value in issuer.items() if value is not None},
        "attributes": {"enabled": of.enabled, "created": of.created, "updated": of.updated},
    }


def _described(spec: KeySpec) -> str:
    return f"{spec.type} {spec.curve or spec.size}"


def _shown_key(of: CertificatePolicy) -> dict[str, Any]:
    curve = of.key.curve
    key = {"exportable": of.exportable, "kty": of.key.kty, "key_size": BITS[curve] if curve else of.key.size}
    return key | {"reuse_key": of.reuse_key} | ({"crv": curve.value} if curve else {})


def _shown_action(of: LifetimeAction) -> dict[str, Any]:
    trigger = {"lifetime_percentage": of.percentage} if of.percentage else {"days_before_expiry": -(-of.before // DAY)}
    return {"trigger": trigger, "action": {"action_type": of.action.value}}
