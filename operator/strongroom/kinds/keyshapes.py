"""Parts of ``spec`` of a VaultKey: where it comes from, to whom it is released, where its public part goes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.functional_validators import AfterValidator

from strongroom.domain import releasepolicies
from strongroom.domain.imports import ImportSpec
from strongroom.domain.publickeys import PublicFormat, PublicTarget
from strongroom.kinds import names
from strongroom.kinds.imports import DataKey
from strongroom.kinds.shapes import Shape, checked


class KeyFromSecret(Shape):
    """A native Secret in the same namespace."""

    name: Annotated[
        str,
        Field(
            description=f"Its name. It must carry the annotation `{names.IMPORT_BY}` with the name of this VaultKey: "
            "whoever owns it agrees so. It is read once, for the first version.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]
    key: Annotated[
        DataKey | None,
        Field(
            description="The key of its data that holds the private key: PEM (PKCS #8, PKCS #1 or SEC 1, not "
            "encrypted), a JSON Web Key, or of a symmetric key its octets. Default: the only one."
        ),
    ] = None
    delete_after_import: Annotated[
        bool,
        Field(
            description="Delete it once the key is in the vault, so that the private key is in one place. Take it out "
            "of your manifests first, or it comes back."
        ),
    ] = False

    def to_domain(self) -> ImportSpec:
        """Return the same in domain words."""
        return ImportSpec(self.name, self.key or "", (), self.delete_after_import)


class ReleasePolicy(Shape):
    """Under which condition the private part may leave the vault."""

    policy: Annotated[
        str,
        Field(
            description="The policy as JSON, in Azure's grammar: `version`, and `anyOf` with an `authority` and its "
            "`allOf` of claims each.",
            min_length=2,
            max_length=releasepolicies.POLICY_OCTETS,
        ),
        AfterValidator(checked(releasepolicies.parse)),
    ]
    immutable: Annotated[
        bool,
        Field(description="`true`: the policy can never be changed any more, nor can this field."),
    ] = False


class WrappedKeyTarget(Shape):
    """A native Secret in the same namespace that holds the wrapped versions."""

    name: Annotated[
        str,
        Field(
            description="Its name. A Secret that was not made for this VaultKey is left alone. It is never deleted by "
            "Strongroom: data that the key encrypted may outlive the VaultKey.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]


class PublicKeyTarget(Shape):
    """A ConfigMap in the same namespace that holds the public key."""

    config_map_name: Annotated[
        str,
        Field(
            description="Its name. A ConfigMap that was not made by this VaultKey is left alone.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]
    formats: Annotated[
        tuple[Literal["pem", "jwk"], ...],
        Field(
            description="What it holds of the current version: `pem` (under `public.pem`) and `jwk` (a JSON Web Key "
            "with its `kid`, under `jwk.json`).",
            min_length=1,
            max_length=2,
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ("pem", "jwk")

    def to_domain(self) -> PublicTarget:
        """Return the same in domain words."""
        return PublicTarget(self.config_map_name, tuple(PublicFormat(each) for each in dict.fromkeys(self.formats)))
