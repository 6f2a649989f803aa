"""Kubernetes quantities, as far as they count octets."""

from __future__ import annotations

import re
from typing import Final

from strongroom.domain.errors import InvalidInput

QUANTITY: Final = "^[1-9][0-9]{0,11}(Ki|Mi|Gi|k|M|G)?$"
"""A whole number with an optional unit: the subset of Kubernetes' grammar that a size in octets needs."""

QUANTITY_LENGTH: Final = 14

_UNITS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def parse_quantity(text: str) -> int:
    """Return the octets that ``256Mi`` or ``1G`` mean. Raises InvalidInput for anything else."""
    match = re.fullmatch(QUANTITY, text, re.ASCII)
    if match is None:
        raise InvalidInput("a size is a whole number with an optional unit k, M, G, Ki, Mi or Gi")
    unit = match.group(1) or ""
    return int(text.removesuffix(unit)) * _UNITS[unit]
