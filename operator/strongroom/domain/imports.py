"""What is imported from a native Secret. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """Which data of which native Secret becomes a version.

    ``key``: one key, as a single value. ``keys``: pairs of (field, key), as fields. Neither: all there is; a Secret
    with one key gives a single value.
    """

    name: str
    key: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    delete_after_import: bool = False
