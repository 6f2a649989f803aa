"""Vault, v1alpha1: its schema, and what the controller keeps of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.functional_validators import AfterValidator

from strongroom.domain import network
from strongroom.domain import vaults as domain
from strongroom.domain.access import Policy
from strongroom.domain.errors import InvalidInput
from strongroom.kinds import names
from strongroom.kinds.access import POLICIES, AccessPolicy
from strongroom.kinds.declaring import asked
from strongroom.kinds.durations import DURATION, DURATION_LENGTH, between, duration_rules, parse_duration
from strongroom.kinds.quantities import QUANTITY, QUANTITY_LENGTH, parse_quantity
from strongroom.kinds.shapes import Conditions, Shape, Timestamp, checked, rules, without_values

SMALLEST_BYTES: Final = "1Mi"
LARGEST_BYTES: Final = "8Gi"
"""etcd's own suggested maximum size (etcd.io, "System limits"); a vault that large leaves no room for
anything else.
"""


SHORTEST_KEK: Final = 3600
LONGEST_KEK: Final = 3650 * 86_400
_KEK_BOUNDS: Final = "must be at least 1h and at most 3650d"

HSM_CLASS: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

_RANGE: Final = rules(
    (
        "isIP(self) || (isCIDR(self) && cidr(self) == cidr(self).masked())",
        "must be an IPv4 or IPv6 address or a CIDR range whose host bits are zero",
    )
)


def _is_range(text: str) -> None:
    network.parse_range(text)


def _bounded(text: str) -> None:
    if not parse_quantity(SMALLEST_BYTES) <= parse_quantity(text) <= parse_quantity(LARGEST_BYTES):
        raise InvalidInput(f"must be between {SMALLEST_BYTES} and {LARGEST_BYTES}")


class SoftDelete(Shape):
    """What happens to what is deleted."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.purgeProtection || !oldSelf.purgeProtection",
                "purgeProtection cannot be switched off once it is on",
            ),
            (
                "!oldSelf.purgeProtection || self.retentionDays >= oldSelf.retentionDays",
                "retentionDays cannot be shortened while purgeProtection is on",
            ),
        )
    )

    retention_days: Annotated[
        int,
        Field(
            description="How many days a deleted vault, and each deleted object in it, can still be recovered. "
            "Counted from the deletion; a change applies to later deletions. After it the data is purged for good.",
            ge=7,
            le=90,
        ),
    ] = 90
    purge_protection: Annotated[
        bool,
        Field(
            description="When true, nobody can purge anything before its retention has passed, not even an "
            "administrator. One-way: it can never be switched off again, and deleting and re-creating the Vault does "
            "not undo it. Think twice in test environments: names stay reserved for the whole retention.",
        ),
    ] = False


class Limits(Shape):
    """How much a vault may hold, so that one vault cannot fill etcd.

    Reaching a limit refuses new data only.
    """

    objects: Annotated[
        int,
        Field(
            description="How many objects the vault may hold, deleted ones included until they are purged.",
            ge=1,
            le=100_000,
        ),
    ] = 10_000
    versions_per_object: Annotated[
        int,
        Field(
            description="How many versions one object may have. A rotation beyond it is refused with the reason "
            "`LimitExceeded` until the limit is raised.",
            ge=2,
            le=1000,
        ),
    ] = 100
    bytes: Annotated[
        str,
        Field(
            description="How many bytes the vault may occupy in etcd, encrypted and with all versions, as a "
            f"Kubernetes quantity of whole bytes: `256Mi`, `1G`. From {SMALLEST_BYTES} to {LARGEST_BYTES}.",
            pattern=QUANTITY,
            max_length=QUANTITY_LENGTH,
            json_schema_extra=rules(
                (
                    f"quantity(self).compareTo(quantity('{SMALLEST_BYTES}')) >= 0 && "
                    f"quantity(self).compareTo(quantity('{LARGEST_BYTES}')) <= 0",
                    f"must be between {SMALLEST_BYTES} and {LARGEST_BYTES}",
                )
            ),
        ),
        AfterValidator(checked(_bounded)),
    ] = "256Mi"


class NamespaceSelector(Shape):
    """Namespaces by their labels."""

    match_labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63, pattern="^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]],
        Field(
            description="Labels that the namespace must have, all of them. `kubernetes.io/metadata.name` is its name.",
            min_length=1,
            max_length=8,
        ),
    ]


class NetworkRules(Shape):
    """From where the vault's API may be used. Rules narrow what is granted; they never grant anything."""

    default_action: Annotated[
        Literal["Allow", "Deny"], Field(description="What happens to callers that no rule lets in.")
    ] = "Allow"
    ip_rules: Annotated[
        tuple[
            Annotated[
                str, Field(min_length=2, max_length=43, json_schema_extra=_RANGE), AfterValidator(checked(_is_range))
            ],
            ...,
        ],
        Field(
            description="IPv4 and IPv6 addresses and CIDR ranges that are let in.",
            max_length=128,
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ()
    namespaces: Annotated[
        tuple[NamespaceSelector, ...],
        Field(
            description="Namespaces whose pods are let in: the caller's token must be bound to a pod there, and the "
            "request must come from that pod's address.",
            max_length=32,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    bypass: Annotated[
        Literal["TrustedServices", "None"],
        Field(
            description="Who needs no rule: the ServiceAccounts that the installation trusts, or nobody. Trusted "
            "services still need a policy."
        ),
    ] = "TrustedServices"

    def to_domain(self) -> network.NetworkRules:
        """Return the same in domain words."""
        selectors = tuple(tuple(sorted(each.match_labels.items())) for each in self.namespaces)
        default = network.DefaultAction(self.default_action)
        return network.NetworkRules(default, self.ip_rules, selectors, self.bypass == "TrustedServices")


class Hsm(Shape):
    """Where the vault's keys live."""

    dedicated: Annotated[
        str,
        Field(
            description="Class of HSMs, as the administrator of the installation named it. The vault's key-encryption "
            "key is made in such a token, never leaves it, and is destroyed there when the vault is purged; HSM keys "
            "of the vault are used there only. Whoever owns the token can do with them what the token allows. With the "
            "token all is lost, unless its own means brought a copy to safety.",
            max_length=63,
            pattern=HSM_CLASS,
        ),
    ]


class KekRotation(Shape):
    """When the vault's key-encryption key is replaced."""

    every: Annotated[
        str,
        Field(
            description="The time from one key-encryption key to the next: `90d`, `12h`, with units `d`, `h`, `m`, `s` "
            "in this order, or as ISO 8601 has it (`P90D`). From `1h` to `3650d`.",
            min_length=DURATION_LENGTH[0],
            max_length=DURATION_LENGTH[1],
            pattern=DURATION,
            json_schema_extra=rules(*duration_rules(SHORTEST_KEK, LONGEST_KEK, _KEK_BOUNDS)),
        ),
        AfterValidator(checked(between(SHORTEST_KEK, LONGEST_KEK, _KEK_BOUNDS))),
    ]


class VaultSpec(Shape):
    """What the vault should be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.hsm) == has(oldSelf.hsm) && (!has(self.hsm) || self.hsm == oldSelf.hsm)",
                "hsm is immutable; make a new Vault for another HSM",
            ),
            ("!has(self.hsm) || self.tier == 'Premium'", "a dedicated HSM needs the tier Premium"),
        )
    )

    tier: Annotated[
        Literal["Standard", "Premium"],
        Field(
            description="`Standard`: everything is encrypted under a key of the HSM. `Premium`: in addition the vault "
            "may hold keys that live in the HSM and are used only there.",
        ),
    ] = "Standard"
    soft_delete: Annotated[
        SoftDelete,
        Field(description="What happens to a deleted vault and to deleted objects in it: they stay recoverable."),
    ] = SoftDelete()
    limits: Annotated[
        Limits,
        Field(description="How much the vault may hold. New data beyond a limit is refused, nothing is lost."),
    ] = Limits()
    hsm: Annotated[
        Hsm | None,
        Field(description="An HSM of the vault's own. By default its keys are protected by the installation's tokens."),
    ] = None
    kek_rotation: Annotated[
        KekRotation | None,
        Field(
            description="When the vault gets a new key-encryption key by itself. The content is not written anew: only "
            f"the data keys are wrapped again. Without it, the annotation `{names.ROTATE_KEK}` and a new world key do "
            "the same."
        ),
    ] = None
    access_policies: Annotated[
        tuple[AccessPolicy, ...],
        Field(
            description="Who may do what with the content. Nothing is granted by default. The custom resources of the "
            "vault's own namespace need no grant for what they make themselves. Whoever can edit this Vault can grant "
            "himself access.",
            max_length=POLICIES,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()

    authorization: Annotated[
        Literal["AccessPolicies", "RBAC"],
        Field(
            description="Who decides on requests to the vault's API: `accessPolicies` above, or Kubernetes RBAC on the "
            "subresources `vaults/secrets`, `vaults/keys` and `vaults/certificates` with Azure's permission names as "
            "verbs. Custom resources always act by `accessPolicies`."
        ),
    ] = "AccessPolicies"
    network_rules: Annotated[
        NetworkRules, Field(description="From where the vault's API may be used. By default from everywhere.")
    ] = NetworkRules()


class HsmStatus(Shape):
    """The token that holds the vault's key."""

    dedicated: Annotated[
        str | None,
        Field(description="Class of the HSM that the vault is dedicated to. Absent without one.", max_length=63),
    ] = None
    model: Annotated[str | None, Field(description="Model, as the token reports it.", max_length=64)] = None
    firmware: Annotated[str | None, Field(description="Firmware version, as the token reports it.", max_length=64)] = (
        None
    )


class KekRotationStatus(Shape):
    """Where the rotation of the vault's key-encryption key stands."""

    last_time: Annotated[
        Timestamp | None, Field(description="When the present key replaced another. Absent for the vault's first.")
    ] = None
    next_time: Annotated[
        Timestamp | None, Field(description="When the next one is made by `spec.kekRotation`. Absent without it.")
    ] = None
    world_key: Annotated[
        str | None,
        Field(description="The world key that wraps it: `<geography id>.<version>`.", max_length=64),
    ] = None


class VaultStatus(Shape):
    """What the vault is. Written by Strongroom."""

    conditions: Annotated[
        Conditions, Field(description="`Ready` says whether the vault can be used; its reason says why not.")
    ] = ()
    state: Annotated[
        Literal["Live", "Deleted"] | None,
        Field(description="`Live`, or `Deleted`: kept until `scheduledPurgeTime`, and recoverable."),
    ] = None
    vault_id: Annotated[
        str | None,
        Field(
            description="The vault's own id, minted once. A new vault of the same name after a purge has another.",
            pattern="^[0-9a-f]{32}$",
            max_length=32,
        ),
    ] = None
    url: Annotated[
        str | None,
        Field(
            description="Where the vault is served: `https://<vault>.<namespace>.<domain>`.",
            max_length=512,
        ),
    ] = None
    kek_version: Annotated[
        int | None,
        Field(description="Version of the vault's key-encryption key; raised by each rotation of it.", ge=1),
    ] = None
    kek_rotation: Annotated[
        KekRotationStatus | None, Field(description="The rotation of the vault's key-encryption key.")
    ] = None
    hsm: Annotated[HsmStatus | None, Field(description="The token that holds the vault's key.")] = None
    object_count: Annotated[int | None, Field(description="Objects in the vault, deleted ones included.", ge=0)] = None
    version_count: Annotated[int | None, Field(description="Versions of all objects.", ge=0)] = None
    stored_bytes: Annotated[
        int | None, Field(description="Bytes in etcd, to be compared with `spec.limits.bytes`.", ge=0)
    ] = None
    scheduled_purge_time: Annotated[
        Timestamp | None,
        Field(description="Only while deleted: when everything in the vault is removed for good."),
    ] = None


@dataclass(frozen=True, slots=True)
class VaultResource:
    """One Vault as the controller holds it. Times in Unix seconds, sizes in octets."""

    namespace: str
    name: str
    uid: str
    generation: int
    deleting: bool
    tier: str
    retention_days: int
    purge_protection: bool
    limits: domain.Limits
    recover: bool = False  # the annotation strongroom.dev/recover
    recover_from: str = ""  # strongroom.dev/recover-from-namespace: a namespace UID
    policies: tuple[Policy, ...] = ()
    rbac: bool = False  # requests to the API are decided by Kubernetes RBAC, not by policies
    network: network.NetworkRules = field(default_factory=network.NetworkRules)
    kek_every: int = 0  # seconds from one KEK to the next; 0: no schedule
    rotate_kek: str = ""  # the annotation strongroom.dev/rotate-kek
    hsm: str = ""  # class of the HSM that it is dedicated to


def parse_vault(body: Mapping[str, Any]) -> VaultResource:
    """Read a Vault.

    Raises InvalidInput with field paths; a spec that the API server accepted may still be older.
    """
    meta = body["metadata"]
    if not re.fullmatch(names.VAULT_NAME, meta["name"]):
        raise InvalidInput("metadata.name: a vault's name has 3 to 24 lower-case letters, digits and hyphens")
    with without_values():
        spec = VaultSpec.model_validate(body.get("spec") or {})
    annotations = meta.get("annotations") or {}
    return VaultResource(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        deleting="deletionTimestamp" in meta,
        tier=spec.tier,
        retention_days=spec.soft_delete.retention_days,
        purge_protection=spec.soft_delete.purge_protection,
        limits=domain.Limits(
            objects=spec.limits.objects,
            versions=spec.limits.versions_per_object,
            octets=parse_quantity(spec.limits.bytes),
        ),
        recover=annotations.get(names.RECOVER) == "true",
        recover_from=annotations.get(names.RECOVER_FROM_NAMESPACE, ""),
        policies=tuple(policy.to_domain() for policy in spec.access_policies),
        rbac=spec.authorization == "RBAC",
        network=spec.network_rules.to_domain(),
        kek_every=parse_duration(spec.kek_rotation.every) if spec.kek_rotation else 0,
        rotate_kek=asked(annotations, names.ROTATE_KEK),
        hsm=spec.hsm.dedicated if spec.hsm else "",
    )
