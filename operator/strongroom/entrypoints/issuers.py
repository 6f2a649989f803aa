"""The file that names the identity providers of people: a JSON list, each entry an ``OidcIssuer``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from strongroom.domain.errors import InvalidInput
from strongroom.service.identity.issuers import MAX_LIFETIME, OidcIssuer

_OCTETS: Final = 256 * 1024
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
    text = file.read_text()
    if len(text) > _OCTETS:
        raise InvalidInput(f"{file}: a list of issuers has at most {_OCTETS} octets")
    try:
        found: list[Any] = _LIST.validate_python(json.loads(text))
    except ValidationError as wrong:
        complaints = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors()]
        raise InvalidInput(f"{file}: {'; '.join(complaints)}") from None
    except ValueError:
        raise InvalidInput(f"{file}: this is no JSON") from None
    return tuple(OidcIssuer(**issuer.model_dump()) for issuer in found)
