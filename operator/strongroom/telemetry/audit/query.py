"""Questions to audit records, by DuckDB: plain filters, or SQL over the table ``audit``.

The records are loaded into a database of this call's own; then the database is locked: no SQL reads or writes anything
outside it. What a filter asks for is a parameter, never part of the SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from strongroom.domain.audit import CATEGORY
from strongroom.domain.errors import InvalidInput
from strongroom.telemetry.audit.lines import LONGEST_LINE

MOST_ROWS: Final = 100_000
"""Of one answer."""

COLUMNS: Final = (
    "time", "operation", "result", "status", "error", "identity", "address", "vault", "namespace", "object", "id",
    "phase", "description", "duration_ms", "correlation_id", "request_uri", "client", "uid", "issuer", "application",
    "pod", "resource_id", "category", "chain", "sequence", "properties",
)  # fmt: skip
"""Of the table ``audit``."""

SHOWN: Final = COLUMNS[:10]
"""What the plain filters answer with."""

_READ: Final = """
CREATE TABLE audit AS SELECT DISTINCT ON (chain, sequence)
  time,
  operationName AS operation,
  resultType AS result,
  TRY_CAST(properties ->> '$.httpStatusCode' AS INTEGER) AS status,
  properties ->> '$.errorCode' AS error,
  identity ->> '$.claim.unique_name' AS identity,
  callerIpAddress AS address,
  lower(regexp_extract(resourceId, '/VAULTS/([^/]+)$', 1)) AS vault,
  lower(regexp_extract(resourceId, '/RESOURCEGROUPS/([^/]+)/', 1)) AS namespace,
  lower(regexp_extract(coalesce(properties ->> '$.id', properties ->> '$.requestUri', ''),
    '^https://[^/]+/(?:deleted)?(?:secrets|keys|certificates)/([^/?#]+)', 1)) AS object,
  properties ->> '$.id' AS id,
  properties ->> '$.phase' AS phase,
  resultDescription AS description,
  TRY_CAST(durationMs AS DOUBLE) AS duration_ms,
  correlationId AS correlation_id,
  properties ->> '$.requestUri' AS request_uri,
  properties ->> '$.clientInfo' AS client,
  identity ->> '$.claim.oid' AS uid,
  identity ->> '$.claim.iss' AS issuer,
  identity ->> '$.claim.appid' AS application,
  identity ->> '$.claim.xms_k8s_pod' AS pod,
  resourceId AS resource_id,
  category,
  chain,
  sequence,
  properties
FROM read_json(?, format = 'newline_delimited', ignore_errors = true, hive_partitioning = false,
  maximum_object_size = ?, columns = {
  time: 'TIMESTAMP', operationName: 'VARCHAR', resultType: 'VARCHAR', resultDescription: 'VARCHAR',
  durationMs: 'VARCHAR', callerIpAddress: 'VARCHAR', correlationId: 'VARCHAR', resourceId: 'VARCHAR',
  category: 'VARCHAR', identity: 'JSON', properties: 'JSON', chain: 'VARCHAR', sequence: 'BIGINT'})
WHERE time >= coalesce(?, time) AND time < coalesce(?, TIMESTAMP 'infinity')
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; empty: not asked. ``since`` (included) and ``until`` (not) are times with a zone."""

    object: str = ""
    kind: str = ""  # Secret, Key or Certificate: how the operation begins
    identity: str = ""  # the whole name, or a uid
    operation: str = ""
    vault: str = ""  # name, or namespace/name
    status: int | None = None
    denied: bool = False
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST_ROWS:
            raise InvalidInput(f"the limit is from 1 to {MOST_ROWS}")


@dataclass(frozen=True, slots=True)
class Table:
    """An answer. ``cut``: there was more."""

    columns: Sequence[str]
    rows: list[tuple[Any, ...]]
    cut: bool = False


class Records:
    """The records of some files, open for questions. Use it as a context manager."""

    def __init__(self, files: Sequence[Path], scratch: Path, filters: Filters) -> None:
        """Load the records of the files within the filters' times, by way of a database in the directory ``scratch``.

        Lines that are no records are left out: ``verify`` is who judges them. Raises InvalidInput when the files cannot
        be read, or there are none.
        """
        self._filters = filters
        self._connection = duckdb.connect(str(scratch / "audit.duckdb"))
        arguments = [[str(file) for file in files], LONGEST_LINE, _utc(filters.since), _utc(filters.until)]
        try:
            self._connection.execute(_READ, arguments)
            self._connection.execute("SET enable_external_access = false")
            self._connection.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            raise InvalidInput(f"the audit records cannot be read: {error}") from error

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def filtered(self) -> Table:
        """Answer the filters, newest first."""
        where, arguments = _conditions(self._filters)
        # Only our own words are put together here.
        text = f"SELECT {', '.join(SHOWN)} FROM audit WHERE {where} ORDER BY time DESC, sequence DESC LIMIT ?"  # noqa: S608
        return self._ask(text, [*arguments, self._filters.limit + 1], self._filters.limit)

    def sql(self, text: str) -> Table:
        """Answer SQL. Raises InvalidInput when DuckDB does not take it."""
        return self._ask(text, [], MOST_ROWS)

    def _ask(self, text: str, arguments: list[Any], most: int) -> Table:
        try:
            answer = self._connection.execute(text, arguments)
            columns = [column[0] for column in answer.description or ()]
            rows = answer.fetchmany(most + 1)
        except duckdb.Error as error:
            raise InvalidInput(f"DuckDB does not take the query: {error}") from error
        return Table(columns, rows[:most], len(rows) > most)


def _conditions(filters: Filters) -> tuple[str, list[Any]]:
    found: list[tuple[str, tuple[Any, ...]]] = [("category = ?", (CATEGORY,))]
    if filters.object:
        found.append(("object = ?", (filters.object.lower(),)))
    if filters.kind:
        found.append(("starts_with(operation, ?)", (filters.kind,)))
    if filters.identity:
        found.append(("(identity = ? OR uid = ?)", (filters.identity, filters.identity)))
    if filters.operation:
        found.append(("lower(operation) = ?", (filters.operation.lower(),)))
    if filters.vault:
        namespace, _, name = filters.vault.lower().rpartition("/")
        found.append(("vault = ?", (name,)))
        if namespace:
            found.append(("namespace = ?", (namespace,)))
    if filters.status is not None:
        found.append(("status = ?", (filters.status,)))
    if filters.denied:
        found.append(("status IN (401, 403)", ()))
    return " AND ".join(text for text, _ in found), [value for _, values in found for value in values]


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC).replace(tzinfo=None) if time else None
