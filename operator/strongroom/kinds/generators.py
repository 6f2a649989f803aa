"""``spec.generate``: how a value is made."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from strongroom.domain import generation as domain
from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import CharacterClass, Encoding
from strongroom.kinds.shapes import Shape, rules

EXCLUDE_LENGTH: Final = 64

_ENCODED: Final = (
    f"self.encoding == 'hex' ? self.length * 2 <= {domain.VALUE_OCTETS} : "
    f"self.encoding == 'base64' ? (self.length + 2) / 3 * 4 <= {domain.VALUE_OCTETS} : true"
)


def _something_left(kind: CharacterClass) -> tuple[str, str]:
    """The rule that ``exclude`` leaves a character of one class to draw from."""
    characters = kind.characters
    return (
        f"!('{kind}' in self.classes) || '{characters}'.split('').exists(c, !self.exclude.contains(c))",
        f"exclude leaves no character of the class {kind}",
    )


class Password(Shape):
    """A random password."""

    model_config = ConfigDict(json_schema_extra=rules(*map(_something_left, CharacterClass)))

    length: Annotated[
        int,
        Field(
            description="How many characters. With the default classes each adds 5.9 bits: 16 resist any guessing "
            "over a network, 22 any guessing at all.",
            ge=8,
            le=1024,
        ),
    ] = 32
    classes: Annotated[
        tuple[CharacterClass, ...],
        Field(
            description="The kinds of characters to draw from; at least one of each appears. `lower`: a-z, `upper`: "
            f"A-Z, `digits`: 0-9, `symbols`: {CharacterClass.SYMBOLS.characters} (no quotes, backslash or blank, "
            "which break connection strings and scripts).",
            min_length=1,
            max_length=len(CharacterClass),
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = (CharacterClass.LOWER, CharacterClass.UPPER, CharacterClass.DIGITS)
    exclude: Annotated[
        str,
        Field(
            description="Characters that must not appear, written one after another: `0O1lI` for passwords that "
            "people type, or what the consumer cannot digest. Each class must keep at least one character.",
            max_length=EXCLUDE_LENGTH,
            pattern="^[!-~]*$",
        ),
    ] = ""


class RandomBytes(Shape):
    """Random octets."""

    model_config = ConfigDict(
        json_schema_extra=rules((_ENCODED, f"the encoded value must not exceed {domain.VALUE_OCTETS} bytes"))
    )

    length: Annotated[
        int,
        Field(
            description="How many random bytes, before they are encoded. The encoded value may have 25600 bytes, so "
            "at most 12800 with `hex` and 19200 with `base64`.",
            ge=1,
            le=domain.VALUE_OCTETS,
        ),
    ] = 32
    encoding: Annotated[
        Encoding,
        Field(
            description="How the bytes are written into the value. `raw`: as they are; the value is binary and not "
            "valid text. `hex`: two lower-case digits a byte. `base64`: the standard alphabet with padding. Mind that "
            "Kubernetes shows the data of every Secret in base64 once more.",
        ),
    ] = Encoding.RAW


class Generate(Shape):
    """Exactly one way to make a value."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.password) != has(self.randomBytes)", "exactly one of password and randomBytes is required")
        )
    )

    password: Annotated[
        Password | None,
        Field(description="A random password, for people and for systems that want text. `{}` takes the defaults."),
    ] = None
    random_bytes: Annotated[
        RandomBytes | None,
        Field(description="Random bytes, for keys, salts and cookie secrets. `{}` takes the defaults."),
    ] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.password is None) == (self.random_bytes is None):
            raise ValueError("exactly one of password and randomBytes is required")
        return self

    def to_domain(self) -> domain.Generate:
        """Return the same in domain words. Raises InvalidInput for combinations that no value can satisfy."""
        if self.password is not None:
            return domain.Password(self.password.length, self.password.classes, self.password.exclude)
        if self.random_bytes is not None:
            return domain.RandomBytes(self.random_bytes.length, self.random_bytes.encoding)
        raise InvalidInput("spec.generate: exactly one of password and randomBytes is required")
