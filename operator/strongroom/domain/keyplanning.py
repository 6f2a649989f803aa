"""What a VaultKey declares beyond what every object's resource does. Pure; the steps are those of ``planning``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain import rotationpolicy
from strongroom.domain.attributes import DeclaredAttributes
from strongroom.domain.imports import ImportSpec
from strongroom.domain.keytypes import KeySpec
from strongroom.domain.objects import Attributes
from strongroom.domain.rotationpolicy import RotationPolicy


@dataclass(frozen=True, slots=True)
class KeyRecipe:
    """How versions of a key are made: the first is imported, if ``source`` says from where; the others are generated.

    ``exportable``: a version may leave the token for whom its release policy names.
    """

    spec: KeySpec
    source: ImportSpec | None = None
    exportable: bool = False


def fresh(recipe: KeyRecipe, declared: DeclaredAttributes, policy: RotationPolicy | None, now: int) -> Attributes:
    """Return the attributes of a version that is made now; where no end is declared, the rotation policy sets it."""
    made = declared.fresh(now)
    if declared.operations is None:
        made = replace(made, operations=tuple(map(str, recipe.spec.default_operations)))
    if declared.expires is None and policy is not None:
        made = replace(made, expires=rotationpolicy.expires(policy, now))
    return replace(made, exportable=recipe.exportable)
