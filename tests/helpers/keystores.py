"""Targets of VaultCertificates with keystores as users write them: what is taken and what is refused, by the parser and
by the API server alike."""

from __future__ import annotations

from typing import Any

Fields = dict[str, Any]

PASSWORD: Fields = {"passwordSecretRef": {"name": "keystore-password"}}
KEPT: Fields = {"exportable": False}
HSM: Fields = {"privateKey": {"algorithm": "ECDSA", "protection": "HSM"}}


def target(**keystores: Fields) -> Fields:
    """A target of type Opaque with these keystores, each with a password."""
    return {"name": "t", "type": "Opaque", "keystores": {name: PASSWORD | each for name, each in keystores.items()}}


TRUST: Fields = {"stores": ["Truststore"]}

ACCEPTED: list[Fields] = [
    {"target": target(pkcs12={})},
    {"target": target(jks={}, pkcs12={})},
    {"target": {**target(jks={"alias": "a.b_c-1"}), "type": "kubernetes.io/tls"}},
    {"target": target(pkcs12={"profile": "LegacyDES", "stores": ["Truststore", "Keystore"]})},
    {"target": target(pkcs12={"passwordSecretRef": {"name": "Pw-1", "key": "password"}})},
    {"target": {**target(pkcs12={}), "keys": {"key.der": "privateKeyDer", "cert.der": "leafDer"}}},
    {"target": {**target(pkcs12={}), "creationPolicy": "Merge"}},
    {**KEPT, "target": target(pkcs12=TRUST, jks=TRUST)},
    {**HSM, "target": target(pkcs12=TRUST)},
]

REFUSED: list[tuple[Fields, str]] = [
    ({"target": {"name": "t", "keystores": {}}}, "jks, pkcs12, or both"),
    ({"target": {"name": "t", "keystores": {"pkcs12": {}}}}, "passwordSecretRef"),
    ({"target": target(pkcs12={"passwordSecretRef": {}})}, "passwordSecretRef.name"),
    ({"target": target(pkcs12={"passwordSecretRef": {"name": "no name"}})}, "passwordSecretRef.name"),
    ({"target": target(pkcs12={"passwordSecretRef": {"name": "pw", "key": "no-field"}})}, "passwordSecretRef.key"),
    ({"target": target(pkcs12={"profile": "LegacyRC2"})}, "profile"),
    ({"target": target(jks={"alias": "Upper"})}, "alias"),
    ({"target": target(jks={"alias": ""})}, "alias"),
    ({"target": target(jks={"stores": []})}, "stores"),
    ({"target": target(jks={"stores": ["keystore"]})}, "stores"),
    ({"target": {**target(pkcs12={}), "keys": {"keystore.jks": "leaf"}}}, "neither keys nor template.data"),
    (
        {"target": {**target(pkcs12={}), "template": {"data": {"truststore.p12": "x"}}}},
        "neither keys nor template.data",
    ),
    ({**KEPT, "target": target(pkcs12={})}, "a keystore holds the private key"),
    ({**KEPT, "target": target(pkcs12=TRUST, jks={})}, "a keystore holds the private key"),
    ({**HSM, "target": target(jks={"stores": ["Keystore"]})}, "a keystore holds the private key"),
    ({**KEPT, "target": {**target(pkcs12=TRUST), "type": "kubernetes.io/tls"}}, "kubernetes.io/tls"),
]
