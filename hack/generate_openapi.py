"""Writes docs/reference/openapi.json, the description of the vaults' API, from operator/strongroom/dataplane."""

from __future__ import annotations

import json
from pathlib import Path

from strongroom.dataplane.openapi import document

FILE = Path("docs/reference/openapi.json")


def generate(_: Path) -> dict[Path, bytes]:
    """Return what the generated file should hold, by its path below the repository's root."""
    return {FILE: (json.dumps(document(), indent=2) + "\n").encode()}
