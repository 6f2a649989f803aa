"""``spec.rotation``: what is accepted, what it means, what is refused with which words."""

from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.schedules import Schedule, Window
from strongroom.kinds.rotation import Rotation
from strongroom.kinds.schema import structural
from strongroom.kinds.shapes import without_values

NIGHT = {"schedule": "0 22 * * *", "duration": "8h"}


def parsed(fields: dict[str, Any]) -> Rotation:
    with without_values():
        return Rotation.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "schedule"),
    [
        ({"every": "30d"}, Schedule(every=2_592_000)),
        ({"every": "720h"}, Schedule(every=2_592_000)),
        ({"every": "P30D"}, Schedule(every=2_592_000)),
        ({"every": "PT10S"}, Schedule(every=10)),
        ({"every": "3650d"}, Schedule(every=315_360_000)),
        ({"every": "1d", "windows": [NIGHT]}, Schedule(every=86_400, windows=(Window("0 22 * * *", 28_800),))),
        ({"schedule": "0 3 * * SUN"}, Schedule(cron="0 3 * * SUN")),
        ({"schedule": "0 3 1 * *", "timeZone": "Europe/Berlin"}, Schedule(cron="0 3 1 * *", zone="Europe/Berlin")),
        (
            {"every": "P1D", "timeZone": "America/Argentina/Ushuaia", "windows": [NIGHT, NIGHT]},
            Schedule(
                every=86_400,
                zone="America/Argentina/Ushuaia",
                windows=(Window("0 22 * * *", 28_800), Window("0 22 * * *", 28_800)),
            ),
        ),
    ],
)
def test_what_it_means(fields: dict[str, Any], schedule: Schedule) -> None:
    assert parsed(fields).to_domain() == schedule


@pytest.mark.parametrize("count", [None, 1, 500])
def test_versions_to_keep(count: int | None) -> None:
    fields = {"every": "30d"} if count is None else {"every": "30d", "keepVersions": count}
    assert parsed(fields).keep_versions == count


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "one of every, schedule and keepVersions"),
        ({"keepVersions": 3, "windows": [{"schedule": "0 3 * * *", "duration": "1h"}]}, "windows need every or"),
        ({"every": "1d", "schedule": "0 3 * * *"}, "every and schedule exclude each other"),
        ({"every": "9s"}, "spec.every: must be at least 10s"),
        ({"every": "P0D"}, "must be at least 10s"),
        ({"every": "3650d1s"}, "at most 3650d"),
        ({"every": "P1M"}, "write days"),
        ({"every": "P1Y"}, "write days"),
        ({"every": "1d", "timeZone": "Europe/Berlin"}, "timeZone needs a schedule or windows"),
        ({"schedule": "0 3 * * *", "timeZone": "Europe/Bonn"}, "spec.timeZone: no such time zone"),
        ({"schedule": "0 3 * *"}, "spec.schedule: "),
        ({"schedule": "0 25 * * *"}, "the schedule's hour is not valid"),
        ({"schedule": "0 3 30 2 *"}, "the schedule's day-of-month is not valid"),
        ({"schedule": "0 3 LW * */6"}, "never met"),
        ({"every": "1d", "windows": []}, "spec.windows"),
        ({"every": "1d", "windows": [NIGHT] * 9}, "spec.windows"),
        ({"every": "1d", "windows": [{**NIGHT, "duration": "9m59s"}]}, "spec.windows.0.duration: must be"),
        ({"every": "1d", "windows": [{**NIGHT, "duration": "24h1s"}]}, "at most 24h"),
        ({"every": "1d", "windows": [{**NIGHT, "schedule": "0 0 0 * *"}]}, "spec.windows.0.schedule: the schedule"),
        ({"every": "1d", "keepVersions": 0}, "spec.keepVersions"),
        ({"every": "1d", "keepVersions": 501}, "spec.keepVersions"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        parsed(fields)


def test_every_field_has_a_description_and_every_text_and_list_a_bound() -> None:
    fields = structural(Rotation)["properties"]
    for name, field in {**fields, **fields["windows"]["items"]["properties"]}.items():
        assert field["description"], name
        assert field["type"] == "integer" or {"maxLength", "maxItems"} & set(field), name
