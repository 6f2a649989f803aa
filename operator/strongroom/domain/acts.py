"""What the replacement of one head by another is called in audit records: Azure Key Vault's operation names. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from strongroom.domain.objects import ERASING, Kind, ObjectHead
from strongroom.domain.vaults import State, VaultHead

SECRET_GET: Final = "SecretGet"  # noqa: S105 - an operation
SECRET_UPDATE: Final = "SecretUpdate"  # noqa: S105
_INTO: Final = {State.DELETED: "Delete", State.LIVE: "Recover", State.PURGING: "Purge"}


def on_object(before: ObjectHead | None, after: ObjectHead) -> str:
    """Return the operation; empty for what is no act, such as a schedule that is noted."""
    if before is not None and before.state is not after.state:
        return "Secret" + _INTO[after.state]
    old, new = (head.faces.get(Kind.SECRET) if head else None for head in (before, after))
    if new is None:
        return ""
    if old is None or old.current != new.current:
        return "SecretSet"
    if [id for id, until in new.withdrawn.items() if until == ERASING != old.withdrawn.get(id)]:
        return "SecretPurge"
    return SECRET_UPDATE if old.pin != new.pin else ""


def on_vault(before: VaultHead | None, after: VaultHead) -> str:
    """Return the operation; empty for what users did not ask for."""
    if before is None:
        return "VaultPut"
    if before.state is not after.state:
        return "Vault" + _INTO[after.state]
    unasked = {"generation": after.generation, "keks": after.keks, "deks": after.deks}
    return "VaultPatch" if replace(before, **unasked) != after else ""  # type: ignore[arg-type]
