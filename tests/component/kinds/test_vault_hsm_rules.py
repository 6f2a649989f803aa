"""What the API server makes of a Vault's HSM and of the rotation of its KEK."""

from typing import Any

import pytest

from strongroom.kinds.vault import parse_vault
from tests.component.kinds.conftest import Objects

DEDICATED: dict[str, Any] = {"tier": "Premium", "hsm": {"dedicated": "bank"}}


@pytest.mark.parametrize(("every", "seconds"), [("1h", 3600), ("90d", 90 * 86_400), ("P90D", 90 * 86_400)])
def test_a_schedule_is_accepted_here_and_there(objects: Objects, every: str, seconds: int) -> None:
    assert parse_vault(objects.apply("Vault", "demo", {"kekRotation": {"every": every}})).kek_every == seconds


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"kekRotation": {"every": "59m"}}, "must be at least 1h and at most 3650d"),
        ({"kekRotation": {"every": "3651d"}}, "must be at least 1h and at most 3650d"),
        ({"kekRotation": {"every": "P1M"}}, "write days"),
        ({"kekRotation": {}}, "spec.kekRotation.every: Required"),
        ({"hsm": {"dedicated": "bank"}}, "a dedicated HSM needs the tier Premium"),
        ({"tier": "Premium", "hsm": {}}, "spec.hsm.dedicated: Required"),
        ({"tier": "Premium", "hsm": {"dedicated": "Bank"}}, "spec.hsm.dedicated"),
    ],
)
def test_what_is_refused(objects: Objects, spec: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("Vault", "demo", spec)


@pytest.mark.parametrize("before", [DEDICATED, {"tier": "Premium"}, {}], ids=["dedicated", "Premium", "Standard"])
@pytest.mark.parametrize(
    "after", [DEDICATED, {"tier": "Premium"}, {"tier": "Premium", "hsm": {"dedicated": "other"}}], ids=str
)
def test_a_vault_never_moves_to_another_hsm(objects: Objects, before: dict[str, Any], after: dict[str, Any]) -> None:
    stored = objects.apply("Vault", "demo", before)
    assert parse_vault(stored).hsm == before.get("hsm", {}).get("dedicated", "")
    if before.get("hsm") == after.get("hsm"):
        objects.apply("Vault", "demo", after)
    else:
        assert "hsm is immutable" in objects.refusal("Vault", "demo", after)
