"""Targets as users write them: what is accepted and what is refused, by the parser and by the API server alike."""

from __future__ import annotations

from typing import Any

Fields = dict[str, Any]

ACCEPTED: list[Fields] = [
    {"keys": {"a": "value", ".env": "value", "tls.crt": "f", "A_b-c.d": "_x", "a" * 253: "value"}},
    {"keys": {"a": "x"}, "template": {"data": {"b": "{{ value }}"}}},
    {"template": {"data": {"b": "x" * 16384}}},
    {"labels": {"app": "", "app.kubernetes.io/name": "db", "example.org/a": "b.c_d-e"}},
    {"annotations": {"example.org/a": "x" * 4096, "reloader": "{}"}},
    {"immutable": True, "creationPolicy": "Orphan", "deletionPolicy": "Retain"},
    {"creationPolicy": "Merge", "keys": {"a": "value"}},
    {"type": "kubernetes.io/dockerconfigjson"},
]

_RESERVED = "are reserved"
_KEY = "a key of the data has letters"

REFUSED: list[tuple[Fields, str]] = [
    ({"type": "helm.sh/release.v1"}, "type"),
    ({"keys": {}}, "keys"),
    *(({"keys": {key: "value"}}, _KEY) for key in ("", ".", "..", "..a", "a/b", "a b", "ä", "a" * 254)),
    ({"keys": {"a": "no-field"}}, "keys"),
    ({"keys": {f"k{number}": "value" for number in range(65)}}, "keys"),
    ({"template": {}}, "data"),
    ({"template": {"data": {}}}, "data"),
    ({"template": {"data": {"a/b": ""}}}, _KEY),
    ({"template": {"data": {"a": "x" * 16385}}}, "data"),
    ({"template": {"data": {f"k{number}": "" for number in range(33)}}}, "data"),
    ({"keys": {"a": "value"}, "template": {"data": {"a": ""}}}, "the same key"),
    *(
        ({field: {f"{prefix}/x": "y"}}, _RESERVED)
        for field in ("labels", "annotations")
        for prefix in ("strongroom.dev", "kubernetes.io", "k8s.io", "kubectl.kubernetes.io", "a.b.k8s.io")
    ),
    ({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}, _RESERVED),
    ({"labels": {"": "x"}}, _RESERVED),
    ({"labels": {"a": "b c"}}, "labels"),
    ({"labels": {"a": "x" * 64}}, "labels"),
    ({"labels": {"-a": "b"}}, _RESERVED),
    ({"labels": {f"k{number}": "" for number in range(33)}}, "labels"),
    ({"annotations": {"a": "x" * 4097}}, "annotations"),
    ({"creationPolicy": "None"}, "creationPolicy"),
    ({"deletionPolicy": "Keep"}, "deletionPolicy"),
    ({"creationPolicy": "Merge", "immutable": True}, "keeps its own type"),
    ({"creationPolicy": "Merge", "type": "kubernetes.io/tls"}, "keeps its own type"),
]
