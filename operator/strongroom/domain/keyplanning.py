"""What a VaultKey declares beyond what every object's resource does. Pure; the steps are those of ``planning``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain import rotationpolicy
from strongroom.domain.attributes import DeclaredAttributes
from strongroom.domain.imports import ImportSpec
from strongroom.domain.keytypes import KeySpec
from strongroom.domain.keyuse import succeeding
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


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The version that a new one succeeds."""

    spec: KeySpec
    attributes: Attributes


def fresh(
    recipe: KeyRecipe,
    declared: DeclaredAttributes,
    policy: RotationPolicy | None,
    before: Predecessor | None,
    now: int,
) -> Attributes:
    """Return the attributes of a version that is made now.

    What is not declared is as in its predecessor. Where no end is declared, the rotation policy sets it.
    """
    ends = rotationpolicy.expires(policy, now) if policy else None
    made = succeeding(before.attributes, ends, now) if before else Attributes(now, now, expires=ends)
    if before is None or before.spec.type is not recipe.spec.type:
        made = replace(made, operations=tuple(map(str, recipe.spec.default_operations)))
    made = replace(made, exportable=recipe.exportable, release_policy="", release_policy_immutable=False)
    return declared.applied(made, (), now)
