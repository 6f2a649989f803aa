"""VaultSecret, v1alpha1: its schema, and what the controller keeps of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.functional_validators import AfterValidator

from strongroom.domain.attributes import UNDECLARED, DeclaredAttributes
from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import Generate as ValuePolicy
from strongroom.domain.imports import ImportSpec
from strongroom.domain.rollouts import Workload
from strongroom.domain.schedules import NEVER, Schedule
from strongroom.domain.targets import TargetSpec
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
from strongroom.kinds.durations import DURATION, DURATION_LENGTH, between, duration_rules, parse_duration
from strongroom.kinds.generators import Generate
from strongroom.kinds.imports import FromSecret
from strongroom.kinds.rollouts import RolloutTarget
from strongroom.kinds.rotation import Rotation
from strongroom.kinds.shapes import Shape, Timestamp, checked, rules, without_values
from strongroom.kinds.targets import Target

LONGEST_LIFE: Final = 3650 * 86_400
_LIFE_BOUNDS: Final = "must be at least 1s and at most 3650d"


class VaultSecretSpec(Shape):
    """What the secret should be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            same_object_name("VaultSecret"),
            (
                "!(has(self.generate) && has(self.fromSecret))",
                "generate and fromSecret exclude each other; with neither, a value is set through the vault's API",
            ),
            (
                "!has(self.rotation) || !(has(self.rotation.every) || has(self.rotation.schedule)) || "
                "has(self.generate)",
                "rotation.every and rotation.schedule need generate: nothing else can make a new value by itself",
            ),
            (
                "!(has(self.expires) && has(self.expiresAfter))",
                "expires and expiresAfter exclude each other",
            ),
            (
                "!has(self.expires) || !has(self.notBefore) || self.notBefore < self.expires",
                "notBefore must be earlier than expires",
            ),
            (
                "!has(self.rolloutRestartTargets) || has(self.target) || has(self.targets)",
                "rolloutRestartTargets need a target: Pods read the value from it",
            ),
        )
    )

    vault_ref: Annotated[VaultReference, vault_reference("VaultSecret", "secret")]
    object_name: Annotated[str | None, name_in_vault("secret")] = None
    generate: Annotated[
        Generate | None,
        Field(
            description="How values are made: exactly one of its fields. A change takes effect with the next version; "
            "it makes none by itself.",
        ),
    ] = None
    from_secret: Annotated[
        FromSecret | None,
        Field(
            description="A native Secret in the same namespace whose data becomes the first version. With neither "
            "`generate` nor `fromSecret` the resource takes over a secret that exists in the vault, or waits until "
            "somebody sets a value through the vault's API.",
        ),
    ] = None
    content_type: Annotated[
        str | None,
        Field(
            description="What the value is, for readers of the API: `text/plain`, `application/json`.", max_length=255
        ),
    ] = None
    tags: Annotated[
        Tags | None,
        Field(description="Labels of the version for readers of the API, at most 15. They hold nothing secret."),
    ] = None
    enabled: Annotated[
        bool | None,
        Field(
            description="`false` withdraws the secret: readers of the API are refused and targets are not written any "
            "more. What a target holds already stays there; delete the target to take it back.",
        ),
    ] = None
    not_before: Annotated[
        Timestamp | None,
        Field(description="From when on the value is meant to be used. Tells readers; nothing is held back."),
    ] = None
    expires: Annotated[
        Timestamp | None,
        Field(
            description="Until when the value is meant to be used. 30 days before (or when a third of its life is "
            "left, if that is later) and at that time an event tells so; nothing is held back or deleted.",
        ),
    ] = None
    expires_after: Annotated[
        str | None,
        Field(
            description="The same, counted from the making of each version: `90d`. Fits `rotation`.",
            min_length=DURATION_LENGTH[0],
            max_length=DURATION_LENGTH[1],
            pattern=DURATION,
            json_schema_extra=rules(*duration_rules(1, LONGEST_LIFE, _LIFE_BOUNDS)),
        ),
        AfterValidator(checked(between(1, LONGEST_LIFE, _LIFE_BOUNDS))),
    ] = None
    rotation: Annotated[
        Rotation | None,
        Field(
            description="When new versions are made by themselves, and how many are kept. Without it only the "
            f"annotation `{names.ROTATE}` makes one.",
        ),
    ] = None
    pin_version: Annotated[
        str | None,
        Field(
            description="Id of the version to serve instead of the newest: rolls back, and forward again when it is "
            "removed. While it stands nothing rotates; a rotation that falls due, or is asked for, follows when it is "
            "removed. A pinned version is never pruned, nor is one that is newer.",
            pattern="^[0-9a-f]{32}$",
            max_length=32,
        ),
    ] = None
    deletion_policy: Annotated[
        Literal["Delete", "Retain"],
        Field(
            description="What becomes of the secret in the vault when this resource is deleted. `Delete`: it is "
            "deleted softly. `Retain`: it stays as it is; a VaultSecret of this namespace can take it over again.",
        ),
    ] = "Delete"
    target: Annotated[
        Target | None,
        Field(
            description="The native Secret that Pods can mount. Without it the value stays in the vault alone. Whoever "
            "can read Secrets in its namespace can read the target.",
        ),
    ] = None
    targets: Annotated[
        tuple[Target, ...],
        Field(
            description="More of them.",
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    rollout_restart_targets: Annotated[
        tuple[RolloutTarget, ...],
        Field(
            description="Workloads of this namespace that are restarted, once, after the targets hold another version. "
            "The first version restarts nothing, nor does adding a workload here.",
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class VaultSecretResource:
    """One VaultSecret as the controller holds it: ten thousand of them stay in memory."""

    namespace: str
    name: str
    uid: str
    generation: int
    deleting: bool
    vault: str
    object_name: str
    recipe: ValuePolicy | ImportSpec | None  # None: somebody sets values through the API
    attributes: DeclaredAttributes = UNDECLARED
    schedule: Schedule = NEVER
    keep: int = 0  # versions; 0: all that the vault's limits allow
    pin: str = ""
    retain: bool = False  # the object stays when the resource goes
    target: TargetSpec | None = None
    targets: tuple[TargetSpec, ...] = ()
    restarts: tuple[Workload, ...] = ()
    rotate: str = ""  # values of the annotations of these names
    sync: str = ""
    recover: bool = False

    @property
    def has_targets(self) -> bool:
        """Is anything of it written into the cluster?"""
        return self.target is not None or bool(self.targets)

    @property
    def all_targets(self) -> tuple[TargetSpec, ...]:
        """``spec.target`` and ``spec.targets`` together."""
        return ((self.target,) if self.target else ()) + self.targets


def parse_vaultsecret(body: Mapping[str, Any]) -> VaultSecretResource:
    """Read a VaultSecret.

    Raises InvalidInput with field paths; what the API server accepted once may be too old.
    """
    meta = body["metadata"]
    with without_values():
        spec = VaultSecretSpec.model_validate(body.get("spec") or {})
    annotations = meta.get("annotations") or {}
    return VaultSecretResource(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        deleting="deletionTimestamp" in meta,
        vault=spec.vault_ref.name,
        object_name=named(spec.object_name, meta["name"]),
        recipe=_recipe(spec),
        attributes=_attributes(spec),
        schedule=spec.rotation.to_domain() if spec.rotation else NEVER,
        keep=spec.rotation.keep_versions or 0 if spec.rotation else 0,
        pin=spec.pin_version or "",
        retain=spec.deletion_policy == "Retain",
        target=spec.target.to_domain(meta["namespace"]) if spec.target else None,
        targets=_targets(spec, meta["namespace"]),
        restarts=tuple(target.to_domain() for target in spec.rollout_restart_targets),
        rotate=asked(annotations, names.ROTATE),
        sync=asked(annotations, names.SYNC),
        recover=annotations.get(names.RECOVER) == "true",
    )


def _recipe(spec: VaultSecretSpec) -> ValuePolicy | ImportSpec | None:
    if spec.generate and spec.from_secret:
        raise InvalidInput("spec: generate and fromSecret exclude each other")
    scheduled = spec.rotation and (spec.rotation.every or spec.rotation.schedule)
    if scheduled and not spec.generate:
        raise InvalidInput("spec.rotation: every and schedule need generate")
    if spec.generate:
        return spec.generate.to_domain()
    return spec.from_secret.to_domain() if spec.from_secret else None


def _attributes(spec: VaultSecretSpec) -> DeclaredAttributes:
    if spec.expires and spec.expires_after:
        raise InvalidInput("spec: expires and expiresAfter exclude each other")
    if spec.expires and spec.not_before and spec.not_before >= spec.expires:
        raise InvalidInput("spec.notBefore: must be earlier than spec.expires")
    return DeclaredAttributes(
        enabled=spec.enabled,
        not_before=seconds(spec.not_before),
        expires=seconds(spec.expires),
        expires_after=parse_duration(spec.expires_after) if spec.expires_after else None,
        content_type=spec.content_type,
        tags=tuple(sorted(spec.tags.items())) if spec.tags is not None else None,
    )


def _targets(spec: VaultSecretSpec, namespace: str) -> tuple[TargetSpec, ...]:
    targets = tuple(target.to_domain(namespace) for target in spec.targets)
    first = (spec.target.to_domain(namespace),) if spec.target else ()
    places = [each.place for each in (*first, *targets)]
    if len(set(places)) < len(places):
        raise InvalidInput("spec.targets: two targets name the same Secret")
    return targets
