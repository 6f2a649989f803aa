"""From what a version holds to the data of a native Secret."""

from __future__ import annotations

from strongroom.domain.content import Content
from strongroom.domain.targets import TargetSpec


def data_of(spec: TargetSpec, content: Content, version: str) -> dict[str, bytes]:
    """Return the data of a target."""
    return content.fields()
