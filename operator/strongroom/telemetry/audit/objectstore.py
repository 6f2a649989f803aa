"""A sink in an S3-compatible object store: one object a batch, in the hourly layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from strongroom.domain.errors import SinkUnavailable
from strongroom.telemetry.audit import layout, lines


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the objects go. Credentials are files, read anew after every failure; without: the SDK's own chain.

    ``encryption``: server-side, ``AES256`` or ``aws:kms``; ``kms_key`` with the latter. ``linger``: seconds that
    records are gathered for.
    """

    bucket: str
    endpoint: str | None = None
    region: str = "us-east-1"
    prefix: str = ""
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    ca_file: Path | None = None
    encryption: str | None = None
    kms_key: str | None = None
    linger: float = 10.0


_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 3},
    s3={"addressing_style": "path"},
    # Newer checksums by default are what many compatible stores do not know.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class ObjectStore:
    """Puts objects. A batch that comes again after a crash replaces the objects that begin with the same line."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self.linger = settings.linger
        self._client: Any = None

    def send(self, texts: list[bytes]) -> None:
        """See ``Sink``. Raises SinkUnavailable, OSError when a file of credentials cannot be read."""
        try:
            self._client = self._client or connect(self._settings)
            for folder, batch in layout.grouped(texts):
                self._put(folder, batch)
        except (BotoCoreError, ClientError, OSError) as error:
            self._client = None
            raise SinkUnavailable(f"the object store of audit records: {type(error).__name__}") from error

    def _put(self, folder: str, batch: list[bytes]) -> None:
        first = lines.read(batch[0]).position
        name = f"{folder}/PT1H-{first.chain}-{first.sequence:020d}.json"
        wanted = {"ServerSideEncryption": self._settings.encryption, "SSEKMSKeyId": self._settings.kms_key}
        self._client.put_object(
            Bucket=self._settings.bucket,
            Key=self._settings.prefix + name,
            Body=b"".join(batch),
            ContentType="application/x-ndjson",
            **{key: value for key, value in wanted.items() if value},
        )


def connect(settings: StoreSettings) -> Any:
    """Return a client. Raises OSError when a file cannot be read, BotoCoreError."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id=_content(settings.access_key_file),
        aws_secret_access_key=_content(settings.secret_key_file),
        verify=str(settings.ca_file) if settings.ca_file else None,
        config=_CONFIG,
    )


def _content(path: Path | None) -> str | None:
    return path.read_text().strip() if path else None


def download(settings: StoreSettings, into: Path, since: str, until: str) -> list[Path]:
    """Copy the objects of the hours from ``since`` to ``until`` (``y=2025/m=11/d=24/h=16``; empty: no bound) to files.

    Raises SinkUnavailable.
    """
    found: list[Path] = []
    try:
        client = connect(settings)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix=settings.prefix)
        for key in (item["Key"] for page in pages for item in page.get("Contents", ())):
            hour = layout.hour_of(key)
            if key.endswith(".json") and hour and since <= hour and (not until or hour <= until):
                found.append(into / f"{len(found):08d}.json")
                client.download_file(settings.bucket, key, str(found[-1]))
    except (BotoCoreError, ClientError, Boto3Error, OSError) as error:
        raise SinkUnavailable(f"the object store of audit records: {type(error).__name__}") from error
    return found
