"""Parts of ``spec.policy`` of a VaultCertificate. Members are named as in Azure Key Vault's REST API."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from strongroom.domain.certificatepolicies import BITS, DAYS, ISSUER_LENGTH, TYPE_LENGTH
from strongroom.domain.keytypes import RSA_SIZES
from strongroom.kinds.shapes import Shape, rules

_EC: Final = "has(self.kty) && self.kty.startsWith('EC')"
_CURVE_BITS: Final = {curve.value: bits for curve, bits in BITS.items()}
_KEY_RULES: Final = (
    (
        f"!has(self.key_size) || ({_EC}) || self.key_size in {list(RSA_SIZES)}",
        "key_size of an RSA key is 2048, 3072 or 4096",
    ),
    (
        f"!has(self.key_size) || !({_EC}) || self.key_size in [0, {_CURVE_BITS}[has(self.crv) ? self.crv : 'P-256']]",
        "key_size of an EC key is that of its crv, which is P-256 by default; leave it out",
    ),
    (f"!has(self.crv) || ({_EC})", "crv is of a key of the kty EC or EC-HSM"),
    (
        "!has(self.exportable) || !self.exportable || !has(self.kty) || !self.kty.endsWith('-HSM')",
        "a key in the HSM cannot be exported: set exportable to false",
    ),
)


class PolicyPart(Shape):
    """Base of all parts: members are named outside as they are inside. What is left out is as Azure has it."""

    model_config = ConfigDict(alias_generator=None)


class PolicyKey(PolicyPart):
    """The certificate's key."""

    model_config = ConfigDict(json_schema_extra=rules(*_KEY_RULES))

    exportable: Annotated[
        bool | None,
        Field(description="Whether the private key may be read from the vault. Default: `true`, with `-HSM` `false`."),
    ] = None
    kty: Annotated[
        Literal["RSA", "EC", "RSA-HSM", "EC-HSM"] | None,
        Field(
            description="The type of the key, `RSA` by default. With `-HSM` it is made in the HSM and never leaves it; "
            "that needs a vault of the tier `Premium`, and no target can hold it."
        ),
    ] = None
    key_size: Annotated[
        int | None,
        Field(
            description="Bits of an RSA key: 2048 (the default), 3072 or 4096; of an EC key those of its curve.",
            ge=0,
            le=max(RSA_SIZES),
        ),
    ] = None
    reuse_key: Annotated[
        bool | None, Field(description="`true`: a renewal keeps the key. Default: each version has one of its own.")
    ] = None
    crv: Annotated[
        Literal["P-256", "P-384", "P-521", "P-256K"] | None,
        Field(description="Curve of an EC key, `P-256` by default."),
    ] = None


class PolicySecret(PolicyPart):
    """The certificate's secret."""

    content_type: Annotated[
        Literal["application/x-pkcs12", "application/x-pem-file"] | None,
        Field(
            alias="contentType",
            description="Which file readers of the secret get from the vault's API: PKCS #12, the default, or PEM.",
        ),
    ] = None


class PolicyTrigger(PolicyPart):
    """When something is done."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.lifetime_percentage) != has(self.days_before_expiry)",
                "a trigger has either lifetime_percentage or days_before_expiry",
            )
        )
    )

    lifetime_percentage: Annotated[
        int | None, Field(description="When so many hundredths of the life of a version have passed.", ge=1, le=99)
    ] = None
    days_before_expiry: Annotated[
        int | None,
        Field(description="So many days before its end; at most 27 times `validity_months`.", ge=1, le=DAYS),
    ] = None


class PolicyAction(PolicyPart):
    """What is done."""

    action_type: Annotated[
        Literal["AutoRenew", "EmailContacts"],
        Field(
            description="`AutoRenew`: the next version is asked of the issuer. `EmailContacts`: the contacts of the "
            "vault's certificates are told."
        ),
    ]


class PolicyLifetimeAction(PolicyPart):
    """Something that is done once in the life of each version."""

    trigger: Annotated[PolicyTrigger, Field(description="When it is done: exactly one of its members.")]
    action: Annotated[PolicyAction, Field(description="What is done.")]


class PolicyIssuer(PolicyPart):
    """Who issues the certificate."""

    name: Annotated[
        str | None,
        Field(
            description="`Self`, `Unknown` (the default), an issuer that the vault has an account with, or "
            "`certificate/NAME`: a certificate of the same vault that is a CA.",
            min_length=1,
            max_length=ISSUER_LENGTH,
            pattern="^(certificate/)?[0-9a-zA-Z-]+$",
        ),
    ] = None
    cty: Annotated[
        str | None, Field(description="What the issuer calls the type of certificate.", max_length=TYPE_LENGTH)
    ] = None
    cert_transparency: Annotated[
        bool | None, Field(description="Whether the issuer is to enter it in public logs.")
    ] = None


class Unread(PolicyPart):
    """What comes along with a policy, or is refused with the name of the right member: its inside is no matter."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True, "maxProperties": 16})
