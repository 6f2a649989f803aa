"""Who signs the checkpoints of audit journals."""

from __future__ import annotations

from strongroom.crypto import auditsigning
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.keypairs import PRIVATE_KEY
from strongroom.service.systemobjects import AUDIT_SIGNING, SystemObjects


class AuditSigner:
    """Signs with the newest version of the system object ``audit-signing``."""

    def __init__(self, objects: SystemObjects) -> None:
        self._objects = objects

    async def __call__(self, statement: bytes) -> tuple[str, bytes]:
        """Return the key's id and the signature. ``StoreUnavailable`` before the controller has made a key."""
        versions = await self._objects.read(AUDIT_SIGNING)
        if not versions:
            raise StoreUnavailable("there is no audit signing key yet: the controller makes it")
        return auditsigning.sign(versions[0].fields[PRIVATE_KEY], statement)
