"""``spec.rotation``: when new versions are made by themselves, and how many are kept."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.functional_validators import AfterValidator

from strongroom.domain import schedules as domain
from strongroom.kinds.durations import DURATION, DURATION_LENGTH, between, duration_rules, parse_duration
from strongroom.kinds.shapes import Shape, checked, rules

SHORTEST_ROTATION: Final = 10
"""Seconds. Short enough to watch a rotation in a demonstration; production wants days."""

LONGEST_ROTATION: Final = 3650 * 86_400

WINDOWS: Final = 8

SHORTEST_WINDOW: Final = 600
"""Seconds. The start-up of a large installation, and a retry after a failure, should fit in."""

LONGEST_WINDOW: Final = 86_400

KEPT_VERSIONS: Final = 500
"""The highest ``limits.versionsPerObject`` of a vault."""

_ONE: Final = "every and schedule exclude each other"
_SOMETHING: Final = "one of every, schedule and keepVersions is required"
_WINDOWS_OF_WHAT: Final = "windows need every or schedule"
_ZONE_OF_WHAT: Final = "timeZone needs a schedule or windows; a period is the same in every zone"
_PERIOD_BOUNDS: Final = f"must be at least {SHORTEST_ROTATION}s and at most 3650d"
_WINDOW_BOUNDS: Final = "must be at least 10m and at most 24h"


Cron = Annotated[
    str,
    Field(min_length=domain.CRON_LENGTH[0], max_length=domain.CRON_LENGTH[1], pattern=domain.CRON),
    AfterValidator(checked(domain.require_cron)),
]


class Window(Shape):
    """A recurring time in which rotations may happen."""

    schedule: Annotated[
        Cron,
        Field(description="When the window opens: a cron expression like that of `rotation.schedule`."),
    ]
    duration: Annotated[
        str,
        Field(
            description="How long it stays open: `10m` to `24h`, written like `every`.",
            min_length=DURATION_LENGTH[0],
            max_length=DURATION_LENGTH[1],
            pattern=DURATION,
            json_schema_extra=rules(*duration_rules(SHORTEST_WINDOW, LONGEST_WINDOW, _WINDOW_BOUNDS)),
        ),
        AfterValidator(checked(between(SHORTEST_WINDOW, LONGEST_WINDOW, _WINDOW_BOUNDS))),
    ]

    def to_domain(self) -> domain.Window:
        """Return the same in domain words."""
        return domain.Window(self.schedule, parse_duration(self.duration))


class Rotation(Shape):
    """When new versions are made by themselves."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.every) && has(self.schedule))", _ONE),
            ("has(self.every) || has(self.schedule) || has(self.keepVersions)", _SOMETHING),
            ("!has(self.windows) || has(self.every) || has(self.schedule)", _WINDOWS_OF_WHAT),
            ("!has(self.timeZone) || has(self.schedule) || has(self.windows)", _ZONE_OF_WHAT),
        )
    )

    every: Annotated[
        str | None,
        Field(
            description="The time from one version to the next: `30d`, `12h`, `90m`, `1d12h`, with units `d`, `h`, "
            "`m`, `s` in this order, or as ISO 8601 has it (`P30D`, `PT12H`, `P1DT12H`, `P2W`; no months or years, "
            f"which differ in length). At least `{SHORTEST_ROTATION}s`, at most `3650d`. Up to a twentieth of it, at "
            "most an hour, is added so that secrets made together do not rotate together; the addition is the same "
            "each time. A value that changes faster than its consumers read it locks them out.",
            min_length=DURATION_LENGTH[0],
            max_length=DURATION_LENGTH[1],
            pattern=DURATION,
            json_schema_extra=rules(*duration_rules(SHORTEST_ROTATION, LONGEST_ROTATION, _PERIOD_BOUNDS)),
        ),
        AfterValidator(checked(between(SHORTEST_ROTATION, LONGEST_ROTATION, _PERIOD_BOUNDS))),
    ] = None
    schedule: Annotated[
        Cron | None,
        Field(
            description="The moments at which a new version is made, as a cron expression of five fields: minute, "
            "hour, day of month, month, day of week. `0 3 * * SUN` is every Sunday at 3. Names of days and months, "
            "lists, ranges, steps, `L` (last day) and `MON#2` (second Monday) are understood; where both days are "
            "restricted, either may match. Up to a minute, or a twentieth of the time to the next moment if that is "
            "less, is added. Moments that passed while nothing ran are caught up by one rotation.",
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        Field(
            description="The time zone of `schedule` and `windows`, by its IANA name: `Europe/Berlin`. When clocks "
            "are set forward, a moment in the hour that is skipped comes right after it; when they are set back, a "
            "moment in the hour that occurs twice comes once. Default: `Etc/UTC`.",
            min_length=2,
            max_length=domain.ZONE_LENGTH,
            pattern=domain.ZONE,
        ),
        AfterValidator(checked(domain.require_zone)),
    ] = None
    windows: Annotated[
        tuple[Window, ...] | None,
        Field(
            description="The only times in which new versions are made by themselves: a rotation that falls due "
            "outside all of them waits for the next one to open, and a little longer, so that not everything rotates "
            f"at the opening. The annotation that asks for a rotation does not wait. At most {WINDOWS}.",
            min_length=1,
            max_length=WINDOWS,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    keep_versions: Annotated[
        int | None,
        Field(
            description="How many versions are kept, the current one included. Older ones are deleted softly when a "
            "new version is made, and removed for good once the vault's retention has passed. Default: as many as "
            "the vault's limits allow.",
            ge=1,
            le=KEPT_VERSIONS,
        ),
    ] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.every is not None and self.schedule is not None:
            raise ValueError(_ONE)
        if self.every is None and self.schedule is None:
            if self.keep_versions is None:
                raise ValueError(_SOMETHING)
            if self.windows is not None:
                raise ValueError(_WINDOWS_OF_WHAT)
        if self.time_zone is not None and self.schedule is None and self.windows is None:
            raise ValueError(_ZONE_OF_WHAT)
        return self

    def to_domain(self) -> domain.Schedule:
        """Return when to rotate, in domain words."""
        return domain.Schedule(
            every=parse_duration(self.every) if self.every else 0,
            cron=self.schedule or "",
            zone=self.time_zone or domain.UTC_ZONE,
            windows=tuple(window.to_domain() for window in self.windows or ()),
        )
