"""One line of the published description: a method of a path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.dataplane.operations import Operation

PAGING: Final = ("maxresults", "skiptoken", "orderby")
NAMED: Final = ("name",)
VERSIONED: Final = ("name", "version")


@dataclass(frozen=True, slots=True)
class Entry:
    """One method of one path. ``answer`` and ``body`` name schemas; an operation without an answer has status 204."""

    method: str
    path: str
    id: str
    operation: Operation
    summary: str
    answer: str = ""
    parameters: tuple[str, ...] = ()
    body: str = ""
    etag: bool = False
    links: tuple[str, ...] = ()
    pem: bool = False  # it answers in PEM, too
    status: int = 200  # of its answer
