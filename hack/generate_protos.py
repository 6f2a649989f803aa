"""Generate the Python of every ``.proto`` in the package: messages, type stubs and gRPC stubs.

The result depends on the pinned grpcio-tools and nothing else, so ``make check`` can compare it with what is committed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

SOURCE_ROOT = Path("operator")


def generate(root: Path) -> dict[Path, bytes]:
    """Return path (relative to ``root``, the repository) -> content of each generated file.

    Raises ``RuntimeError`` when protoc refuses a file; its own message is on standard error.
    """
    source = root / SOURCE_ROOT
    protos = sorted(str(path.relative_to(source)) for path in source.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        _compile(source, protos, Path(scratch))
        made = sorted(path for path in Path(scratch).rglob("*") if path.is_file())
        return {SOURCE_ROOT / path.relative_to(scratch): path.read_bytes() for path in made}


def _compile(source: Path, protos: list[str], out: Path) -> None:
    flags = [f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(["protoc", f"-I{source}", *flags, *protos]) != 0:
        raise RuntimeError("protoc refused a .proto file")


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    for path, content in generate(root).items():
        (root / path).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
