"""From a pydantic model to the structural OpenAPI v3 schema that a CRD may hold.

Names of map entries cannot be bounded there: a CEL rule does it, and the parser.

Structural means: no references, no ``anyOf`` for "or null", every field with one type
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

_DROPPED: Final = frozenset({"title", "$defs", "anyOf", "$ref", "const", "propertyNames", "patternProperties"})


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Return the structural schema of a model, keys in alphabetical order, properties in the model's
    order.
    """
    schema = model.model_json_schema(by_alias=True)
    return _convert(schema, schema.get("$defs", {}))


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    node = _resolved(node, definitions)
    for entries in node.get("patternProperties", {}).values():  # of a map whose keys have a pattern
        node = {**node, "additionalProperties": entries}
    out = {key: value for key, value in sorted(node.items()) if key not in _DROPPED}
    if out.get("default", ...) is None or out.get("default", ...) == []:
        del out["default"]  # absent means absent
    if isinstance(out.get("default"), dict):
        out["default"] = {name: value for name, value in out["default"].items() if value is not None}
    if "properties" in out:
        out["properties"] = {name: _convert(child, definitions) for name, child in node["properties"].items()}
    for inner in ("items", "additionalProperties"):
        if isinstance(out.get(inner), dict):
            out[inner] = _convert(node[inner], definitions)
    if out.get("type") == "integer":
        out["format"] = "int64"
    return dict(sorted(out.items()))


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow references and drop "or null". What is said at the place of use wins, rules add up."""
    for choice in node.get("anyOf", ()):
        if choice != {"type": "null"}:
            node = _merged(_resolved(choice, definitions), node)
    if "$ref" in node:
        node = _merged(_resolved(definitions[node["$ref"].removeprefix("#/$defs/")], definitions), node)
    return dict(node)


def _merged(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    rules = [rule for part in (outer, inner) for rule in part.get("x-kubernetes-validations", ())]
    merged = {**inner, **{key: value for key, value in outer.items() if key not in ("anyOf", "$ref")}}
    return {**merged, "x-kubernetes-validations": rules} if rules else merged
