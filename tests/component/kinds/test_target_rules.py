"""What the API server makes of targets; the parser says the same (tests/unit/kinds/test_targets.py)."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.kinds.vaultsecret import parse_vaultsecret
from tests.component.kinds.conftest import Objects
from tests.helpers.targets import ACCEPTED, REFUSED


def secret(**fields: Any) -> dict[str, Any]:
    return {"vaultRef": {"name": "demo"}, "generate": {"password": {}}, "target": {"name": "db", **fields}}


def test_the_defaults(objects: Objects) -> None:
    stored = objects.apply("VaultSecret", "s", secret())
    assert stored["spec"]["target"] == {
        "name": "db",
        "type": "Opaque",
        "immutable": False,
        "creationPolicy": "Owner",
        "deletionPolicy": "Delete",
    }


@pytest.mark.parametrize("fields", ACCEPTED, ids=range(len(ACCEPTED)))
def test_accepted(objects: Objects, fields: dict[str, Any]) -> None:
    parse_vaultsecret(objects.apply("VaultSecret", "s", secret(**fields)))


@pytest.mark.parametrize(("fields", "complaint"), REFUSED, ids=range(len(REFUSED)))
def test_refused(objects: Objects, fields: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("VaultSecret", "s", secret(**fields))
