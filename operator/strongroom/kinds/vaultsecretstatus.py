"""VaultSecret, v1alpha1: its status."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strongroom.kinds.objectstatus import (
    ConsecutiveFailures,
    ExpirationTime,
    LastRotationTime,
    VersionId,
    Versions,
)
from strongroom.kinds.shapes import Conditions, Shape, Timestamp


class TargetStatus(Shape):
    """A Secret that is in step."""

    namespace: Annotated[
        str | None, Field(description="Its namespace. Absent: that of this resource.", max_length=63)
    ] = None
    name: Annotated[str, Field(description="The name of the Secret.", max_length=253)]


class VaultSecretStatus(Shape):
    """What the secret is. Written by Strongroom; never holds a value."""

    conditions: Annotated[
        Conditions,
        Field(description="`Ready` says whether the secret is as declared, `Synced` whether the target is."),
    ] = ()
    current_version: Annotated[
        VersionId,
        Field(
            description="Id of the version that the targets hold and that readers get: the newest, or the pinned one.",
        ),
    ] = None
    versions: Versions = ()
    pinned_version: Annotated[
        VersionId,
        Field(
            description="Only while a version is pinned: its id. The newest version is the first of `versions`.",
        ),
    ] = None
    pruned_versions: Annotated[
        int | None,
        Field(description="Versions beyond `rotation.keepVersions` whose retention has not passed yet.", ge=1),
    ] = None
    expiration_time: ExpirationTime = None
    last_rotation_time: LastRotationTime = None
    next_rotation_time: Annotated[
        Timestamp | None,
        Field(description="When the next version is due. Absent without a schedule, and while a version is pinned."),
    ] = None
    last_sync_time: Annotated[
        Timestamp | None,
        Field(description="When a target Secret was last written. Looking without writing does not move it."),
    ] = None
    target_name: Annotated[
        str | None,
        Field(
            description="The Secret that holds the value now: differs from `spec.target.name` until a change is done.",
            max_length=253,
        ),
    ] = None
    targets: Annotated[
        tuple[TargetStatus, ...],
        Field(
            description="The Secrets of `spec.targets` that hold the current version.",
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    consecutive_failures: ConsecutiveFailures = None
    scheduled_purge_time: Annotated[
        Timestamp | None,
        Field(
            description="Only while a deleted secret of this name blocks this one: when it is removed for good.",
        ),
    ] = None
