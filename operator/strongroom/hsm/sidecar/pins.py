"""PIN files: read for one login, or written once with a random PIN."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar.faults import Uninitialised

_MAX_OCTETS = 255  # SoftHSM's; other tokens take less
_MIN_OCTETS = 4
_RANDOM_DIGITS = 24  # 80 bits; digits only, because some tokens accept nothing else


class Pin:
    """A PIN that does not show itself. Keep it for one call, in a local variable."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Pin(hidden)"

    def reveal(self) -> str:
        return self._value


@dataclass(frozen=True, slots=True)
class PinFile:
    """Where a PIN is. It is read anew for each login."""

    path: Path

    def read(self) -> Pin:
        """Return the PIN; one trailing newline is not part of it.

        Raises ``Uninitialised`` when there is no such file yet, ``InvalidInput`` when others may read it or its length
        cannot be right. No message holds its content.
        """
        try:
            with self.path.open("rb") as file:
                _check_mode(self.path, os.fstat(file.fileno()).st_mode)
                content = file.read(_MAX_OCTETS + 3)
        except OSError as error:
            raise Uninitialised(f"the PIN file {self.path} cannot be read ({type(error).__name__})") from error
        return _parse(self.path, content)

    def ensure(self) -> Pin:
        """Return the PIN, written with mode 0600 and at random if the file did not exist. For a new token only."""
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self.read()
        except OSError as error:
            raise Uninitialised(f"the PIN file {self.path} cannot be written ({type(error).__name__})") from error
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.randbelow(10**_RANDOM_DIGITS):0{_RANDOM_DIGITS}}\n")
            file.flush()
            os.fsync(descriptor)  # before a token depends on it
        return self.read()


def _check_mode(path: Path, mode: int) -> None:
    if mode & stat.S_IRWXO:
        raise InvalidInput(f"the PIN file {path} is accessible by everybody; chmod it to 0600 or 0440")


def _parse(path: Path, content: bytes) -> Pin:
    pin = content.removesuffix(b"\n").removesuffix(b"\r")
    if not _MIN_OCTETS <= len(pin) <= _MAX_OCTETS:
        raise InvalidInput(f"the PIN in {path} must have {_MIN_OCTETS} to {_MAX_OCTETS} octets")
    try:
        return Pin(pin.decode())
    except UnicodeDecodeError:
        # "from None": the cause would carry the octets.
        raise InvalidInput(f"the PIN in {path} is not UTF-8") from None
