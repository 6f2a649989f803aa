"""Whether a version of a key may be used now, and what its successor is like. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from strongroom.domain.errors import (
    KeyDisabled,
    KeyExpired,
    KeyNotYetValid,
    OperationForbidden,
    TierRefused,
)
from strongroom.domain.keytypes import KeySpec, Operation
from strongroom.domain.objects import Attributes
from strongroom.domain.vaults import VaultHead

PREMIUM: Final = "Premium"
"""The tier that has HSM-protected keys."""

_AT_ANY_TIME: Final = frozenset({Operation.DECRYPT, Operation.UNWRAP, Operation.VERIFY})
"""Outside a key's dates, what was protected by it can be opened and verified, as in Azure Key Vault."""


def check_usable(of: Attributes, operation: Operation, now: int) -> None:
    """Raise ``KeyDisabled``, ``OperationForbidden``, ``KeyNotYetValid`` or ``KeyExpired``."""
    if not of.enabled:
        raise KeyDisabled(f"Operation {operation} is not allowed on a disabled key.")
    if operation not in of.operations:
        raise OperationForbidden(f"Operation {operation} is not permitted on this key; its key_ops can be changed.")
    if operation in _AT_ANY_TIME:
        return
    if of.not_before is not None and now < of.not_before:
        raise KeyNotYetValid(f"Operation {operation} is not allowed on a key that is not yet valid (nbf).")
    if of.expires is not None and now >= of.expires:
        raise KeyExpired(f"Operation {operation} is not allowed on an expired key (exp); rotate it.")


def check_tier(vault: VaultHead, spec: KeySpec) -> None:
    """Raise ``TierRefused`` when the vault has no HSM-protected keys."""
    if spec.hsm and vault.tier != PREMIUM:
        raise TierRefused(
            f"kty {spec.kty}: HSM-protected keys need a vault of the tier Premium (spec.tier); this one is "
            f"{vault.tier}. The kty {spec.type} is protected by software."
        )


def succeeding(before: Attributes, expires: int | None, now: int) -> Attributes:
    """Return the attributes of the version that a rotation makes: the same, but for its dates."""
    fresh = replace(before, created=now, updated=now, generation=1, enabled=True)
    return replace(fresh, not_before=None, expires=expires)
