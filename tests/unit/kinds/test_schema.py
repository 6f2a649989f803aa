"""The schemas that the API server gets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack import generate_crds
from strongroom.kinds.crd import KINDS, Kind

ROOT = Path(__file__).resolve().parents[3]


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield f"{path}[]", schema[inner]
            yield from fields(schema[inner], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_schemas_are_structural(kind: Kind) -> None:
    for path, field in fields(kind.schema()):
        assert isinstance(field.get("type"), str), path
        assert not field.keys() & {
            "$ref",
            "$defs",
            "anyOf",
            "allOf",
            "oneOf",
            "title",
            "const",
            "propertyNames",
            "patternProperties",
        }, path
        assert not ("additionalProperties" in field and "properties" in field), path
        assert field.get("default", 0) is not None, path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_everything_has_prose_and_bounds(kind: Kind) -> None:
    for path, field in fields(kind.schema()):
        if path.split(".")[1] in ("apiVersion", "kind", "metadata"):
            continue
        if not path.endswith("[]"):
            assert len(field.get("description", "")) >= 10, path
        if field["type"] == "string" and "enum" not in field and field.get("format") != "date-time":
            assert "maxLength" in field, path
        if "additionalProperties" in field:
            assert "maxProperties" in field, path
        if field["type"] == "array":
            assert "maxItems" in field, path
            assert "x-kubernetes-list-type" in field, path
        if path.startswith(".spec") and field["type"] == "integer":
            assert {"minimum", "maximum"} <= field.keys(), path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_rule_says_what_is_wrong(kind: Kind) -> None:
    schema = kind.schema()
    for _, field in [("", schema), *fields(schema)]:
        for rule in field.get("x-kubernetes-validations", ()):
            assert len(rule["message"]) > 10


def test_the_committed_files_are_what_is_generated() -> None:
    for path, content in generate_crds.generate(ROOT).items():
        assert (ROOT / path).read_bytes() == content, f"{path} is out of date: make generate"
