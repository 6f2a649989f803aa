"""Logs are one JSON object a line and show no exception's text."""

from __future__ import annotations

import json
import logging

import pytest

from strongroom.telemetry.logs import FORMATS, JsonFormatter, TextFormatter, configure, where

CANARY = "canary-91c4"


def _record(message: str, *values: object, error: Exception | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("strongroom.test", logging.WARNING, __file__, 1, message, values, info)


def _raised() -> Exception:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        return error


def test_a_line_of_json_has_time_level_logger_and_message() -> None:
    line = JsonFormatter().format(_record("a %s\nb", "c"))
    assert "\n" not in line
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "warning", "logger": "strongroom.test", "message": "a c\nb"}


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()], ids=FORMATS[::-1])
def test_an_exception_shows_class_and_place_and_no_text(formatter: logging.Formatter) -> None:
    line = formatter.format(_record("failed", error=_raised()))
    assert "ValueError in _raised" in line
    assert CANARY not in line


def test_where_names_the_innermost_place() -> None:
    assert where(_raised()).startswith("ValueError in _raised:")
    assert where(KeyError(CANARY)) == "KeyError"


@pytest.mark.parametrize("level", ["debug", "info", "error"])
def test_libraries_that_show_bodies_are_never_let_down_to_debug(level: str) -> None:
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    try:
        configure(level, "json")
        assert logging.getLogger("strongroom").isEnabledFor(getattr(logging, level.upper()))
        assert not logging.getLogger("kopf").isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("aiohttp.client").isEnabledFor(logging.DEBUG)
    finally:
        root.handlers[:], root.level = handlers, before
