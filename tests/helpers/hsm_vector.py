"""The pinned formats of the HSM sidecar, tests/vectors/hsm-v1.json, as values."""

import json
from pathlib import Path

from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, KeyType

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
OBJECT, EXPORTABLE = (
    WrappedKey(
        world=_PINNED["world"],
        key_class="oct",
        usage=usage,
        owner=_PINNED["owner"],
        version=1,
        blob=bytes.fromhex(_PINNED[f"{name}_blob"]),
        mac=bytes.fromhex(_PINNED[f"{name}_mac"]),
    )
    for name, usage in (("object", "key"), ("exportable", "exportable"))
)
OBJECT_SPEC = KeySpec(KeyType.OCT, 256, hsm=True)
DEK_ID: str = _PINNED["dek_id"]


def octets(name: str) -> bytes:
    """Return a pinned value that is given in hexadecimal."""
    return bytes.fromhex(_PINNED[name])
