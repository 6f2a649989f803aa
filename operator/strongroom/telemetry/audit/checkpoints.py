"""Checkpoints: signed statements of how far a chain reaches.

A chain alone shows that nothing inside it was changed. That it, or its end, was not taken away shows only somebody who
remembers: the registry, which lives elsewhere and forgets nothing older than what it is told.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol

from strongroom.domain.errors import InvalidInput
from strongroom.telemetry.audit.lines import Position

OPERATION: Final = "Checkpoint"
"""Name of the records that repeat a registered checkpoint in its chain."""

_DOMAIN: Final = "strongroom audit checkpoint v1"


class Mark(StrEnum):
    """What a checkpoint says of its chain. A persistent word."""

    START = "start"
    CHECKPOINT = "checkpoint"
    END = "end"  # written by an orderly stop; a later start goes on behind it


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``position`` is the last line it covers, ``time`` Unix seconds, ``replica`` who wrote it."""

    mark: Mark
    position: Position
    time: int
    replica: str
    key_id: str = ""
    signature: bytes = b""

    def statement(self) -> bytes:
        """Return the octets that are signed: everything but the signature, one fact a line."""
        at = self.position
        facts = (_DOMAIN, self.mark, at.chain, str(at.sequence), at.hash, str(self.time), self.replica)
        return "\n".join(facts).encode()

    def signed(self, key_id: str, signature: bytes) -> Checkpoint:
        """Return it with its signature."""
        return replace(self, key_id=key_id, signature=signature)

    def to_text(self) -> dict[str, str]:
        """Return it as the registry, an export and the chain itself hold it."""
        return {
            "mark": self.mark.value,
            "chain": self.position.chain,
            "sequence": str(self.position.sequence),
            "hash": self.position.hash,
            "time": str(self.time),
            "replica": self.replica,
            "keyId": self.key_id,
            "signature": b64encode(self.signature).decode(),
        }


def from_text(text: Mapping[str, Any]) -> Checkpoint:
    """Read what ``to_text`` made. Raises InvalidInput."""
    try:
        return Checkpoint(
            Mark(text["mark"]),
            Position(str(text["chain"]), int(text["sequence"]), str(text["hash"])),
            int(text["time"]),
            str(text["replica"]),
            str(text["keyId"]),
            b64decode(text["signature"], validate=True),
        )
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise InvalidInput("not a checkpoint of an audit chain") from None


class Registry(Protocol):
    """Remembers of every chain the latest checkpoint. Raises what the store raises."""

    async def register(self, checkpoint: Checkpoint) -> None:
        """Remember it in place of an earlier one; can be repeated. ``SetBack`` when a later one is there."""
        ...

    async def latest(self, chain: str) -> Checkpoint | None:
        """Return what is remembered of a chain."""
        ...


class Signer(Protocol):
    """Signs for the installation."""

    async def __call__(self, statement: bytes) -> tuple[str, bytes]:
        """Return the key's id and the signature."""
        ...


class SetBack(InvalidInput):
    """A later state of the chain is registered: the volume was set back, or two processes write one chain."""
