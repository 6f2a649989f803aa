"""What a process that holds keys asks of the kernel."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Never leave a core dump, and keep other processes of the same user from reading this one's memory.

    PR_SET_DUMPABLE also closes /proc/self/mem and ptrace; execve resets it, so every process calls this itself.
    Raises ``OSError``.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with(parent: int) -> None:
    """Be killed when the process ``parent`` ends, even by SIGKILL.

    SIGKILL, not SIGTERM: a gRPC server that shuts down removes its socket, which by then may be its successor's.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)


def _prctl(option: int, argument: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
