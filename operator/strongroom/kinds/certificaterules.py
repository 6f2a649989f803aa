"""What holds between parts of ``spec`` of a VaultCertificate, for the API server (CEL): most of it may be left out."""

from __future__ import annotations

from typing import Final

IN_POLICY: Final = (
    "issuerRef", "commonName", "subject", "dnsNames", "ipAddresses", "uris", "emailAddresses", "duration",
    "renewBefore", "renewBeforePercentage", "usages", "privateKey", "isCA", "nameConstraints", "pathLength",
    "exportable",
)  # fmt: skip
"""Fields in whose place ``policy`` stands."""

_KEY: Final = "self.policy.key_props"
_SOFTWARE: Final = "(!has(self.privateKey) || self.privateKey.protection == 'Software')"

LETS_OUT: Final = (
    f"(has(self.policy) ? (!has({_KEY}) || ((!has({_KEY}.exportable) || {_KEY}.exportable) && "
    f"(!has({_KEY}.kty) || !{_KEY}.kty.endsWith('-HSM')))) : "
    f"((!has(self.exportable) || self.exportable) && {_SOFTWARE}))"
)
"""May the private key be read?"""

ONE_OF_TWO: Final = f"policy stands in place of {', '.join(IN_POLICY)}: leave these out, or policy"
ONE_SUBJECT: Final = "commonName and subject exclude each other"
A_NAME: Final = "commonName, subject, dnsNames, ipAddresses, uris or emailAddresses: at least one is needed, or policy"
ONE_TIME: Final = "renewBefore and renewBeforePercentage exclude each other"
PRIVATE: Final = (
    "a target of the type kubernetes.io/tls holds the private key: it needs exportable true and privateKey.protection "
    "Software, of a policy key_props.exportable true and a kty without -HSM"
)
OF_A_CA: Final = "nameConstraints and pathLength are of a CA: they need isCA"
KEPT: Final = "exportable: a key in the HSM cannot be exported; leave exportable out or set it to false"


def _has(*fields: str) -> str:
    return "(" + " || ".join(f"has(self.{each})" for each in fields) + ")"


RULES: Final = (
    (f"!has(self.policy) || !{_has(*IN_POLICY)}", ONE_OF_TWO),
    ("!(has(self.commonName) && has(self.subject))", ONE_SUBJECT),
    (_has("policy", "commonName", "subject", "dnsNames", "ipAddresses", "uris", "emailAddresses"), A_NAME),
    ("!(has(self.renewBefore) && has(self.renewBeforePercentage))", ONE_TIME),
    (f"!has(self.target) || self.target.type != 'kubernetes.io/tls' || {LETS_OUT}", PRIVATE),
    (f"!has(self.exportable) || !self.exportable || {_SOFTWARE}", KEPT),
    ("has(self.isCA) && self.isCA || !(has(self.nameConstraints) || has(self.pathLength))", OF_A_CA),
    (
        "!has(self.rolloutRestartTargets) || has(self.target)",
        "rolloutRestartTargets need a target: Pods read the certificate from it",
    ),
)
