"""What all kinds are made of: the base of their models, rules of the API server, shared fields.

A model is written once and serves three readers: the CRD schema (``schema``), the reference (``reference``)
and the controller, which validates again because an object may be older than its schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from strongroom.domain.errors import InvalidInput

MESSAGE_LIMIT: Final = 1024
"""Characters of a condition's message. Kubernetes allows 32768; one kilobyte is what a person reads."""


class Shape(BaseModel):
    """Base of all models: camelCase outside, snake_case inside, immutable; unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Return ``json_schema_extra`` with CEL rules: pairs of (expression, message to the user)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def checked(parse: Callable[[str], object]) -> Callable[[str | None], str | None]:
    """Turn a parser into a validator that keeps the text and raises what pydantic collects. It passes null over."""

    def check(text: str | None) -> str | None:
        try:
            if text is not None:
                parse(text)
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return text

    return check


@contextmanager
def without_values() -> Iterator[None]:
    """Turn pydantic's verdict into InvalidInput: all field paths and bounds, no value of any field."""
    try:
        yield
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        said = (f"{'.'.join(['spec', *map(str, fault['loc'])])}: {_plain(fault['msg'])}" for fault in faults)
        raise InvalidInput("; ".join(said)[:MESSAGE_LIMIT]) from None


def _plain(message: str) -> str:
    """Pydantic says of our own complaints that they are such."""
    return message.removeprefix("Value error, ")


Timestamp = Annotated[datetime, Field()]
"""RFC 3339; only in status."""


class Condition(Shape):
    """One aspect of an object's state, as Kubernetes' own ``metav1.Condition`` has it."""

    type: Annotated[
        str,
        Field(
            description="Which aspect: `Ready` says whether the object as a whole does what its spec asks; "
            "further types look at a part.",
            min_length=1,
            max_length=64,
            pattern="^[A-Z][A-Za-z]*$",
        ),
    ]
    status: Annotated[
        Literal["True", "False", "Unknown"],
        Field(description="Whether the aspect holds. `Unknown`: it could not be found out."),
    ]
    reason: Annotated[
        str,
        Field(
            description="One word for the cause. The words are stable: scripts and alerts may depend on them.",
            min_length=1,
            max_length=64,
            pattern="^[A-Z][A-Za-z]*$",
        ),
    ]
    message: Annotated[
        str,
        Field(
            description="A sentence for people. Never holds a secret value; may change between releases.",
            max_length=MESSAGE_LIMIT,
        ),
    ]
    last_transition_time: Annotated[Timestamp, Field(description="When `status` last changed.")]
    observed_generation: Annotated[
        int | None,
        Field(
            description="The `metadata.generation` that was looked at. Smaller than the object's: the condition "
            "speaks of an older spec.",
            ge=0,
        ),
    ] = None


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]
