"""Policies of certificates, and what is under way to the next one. Pure.

The words are Azure Key Vault's: https://learn.microsoft.com/rest/api/keyvault/certificates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from strongroom.domain.codec import encode
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import KeySpec, KeyType, Operation
from strongroom.domain.vaults import DAY

SELF: Final = "Self"
"""The issuer that signs with the certificate's own key."""

UNKNOWN: Final = "Unknown"
"""The issuer that is somebody outside: the certificate is brought in by a merge."""

PKCS12: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
CONTENT_TYPES: Final = (PKCS12, PEM)

SERVER_AUTH: Final = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH: Final = "1.3.6.1.5.5.7.3.2"

MAX_MONTHS: Final = 1200
BACKDATED: Final = 600
"""Seconds by which a certificate begins before it is made: clocks of clients may be slow."""


class Usage(StrEnum):
    """A bit of the key usage extension (RFC 5280, section 4.2.1.3). A persistent word."""

    DIGITAL_SIGNATURE = "digitalSignature"
    NON_REPUDIATION = "nonRepudiation"
    KEY_ENCIPHERMENT = "keyEncipherment"
    DATA_ENCIPHERMENT = "dataEncipherment"
    KEY_AGREEMENT = "keyAgreement"
    KEY_CERT_SIGN = "keyCertSign"
    CRL_SIGN = "cRLSign"
    ENCIPHER_ONLY = "encipherOnly"
    DECIPHER_ONLY = "decipherOnly"


class Action(StrEnum):
    """What is done when a certificate nears its end. A persistent word."""

    RENEW = "AutoRenew"
    EMAIL = "EmailContacts"


class Progress(StrEnum):
    """How far an operation is. A persistent word."""

    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AlternativeNames:
    """The names that a certificate is for beside its subject (RFC 5280, section 4.2.1.6)."""

    emails: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    upns: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, (self.emails, self.dns, self.upns, self.uris, self.addresses)))


@dataclass(frozen=True, slots=True)
class LifetimeAction:
    """When what is done: after so much of the life, or so many seconds before the end. One of the two is not 0."""

    action: Action
    percentage: int = 0
    before: int = 0

    def due(self, begins: int, ends: int) -> int:
        """Return when it is due in a life between these times. Unix seconds."""
        return ends - self.before if self.before else begins + (ends - begins) * self.percentage // 100


@dataclass(frozen=True, slots=True)
class CertificatePolicy:
    """How versions of a certificate are made. A persistent format: fields are only ever added.

    ``subject`` is a distinguished name (RFC 4514); ``lifetime`` in seconds takes the place of ``months`` where it is
    not 0. Times in Unix seconds.
    """

    key: KeySpec
    subject: str = ""
    names: AlternativeNames = AlternativeNames()
    issuer: str = UNKNOWN
    exportable: bool = True
    reuse_key: bool = False
    content_type: str = PKCS12
    ekus: tuple[str, ...] = (SERVER_AUTH, CLIENT_AUTH)
    usages: tuple[Usage, ...] = (Usage.DIGITAL_SIGNATURE,)
    months: int = 12
    lifetime: int = 0
    ca: bool = False
    actions: tuple[LifetimeAction, ...] = ()
    certificate_type: str = ""  # what the issuer calls it
    transparency: bool | None = None  # whether it is to be in public logs
    permitted: tuple[str, ...] = ()  # of a CA: the DNS domains that it may name; none: all
    path_length: int | None = None  # of a CA: how many CAs may follow it; None: any number
    enabled: bool = True
    created: int = 0
    updated: int = 0

    @property
    def digest(self) -> str:
        """Tells apart two policies that make different certificates: all but when they are renewed."""
        made = replace(self, actions=(), enabled=True, created=0, updated=0)
        return hashlib.sha256(encode(made)).hexdigest()[:32]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What the certificate's key may be used for."""
        able = self.key.default_operations
        wanted = dict.fromkeys(each for usage in self.usages for each in _OPERATIONS[usage])
        return tuple(each for each in wanted if each in able)


@dataclass(frozen=True, slots=True)
class Pending:
    """The operation that makes, or made, a version. A persistent format: fields are only ever added.

    ``request`` names it (Azure: ``request_id``). While it is in progress, the head's face ``REQUEST`` names the record
    with the key and the signing request; ``version`` is the certificate's that came of it.
    """

    request: str
    issuer: str
    created: int
    status: Progress = Progress.IN_PROGRESS
    cancelling: bool = False
    version: str = ""
    code: str = ""  # why it failed, for programs
    message: str = ""  # and for people
    attempts: int = 0
    due: int | None = None  # when it is carried on; None: not by itself
    order: str = ""  # URL of the issuer's order
    policy: str = ""  # digest of the policy that the version is made by

    @property
    def open(self) -> bool:
        """Is it still in progress?"""
        return self.status is Progress.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class CertificateState:
    """What a head knows of its certificate beside versions. A persistent format."""

    policy: CertificatePolicy
    pending: Pending | None = None
    made: str = ""  # digest of the policy that the current version was made by
    trigger: str = ""  # the last handled value of the renew annotation
    revoked: str = ""  # the last revocation that was carried out
    advice_due: int | None = None  # when the issuer is asked when it wants the renewal; None: it never says


_OPERATIONS: Final[dict[Usage, tuple[Operation, ...]]] = {
    Usage.DIGITAL_SIGNATURE: (Operation.SIGN, Operation.VERIFY),
    Usage.NON_REPUDIATION: (Operation.SIGN, Operation.VERIFY),
    Usage.KEY_CERT_SIGN: (Operation.SIGN, Operation.VERIFY),
    Usage.CRL_SIGN: (Operation.SIGN, Operation.VERIFY),
    Usage.KEY_ENCIPHERMENT: (Operation.WRAP, Operation.UNWRAP),
    Usage.DATA_ENCIPHERMENT: (Operation.ENCRYPT, Operation.DECRYPT),
    Usage.KEY_AGREEMENT: (),
    Usage.ENCIPHER_ONLY: (Operation.ENCRYPT,),
    Usage.DECIPHER_ONLY: (Operation.DECRYPT,),
}


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What an X.509 certificate says of itself. Times in Unix seconds; octets are DER."""

    subject: str  # RFC 4514
    issuer: str  # RFC 4514
    names: AlternativeNames
    ekus: tuple[str, ...]
    usages: tuple[Usage, ...]
    ca: bool
    begins: int
    ends: int
    serial: int
    public: bytes = field(repr=False)  # SubjectPublicKeyInfo
    path_length: int | None = None
    permitted: tuple[str, ...] = ()  # the DNS domains that a CA may name
    thumbprint: bytes = b""  # SHA-1 of the certificate, as Azure's ``x5t``

    @property
    def months(self) -> int:
        """The whole months of its life, rounded up, as Azure computes them for an import."""
        return max(1, -(-(self.ends - self.begins) // (365 * DAY // 12)))


def default_usages(spec: KeySpec) -> tuple[Usage, ...]:
    """Return the key usages of a policy that names none. Only RSA keys encipher keys (RFC 8813)."""
    return (Usage.DIGITAL_SIGNATURE, *((Usage.KEY_ENCIPHERMENT,) if spec.type is KeyType.RSA else ()))


def ca_usages() -> tuple[Usage, ...]:
    """Return the key usages of a CA whose policy names none."""
    return (Usage.KEY_CERT_SIGN, Usage.CRL_SIGN)


def default_actions(issuer: str) -> tuple[LifetimeAction, ...]:
    """Return what is done at 80 % of the life when a policy says nothing: only what can renew itself is renewed."""
    return (LifetimeAction(Action.EMAIL if issuer == UNKNOWN else Action.RENEW, percentage=80),)


def canonical_issuer(name: str) -> str:
    """Return an issuer's name; the two that need no account are known however they are written."""
    return next((each for each in (SELF, UNKNOWN) if each.lower() == name.lower()), name)


def check(policy: CertificatePolicy) -> None:
    """Raise ``InvalidInput`` for a policy by which no certificate can be made. Names are checked when they are used."""
    if policy.key.type not in (KeyType.RSA, KeyType.EC):
        raise InvalidInput("key_props.kty: a certificate has a key of the type RSA or EC, each also with -HSM")
    if policy.key.hsm and policy.exportable:
        raise InvalidInput("key_props.exportable: a key in the HSM cannot be exported; set it to false")
    if not policy.subject and not policy.names.count:
        raise InvalidInput("x509_props: needs a subject, or subject alternative names")
    if policy.content_type not in CONTENT_TYPES:
        raise InvalidInput(f"secret_props.contentType: is one of {', '.join(CONTENT_TYPES)}")
    if not 1 <= policy.months <= MAX_MONTHS:
        raise InvalidInput(f"x509_props.validity_months: is between 1 and {MAX_MONTHS}")
    if (policy.permitted or policy.path_length is not None) and not policy.ca:
        raise InvalidInput("x509_props: only a CA has a path length, and domains that it may name")
    for action in policy.actions:
        _check_action(action, policy)


def _check_action(action: LifetimeAction, policy: CertificatePolicy) -> None:
    if bool(action.percentage) == bool(action.before):
        raise InvalidInput("lifetime_actions: a trigger has either lifetime_percentage or days_before_expiry")
    if action.percentage and not 1 <= action.percentage <= 99:
        raise InvalidInput("lifetime_actions: lifetime_percentage is between 1 and 99")
    if action.before and not policy.lifetime and not 0 < action.before <= policy.months * 27 * DAY:
        raise InvalidInput(
            f"lifetime_actions: days_before_expiry is between 1 and validity_months * 27, here {policy.months * 27}"
        )
    if action.before and policy.lifetime and action.before >= policy.lifetime:
        raise InvalidInput("lifetime_actions: a certificate is renewed before its end, not before its beginning")
    if action.action is Action.RENEW and policy.issuer == UNKNOWN:
        raise InvalidInput(
            "lifetime_actions: AutoRenew needs an issuer that issues by itself; with Unknown, EmailContacts"
        )
