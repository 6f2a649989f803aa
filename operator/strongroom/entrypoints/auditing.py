"""Options of where audit records go, and the sinks that they ask for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.options import environment, one_of
from strongroom.telemetry.audit.hourly import HourlyFiles, Stream
from strongroom.telemetry.audit.shipping import Sink

if TYPE_CHECKING:
    from strongroom.telemetry.audit.objectstore import StoreSettings

_DAY = 86_400


def add_sinks(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sinks, ``--audit-…``, each from the environment too."""
    add = parser.add_argument
    add(
        "--audit-stdout", action="store_true", default=bool(environment("audit-stdout")), help="ship to standard output"
    )
    add("--audit-files", type=Path, default=environment("audit-files"), help="ship to files below this directory")
    add(
        "--audit-files-days",
        type=int,
        default=environment("audit-files-days", "90"),
        help="that these files are kept; 0: for good",
    )
    add("--audit-otlp", default=environment("audit-otlp"), help="ship to this URL, as https://collector:4318/v1/logs")
    add("--audit-otlp-ca-file", type=Path, default=environment("audit-otlp-ca-file"), help="PEM; default: the system's")
    add(
        "--audit-otlp-token-file",
        type=Path,
        default=environment("audit-otlp-token-file"),
        help="file with the bearer token for it",
    )
    add_store(parser, "audit-s3")
    add(
        "--audit-s3-encryption",
        type=one_of(("AES256", "aws:kms")),
        default=environment("audit-s3-encryption"),
        help="server-side: AES256 or aws:kms",
    )
    add("--audit-s3-kms-key", default=environment("audit-s3-kms-key"), help="its key, with aws:kms")


def add_store(parser: argparse.ArgumentParser, prefix: str) -> None:
    """Add the options of an S3-compatible object store."""

    def add(option: str, text: str, *, kind: Callable[[str], object] = str, default: str | None = None) -> None:
        name = f"{prefix}-{option}"
        parser.add_argument(f"--{name}", type=kind, default=environment(name, default), help=text)

    add("bucket", "bucket of an S3-compatible object store")
    add("endpoint", "its URL; default: AWS")
    add("region", "its region", default="us-east-1")
    add("prefix", "what all keys begin with", default="")
    add("access-key-file", "file with the access key id; default: as the AWS SDK finds it", kind=Path)
    add("secret-key-file", "file with the secret access key", kind=Path)
    add("ca-file", "PEM; default: the system's", kind=Path)


def sinks(options: argparse.Namespace, replica: str, clock: Callable[[], float]) -> dict[str, Sink]:
    """Return the sinks that are asked for, by name. Raises InvalidInput, OSError when a file cannot be read.

    The libraries of the others are not even loaded.
    """
    found: dict[str, Sink] = {}
    if options.audit_stdout:
        found["stdout"] = Stream(sys.stdout.buffer)
    if options.audit_files:
        found["files"] = HourlyFiles(options.audit_files, options.audit_files_days * _DAY, clock)
    if options.audit_s3_bucket:
        from strongroom.telemetry.audit.objectstore import ObjectStore

        found["s3"] = ObjectStore(store_settings(options, "audit_s3"))
    if options.audit_otlp:
        found["otlp"] = _otlp(options, replica)
    return found


def store_settings(options: argparse.Namespace, prefix: str) -> StoreSettings:
    """Return the settings that ``add_store`` asked for."""
    from strongroom.telemetry.audit.objectstore import StoreSettings

    names = ("bucket", "endpoint", "region", "prefix", "access_key_file", "secret_key_file", "ca_file")
    more = ("encryption", "kms_key")
    given = {name: getattr(options, f"{prefix}_{name}", None) for name in (*names, *more)}
    return StoreSettings(**{name: value for name, value in given.items() if value})


def _otlp(options: argparse.Namespace, replica: str) -> Sink:
    from strongroom.telemetry.audit.otlp import OtlpLogs, OtlpSettings

    token = options.audit_otlp_token_file
    if token and not options.audit_otlp.startswith("https://"):
        raise InvalidInput("--audit-otlp with a token must be an https address")
    headers = {"authorization": f"Bearer {token.read_text().strip()}"} if token else {}
    return OtlpLogs(OtlpSettings(options.audit_otlp, replica, options.audit_otlp_ca_file, headers))
