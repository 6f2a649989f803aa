"""VaultSecret, v1alpha1: its schema, and what the controller keeps of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from pydantic.functional_validators import AfterValidator

from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import Generate as ValuePolicy
from strongroom.kinds import names
from strongroom.kinds.durations import DURATION, DURATION_LENGTH, parse_duration
from strongroom.kinds.generators import Generate
from strongroom.kinds.shapes import Conditions, Shape, Timestamp, checked, rules, without_values

SHORTEST_ROTATION: Final = 10
"""Seconds. Short enough to watch a rotation in a demonstration; production wants days."""

TRIGGER_LENGTH: Final = 256
"""Characters of an annotation's value that asks for something."""

HISTORY: Final = 10
"""Versions listed in status."""


def _long_enough(text: str) -> None:
    if parse_duration(text) < SHORTEST_ROTATION:
        raise InvalidInput(f"must be at least {SHORTEST_ROTATION}s")


class VaultReference(Shape):
    """A Vault in the same namespace."""

    name: Annotated[
        str,
        Field(
            description="Name of the Vault.",
            min_length=3,
            max_length=24,
            pattern=names.VAULT_NAME,
        ),
    ]


class Rotation(Shape):
    """When new versions are made by themselves."""

    every: Annotated[
        str,
        Field(
            description="The time from one version to the next: `30d`, `12h`, `90m`, `1d12h`. Units are `d`, `h`, "
            f"`m`, `s`, in this order; at least `{SHORTEST_ROTATION}s`. Up to a twentieth of it, at most an hour, is "
            "added so that secrets made together do not rotate together; the addition is the same each time. A value "
            "that changes faster than its consumers read it locks them out.",
            min_length=DURATION_LENGTH[0],
            max_length=DURATION_LENGTH[1],
            pattern=DURATION,
            json_schema_extra=rules(
                (
                    "!self.matches('^(0+d)?(0+h)?(0+m)?(0*[0-9]s)?$')",
                    f"must be at least {SHORTEST_ROTATION}s",
                )
            ),
        ),
        AfterValidator(checked(_long_enough)),
    ]


class Target(Shape):
    """A native Secret that holds the current value."""

    name: Annotated[
        str,
        Field(
            description="Name of the Secret, in this namespace. It is made and kept up to date by Strongroom and "
            "deleted with this object; the value is under the key `value`. A Secret that exists already and was not "
            "made by this object is never touched: then `Synced` is False with the reason `TargetConflict`. When the "
            "name changes, the Secret of the old name is deleted.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]


class VaultSecretSpec(Shape):
    """What the secret should be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.objectName) == has(oldSelf.objectName) && "
                "(!has(self.objectName) || self.objectName == oldSelf.objectName)",
                "objectName is immutable: it cannot be added, changed or removed; make a new VaultSecret instead",
            )
        )
    )

    vault_ref: Annotated[
        VaultReference,
        Field(
            description="The Vault that keeps the secret, in the same namespace. Cannot be changed later.",
            json_schema_extra=rules(
                ("self == oldSelf", "vaultRef is immutable; make a new VaultSecret for another vault")
            ),
        ),
    ]
    object_name: Annotated[
        str | None,
        Field(
            description="Name of the secret in the vault: 1 to 127 letters, digits and hyphens. Upper and lower case "
            "count as one, the case given here is kept for display. Default: `metadata.name`, which then must be such "
            "a name. Cannot be added, changed or removed later.",
            min_length=1,
            max_length=127,
            pattern=names.OBJECT_NAME,
        ),
    ] = None
    generate: Annotated[
        Generate,
        Field(
            description="How values are made: exactly one of `password` and `randomBytes`. A change takes effect with "
            "the next version; it makes none by itself.",
        ),
    ]
    rotation: Annotated[
        Rotation | None,
        Field(
            description="When new versions are made by themselves. Without it only the annotation "
            f"`{names.ROTATE}` makes one.",
        ),
    ] = None
    target: Annotated[
        Target | None,
        Field(
            description="The native Secret that Pods can mount. Without it the value stays in the vault alone. Whoever "
            "can read Secrets in this namespace can read the target.",
        ),
    ] = None


class VersionStatus(Shape):
    """One version of the secret."""

    version: Annotated[
        str,
        Field(description="The version's id, 32 hexadecimal digits.", pattern="^[0-9a-f]{32}$", max_length=32),
    ]
    created_time: Annotated[Timestamp, Field(description="When the version was made.")]


class VaultSecretStatus(Shape):
    """What the secret is. Written by Strongroom; never holds a value."""

    conditions: Annotated[
        Conditions,
        Field(description="`Ready` says whether the secret is as declared, `Synced` whether the target is."),
    ] = ()
    current_version: Annotated[
        str | None,
        Field(
            description="Id of the version that the target holds and that readers get.",
            pattern="^[0-9a-f]{32}$",
            max_length=32,
        ),
    ] = None
    versions: Annotated[
        tuple[VersionStatus, ...],
        Field(
            description=f"The newest versions, at most {HISTORY}, newest first. Older ones may exist in the vault.",
            max_length=HISTORY,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    last_rotation_time: Annotated[Timestamp | None, Field(description="When the current version was made.")] = None
    next_rotation_time: Annotated[
        Timestamp | None,
        Field(description="When the next version is due. Absent without `spec.rotation`."),
    ] = None
    last_sync_time: Annotated[
        Timestamp | None,
        Field(description="When the target Secret was last written. Looking without writing does not move it."),
    ] = None
    target_name: Annotated[
        str | None,
        Field(
            description="The Secret that holds the value now: differs from `spec.target.name` until a change is done.",
            max_length=253,
        ),
    ] = None
    scheduled_purge_time: Annotated[
        Timestamp | None,
        Field(
            description="Only while a deleted secret of this name blocks this one: when it is removed for good.",
        ),
    ] = None


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
    generate: ValuePolicy
    every: int = 0  # rotation period in seconds; 0: on demand only
    target: str = ""  # name of the native Secret; empty: none
    rotate: str = ""  # values of the annotations of these names
    sync: str = ""
    recover: bool = False


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
        object_name=spec.object_name or _default_object_name(meta["name"]),
        generate=spec.generate.to_domain(),
        every=parse_duration(spec.rotation.every) if spec.rotation else 0,
        target=spec.target.name if spec.target else "",
        rotate=_asked(annotations, names.ROTATE),
        sync=_asked(annotations, names.SYNC),
        recover=annotations.get(names.RECOVER) == "true",
    )


def _asked(annotations: Mapping[str, str], name: str) -> str:
    """An annotation may hold 256 KiB; what is remembered of it in the store is bounded."""
    value: str = annotations.get(name, "")
    if len(value) > TRIGGER_LENGTH:
        raise InvalidInput(f"metadata.annotations[{name}]: at most {TRIGGER_LENGTH} characters")
    return value


def _default_object_name(name: str) -> str:
    if not re.fullmatch(names.OBJECT_NAME, name):
        raise InvalidInput("spec.objectName: required, because metadata.name is not a name that an object can have")
    return name
