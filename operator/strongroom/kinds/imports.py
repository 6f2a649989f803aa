"""``spec.fromSecret``: a native Secret whose data becomes a version."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from strongroom.domain import imports as domain
from strongroom.domain.content import FIELDS
from strongroom.kinds import names
from strongroom.kinds.shapes import Shape, rules

_ONE: Final = "key and keys exclude each other"

DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern="^[-._a-zA-Z0-9]+$")]
FieldName = Annotated[str, Field(max_length=63, pattern="^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class FromSecret(Shape):
    """A native Secret in the same namespace."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.key) && has(self.keys))", _ONE),
            (
                "!has(self.keys) || self.keys.all(field, field.matches('^[A-Za-z_][A-Za-z0-9_]{0,62}$'))",
                "a field is named by letters, digits and underscores, and does not begin with a digit",
            ),
        )
    )

    name: Annotated[
        str,
        Field(
            description=f"Its name. It must carry the annotation `{names.IMPORT_BY}` with the name of this "
            "VaultSecret: whoever owns it agrees so. It is read once, for the first version; the annotation "
            f"`{names.ROTATE}` reads it again.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]
    key: Annotated[
        DataKey | None,
        Field(description="The key of its data that is the value. Default: all of it; one key gives a single value."),
    ] = None
    keys: Annotated[
        dict[FieldName, DataKey] | None,
        Field(
            description="Several keys as fields of one version: `{user: username, password: password}`. Their data "
            "must be text.",
            min_length=1,
            max_length=FIELDS,
        ),
    ] = None
    delete_after_import: Annotated[
        bool,
        Field(
            description="Delete it once its value is in the vault, so that the credential is in one place. Take it out "
            "of your manifests first, or it comes back."
        ),
    ] = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.key is not None and self.keys is not None:
            raise ValueError(_ONE)
        return self

    def to_domain(self) -> domain.ImportSpec:
        """Return the same in domain words."""
        keys = tuple(sorted((self.keys or {}).items()))
        return domain.ImportSpec(self.name, self.key or "", keys, self.delete_after_import)
