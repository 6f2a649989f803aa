"""Writes helm/strongroom/files: the definitions of crds/ and the manifests of hack/manifests, as the chart needs them.

Helm reads nothing outside the chart's directory. The namespace is left out: `--create-namespace` makes it.
"""

from __future__ import annotations

from pathlib import Path

from hack import generate_crds

FILES = Path("helm/strongroom/files")
LEFT_OUT = "00-namespace.yaml"


def generate(root: Path) -> dict[Path, bytes]:
    """Return what the generated files should hold, by their path below the repository's ``root``."""
    crds = {path: content for path, content in generate_crds.generate(root).items() if path.parent == Path("crds")}
    manifests = [path for path in sorted((root / "hack/manifests").glob("*.yaml")) if path.name != LEFT_OUT]
    return {FILES / path: content for path, content in crds.items()} | {
        FILES / "manifests" / path.name: b"# generated from hack/manifests, do not edit; make generate\n"
        + path.read_bytes()
        for path in manifests
    }
