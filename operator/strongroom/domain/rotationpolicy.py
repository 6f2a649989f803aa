"""Rotation policies of keys: when a key is replaced by itself, when its end is told, how long a version lives. Pure.

Azure Key Vault's rules: https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from strongroom.domain import isodurations
from strongroom.domain.errors import InvalidInput
from strongroom.domain.notices import near_at
from strongroom.domain.vaults import DAY

SHORTEST_LIFE: Final = 28 * DAY
DISTANCE: Final = 7 * DAY
"""Between a version's making and its rotation, and between its rotation and its end. Seconds."""

_MONTHS: Final = tuple(
    int(datetime(year, month, 1, tzinfo=UTC).timestamp()) for year in range(2021, 2025) for month in range(1, 13)
)
_MAKINGS: Final = (*_MONTHS, *(moment - 1 for moment in _MONTHS))
"""The first and the last second of each month of four years: where months are shortest and longest."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """When something is done to a version: exactly one of the two, ISO 8601 durations as they were given."""

    after_create: str = ""
    before_expiry: str = ""


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """What happens to each version of a key. A persistent format: fields are only ever added.

    ``expiry``: the ISO 8601 duration after which a version expires, empty: never by itself. Times in Unix seconds.
    """

    rotate: Trigger | None = None
    notify: Trigger | None = None
    expiry: str = ""
    created: int = 0
    updated: int = 0


_NOTICE: Final = Trigger(before_expiry="P30D")

DEFAULT: Final = RotationPolicy(notify=_NOTICE)
"""What a key has that was never given a policy."""


def completed(policy: RotationPolicy) -> RotationPolicy:
    """Return the policy with the notice that Azure adds where none was sent."""
    return policy if policy.notify else replace(policy, notify=_NOTICE)


def check(policy: RotationPolicy) -> None:
    """Raise ``InvalidInput`` for a policy that Azure would refuse."""
    for name, trigger in (("Rotate", policy.rotate), ("Notify", policy.notify)):
        if trigger is not None:
            _check_trigger(name, trigger)
    if policy.notify and policy.notify.after_create:
        raise InvalidInput("the Notify action is triggered by timeBeforeExpiry")
    if policy.rotate and policy.rotate.before_expiry and not policy.expiry:
        raise InvalidInput("a Rotate action that is triggered by timeBeforeExpiry needs an expiryTime")
    if policy.expiry:
        isodurations.parse(policy.expiry)
    for made in _MAKINGS if policy.rotate or policy.expiry else ():
        _check_distances(policy, made)


def expires(policy: RotationPolicy, made: int) -> int | None:
    """Return when a version made then expires; None: never by the policy."""
    return isodurations.parse(policy.expiry).after(made) if policy.expiry else None


def rotation_due(policy: RotationPolicy, made: int, expires: int | None) -> int | None:
    """Return when a version is to be replaced; None: never by itself.

    ``expires`` is the end that the version has, whoever set it. However near that is, a version lives for seven days:
    what replaces it might end as soon.
    """
    if policy.rotate is None:
        return None
    if policy.rotate.after_create:
        return isodurations.parse(policy.rotate.after_create).after(made)
    if expires is None:
        return None
    return max(made + DISTANCE, isodurations.parse(policy.rotate.before_expiry).before(expires))


def notice_due(policy: RotationPolicy, made: int, expires: int | None) -> int | None:
    """Return when it is to be told that a version is near its end; None: never.

    The notice that every policy has would tell of a version of few days at its making; it waits until a third of the
    life is left.
    """
    if expires is None or policy.notify is None:
        return None
    if policy.notify == _NOTICE:
        return near_at(made, expires)
    return max(made, isodurations.parse(policy.notify.before_expiry).before(expires))


def _check_trigger(action: str, trigger: Trigger) -> None:
    if bool(trigger.after_create) == bool(trigger.before_expiry):
        raise InvalidInput(f"the trigger of a {action} action has either timeAfterCreate or timeBeforeExpiry")
    isodurations.parse(trigger.after_create or trigger.before_expiry)


def _check_distances(policy: RotationPolicy, made: int) -> None:
    end = expires(policy, made)
    if end is not None and end - made < SHORTEST_LIFE:
        raise InvalidInput("expiryTime is at least 28 days")
    if policy.rotate is None:
        return
    if policy.rotate.after_create:
        turn = isodurations.parse(policy.rotate.after_create).after(made)
    else:
        assert end is not None
        turn = isodurations.parse(policy.rotate.before_expiry).before(end)
    if turn - made < DISTANCE:
        raise InvalidInput("a key rotates 7 days or more after its creation")
    if end is not None and end - turn < DISTANCE:
        raise InvalidInput("a key rotates 7 days or more before it expires")
