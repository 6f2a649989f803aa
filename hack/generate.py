"""python -m hack.generate [--check]: write every generated file anew, or tell whether one is out of date.

A generator is a module of this package with `generate(root) -> {path relative to root: content}`.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.progress import say

ROOT = Path(__file__).resolve().parent.parent
GENERATORS = ("generate_crds", "generate_chart", "generate_openapi", "generate_protos", "generate_cli")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    asked = parser.parse_args(arguments)
    stale = outdated(ROOT, generated(ROOT))
    if not asked.check:
        write(ROOT, stale)
    elif stale:
        say("\n".join(["out of date:", *(f"  {path}" for path in stale), "run: make generate"]))
        return 1
    return 0


def generated(root: Path) -> dict[Path, bytes]:
    files: dict[Path, bytes] = {}
    for name in GENERATORS:
        if (root / "hack" / f"{name}.py").exists():
            files |= importlib.import_module(f"hack.{name}").generate(root)
    return files


def outdated(root: Path, files: dict[Path, bytes]) -> dict[Path, bytes]:
    return {path: content for path, content in files.items() if not _is(root / path, content)}


def write(root: Path, files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        say(f"wrote {path}")


def _is(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


if __name__ == "__main__":
    sys.exit(main())
