"""Writing files so that a reader never sees half of one, and nobody else sees a secret one."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_private(path: Path, content: bytes | str) -> None:
    """Replace `path` in one step, readable by its owner alone from the first byte on."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on an existing file or directory; `waiting` is called every 10 s while another has it.

    The kernel drops the lock with the process, so a killed holder blocks nobody.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _lock(descriptor, waiting)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, waiting: Callable[[], None]) -> None:
    for attempt in range(36_000):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt % 100 == 0:
                waiting()
            time.sleep(0.1)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
