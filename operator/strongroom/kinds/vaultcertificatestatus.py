"""VaultCertificate, v1alpha1: its status."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strongroom.kinds.objectstatus import ConsecutiveFailures, VersionId, Versions
from strongroom.kinds.shapes import Conditions, Shape, Timestamp


class VaultCertificateStatus(Shape):
    """What the certificate is. Written by Strongroom; never holds the private key."""

    conditions: Annotated[
        Conditions,
        Field(description="`Ready` says whether the certificate is as declared, `Synced` whether the target holds it."),
    ] = ()
    current_version: Annotated[VersionId, Field(description="Id of the version that is used where none is named.")] = (
        None
    )
    certificate_id: Annotated[
        str | None, Field(description="The URL of that version in the vault's API.", max_length=512)
    ] = None
    thumbprint: Annotated[
        str | None,
        Field(description="SHA-1 of that version's certificate, in hexadecimal digits.", max_length=40),
    ] = None
    serial_number: Annotated[
        str | None, Field(description="Its serial number, in hexadecimal digits.", max_length=64)
    ] = None
    issuer_name: Annotated[
        str | None,
        Field(
            description="Who is asked for versions: `Self`, `Unknown`, an issuer of the vault, or `certificate/NAME`.",
            max_length=160,
        ),
    ] = None
    issuer: Annotated[str | None, Field(description="The name of who signed it (RFC 4514).", max_length=1024)] = None
    not_before: Annotated[Timestamp | None, Field(description="From when on it is valid.")] = None
    not_after: Annotated[Timestamp | None, Field(description="Until when it is valid.")] = None
    renewal_time: Annotated[
        Timestamp | None, Field(description="When the next version is asked for. Absent: not by itself.")
    ] = None
    request_id: Annotated[
        str | None,
        Field(
            description="The operation that is under way to the next version, as the vault's API names it.",
            max_length=32,
        ),
    ] = None
    versions: Versions = ()
    target_name: Annotated[
        str | None,
        Field(
            description="The Secret that holds the certificate now: differs from `spec.target.name` until a change is "
            "done.",
            max_length=253,
        ),
    ] = None
    last_sync_time: Annotated[Timestamp | None, Field(description="When the target was last written.")] = None
    consecutive_failures: ConsecutiveFailures = None
    scheduled_purge_time: Annotated[
        Timestamp | None,
        Field(description="Only while a deleted object of this name blocks this one: when it is removed for good."),
    ] = None
