"""zlint, which checks certificates against RFC 5280 and more; built once, as the control plane's binaries are."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from hack.localcluster import binaries

_HERE = Path(__file__).resolve().parents[2] / "hack" / "zlint"
_PACKAGE = "github.com/zmap/zlint/v3"


def program() -> Path:
    """The built command; ``BuildFailed`` where it cannot be had."""
    module = binaries.Module(_HERE, _PACKAGE, "1 minute", stamped=False)
    binaries.PACKAGES.setdefault("zlint", (module, f"{_PACKAGE}/cmd/zlint"))
    return binaries.built("zlint")


def findings(certificate: Path, *sources: str) -> dict[str, str]:
    """Names of lints that a certificate (PEM) does not pass, with what they say: ``warn``, ``error``, ``fatal``."""
    command = [str(program()), "-includeSources", ",".join(sources), str(certificate)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {name: each["result"] for name, each in said.items() if each["result"] in ("warn", "error", "fatal")}
