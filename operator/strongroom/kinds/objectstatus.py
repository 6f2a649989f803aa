"""What the statuses of all objects of a vault have in common."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from strongroom.kinds.shapes import Shape, Timestamp

HISTORY: Final = 10
"""Versions listed in status."""


class VersionStatus(Shape):
    """One version of the object."""

    version: Annotated[
        str,
        Field(description="The version's id, 32 hexadecimal digits.", pattern="^[0-9a-f]{32}$", max_length=32),
    ]
    created_time: Annotated[Timestamp, Field(description="When the version was made.")]


VersionId = Annotated[str | None, Field(pattern="^[0-9a-f]{32}$", max_length=32)]

Versions = Annotated[
    tuple[VersionStatus, ...],
    Field(
        description=f"The newest versions, at most {HISTORY}, newest first. Older ones may exist in the vault.",
        max_length=HISTORY,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    ),
]

ExpirationTime = Annotated[Timestamp | None, Field(description="When the current version expires. Absent: never.")]

LastRotationTime = Annotated[Timestamp | None, Field(description="When the newest version was made.")]

ConsecutiveFailures = Annotated[
    int | None,
    Field(
        description="Attempts that failed in a row, rounded down to a power of two so that a lasting trouble does "
        "not keep writing. Absent while all is well.",
        ge=1,
    ),
]
