"""The namespace in which a kubeconfig works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.kube import errors
from strongroom.kube.kubeconfig import namespace_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    contexts = [
        {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
        {"name": "two", "context": {"cluster": "c", "user": "u"}},
    ]
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": contexts,
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(body))
    return path


def test_namespaces(path: Path) -> None:
    assert namespace_of(path) == "shop"
    assert namespace_of(path, "one") == "shop"
    assert namespace_of(path, "two") == "default"


def test_several_files_are_one(path: Path, tmp_path: Path) -> None:
    """As KUBECONFIG may name them."""
    other = tmp_path / "other"
    other.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": [], "clusters": [], "users": []}))
    assert namespace_of(Path(f"{other}:{path}")) == "shop"


@pytest.mark.parametrize("content", ["", "{", "[]", "kind: Config", "a: *b"])
def test_what_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken").write_text(content)
    with pytest.raises(errors.Unavailable, match="cannot be read"):
        namespace_of(tmp_path / "broken")


def test_a_context_that_is_not_there(path: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable, match="cannot be read"):
        namespace_of(path, "three")
    with pytest.raises(errors.Unavailable, match="cannot be read"):
        namespace_of(tmp_path / "nothing")
