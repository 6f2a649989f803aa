"""The file that says which vaults may prove which names by http-01: a JSON list, each entry a ``NameGrant``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from strongroom.domain.errors import InvalidInput
from strongroom.domain.http01 import NameGrant
from strongroom.entrypoints.listfiles import read_list

_Name = Annotated[str, Field(max_length=255)]


class _Grant(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    vault: _Name
    names: Annotated[tuple[_Name, ...], Field(strict=False, min_length=1, max_length=256)]


_LIST: Final[TypeAdapter[list[_Grant]]] = TypeAdapter(Annotated[list[_Grant], Field(max_length=1024)])


def read_grants(file: Path) -> tuple[NameGrant, ...]:
    """Return the grants. Raises InvalidInput, which names the entry and what is wrong with it; OSError."""
    found = []
    for number, each in enumerate(read_list(file, _LIST)):
        try:
            found.append(NameGrant(each.vault, each.names))
        except InvalidInput as wrong:
            raise InvalidInput(f"{file}: {number}: {wrong}") from None
    return tuple(found)
