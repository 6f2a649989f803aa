"""Structured logs: one JSON object a line, and no text of exceptions.

An exception's message may hold whatever it choked on, so a log record that carries one shows its class and where it was
raised. Messages themselves are written by us and hold names, never values.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

# Libraries whose debug logs show bodies of requests or objects, or secrets; they are never let down to that.
_TALKATIVE = ("kopf", "aiohttp", "asyncio", "kubernetes", "grpc", "acme", "urllib3")


class JsonFormatter(logging.Formatter):
    """Formats a record as ``{"time", "level", "logger", "message"[, "error"]}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1]:
            entry["error"] = where(record.exc_info[1])
        return json.dumps(entry, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Formats a record for people; exceptions by class and place, as in JSON."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatException(self, ei: object) -> str:
        """Return the class and place of an exception instead of its trace and text."""
        return where(ei[1]) if isinstance(ei, tuple) and ei[1] else ""


def configure(level: str, form: str) -> None:
    """Send all logs of the process to standard error in this form. ``level`` and ``form`` as in the tables above."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))


def where(error: BaseException) -> str:
    """Name an exception's class and the place it was raised at, without its text."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" in {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + place
