"""``strongroom audit``: verify audit records, ask them questions, export what is registered.

Exit codes: 0 sound or answered, 1 there are findings or it could not be done (the reason is on standard error), 2 for a
wrong command line.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from strongroom.cli import audit as answers
from strongroom.cli.tables import printable
from strongroom.crypto.auditsigning import PublicKeys
from strongroom.domain.errors import InvalidInput, StrongroomError
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.entrypoints.auditing import add_store, store_settings
from strongroom.entrypoints.options import environment
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.telemetry.audit import verify
from strongroom.telemetry.audit.checkpoints import Checkpoint
from strongroom.telemetry.audit.query import Filters, Records
from strongroom.telemetry.audit.registry import KubernetesRegistry
from strongroom.telemetry.audit.verify import Expectations


def main(arguments: list[str]) -> int:
    """See the module."""
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except StrongroomError as error:
        print(f"strongroom audit: {printable(str(error))}", file=sys.stderr)
    except OSError as error:
        print(f"strongroom audit: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("strongroom audit", description="Verify and query audit records.")
    commands = parser.add_subparsers(required=True, metavar="{verify,query,checkpoints}")
    _add_verify(commands.add_parser("verify", help="find altered and missing records in files"))
    _add_query(commands.add_parser("query", help="ask who did what, by filters or SQL"))
    export = commands.add_parser("checkpoints", help="write the registered checkpoints as JSON, for verify")
    _add_kubeconfig(export)
    export.set_defaults(run=_checkpoints)
    return parser


def _add_verify(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_sources(parser)
    add("--keys", type=Path, help="PEM file with the public keys of the checkpoints")
    add("--registered", type=Path, help="what `strongroom audit checkpoints` wrote")
    _add_kubeconfig(parser, "instead of --registered: ask this cluster")
    add("--retained", action="store_true", help="the oldest records of a chain may be gone, by retention")
    _add_output(parser)
    parser.set_defaults(run=_verify)


def _add_query(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_sources(parser)
    add("--object", default="", metavar="NAME", help="of a secret, key or certificate")
    add("--secret", default="", metavar="NAME", help="as --object, and only operations on secrets")
    add("--identity", default="", metavar="NAME", help="as system:serviceaccount:<namespace>:<name>, or a uid")
    add("--operation", default="", metavar="NAME", help="as SecretGet")
    add("--vault", default="", metavar="[NAMESPACE/]NAME")
    add("--status", type=int, metavar="CODE", help="HTTP status")
    add("--denied", action="store_true", help="status 401 or 403")
    add("--since", type=_time, metavar="TIME", help="24h (ago), or 2025-11-24T16:00:00Z")
    add("--until", type=_time, metavar="TIME", help="before it")
    add("--limit", type=int, default=100, metavar="ROWS", help="default: 100")
    add("--sql", metavar="QUERY", help="instead of the filters of what: SQL of DuckDB over the table audit")
    _add_output(parser)
    parser.set_defaults(run=_query)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", type=Path, nargs="*", metavar="PATH", help="directories of a journal or of shipped files, or files"
    )
    add_store(parser, "s3")


def _add_kubeconfig(parser: argparse.ArgumentParser, text: str = "default: the Pod's ServiceAccount") -> None:
    parser.add_argument("--kubeconfig", type=Path, default=environment("kubeconfig"), help=text)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", "-o", choices=("table", "json"), default="table")


def _time(text: str) -> datetime:
    try:
        return answers.parse_time(text, time.time())
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _verify(options: argparse.Namespace) -> int:
    keys = PublicKeys(options.keys.read_bytes()) if options.keys else None
    expected = Expectations(keys, _registered(options), options.retained)
    with tempfile.TemporaryDirectory(prefix="strongroom-audit-") as scratch:
        report = verify.verify(_files(options, Path(scratch)), expected)
    print(answers.show_report(report, expected, as_json=options.output == "json"))
    return 1 if report.count else 0


def _registered(options: argparse.Namespace) -> list[Checkpoint] | None:
    if options.registered:
        return answers.read_registered(options.registered.read_bytes())
    return asyncio.run(_ask(options.kubeconfig)) if options.kubeconfig else None


def _checkpoints(options: argparse.Namespace) -> int:
    print(answers.show_registered(asyncio.run(_ask(options.kubeconfig))))
    return 0


async def _ask(kubeconfig: Path | None) -> list[Checkpoint]:
    connection = await (transport.from_kubeconfig(kubeconfig) if kubeconfig else transport.in_cluster())
    async with KubeClient(connection) as client:
        return await KubernetesRegistry(client, SYSTEM_NAMESPACE).all()


def _query(options: argparse.Namespace) -> int:
    filters = Filters(
        object=options.secret or options.object,
        kind="Secret" if options.secret else "",
        identity=options.identity,
        operation=options.operation,
        vault=options.vault,
        status=options.status,
        denied=options.denied,
        since=options.since,
        until=options.until,
        limit=options.limit,
    )
    with tempfile.TemporaryDirectory(prefix="strongroom-audit-") as scratch:
        files = _files(options, Path(scratch), filters)
        with Records(files, Path(scratch), filters) as records:
            table = records.sql(options.sql) if options.sql else records.filtered()
    print(answers.show_table(table, as_json=options.output == "json"))
    return 0


def _files(options: argparse.Namespace, scratch: Path, filters: Filters | None = None) -> list[Path]:
    """Return what is named, after fetching what is in an object store. InvalidInput when that is nothing."""
    files = verify.files_under(options.paths)
    if options.s3_bucket:
        from strongroom.telemetry.audit.objectstore import download

        since, until = (answers.hour(time) for time in (filters.since, filters.until)) if filters else ("", "")
        files += download(store_settings(options, "s3"), scratch, since, until)
    if not files:
        raise InvalidInput("there are no audit records in what was named; name a directory, a file or --s3-bucket")
    return files
