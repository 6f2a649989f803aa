"""The file that names the identity providers of people: a JSON list, each entry an ``OidcIssuer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from strongroom.entrypoints.listfiles import read_list
from strongroom.service.identity.issuers import MAX_LIFETIME, OidcIssuer

_Text = Annotated[str, Field(max_length=2048)]


class _Issuer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    url: _Text
    audiences: Annotated[tuple[_Text, ...], Field(strict=False, max_length=32)]
    prefix: _Text
    username_claim: _Text = "sub"
    groups_claim: _Text = "groups"
    ca_file: _Text = ""
    max_lifetime: Annotated[int, Field(ge=1, le=86_400)] = MAX_LIFETIME


_LIST: Final[TypeAdapter[list[_Issuer]]] = TypeAdapter(Annotated[list[_Issuer], Field(max_length=32)])


def read_issuers(file: Path) -> tuple[OidcIssuer, ...]:
    """Return the issuers. Raises InvalidInput, which names the entry and what is wrong with it; OSError."""
    return tuple(OidcIssuer(**issuer.model_dump()) for issuer in read_list(file, _LIST))
