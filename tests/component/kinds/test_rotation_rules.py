"""What the API server makes of ``spec.rotation``: its rules say the same as the parser, in the same words."""

from typing import Any

import pytest

from strongroom.kinds.vaultsecret import parse_vaultsecret
from tests.component.kinds.conftest import Objects

NIGHT = {"schedule": "0 22 * * *", "duration": "8h"}


def secret(rotation: dict[str, Any]) -> dict[str, Any]:
    return {"vaultRef": {"name": "demo"}, "generate": {"password": {}}, "rotation": rotation}


@pytest.mark.parametrize(
    "rotation",
    [
        *({"every": text} for text in ("10s", "1d12h30m5s", "0d1h", "720h", "3650d", "0009m")),
        *({"every": text} for text in ("P30D", "PT12H", "P1DT12H", "P2W", "PT10S", "P521W", "PT5M")),
        {"schedule": "0 3 * * SUN#2", "timeZone": "America/Argentina/Ushuaia"},
        {"schedule": "*/5 8-18/2 1,15 jan-mar Sun,tue"},
        {"every": "1d", "timeZone": "UTC", "windows": [NIGHT]},
        {"every": "1d", "windows": [{**NIGHT, "duration": "PT10M"}, {**NIGHT, "duration": "24h"}]},
        {"every": "1d", "windows": [NIGHT] * 8, "keepVersions": 500},
        {"keepVersions": 3},
    ],
)
def test_what_is_accepted_here_and_there(objects: Objects, rotation: dict[str, Any]) -> None:
    parse_vaultsecret(objects.apply("VaultSecret", "s", secret(rotation)))


@pytest.mark.parametrize(
    ("rotation", "complaint"),
    [
        ({"every": "1d", "schedule": "0 3 * * *"}, "every and schedule exclude each other"),
        *(({"every": text}, "must be at least 10s and at most 3650d") for text in ("9s", "P0D", "PT", "3650d1s")),
        *(({"every": text}, "write days") for text in ("P1M", "P1Y", "P1MT5M")),
        *(({"every": text}, "spec.rotation.every in body should match") for text in ("1w", "1.5h", "1h1d", "PT1D")),
        ({"every": "1d", "timeZone": "UTC"}, "timeZone needs a schedule or windows"),
        ({"schedule": "0 3 * * *", "timeZone": "localtime"}, "spec.rotation.timeZone"),
        ({"schedule": "0 3 * * * *"}, "spec.rotation.schedule"),
        ({"schedule": "@midnight"}, "spec.rotation.schedule"),
        ({"every": "1d", "windows": []}, "spec.rotation.windows"),
        ({"every": "1d", "windows": [NIGHT] * 9}, "spec.rotation.windows"),
        ({"every": "1d", "windows": [{**NIGHT, "duration": "9m59s"}]}, "must be at least 10m and at most 24h"),
        ({"every": "1d", "windows": [{**NIGHT, "duration": "24h1s"}]}, "must be at least 10m and at most 24h"),
        ({"every": "1d", "windows": [{"duration": "8h"}]}, "spec.rotation.windows[0].schedule: Required"),
        ({"every": "1d", "keepVersions": 0}, "spec.rotation.keepVersions"),
        ({"every": "1d", "keepVersions": 501}, "spec.rotation.keepVersions"),
    ],
)
def test_what_is_refused(objects: Objects, rotation: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("VaultSecret", "s", secret(rotation))
