"""Files that hold what nobody else on the machine may read."""

from __future__ import annotations

import tempfile
from pathlib import Path

from strongroom.domain.errors import InvalidInput


def write_private(path: Path, octets: bytes) -> None:
    """Write a file with mode 0600, replacing one of that name at once: a reader sees the old or the new.

    Raises OSError; InvalidInput when the path is a directory or device, which must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a file")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(octets)
            file.flush()
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink()
            raise
