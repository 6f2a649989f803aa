"""``strongroom audit``: what its options mean, and how its answers look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from strongroom.cli import tables
from strongroom.cli.tables import printable
from strongroom.domain.errors import InvalidInput
from strongroom.telemetry.audit import checkpoints
from strongroom.telemetry.audit.checkpoints import Checkpoint
from strongroom.telemetry.audit.query import Table
from strongroom.telemetry.audit.verify import Expectations, Report

_AGO: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_time(text: str, now: float) -> datetime:
    """Read ``24h`` (ago; s, m, h, d) or a time as RFC 3339, UTC when it names no zone. Raises InvalidInput."""
    if ago := _AGO.fullmatch(text):
        return datetime.fromtimestamp(now, UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("a time is written like 24h or 2025-11-24T16:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def hour(time: datetime | None) -> str:
    """Return the hour of a time as the hourly layout has it; empty for none."""
    return f"{time.astimezone(UTC):y=%Y/m=%m/d=%d/h=%H}" if time else ""


def read_registered(text: bytes) -> list[Checkpoint]:
    """Read what ``strongroom audit checkpoints`` wrote. Raises InvalidInput."""
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        items = None
    if not isinstance(items, list):
        raise InvalidInput("registered checkpoints are a JSON list, as `strongroom audit checkpoints` writes it")
    return [checkpoints.from_text(item) for item in items]


def show_registered(registered: Sequence[Checkpoint]) -> str:
    """Return them for ``read_registered``."""
    return orjson.dumps([known.to_text() for known in registered], option=orjson.OPT_INDENT_2).decode()


def show_report(report: Report, expected: Expectations, *, as_json: bool) -> str:
    """Return a verification for people or scripts."""
    if as_json:
        return orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2).decode()
    return "\n".join(_report_lines(report, expected))


def _report_lines(report: Report, expected: Expectations) -> Iterator[str]:
    rows = [(chain.chain, chain.first, chain.last, chain.checkpoints, chain.uncovered) for chain in report.chains]
    yield tables.table(("CHAIN", "FIRST", "LAST", "CHECKPOINTS", "UNCOVERED"), [list(map(str, row)) for row in rows])
    if expected.keys is None:
        yield "note: signatures were not checked: give the public keys with --keys"
    if expected.registered is None:
        yield "note: missing chains and cut tails cannot be seen: give --registered or --kubeconfig"
    for file in report.torn:
        yield f"note: {printable(file)} ends within a line: it is being written, or a crash cut it"
    for finding in report.findings:
        yield printable(f"{finding.flaw.value}: {finding.where}: {finding.text}")
    more = report.count - len(report.findings)
    if more:
        yield f"… and {more} more"
    yield f"{report.count} findings" if report.count else "sound"


def show_table(table: Table, *, as_json: bool) -> str:
    """Return an answer for people or scripts."""
    if as_json:
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        return orjson.dumps(
            rows, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
        ).decode()
    shown = [tables.table([column.upper() for column in table.columns], [list(map(_text, row)) for row in table.rows])]
    if table.cut:
        shown.append("… there is more: raise --limit, or ask for less")
    return "\n".join(shown)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" if isinstance(value, datetime) else str(value)
