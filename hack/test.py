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


PYTEST = [sys.executable, "-m", "pytest", "-p", "hack.skips", "-rs", "-q", "--durations=25", "--durations-min=5"]
# They start and kill clusters of their own, and look at what is left of them: one at a time.
CLUSTERS = ("tests/component/test_localcluster.py", "tests/component/test_cluster_fixture.py")
IGNORED = tuple(f"--ignore={path}" for path in CLUSTERS)
APART = ("-m", "not cluster", *IGNORED)
STAGES = (
    Stage("static checks", [sys.executable, "-m", "hack.check"]),
    Stage("unit tests", [*PYTEST, "tests/unit", "-n", "2"]),
    Stage("building the control plane", [sys.executable, "-m", "hack.localcluster", "build"]),
    Stage("building Helm", [sys.executable, "-m", "hack.helm"]),
    Stage("building the image's content", [sys.executable, "-m", "hack.image"]),
    Stage("component tests", [*PYTEST, "tests/component", "-n", "2", "--dist", "loadfile", *APART]),
    Stage("component tests on a cluster", [*PYTEST, "tests/component", "-m", "cluster", *IGNORED]),
    Stage("tests of the local cluster", [*PYTEST, *CLUSTERS]),
    Stage("end-to-end tests", [*PYTEST, "tests/e2e"]),
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
        results = [(stage, *run(stage, Path(scratch) / f"{index}.json")) for index, stage in enumerate(STAGES)]
    print("\nSummary")
    for stage, passed, skipped in results:
        print(f"  {'passed' if passed else 'FAILED'}  {stage.name}")
        for reason, count in Counter(reason for _, reason in skipped).items():
            print(f"            skipped {count}: {reason}")
    return 0 if all(passed for _, passed, _ in results) else 1


def run(stage: Stage, skips: Path) -> tuple[bool, list[tuple[str, str]]]:
    say(f"\n== {stage.name}")
    environment = {**os.environ, "STRONGROOM_SKIPS": str(skips)}
    code = subprocess.run(stage.command, cwd=ROOT, env=environment, check=False).returncode
    return code == 0, json.loads(skips.read_text()) if skips.exists() else []


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
