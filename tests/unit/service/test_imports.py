"""Importing native Secrets: only what is marked, only what fits, removed only while it is what was imported."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput, NotFound, ReferenceDenied
from strongroom.domain.imports import ImportSpec
from strongroom.service.imports import Imports
from tests.helpers.fake_kube import FakeKube

CANARY = "canary-value-77"


def native(data: dict[str, bytes], mark: str | None = "db", type: str = "Opaque") -> dict[str, Any]:
    return {
        "metadata": {
            "name": "legacy",
            "namespace": "ns",
            "uid": "u1",
            "annotations": {"strongroom.dev/import-by": mark} if mark is not None else {},
        },
        "type": type,
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def world(body: dict[str, Any] | None) -> tuple[FakeKube, Imports]:
    kube = FakeKube()
    if body is not None:
        kube._commit("ADDED", ("secrets", "ns", "legacy"), body)
    return kube, Imports(kube)


@pytest.mark.parametrize(
    ("data", "spec", "fields"),
    [
        ({"password": b"x"}, ImportSpec("legacy"), {"value": b"x"}),
        ({"tls.crt": b"\xff\x00"}, ImportSpec("legacy"), {"value": b"\xff\x00"}),
        ({"a": b"1", "b": b"\xff"}, ImportSpec("legacy", "b"), {"value": b"\xff"}),
        ({"user": b"app", "password": b"p"}, ImportSpec("legacy"), {"user": b"app", "password": b"p"}),
        ({"tls.crt": b"c", "tls.key": b"k"}, ImportSpec("legacy", keys=(("cert", "tls.crt"),)), {"cert": b"c"}),
        ({"a": b"x" * 25600}, ImportSpec("legacy"), {"value": b"x" * 25600}),
    ],
)
async def test_what_is_imported(data: dict[str, bytes], spec: ImportSpec, fields: dict[str, bytes]) -> None:
    _, imports = world(native(data))
    found = await imports.read("ns", spec, "db")
    assert (found.content.fields(), found.uid) == (fields, "u1")


TEXT = CANARY.encode()


@pytest.mark.parametrize(
    ("body", "spec", "error", "complaint"),
    [
        (None, ImportSpec("legacy"), NotFound, "no Secret legacy"),
        (native({"a": TEXT}, None), ImportSpec("legacy"), ReferenceDenied, "strongroom.dev/import-by=db"),
        (native({"a": TEXT}, "other"), ImportSpec("legacy"), ReferenceDenied, "strongroom.dev/import-by=db"),
        (native({"a": TEXT}, "db,other"), ImportSpec("legacy"), ReferenceDenied, "not marked"),
        (native({"a": TEXT}, type="strongroom.dev/sealed"), ImportSpec("legacy"), ReferenceDenied, "never imported"),
        (
            native({"a": TEXT}, type="kubernetes.io/service-account-token"),
            ImportSpec("legacy"),
            ReferenceDenied,
            "never imported",
        ),
        (native({}), ImportSpec("legacy"), InvalidInput, "no data"),
        (native({"a": TEXT}), ImportSpec("legacy", "b"), InvalidInput, "no key b"),
        (native({"a": TEXT, "b.c": TEXT}), ImportSpec("legacy"), InvalidInput, "b.c cannot name a field"),
        (native({"a": TEXT, "b": TEXT + b"\xff"}), ImportSpec("legacy"), InvalidInput, "key b is not text"),
        (native({"a": TEXT * 2000}), ImportSpec("legacy"), InvalidInput, "at most 25600"),
        (native({"a": TEXT * 1000, "b": TEXT * 1000}), ImportSpec("legacy"), InvalidInput, "at most 25600"),
    ],
)
async def test_what_is_refused(
    body: dict[str, Any] | None, spec: ImportSpec, error: type[Exception], complaint: str
) -> None:
    _, imports = world(body)
    with pytest.raises(error, match=complaint) as said:
        await imports.read("ns", spec, "db")
    assert CANARY not in str(said.value)


@pytest.mark.parametrize(
    ("body", "uid", "removed"),
    [
        (native({"a": b"1"}), "u1", True),
        (native({"a": b"1"}), "u0", False),
        (native({"a": b"1"}, None), "u1", False),
        (None, "u1", False),
    ],
    ids=["what was imported", "a successor", "its mark was taken away", "gone"],
)
async def test_only_what_was_imported_is_removed(body: dict[str, Any] | None, uid: str, removed: bool) -> None:
    kube, imports = world(body)
    assert await imports.remove("ns", ImportSpec("legacy"), "db", uid) is removed
    assert (("secrets", "ns", "legacy") in kube.objects) is (body is not None and not removed)


async def test_a_value_hides_in_what_is_returned() -> None:
    _, imports = world(native({"a": TEXT}))
    assert CANARY not in repr(await imports.read("ns", ImportSpec("legacy"), "db"))
