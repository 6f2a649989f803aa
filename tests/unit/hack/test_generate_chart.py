"""The chart's copies of what lies outside its directory."""

from pathlib import Path

from hack import generate_chart
from hack.localcluster.paths import REPOSITORY

FILES = Path("helm/strongroom/files")


def test_definitions_and_manifests_are_copied_and_the_namespace_is_not():
    files = generate_chart.generate(REPOSITORY)
    crds = {FILES / "crds" / path.name for path in (REPOSITORY / "crds").glob("*.yaml")}
    manifests = {FILES / "manifests" / path.name for path in (REPOSITORY / "hack/manifests").glob("*.yaml")}
    assert set(files) == crds | manifests - {FILES / "manifests/00-namespace.yaml"}


def test_nothing_else_lies_there():
    copies = [path for part in ("crds", "manifests") for path in (REPOSITORY / FILES / part).rglob("*")]
    kept = {path.relative_to(REPOSITORY) for path in copies if path.is_file()}
    assert kept == set(generate_chart.generate(REPOSITORY))
