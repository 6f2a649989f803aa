"""``randomBytes`` and ``uuid`` of ``spec.generate``."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from strongroom.domain import generation as domain
from strongroom.domain.generation import Encoding
from strongroom.kinds.policies import Policy
from strongroom.kinds.shapes import rules

_ENCODED: Final = (
    f"(self.encoding == 'hex' ? self.length * 2 : self.encoding == 'base64' ? (self.length + 2) / 3 * 4 : "
    f"self.encoding == 'base64url' ? (self.length * 4 + 2) / 3 : self.length) <= {domain.VALUE_OCTETS}"
)
_ENCODED_RULE: Final = rules((_ENCODED, f"the encoded value has at most {domain.VALUE_OCTETS} octets"))

_ENCODINGS: Final = (
    "`hex`: two lower-case digits a byte. `base64`: the standard alphabet with padding. `base64url`: the alphabet that "
    "needs no escaping in addresses and file names, without padding. Mind that Kubernetes shows the data of every "
    "Secret in base64 once more."
)

_Length = Annotated[
    int,
    Field(
        description="How many random bytes, before they are encoded. The encoded value may have 25600 bytes, so at "
        "most 12800 with `hex` and 19200 with `base64` and `base64url`.",
        ge=1,
        le=domain.VALUE_OCTETS,
    ),
]


class RandomBytes(Policy):
    """Random octets."""

    model_config = ConfigDict(json_schema_extra=_ENCODED_RULE)

    length: _Length = 32
    encoding: Annotated[
        Encoding,
        Field(
            description="How the bytes are written into the value. `raw`: as they are; the value is binary and not "
            f"valid text. {_ENCODINGS}",
        ),
    ] = Encoding.RAW

    def to_domain(self) -> domain.RandomBytes:
        """Return the same in domain words."""
        return domain.RandomBytes(self.length, self.encoding)


class EncodedRandomBytes(Policy):
    """Random octets as a text."""

    model_config = ConfigDict(json_schema_extra=_ENCODED_RULE)

    length: _Length = 32
    encoding: Annotated[
        Literal[Encoding.HEX, Encoding.BASE64, Encoding.BASE64URL],
        Field(description=f"How the bytes are written into the field, which is a text. {_ENCODINGS}"),
    ] = Encoding.BASE64

    def to_domain(self) -> domain.RandomBytes:
        """Return the same in domain words."""
        return domain.RandomBytes(self.length, self.encoding)


class Uuid(Policy):
    """A random UUID. There is nothing to choose."""

    def to_domain(self) -> domain.Uuid:
        """Return the same in domain words."""
        return domain.Uuid()
