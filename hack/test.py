"""python -m hack.test: what CI runs. Checks, then unit tests, then those on a real cluster and token.

A stage that finds no tests at all has failed: it would otherwise look like success.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from hack.bootstrap import kryoptic, nss
from hack.bootstrap.debs import BIND, NGINX, ensure_keytool
from hack.check import ROOT
from hack.progress import say


@dataclass(frozen=True)
class Stage:
    name: str
    command: list[str]


@dataclass(frozen=True)
class Result:
    """``skipped``: tests and reasons."""

    stage: Stage
    passed: bool
    skipped: list[tuple[str, str]]


PYTEST = [sys.executable, "-m", "pytest", "-p", "hack.skips", "-rs", "-q", "--durations=25", "--durations-min=5"]
# They start and kill clusters of their own, and look at what is left of them: one at a time.
CLUSTERS = ("tests/component/test_localcluster.py", "tests/component/test_cluster_fixture.py")
IGNORED = tuple(f"--ignore={path}" for path in CLUSTERS)
APART = ("-m", "not cluster", *IGNORED)
# Those of the end-to-end tests that take longest and have, like each run of pytest, a cluster of their own.
BESIDE = ("tests/e2e/test_kms.py", "tests/e2e/test_azure_sdk.py")
ROUNDS: tuple[tuple[Stage, ...], ...] = (
    (Stage("static checks", [sys.executable, "-m", "hack.check"]),),
    (Stage("unit tests", [*PYTEST, "tests/unit", "-n", "2"]),),
    (Stage("building the control plane", [sys.executable, "-m", "hack.localcluster", "build"]),),
    (Stage("building Helm", [sys.executable, "-m", "hack.helm"]),),
    (Stage("building the image's content", [sys.executable, "-m", "hack.image"]),),
    (Stage("component tests", [*PYTEST, "tests/component", "-n", "2", "--dist", "loadfile", *APART]),),
    (
        Stage("component tests on a cluster", [*PYTEST, "tests/component", "-m", "cluster", *IGNORED]),
        Stage("end-to-end tests with the KMS plugin and Azure's SDK", [*PYTEST, *BESIDE]),
    ),
    (Stage("tests of the local cluster", [*PYTEST, *CLUSTERS]),),
    (Stage("end-to-end tests", [*PYTEST, "tests/e2e", *(f"--ignore={path}" for path in BESIDE)]),),
)


def main() -> int:
    # A shell that starts us in the background has switched it off, for us and for all that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nss.ensure()
    kryoptic.ensure()
    BIND.ensure()
    NGINX.ensure()
    ensure_keytool()
    with tempfile.TemporaryDirectory() as scratch:
        results = [result for stages in ROUNDS for result in run(stages, Path(scratch))]
    print("\nSummary")
    for result in results:
        print(f"  {'passed' if result.passed else 'FAILED'}  {result.stage.name}")
        for reason, count in Counter(reason for _, reason in result.skipped).items():
            print(f"            skipped {count}: {reason}")
    return 0 if all(result.passed for result in results) else 1


def run(stages: Sequence[Stage], scratch: Path) -> list[Result]:
    """Run stages at the same time. What the first prints is seen at once, what the others print when they are done."""
    for stage in stages[1:]:
        say(f"\n== {stage.name}: beside what comes next; what they print follows")
    first, *others = [_start(stage, scratch, kept=stage is not stages[0]) for stage in stages]
    try:
        return [first.end(), *(other.end() for other in others)]
    finally:
        for each in (first, *others):
            each.interrupt()


@dataclass(frozen=True)
class _Running:
    stage: Stage
    process: subprocess.Popen[bytes]
    skips: Path
    printed: Path | None  # where it prints, if not here

    def end(self) -> Result:
        say(f"\n== {self.stage.name}")
        code = self.process.wait()
        if self.printed is not None:
            print(self.printed.read_text(errors="replace"), flush=True)
        return Result(self.stage, code == 0, json.loads(self.skips.read_text()) if self.skips.exists() else [])

    def interrupt(self) -> None:
        """Have it clean up, if it still runs because another one was interrupted."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()


def _start(stage: Stage, scratch: Path, *, kept: bool) -> _Running:
    skips = scratch / f"{stage.name}.json"
    environment = {**os.environ, "STRONGROOM_SKIPS": str(skips)}
    printed = scratch / f"{stage.name}.log" if kept else None
    with printed.open("wb") if printed else nullcontext() as output:
        process = subprocess.Popen(stage.command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    return _Running(stage, process, skips, printed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
