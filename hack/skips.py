"""A pytest plugin: writes what was skipped and why to the file named by STRONGROOM_SKIPS, for hack.test to sum up."""

import json
import os
from pathlib import Path

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [_reason(report) for report in terminalreporter.stats.get("skipped", [])]
    Path(os.environ["STRONGROOM_SKIPS"]).write_text(json.dumps(reasons))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str]:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return report.nodeid, reason.removeprefix("Skipped: ")
