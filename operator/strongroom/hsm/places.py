"""Where a process serves a token: its socket's directory, which is of this user alone, and the lock beside a file."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InvalidInput

_MAX_SOCKET_OCTETS: Final = 107  # sun_path of sockaddr_un, without its final NUL
_USES: Final = ".uses"
_SLOW_USES: Final = (".use1", ".use2", ".use3")
_LEAST_WAYS: Final = 2


def uses_socket(socket: Path) -> Path:
    """Return the socket for quick uses of keys that a sidecar has beside its gRPC socket."""
    return socket.with_name(socket.name + _USES)


def slow_sockets(socket: Path) -> tuple[Path, ...]:
    """Return those for slow uses."""
    return tuple(socket.with_name(socket.name + each) for each in _SLOW_USES)


def slow_ways(socket: Path) -> tuple[Path, ...]:
    """Return those of them that a client goes by: no more than there are cores, for which the sidecar's threads would
    only take turns, and two at least, or one long use would hold up all others."""
    return slow_sockets(socket)[: max(_LEAST_WAYS, len(os.sched_getaffinity(0)))]


def fits(socket: Path) -> bool:
    """Say whether a Unix socket can have this path."""
    return len(os.fsencode(socket)) <= _MAX_SOCKET_OCTETS


def check_uses_socket(socket: Path) -> None:
    """Raise ``InvalidInput`` when the path of a sidecar's gRPC socket leaves no room for the names of the others."""
    if not fits(uses_socket(socket)):
        most = _MAX_SOCKET_OCTETS - len(_USES)
        raise InvalidInput(
            f"the path of a sidecar's socket has at most {most} octets, for there are others that end like {_USES}"
        )


def prepare_directory(socket: Path) -> None:
    """Make the socket's directory with mode 0700, or check that it is ours alone. Raises ``InvalidInput``.

    The directory is the lock: between bind and chmod a socket has the mode of the umask, and some systems ignore the
    mode of a socket altogether.
    """
    if not fits(socket):
        raise InvalidInput(f"the path of a Unix socket has at most {_MAX_SOCKET_OCTETS} octets")
    directory = socket.parent
    if not directory.exists():
        directory.mkdir(mode=0o700)
    found = directory.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise InvalidInput(f"the socket directory {directory} must belong to this user alone, with mode 0700")


@contextmanager
def held(path: Path, holder: str = "process") -> Iterator[None]:
    """Hold a lock beside ``path``; ``InvalidInput`` when another ``holder`` does.

    Two servers would take turns stealing a socket from each other, and two writers a file.
    """
    lock = path.with_name(path.name + ".lock")
    with lock.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another {holder} holds {lock}") from None
        yield
