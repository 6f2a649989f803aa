"""python -m hack.check: everything that can be said about the code without running it, in seconds.

Each check names the command that fixes what it finds; all are run even when one fails.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hack.progress import say

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Check:
    name: str
    command: list[str]
    fix: str


CHECKS = (
    Check("format", [f"{BIN}/ruff", "format", "--check", "."], ".venv/bin/ruff format ."),
    Check("lint", [f"{BIN}/ruff", "check", "--output-format", "concise", "."], ".venv/bin/ruff check --fix ."),
    Check("types", [f"{BIN}/mypy", "-p", "strongroom", "-p", "hack"], "correct the types that mypy names above"),
    Check("imports", [f"{BIN}/lint-imports"], "move the import to the room it belongs to (see pyproject.toml)"),
    Check("generated", [sys.executable, "-m", "hack.generate", "--check"], "make generate"),
)


def main() -> int:
    failed = [check for check in CHECKS if not passes(check)]
    if (ROOT / "operator" / "__init__.py").exists():
        say("operator/__init__.py shadows the standard library's operator module. Fix: git rm operator/__init__.py")
        return 1
    return 1 if failed else 0


def passes(check: Check) -> bool:
    began = time.monotonic()
    done = subprocess.run(check.command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode == 0:
        print(f"  ok      {check.name:<10} {seconds:4.1f} s", flush=True)
        return True
    print(f"  FAILED  {check.name:<10} {seconds:4.1f} s\n{done.stdout}{done.stderr}\n  fix: {check.fix}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
