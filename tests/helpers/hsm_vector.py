"""The pinned formats of the HSM sidecar, tests/vectors/hsm-v1.json, as values."""

import json
from pathlib import Path

from strongroom.domain.keys import WrappedKey

_PINNED = json.loads((Path(__file__).parent.parent / "vectors" / "hsm-v1.json").read_text())

KEK = WrappedKey(
    world=_PINNED["world"],
    key_class=_PINNED["key_class"],
    usage=_PINNED["usage"],
    owner=_PINNED["owner"],
    version=_PINNED["version"],
    blob=bytes.fromhex(_PINNED["blob"]),
    mac=bytes.fromhex(_PINNED["mac"]),
)
DEK_ID: str = _PINNED["dek_id"]


def octets(name: str) -> bytes:
    """Return a pinned value that is given in hexadecimal."""
    return bytes.fromhex(_PINNED[name])
