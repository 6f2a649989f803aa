"""VaultKey, v1alpha1: its status."""

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


class VaultKeyStatus(Shape):
    """What the key is. Written by Strongroom; never holds private parts."""

    conditions: Annotated[
        Conditions,
        Field(description="`Ready` says whether the key is as declared, `Synced` whether the ConfigMap is."),
    ] = ()
    current_version: Annotated[
        VersionId,
        Field(
            description="Id of the version that is used where none is named: the newest.",
        ),
    ] = None
    key_id: Annotated[
        str | None,
        Field(description="The URL of that version in the vault's API: the `kid` of its JSON Web Key.", max_length=512),
    ] = None
    kty: Annotated[str | None, Field(description="The type of that version.", max_length=16)] = None
    thumbprint: Annotated[
        str | None,
        Field(
            description="SHA-256 thumbprint of its public part (RFC 7638), base64url. Absent of a symmetric key.",
            max_length=43,
        ),
    ] = None
    versions: Versions = ()
    expiration_time: ExpirationTime = None
    last_rotation_time: LastRotationTime = None
    next_rotation_time: Annotated[
        Timestamp | None, Field(description="When the next version is due. Absent: not by itself.")
    ] = None
    public_key_config_map: Annotated[
        str | None,
        Field(
            description="The ConfigMap that holds the public key now: differs from "
            "`spec.publicKeyTarget.configMapName` until a change is done.",
            max_length=253,
        ),
    ] = None
    consecutive_failures: ConsecutiveFailures = None
    scheduled_purge_time: Annotated[
        Timestamp | None,
        Field(description="Only while a deleted key of this name blocks this one: when it is removed for good."),
    ] = None
