"""What the replacement of one head by another is called in audit records: Azure Key Vault's operation names. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from strongroom.domain.objects import ERASING, Kind, ObjectHead
from strongroom.domain.vaults import State, VaultHead

WORDS: Final = {
    Kind.SECRET: "Secret",
    Kind.KEY: "Key",
    Kind.CERTIFICATE: "Certificate",
    Kind.REQUEST: "Certificate",
    Kind.SETTING: "Setting",
}
"""What the operations on a kind begin with."""

COLLECTIONS: Final = {
    Kind.SECRET: "secrets",
    Kind.KEY: "keys",
    Kind.CERTIFICATE: "certificates",
    Kind.REQUEST: "certificates",
    Kind.SETTING: "certificates",
}
"""Where objects of a kind are, in their URLs."""

_INTO: Final = {State.DELETED: "Delete", State.LIVE: "Recover", State.PURGING: "Purge"}


def on_object(before: ObjectHead | None, after: ObjectHead) -> tuple[Kind, str] | None:
    """Return the kind that is acted on, and the operation; None for what is no act, such as a noted schedule."""
    for kind in (Kind.SECRET, Kind.KEY):
        old, new = before.part(kind) if before else None, after.part(kind)
        shown = new.kind if new.faces else kind
        if old != new and (operation := _on_part(shown, old, new)):
            return shown, operation
    return None


def _on_part(kind: Kind, before: ObjectHead | None, after: ObjectHead) -> str:
    word = WORDS[kind]
    if before is not None and before.faces and after.faces and before.state is not after.state:
        return word + _INTO[after.state]
    if kind is Kind.CERTIFICATE:
        return _on_certificate(before, after)
    old, new = (head.faces.get(kind) if head else None for head in (before, after))
    if new is None:
        return ""
    if old is None or old.current != new.current:
        return "SecretSet" if kind is Kind.SECRET else "KeyRotate" if old else "KeyCreate"
    if [id for id, until in new.withdrawn.items() if until == ERASING != old.withdrawn.get(id)]:
        return word + "Purge"
    return word + "Update" if old.pin != new.pin else ""


def _on_certificate(before: ObjectHead | None, after: ObjectHead) -> str:
    """A controller begins operations, carries them on and ends them; the API says itself what was asked of it."""
    old, new = (head.faces.get(Kind.CERTIFICATE) if head else None for head in (before, after))
    if new is not None and (old is None or old.current != new.current):
        return "CertificateRenew" if old else "CertificateEnroll"
    begun = before.pending if before else None
    return "CertificateCreate" if after.pending and after.pending.open and not (begun and begun.open) else ""


def on_vault(before: VaultHead | None, after: VaultHead) -> str:
    """Return the operation; empty for what users did not ask for."""
    if before is None:
        return "VaultPut"
    if before.state is not after.state:
        return "Vault" + _INTO[after.state]
    unasked = {"generation": after.generation, "keks": after.keks, "deks": after.deks}
    return "VaultPatch" if replace(before, **unasked) != after else ""  # type: ignore[arg-type]
