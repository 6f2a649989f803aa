"""Waiting until a certificate is issued: the vault's controller and its issuer do that in their own time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from strongroom.cli import certificateviews as views
from strongroom.client import errors
from strongroom.client.errors import VaultError
from strongroom.client.vaultcertificates import Certificates
from strongroom.domain.certificates import Progress

_FIRST: Final = 0.5
_LONGEST: Final = 5.0
"""Seconds between two looks: they grow, so that an order of minutes is not asked for a hundred times."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """For how long, and how. ``tell``: says something to who waits."""

    seconds: float
    tell: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float] = time.monotonic


async def ended(certificates: Certificates, name: str, operation: dict[str, Any], waiting: Waiting) -> None:
    """Return when an operation has made its version. ``VaultError`` when it makes none, or not in time."""
    request, told, pause = str(operation.get("request_id", "")), "", _FIRST
    deadline = waiting.monotonic() + waiting.seconds
    while operation.get("status") == Progress.IN_PROGRESS:
        told = _tell(operation, told, waiting)
        if waiting.monotonic() + pause > deadline:
            raise VaultError(
                f"the certificate is not made after {waiting.seconds:.0f} seconds; its making goes on: "
                f"strongroom certificates pending {name}"
            )
        await waiting.sleep(pause)
        pause = min(2 * pause, _LONGEST)
        operation = await _look(certificates, name, request, operation)
    if operation.get("status") != Progress.COMPLETED:
        raise VaultError(f"the certificate is not made: {views.status(operation) or 'the vault does not say why'}")


async def _look(certificates: Certificates, name: str, request: str, operation: dict[str, Any]) -> dict[str, Any]:
    """A moment without an answer ends nothing: the operation is the controller's."""
    try:
        return await certificates.pending(name, request)
    except errors.Unreachable:
        return operation


def _tell(operation: dict[str, Any], told: str, waiting: Waiting) -> str:
    details = str(operation.get("status_details") or "the certificate is being made")
    if details != told:
        waiting.tell(details)
    return details
