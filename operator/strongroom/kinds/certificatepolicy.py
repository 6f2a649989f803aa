"""``spec.policy`` of a VaultCertificate: a policy of Azure Key Vault's REST API, carried over as it is.

https://learn.microsoft.com/rest/api/keyvault/certificates/get-certificate-policy
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, model_validator

from strongroom.domain import certificatepolicies, certificates
from strongroom.domain.certificatepolicies import ACTIONS, SANS
from strongroom.domain.certificates import CertificatePolicy
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.kinds.certificatepolicyparts import (
    PolicyIssuer,
    PolicyKey,
    PolicyLifetimeAction,
    PolicyPart,
    PolicySecret,
    Unread,
)
from strongroom.kinds.certificatepolicyx509 import PolicyX509
from strongroom.kinds.shapes import rules

_AZ: Final = {
    "issuerParameters": "issuer",
    "keyProperties": "key_props",
    "lifetimeActions": "lifetime_actions",
    "secretProperties": "secret_props",
    "x509CertificateProperties": "x509_props",
}
"""Members as the az CLI prints them, and as they are named here."""

_A_NAME: Final = "x509_props: needs a subject, or subject alternative names"
_NAMED: Final = " || ".join(
    (
        "has(self.x509_props.subject) && size(self.x509_props.subject) > 0",
        *(
            f"has(self.x509_props.sans) && has(self.x509_props.sans.{each}) && size(self.x509_props.sans.{each}) > 0"
            for each in SANS
        ),
    )
)
_NOT_RENEWED: Final = (
    "lifetime_actions: AutoRenew needs an issuer.name that issues by itself; Unknown, the default, does not"
)
_OUTSIDE: Final = "(!has(self.issuer) || !has(self.issuer.name) || self.issuer.name.lowerAscii() == 'unknown')"


def _az_message(word: str) -> str:
    return f"{word} is what the az CLI prints; the REST API's member is {_AZ[word]}, with members of other names in it"


def _az_member(word: str) -> Any:
    return Field(alias=word, description=f"Refused: the REST API's member is `{_AZ[word]}`.")


class PolicyShape(PolicyPart):
    """How versions are made, in Azure Key Vault's words."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *((f"!has(self.{word})", _az_message(word)) for word in _AZ),
            (f"has(self.x509_props) && ({_NAMED})", _A_NAME),
            (
                f"!{_OUTSIDE} || !has(self.lifetime_actions) || "
                "!self.lifetime_actions.exists(each, each.action.action_type == 'AutoRenew')",
                _NOT_RENEWED,
            ),
        )
    )

    issuer: Annotated[PolicyIssuer | None, Field(description="Who issues it. Default: `Unknown`.")] = None
    key_props: Annotated[PolicyKey | None, Field(description="Its key. Default: RSA with 2048 bits.")] = None
    secret_props: Annotated[PolicySecret | None, Field(description="Its file, for readers of the secret.")] = None
    x509_props: Annotated[PolicyX509 | None, Field(description="What stands in it: a name at least.")] = None
    lifetime_actions: Annotated[
        tuple[PolicyLifetimeAction, ...] | None,
        Field(
            description="When it is renewed, or its contacts are told. Default: at 80 % of the life, `AutoRenew`, and "
            "with the issuer `Unknown` `EmailContacts`. An empty list: neither.",
            max_length=ACTIONS,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    id: Annotated[str | None, Field(description="Not read: where the policy came from.", max_length=1024)] = None
    attributes: Annotated[
        Unread | None, Field(description="Not read, as the API does not read it; `spec.enabled` is.")
    ] = None
    issuer_parameters: Annotated[Unread | None, _az_member("issuerParameters")] = None
    key_properties: Annotated[Unread | None, _az_member("keyProperties")] = None
    secret_properties: Annotated[Unread | None, _az_member("secretProperties")] = None
    x509_certificate_properties: Annotated[Unread | None, _az_member("x509CertificateProperties")] = None
    az_lifetime_actions: Annotated[
        tuple[Unread, ...] | None,
        _az_member("lifetimeActions"),
        Field(max_length=ACTIONS, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = None

    @model_validator(mode="after")
    def _as_the_api_has_it(self) -> Self:
        wrong = [_az_message(word) for word in _AZ if word in self._plain]
        if wrong:
            raise ValueError("; ".join(wrong))
        try:
            certificates.check(self.to_domain())
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def _plain(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_domain(self) -> CertificatePolicy:
        """Return the same in domain words, read as the vault's API reads it; ``InvalidInput`` as there."""
        return certificatepolicies.read(Fields(self._plain), None)
