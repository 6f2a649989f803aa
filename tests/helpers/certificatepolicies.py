"""Policies of certificates in Azure Key Vault's words, and what may not stand beside them."""

from __future__ import annotations

from typing import Any

NAMED = {"subject": "CN=app.example"}
RENEW = {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}
WHOLE: dict[str, Any] = {
    "id": "https://mine.vault.azure.net/certificates/app/policy",
    "issuer": {"name": "certificate/root", "cty": "OV-SSL", "cert_transparency": False},
    "key_props": {"exportable": True, "kty": "EC", "key_size": 384, "reuse_key": True, "crv": "P-384"},
    "secret_props": {"contentType": "application/x-pem-file"},
    "x509_props": {
        "subject": "CN=app.example,O=Example",
        "sans": {
            "emails": ["a@app.example"],
            "dns_names": ["app.example", "*.app.example"],
            "upns": ["u@app.example"],
            "uris": ["spiffe://app.example/a"],
            "ipAddresses": ["192.0.2.1", "2001:db8::1"],
        },
        "ekus": ["1.3.6.1.5.5.7.3.1"],
        "key_usage": ["digitalSignature", "keyAgreement"],
        "validity_months": 6,
        "basic_constraints": {"ca": False},
    },
    "lifetime_actions": [
        RENEW,
        {"trigger": {"days_before_expiry": 20}, "action": {"action_type": "EmailContacts"}},
    ],
    "attributes": {"enabled": True, "created": 1790000000, "updated": 1790000001},
}
"""A policy with everything, as the REST API has it."""

BESIDE: dict[str, Any] = {
    "issuerRef": {"name": "Self"},
    "commonName": "a",
    "subject": "CN=a",
    "dnsNames": [],
    "ipAddresses": ["192.0.2.1"],
    "uris": ["urn:a"],
    "emailAddresses": ["a@b.example"],
    "duration": "90d",
    "renewBefore": "30d",
    "renewBeforePercentage": 30,
    "usages": ["server auth"],
    "privateKey": {},
    "isCA": False,
    "nameConstraints": {"permitted": {"dnsDomains": ["a.example"]}},
    "pathLength": 0,
    "exportable": True,
}
"""Of each field in whose place a policy stands, some value."""

AZ: dict[str, Any] = {
    "attributes": {"created": "2026-01-01T00:00:00+00:00", "enabled": True, "expires": None, "notBefore": None},
    "id": "https://mine.vault.azure.net/certificates/app/policy",
    "issuerParameters": {"certificateTransparency": None, "certificateType": None, "name": "Self"},
    "keyProperties": {"curve": None, "exportable": True, "keySize": 2048, "keyType": "RSA", "reuseKey": True},
    "lifetimeActions": [
        {"action": {"actionType": "AutoRenew"}, "trigger": {"daysBeforeExpiry": 90, "lifetimePercentage": None}}
    ],
    "secretProperties": {"contentType": "application/x-pkcs12"},
    "x509CertificateProperties": {
        "basicConstraints": None,
        "ekus": ["1.3.6.1.5.5.7.3.1"],
        "keyUsage": ["digitalSignature"],
        "subject": "CN=app.example",
        "subjectAlternativeNames": None,
        "validityInMonths": 12,
    },
}
"""What ``az keyvault certificate show --query policy`` prints."""

MISNAMED = [
    ("issuerParameters", "issuer"),
    ("keyProperties", "key_props"),
    ("secretProperties", "secret_props"),
    ("x509CertificateProperties", "x509_props"),
    ("lifetimeActions", "lifetime_actions"),
]
