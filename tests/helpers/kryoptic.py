"""Kryoptic: a token of another make, which knows PKCS#11 v3.0 and its names, in a database of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hack.bootstrap import kryoptic
from tests.helpers.hsm import TokenHome


class KryopticHome(TokenHome):
    """A directory with Kryoptic's configuration and database, and the PIN files. Skips the test where it is not."""

    @property
    def module(self) -> Path:
        found = kryoptic.find()
        if found is None:
            pytest.skip("Kryoptic is not built (it takes cargo and the headers of OpenSSL and SQLite)")
        return found

    @property
    def configuration(self) -> Path:
        return self.root / "kryoptic.conf"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KRYOPTIC_CONF": str(self.configuration)}

    def _write_configuration(self) -> None:
        database = self.token_dir / "token.sql"
        self.configuration.write_text(f'[[slots]]\nslot = 1\ndbtype = "sqlite"\ndbargs = "{database}"\n')
