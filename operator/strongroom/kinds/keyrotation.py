"""``spec.rotationPolicy`` of a VaultKey: Azure Key Vault's words, so that a policy can be carried over as it is."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.functional_validators import AfterValidator

from strongroom.domain import isodurations
from strongroom.domain import rotationpolicy as domain
from strongroom.domain.errors import InvalidInput
from strongroom.kinds.shapes import Shape, checked, rules

_ONE_TRIGGER: Final = "a trigger has either timeAfterCreate or timeBeforeExpiry"
_NOTIFY: Final = "the Notify action is triggered by timeBeforeExpiry"
_ONCE: Final = "at most one action of each type"
_NEEDS_EXPIRY: Final = "a Rotate action that is triggered by timeBeforeExpiry needs an expiryTime"
_DAYS: Final = "[self.{0}].all(text, !text.matches('^P[0-9]+D$') || int(text.substring(1, size(text) - 1)) >= {1})"
"""A duration in days is long enough. What has months or hours in it is compared on the calendar, by the controller."""

_WRITTEN: Final = f"self.matches('{isodurations.PATTERN}') && !self.endsWith('T')", isodurations.WANTED
"""Said beside the pattern, which tells a reader little."""

IsoDuration = Annotated[
    str,
    Field(
        min_length=isodurations.LENGTH[0],
        max_length=isodurations.LENGTH[1],
        pattern=isodurations.PATTERN,
        json_schema_extra=rules(_WRITTEN),
    ),
    AfterValidator(checked(isodurations.parse)),
]


def _at_least(field: str, days: int, message: str) -> tuple[str, str]:
    return f"!has(self.{field}) || {_DAYS.format(field, days)}", message


class RotationTrigger(Shape):
    """When something is done."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.timeAfterCreate) != has(self.timeBeforeExpiry)", _ONE_TRIGGER),
            _at_least("timeAfterCreate", 7, "a key rotates 7 days or more after its creation"),
        )
    )

    time_after_create: Annotated[
        IsoDuration | None,
        Field(
            description="So long after a version was made: `P90D`, `P3M`, `P1Y10D`. Months and years are those of the "
            "calendar in UTC. At least seven days, and seven days before the version expires. Not for `Notify`."
        ),
    ] = None
    time_before_expiry: Annotated[
        IsoDuration | None,
        Field(
            description="So long before the end that the version has now. A version without an end is left alone. A "
            "version lives for at least seven days, whatever end it was given."
        ),
    ] = None

    def to_domain(self) -> domain.Trigger:
        """Return the same in domain words."""
        return domain.Trigger(self.time_after_create or "", self.time_before_expiry or "")


class RotationAction(Shape):
    """What is done."""

    type: Annotated[
        Literal["Rotate", "Notify"],
        Field(
            description="`Rotate`: a new version of the key is made; the old ones stay, to decrypt and verify. "
            "`Notify`: an event `KeyNearExpiry`, a metric and, if the installation sends notices, a CloudEvent."
        ),
    ]


class LifetimeAction(Shape):
    """Something that is done once in the life of each version."""

    model_config = ConfigDict(
        json_schema_extra=rules(("self.action.type != 'Notify' || has(self.trigger.timeBeforeExpiry)", _NOTIFY))
    )

    trigger: Annotated[RotationTrigger, Field(description="When it is done: exactly one of its fields.")]
    action: Annotated[RotationAction, Field(description="What is done.")]


class KeyRotationPolicy(Shape):
    """What happens to each version of a key."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.lifetimeActions) || self.lifetimeActions.all(a, "
                "self.lifetimeActions.exists_one(b, b.action.type == a.action.type))",
                _ONCE,
            ),
            (
                "has(self.expiryTime) || !has(self.lifetimeActions) || !self.lifetimeActions.exists(each, "
                "each.action.type == 'Rotate' && has(each.trigger.timeBeforeExpiry))",
                _NEEDS_EXPIRY,
            ),
            _at_least("expiryTime", 28, "expiryTime is at least 28 days"),
        )
    )

    lifetime_actions: Annotated[
        tuple[LifetimeAction, ...],
        Field(
            description="At most one of the type `Rotate` and one of the type `Notify`. Where no `Notify` is given, "
            "there is one 30 days before a version expires.",
            max_length=2,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    expiry_time: Annotated[
        IsoDuration | None,
        Field(
            description="How long each new version lives, unless `expires` says when it ends: `P90D`, at least 28 "
            "days. A version that exists already keeps its end."
        ),
    ] = None

    @model_validator(mode="after")
    def _as_azure_has_it(self) -> Self:
        try:
            domain.check(self.to_domain())
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return self

    def to_domain(self) -> domain.RotationPolicy:
        """Return the same in domain words, with the notice that every policy has."""
        by_type = {each.action.type: each.trigger.to_domain() for each in self.lifetime_actions}
        if len(by_type) < len(self.lifetime_actions):
            raise InvalidInput(_ONCE)
        return domain.completed(
            domain.RotationPolicy(by_type.get("Rotate"), by_type.get("Notify"), self.expiry_time or "")
        )
