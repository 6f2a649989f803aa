"""Writes crds/ and docs/reference/crds.md from operator/strongroom/kinds."""

from __future__ import annotations

from pathlib import Path

import yaml

from strongroom.kinds.crd import KINDS
from strongroom.kinds.names import GROUP
from strongroom.kinds.reference import render

HEADER = "# generated, do not edit; make generate\n"


class _Plain(yaml.SafeDumper):
    """Writes every node out: an anchor saves bytes and confuses readers."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def generate(root: Path) -> dict[Path, bytes]:
    """Return what the generated files should hold, by their path below the repository's ``root``."""
    files = {
        Path("crds") / f"{GROUP}_{kind.plural}.yaml": HEADER
        + yaml.dump(kind.definition(), Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
        for kind in KINDS
    }
    files[Path("docs/reference/crds.md")] = render()
    return {path: text.encode() for path, text in files.items()}


def main() -> None:
    """Write the files into the repository that this script belongs to."""
    root = Path(__file__).resolve().parents[1]
    for path, content in generate(root).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


if __name__ == "__main__":
    main()
