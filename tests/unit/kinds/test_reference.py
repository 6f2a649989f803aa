"""The reference leaves nothing out."""

from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.kinds.crd import KINDS, Kind
from strongroom.kinds.reference import render


def messages(schema: dict[str, Any]) -> Iterator[str]:
    yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
    inner = [schema[name] for name in ("items", "additionalProperties") if name in schema]
    for child in (*schema.get("properties", {}).values(), *inner):
        yield from messages(child)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_rule_is_told(kind: Kind) -> None:
    text = render()
    for message in messages(kind.schema()):
        assert f"| {message} |" in text


def test_what_is_within_lists_and_maps_is_told() -> None:
    text = render()
    assert "| `spec.rotation.windows[].duration` | string |" in text
    assert "| `spec.generate.fields` | map of object |" in text
    assert "| `spec.generate.fields.<name>.password.length` | integer |" in text
