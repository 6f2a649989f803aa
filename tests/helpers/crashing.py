"""The controller, killed at a chosen write: ``python -m tests.helpers.crashing controller …``.

Once the file ``CRASH_ARMED`` exists, the writes of a real controller are counted, and SIGKILL hits it at number
``CRASH_AT``: before the request is sent, or (``CRASH_AFTER=1``) after the API server answered. Leases, events
and the delayed counts of Vaults do not count.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from strongroom.entrypoints.main import main
from strongroom.kube.api import Write
from strongroom.kube.client import KubeClient

_ARMED, _AT, _AFTER = Path(os.environ["CRASH_ARMED"]), int(os.environ["CRASH_AT"]), os.environ.get("CRASH_AFTER")
_UNCOUNTED = ("leases", "events", "vaults")
_count = 0
_real_write = KubeClient.write


def _armed() -> bool:
    return _ARMED.exists()


async def _write(self: KubeClient, change: Write) -> dict[str, Any]:
    global _count
    doomed = False
    if change.resource.plural not in _UNCOUNTED and _armed():
        _count += 1
        doomed = _count == _AT
    if doomed and not _AFTER:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = await _real_write(self, change)
    if doomed:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


if __name__ == "__main__":
    KubeClient.write = _write  # type: ignore[method-assign]
    sys.exit(main(sys.argv[1:]))
