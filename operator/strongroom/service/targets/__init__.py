"""Synced native Secrets: what is known of them (``index``), what they should hold (``data``, ``keystores``,
``bodies``), writing them (``sync``)."""

from strongroom.service.targets.index import TargetIndex
from strongroom.service.targets.keystores import Passwords
from strongroom.service.targets.sync import Targets

__all__ = ["Passwords", "TargetIndex", "Targets"]
