"""Files of settings that are JSON lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from strongroom.domain.errors import InvalidInput

_OCTETS: Final = 256 * 1024
T = TypeVar("T")


def read_list(file: Path, shape: TypeAdapter[list[T]]) -> list[T]:
    """Return the entries. Raises InvalidInput, which names the entry and what is wrong with it, not what is in it;
    OSError.
    """
    text = file.read_text()
    if len(text) > _OCTETS:
        raise InvalidInput(f"{file}: a list of settings has at most {_OCTETS} octets")
    try:
        plain: Any = json.loads(text)
        return shape.validate_python(plain)
    except ValidationError as wrong:
        complaints = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors()]
        raise InvalidInput(f"{file}: {'; '.join(complaints)}") from None
    except (ValueError, RecursionError):
        raise InvalidInput(f"{file}: this is no JSON") from None
