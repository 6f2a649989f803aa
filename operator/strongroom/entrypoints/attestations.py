"""The file that names attestation authorities: a JSON list, each entry an ``AttestationAuthority``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.listfiles import read_list
from strongroom.service.identity.attestations import MAX_LIFETIME, AttestationAuthority

_Text = Annotated[str, Field(max_length=2048)]


class _Authority(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    url: _Text
    ca_file: _Text = ""
    max_lifetime: Annotated[int, Field(ge=1, le=7 * 86_400)] = MAX_LIFETIME


_LIST: Final[TypeAdapter[list[_Authority]]] = TypeAdapter(Annotated[list[_Authority], Field(max_length=32)])


def read_authorities(file: Path) -> tuple[AttestationAuthority, ...]:
    """Return the authorities. Raises InvalidInput, which names the entry and what is wrong with it; OSError."""
    found = tuple(AttestationAuthority(**each.model_dump()) for each in read_list(file, _LIST))
    if len({each.url for each in found}) != len(found):
        raise InvalidInput(f"{file}: every attestation authority has a url of its own")
    return found
