"""What the resources of a vault's objects have in common: their vault, the object's name, and what they ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from strongroom.domain.errors import InvalidInput
from strongroom.kinds import names
from strongroom.kinds.shapes import Shape, rules

TRIGGER_LENGTH: Final = 256
"""Characters of an annotation's value that asks for something."""


class VaultReference(Shape):
    """A Vault in the same namespace."""

    name: Annotated[
        str,
        Field(
            description="Name of the Vault.",
            min_length=3,
            max_length=24,
            pattern=names.VAULT_NAME,
        ),
    ]


Tags = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=128)],
        Annotated[str, Field(max_length=256)],
    ],
    Field(max_length=15),
]


def same_object_name(kind: str) -> tuple[str, str]:
    """Return the rule that ``objectName`` never changes."""
    return (
        "has(self.objectName) == has(oldSelf.objectName) && "
        "(!has(self.objectName) || self.objectName == oldSelf.objectName)",
        f"objectName is immutable: it cannot be added, changed or removed; make a new {kind} instead",
    )


def vault_reference(kind: str, thing: str) -> Any:
    """Return the field ``vaultRef`` of a kind."""
    return Field(
        description=f"The Vault that keeps the {thing}, in the same namespace. Cannot be changed later.",
        json_schema_extra=rules(("self == oldSelf", f"vaultRef is immutable; make a new {kind} for another vault")),
    )


def name_in_vault(thing: str) -> Any:
    """Return the field ``objectName`` of a kind."""
    return Field(
        description=f"Name of the {thing} in the vault: 1 to 127 letters, digits and hyphens. Upper and lower case "
        "count as one, the case given here is kept for display. Default: `metadata.name`, which then must be such "
        "a name. Cannot be added, changed or removed later.",
        min_length=1,
        max_length=127,
        pattern=names.OBJECT_NAME,
    )


def named(given: str | None, name: str) -> str:
    """Return the object's name: what the spec says, else that of the resource."""
    if given is None and not re.fullmatch(names.OBJECT_NAME, name):
        raise InvalidInput("spec.objectName: required, because metadata.name is not a name that an object can have")
    return given or name


def asked(annotations: Mapping[str, str], name: str) -> str:
    """Return an annotation's value. It may hold 256 KiB; what is remembered of it in the store is bounded."""
    value = annotations.get(name, "")
    if len(value) > TRIGGER_LENGTH:
        raise InvalidInput(f"metadata.annotations[{name}]: at most {TRIGGER_LENGTH} characters")
    return value


def seconds(moment: datetime | None) -> int | None:
    """Return a time as Unix seconds."""
    return int(moment.timestamp()) if moment else None
