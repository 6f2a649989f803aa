"""What ``spec.policy`` of a VaultCertificate says of the certificate itself. Members are named as in the REST API."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from strongroom.domain.certificatepolicies import EKU_LENGTH, EKUS, NAME_LENGTH, NAMES, SUBJECT_LENGTH, USAGES
from strongroom.domain.certificates import MAX_MONTHS, Usage
from strongroom.kinds.certificatepolicyparts import PolicyPart

_ATOMIC: Final = {"x-kubernetes-list-type": "atomic"}

_Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)], ...] | None,
    Field(max_length=NAMES, json_schema_extra=_ATOMIC),
]


class PolicyNames(PolicyPart):
    """Subject alternative names."""

    emails: Annotated[_Names, Field(description="E-mail addresses.")] = None
    dns_names: Annotated[_Names, Field(description="DNS names; `*.example.org` stands for one label.")] = None
    upns: Annotated[_Names, Field(description="User principal names.")] = None
    uris: Annotated[_Names, Field(description="URIs, such as SPIFFE ids.")] = None
    ip_addresses: Annotated[_Names, Field(alias="ipAddresses", description="IPv4 and IPv6 addresses.")] = None


class PolicyConstraints(PolicyPart):
    """Whether it may issue (RFC 5280, section 4.2.1.9)."""

    ca: Annotated[bool | None, Field(description="Whether it may issue certificates itself. Default: `false`.")] = None


class PolicyX509(PolicyPart):
    """What stands in the certificate."""

    subject: Annotated[
        str | None, Field(description="The subject (RFC 4514): `CN=app.example`.", max_length=SUBJECT_LENGTH)
    ] = None
    sans: Annotated[PolicyNames | None, Field(description="The names that it is for beside its subject.")] = None
    ekus: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=EKU_LENGTH)], ...] | None,
        Field(
            description="Extended key usages, as object identifiers. Default: servers and clients, of a CA none.",
            max_length=EKUS,
            json_schema_extra=_ATOMIC,
        ),
    ] = None
    key_usage: Annotated[
        tuple[Usage, ...] | None,
        Field(
            description="What the key may be used for. Default: `digitalSignature`, of an RSA key also "
            "`keyEncipherment`; of a CA `keyCertSign` and `cRLSign`.",
            max_length=USAGES,
            json_schema_extra=_ATOMIC,
        ),
    ] = None
    validity_months: Annotated[
        int | None,
        Field(description="Months of the calendar that a version is valid; 12 by default.", ge=0, le=MAX_MONTHS),
    ] = None
    basic_constraints: Annotated[PolicyConstraints | None, Field(description="Whether the certificate is a CA.")] = None
