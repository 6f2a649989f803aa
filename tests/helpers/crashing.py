"""The controller under test conditions: ``python -m tests.helpers.crashing controller …``.

``CRASH_AT=n`` with ``CRASH_ARMED=file``: once the file exists, the writes of a real controller are counted, and SIGKILL
hits it at number n, before the request is sent or (``CRASH_AFTER=1``) after the API server answered; with
``CRASH_STOP=1`` SIGSTOP instead. Leases, events and the delayed counts of Vaults do not count; with
``CRASH_ON=plural`` only writes to that resource do.

``CLOCK_AHEAD=seconds``: the process believes to live that much later.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from strongroom.entrypoints.main import main
from strongroom.kube.api import Write
from strongroom.kube.client import KubeClient

_ARMED, _AT = Path(os.environ.get("CRASH_ARMED", "")), int(os.environ.get("CRASH_AT", "0"))
_AFTER = os.environ.get("CRASH_AFTER")
_SIGNAL = signal.SIGSTOP if os.environ.get("CRASH_STOP") else signal.SIGKILL
_AHEAD = int(os.environ.get("CLOCK_AHEAD", "0"))
_ON = os.environ.get("CRASH_ON")
_UNCOUNTED = ("leases", "events", "vaults")
_count = 0
_real_write, _real_time = KubeClient.write, time.time


def _armed() -> bool:
    return _AT > 0 and _ARMED.exists()


async def _write(self: KubeClient, change: Write) -> dict[str, Any]:
    global _count
    doomed = False
    plural = change.resource.plural
    if plural not in _UNCOUNTED and plural == (_ON or plural) and _armed():
        _count += 1
        doomed = _count == _AT
    if doomed and not _AFTER:
        os.kill(os.getpid(), _SIGNAL)
    answer = await _real_write(self, change)
    if doomed and _AFTER:
        os.kill(os.getpid(), _SIGNAL)
    return answer


if __name__ == "__main__":
    KubeClient.write = _write  # type: ignore[method-assign]
    time.time = lambda: _real_time() + _AHEAD
    sys.exit(main(sys.argv[1:]))
