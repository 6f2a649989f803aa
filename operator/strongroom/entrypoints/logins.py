"""Logins that were asked to be kept: one file, for its owner alone.

Each belongs to one installation (the audience of its token) and is sent to no other.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import orjson

from strongroom.client.tokens import Token
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.files import write_private

_LENGTH: Final = 2**20  # octets of the file


def default_path() -> Path:
    """Return where logins are kept: the state of this user on this machine (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "strongroom" / "logins.json"


class Logins:
    """Raises OSError as files do; ``InvalidInput`` when the file is not as this class writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, audience: str, now: float) -> Token | None:
        """Return the login for an installation. ``InvalidInput`` when it has ended."""
        text = self._read().get(audience)
        if text is None:
            return None
        token = Token.of(str(text))
        if token.expires and token.expires <= now:
            raise InvalidInput(f"the login for {audience} has ended; sign in again: strongroom login --store")
        return token

    def keep(self, audience: str, token: Token) -> None:
        """Write a login, replacing the one for the same installation."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._path, orjson.dumps(self._read() | {audience: token.text}))

    def forget(self, audience: str = "") -> bool:
        """Remove the login for an installation, or all of them. Return whether there was one."""
        logins = self._read()
        left = {known: text for known, text in logins.items() if audience and known != audience}
        if left:
            write_private(self._path, orjson.dumps(left))
        else:
            self._path.unlink(missing_ok=True)
        return len(left) < len(logins)

    def _read(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise InvalidInput(f"{self._path} is open to other users: chmod 600, and sign in again")
                logins = orjson.loads(file.read(_LENGTH))
        except FileNotFoundError:
            return {}
        except orjson.JSONDecodeError:
            logins = None
        if not isinstance(logins, dict):
            raise InvalidInput(f"{self._path} cannot be read; remove it and sign in again")
        return logins
