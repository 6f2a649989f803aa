"""The file of the wrapped keys: what the plugin starts from when there is nothing but its token."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from strongroom.domain.errors import InvalidInput, StrongroomError
from strongroom.domain.wrappedkeys import OCTETS, WrappedKeys


class KeyFile:
    """One file, of this user alone. Its directory exists. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> WrappedKeys | None:
        """Return what is kept; None: nothing yet. ``InvalidInput`` for what must not be believed or is no such file.

        Whoever can write it chooses the key that Secrets are encrypted by.
        """
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            self._check_ours(os.fstat(descriptor))
            octets = file.read(OCTETS + 1)
        try:
            return WrappedKeys.unpack(octets)
        except StrongroomError as error:
            raise InvalidInput(f"{self._path}: {error}; put a copy of it back, it is the way to your data") from error

    def save(self, keys: WrappedKeys) -> None:
        """Replace the file at once; after the return, a loss of power takes nothing of it away."""
        new = self._path.with_name(f".{self._path.name}.new")
        new.unlink(missing_ok=True)  # of a process that was killed
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(keys.pack())
            file.flush()
            os.fsync(descriptor)
        new.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _check_ours(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise InvalidInput(f"{self._path} must be a file of this user alone, with mode 0600")
