"""What the parser makes of targets; so does the API server (tests/component/kinds/test_target_rules.py)."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.targets import CreationPolicy, DeletionPolicy, SecretType, TargetSpec
from strongroom.kinds.shapes import without_values
from strongroom.kinds.targets import Target
from tests.helpers.targets import ACCEPTED, REFUSED


def parse(**fields: Any) -> TargetSpec:
    with without_values():
        return Target.model_validate({"name": "db", **fields}).to_domain("home")


def test_the_defaults() -> None:
    assert parse() == TargetSpec("home", "db")


def test_everything() -> None:
    spec = parse(
        namespace="away",
        type="kubernetes.io/tls",
        keys={"tls.key": "privateKey", "tls.crt": "certificate"},
        template={"data": {"note": "{{ version }}"}},
        labels={"app.kubernetes.io/name": "db"},
        annotations={"example.org/note": "x"},
        immutable=True,
        creationPolicy="Orphan",
        deletionPolicy="Retain",
    )
    assert spec == TargetSpec(
        "away",
        "db",
        SecretType.TLS,
        (("tls.crt", "certificate"), ("tls.key", "privateKey")),
        (("note", "{{ version }}"),),
        (("app.kubernetes.io/name", "db"),),
        (("example.org/note", "x"),),
        True,
        CreationPolicy.ORPHAN,
        DeletionPolicy.RETAIN,
    )


@pytest.mark.parametrize("fields", ACCEPTED, ids=str)
def test_accepted(fields: dict[str, Any]) -> None:
    parse(**fields)


@pytest.mark.parametrize(("fields", "complaint"), REFUSED, ids=str)
def test_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput):
        parse(**fields)
