"""What the image's layers take from the Dockerfile, and when they are not built."""

import os

import pytest

from hack.image import ImageError, layers
from hack.image.layers import Recipe
from hack.image.pod import Pod
from hack.localcluster.paths import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()


def test_the_layers_are_what_the_dockerfile_says():
    recipe = layers.recipe()
    assert (recipe.suite, recipe.packages) == ("trixie", ("python3", "libsofthsm2"))
    assert "--uid 65532" in recipe.user
    assert recipe.environment["PATH"].startswith("/opt/strongroom/bin:")
    assert f"USER {65532}:{65532}" in DOCKERFILE


def test_the_dockerfile_installs_by_hash_only():
    installs = [line for line in DOCKERFILE.splitlines() if " install " in line and "apt-get" not in line]
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)


def test_a_dockerfile_that_looks_otherwise_is_refused():
    with pytest.raises(ImageError, match="where hack/image looks"):
        Recipe.read("ARG DEBIAN=trixie\nFROM debian\nRUN true\n")


def test_others_than_root_are_told_why_nothing_is_built(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "by root on Linux only" in layers.unsupported()


def test_a_container_with_a_writable_root_is_not_run(tmp_path):
    container = {"name": "one", "securityContext": {"readOnlyRootFilesystem": False}, "volumeMounts": []}
    pod = Pod({"containers": [container], "securityContext": {"runAsUser": 1}}, [], {}, tmp_path)
    with pytest.raises(ImageError, match="the root of one is writable"):
        pod.start()
