"""What the API server makes of keystores; the parser says the same (tests/unit/kinds/test_keystores.py)."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.kinds.vaultcertificate import parse_vaultcertificate
from tests.component.kinds.conftest import Objects
from tests.helpers.controllers import vaultcertificate
from tests.helpers.keystores import ACCEPTED, REFUSED


def spec(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = vaultcertificate(**fields)["spec"]
    return found


@pytest.mark.parametrize("fields", ACCEPTED, ids=range(len(ACCEPTED)))
def test_accepted(objects: Objects, fields: dict[str, Any]) -> None:
    parse_vaultcertificate(objects.apply("VaultCertificate", "c", spec(fields)))


@pytest.mark.parametrize(("fields", "complaint"), REFUSED, ids=range(len(REFUSED)))
def test_refused(objects: Objects, fields: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("VaultCertificate", "c", spec(fields))
