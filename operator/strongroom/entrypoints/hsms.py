"""The HSM as a process is told of it: the pool of the geography, and the classes of dedicated HSMs."""

from __future__ import annotations

import argparse

from strongroom.entrypoints.options import hsm_classes, hsm_sockets
from strongroom.hsm.client import Observer
from strongroom.hsm.pool import HsmPool
from strongroom.hsm.router import HsmRouter


def hsm_of(options: argparse.Namespace, observe: Observer) -> HsmRouter:
    """Return it, to be entered. ``InvalidInput``. ``observe`` is told of each call."""
    classes = {name: HsmPool.of(sockets, observe=observe) for name, sockets in hsm_classes(options).items()}
    return HsmRouter(HsmPool.of(hsm_sockets(options), observe=observe), classes)
