"""VaultKey, v1alpha1: its schema, and what the controller keeps of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from strongroom.domain.attributes import UNDECLARED, DeclaredAttributes
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keyplanning import KeyRecipe
from strongroom.domain.keytypes import OCT_SIZES, RSA_SIZES, KeySpec, KeyType, key_spec, operations
from strongroom.domain.publickeys import PublicTarget
from strongroom.domain.rotationpolicy import RotationPolicy
from strongroom.kinds import names
from strongroom.kinds.declaring import (
    Tags,
    VaultReference,
    asked,
    name_in_vault,
    named,
    same_object_name,
    seconds,
    vault_reference,
)
from strongroom.kinds.keyrotation import KeyRotationPolicy
from strongroom.kinds.keyshapes import KeyFromSecret, PublicKeyTarget, ReleasePolicy, WrappedKeyTarget
from strongroom.kinds.shapes import Shape, Timestamp, rules, without_values

_RELEASED: Final = "exportable and releasePolicy belong together, and to keys of the types RSA-HSM and EC-HSM"
_PUBLIC: Final = "a symmetric key (oct, oct-HSM) has no public part: publicKeyTarget does not fit"
_WRAPPED: Final = "only a key in the HSM (RSA-HSM, EC-HSM, oct-HSM) has a wrapped form: wrappedKeyTarget does not fit"
_TWO_ENDS: Final = "expires and rotationPolicy.expiryTime exclude each other"

Kty = Literal["RSA", "EC", "oct", "OKP", "RSA-HSM", "EC-HSM", "oct-HSM"]
KeyOperation = Literal["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]


class VaultKeySpec(Shape):
    """What the key should be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            same_object_name("VaultKey"),
            (
                "!has(self.keySize) || self.kty.startsWith('RSA') || self.kty.startsWith('oct')",
                "keySize is for RSA and oct keys; EC and OKP keys have a crv",
            ),
            (
                f"!has(self.keySize) || !self.kty.startsWith('RSA') || self.keySize in {list(RSA_SIZES)}",
                "keySize of an RSA key is 2048, 3072 or 4096",
            ),
            (
                f"!has(self.keySize) || !self.kty.startsWith('oct') || self.keySize in {list(OCT_SIZES)}",
                "keySize of an oct key is 128, 192 or 256, or 384 or 512 for HMAC",
            ),
            (
                "!has(self.crv) || (self.kty.startsWith('EC') ? self.crv != 'Ed25519' : self.kty == 'OKP' && "
                "self.crv == 'Ed25519')",
                "crv is for EC keys (P-256, P-384, P-521, P-256K) and OKP keys (Ed25519)",
            ),
            (
                "!has(self.keyOps) || !(self.kty.startsWith('EC') || self.kty == 'OKP') || "
                "self.keyOps.all(each, each == 'sign' || each == 'verify')",
                "keyOps of an EC or OKP key are sign and verify",
            ),
            ("!has(self.expires) || !has(self.notBefore) || self.notBefore < self.expires",
             "notBefore must be earlier than expires"),
            ("!(has(self.expires) && has(self.rotationPolicy) && has(self.rotationPolicy.expiryTime))", _TWO_ENDS),
            (
                "self.exportable == has(self.releasePolicy) && (!self.exportable || self.kty in ['RSA-HSM', 'EC-HSM'])",
                _RELEASED,
            ),
            (
                "!has(oldSelf.releasePolicy) || !oldSelf.releasePolicy.immutable || "
                "(has(self.releasePolicy) && self.releasePolicy == oldSelf.releasePolicy)",
                "releasePolicy is immutable, as it says itself",
            ),
            ("!has(self.publicKeyTarget) || !self.kty.startsWith('oct')", _PUBLIC),
            ("!has(self.wrappedKeyTarget) || self.kty.endsWith('-HSM')", _WRAPPED),
        )
    )  # fmt: skip

    vault_ref: Annotated[VaultReference, vault_reference("VaultKey", "key")]
    object_name: Annotated[str | None, name_in_vault("key")] = None
    kty: Annotated[
        Kty,
        Field(
            description="The type of key: `RSA`, `EC`, `oct` (symmetric) or `OKP` (Ed25519). With `-HSM` its private "
            "or secret part is made in the HSM and never leaves it in the clear; that needs a vault of the tier "
            "`Premium`. A change takes effect with the next version; it makes none by itself."
        ),
    ]
    key_size: Annotated[
        int | None,
        Field(
            description="Bits of an RSA key (2048, 3072, 4096; default 2048) or a symmetric one (128, 192, 256; 384 "
            "and 512 for HMAC; default 256). A change takes effect with the next version.",
            ge=min(OCT_SIZES),
            le=max(RSA_SIZES),
        ),
    ] = None
    crv: Annotated[
        Literal["P-256", "P-384", "P-521", "P-256K", "Ed25519"] | None,
        Field(
            description="Curve of an EC key (default `P-256`; `P-256K` is secp256k1) or an OKP key (`Ed25519`). A "
            "change takes effect with the next version."
        ),
    ] = None
    key_ops: Annotated[
        tuple[KeyOperation, ...] | None,
        Field(
            description="What the key may be used for. Default: everything that its type can.",
            max_length=6,
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None
    from_secret: Annotated[
        KeyFromSecret | None,
        Field(
            description="A native Secret in the same namespace whose key becomes the first version. It must be of the "
            "declared type, size and curve; later versions are generated."
        ),
    ] = None
    enabled: Annotated[
        bool | None, Field(description="`false` withdraws the current version: every use of it is refused.")
    ] = None
    not_before: Annotated[
        Timestamp | None,
        Field(description="From when on the key may be used. Decrypting, unwrapping and verifying is never held back."),
    ] = None
    expires: Annotated[
        Timestamp | None,
        Field(
            description="Until when the key may be used. Decrypting, unwrapping and verifying goes on. The same for "
            "each version; `rotationPolicy.expiryTime` counts from the making of each."
        ),
    ] = None
    tags: Annotated[
        Tags | None,
        Field(description="Labels of the version for readers of the API, at most 15. They hold nothing secret."),
    ] = None
    exportable: Annotated[
        bool,
        Field(
            description="Whether the private part may leave the vault for whom `releasePolicy` names. A change takes "
            "effect with the next version."
        ),
    ] = False
    release_policy: Annotated[
        ReleasePolicy | None, Field(description="To whom an exportable key is released, wrapped for him alone.")
    ] = None
    rotation_policy: Annotated[
        KeyRotationPolicy | None,
        Field(
            description="When new versions are made by themselves, when the coming end of one is told, and how long "
            "each lives. Without it the policy is that which the vault's API was given, or none. The annotation "
            f"`{names.ROTATE}` makes a new version at once."
        ),
    ] = None
    public_key_target: Annotated[
        PublicKeyTarget | None,
        Field(description="A ConfigMap that holds the public key, for those who only verify or encrypt."),
    ] = None
    wrapped_key_target: Annotated[
        WrappedKeyTarget | None,
        Field(
            description="A native Secret that holds all versions of the key wrapped by the HSM's world key, for who "
            "uses the key with an HSM of the same geography and without the vault: `strongroom kms`. Nobody can use "
            "them without such an HSM."
        ),
    ] = None
    deletion_policy: Annotated[
        Literal["Delete", "Retain"],
        Field(
            description="What becomes of the key in the vault when this resource is deleted. `Delete`: it is deleted "
            "softly. `Retain`: it stays as it is; a VaultKey of this namespace can take it over again."
        ),
    ] = "Delete"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            spec = key_spec(self.kty, self.key_size, self.crv)
            operations(list(self.key_ops or ()), spec)
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        if self.exportable != (self.release_policy is not None):
            raise ValueError(_RELEASED)
        if self.exportable and self.kty not in ("RSA-HSM", "EC-HSM"):
            raise ValueError(_RELEASED)
        if self.public_key_target and spec.type is KeyType.OCT:
            raise ValueError(_PUBLIC)
        if self.wrapped_key_target and not spec.hsm:
            raise ValueError(_WRAPPED)
        if self.expires and self.rotation_policy and self.rotation_policy.expiry_time:
            raise ValueError(_TWO_ENDS)
        if self.expires and self.not_before and self.not_before >= self.expires:
            raise ValueError("notBefore must be earlier than expires")
        return self


@dataclass(frozen=True, slots=True)
class VaultKeyResource:
    """One VaultKey as the controller holds it."""

    namespace: str
    name: str
    uid: str
    generation: int
    deleting: bool
    vault: str
    object_name: str
    recipe: KeyRecipe
    attributes: DeclaredAttributes = UNDECLARED
    policy: RotationPolicy | None = None  # None: what the API was given goes on
    retain: bool = False  # the object stays when the resource goes
    public: PublicTarget | None = None
    wrapped: str = ""  # the Secret for the wrapped versions
    rotate: str = ""  # values of the annotations of these names
    sync: str = ""
    recover: bool = False

    @property
    def has_targets(self) -> bool:
        """Is anything of it written into the cluster?"""
        return self.public is not None


def parse_vaultkey(body: Mapping[str, Any]) -> VaultKeyResource:
    """Read a VaultKey.

    Raises InvalidInput with field paths; what the API server accepted once may be too old.
    """
    meta = body["metadata"]
    with without_values():
        spec = VaultKeySpec.model_validate(body.get("spec") or {})
    annotations = meta.get("annotations") or {}
    source = spec.from_secret.to_domain() if spec.from_secret else None
    return VaultKeyResource(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        deleting="deletionTimestamp" in meta,
        vault=spec.vault_ref.name,
        object_name=named(spec.object_name, meta["name"]),
        recipe=KeyRecipe(_key_spec(spec), source, spec.exportable),
        attributes=_attributes(spec),
        policy=spec.rotation_policy.to_domain() if spec.rotation_policy else None,
        retain=spec.deletion_policy == "Retain",
        public=spec.public_key_target.to_domain() if spec.public_key_target else None,
        wrapped=spec.wrapped_key_target.name if spec.wrapped_key_target else "",
        rotate=asked(annotations, names.ROTATE),
        sync=asked(annotations, names.SYNC),
        recover=annotations.get(names.RECOVER) == "true",
    )


def _key_spec(spec: VaultKeySpec) -> KeySpec:
    return key_spec(spec.kty, spec.key_size, spec.crv)


def _attributes(spec: VaultKeySpec) -> DeclaredAttributes:
    release = spec.release_policy
    return DeclaredAttributes(
        enabled=spec.enabled,
        not_before=seconds(spec.not_before),
        expires=seconds(spec.expires),
        tags=tuple(sorted(spec.tags.items())) if spec.tags is not None else None,
        operations=tuple(dict.fromkeys(spec.key_ops)) if spec.key_ops is not None else None,
        release_policy=release.policy if release else None,
        release_policy_immutable=release.immutable if release else None,
    )
