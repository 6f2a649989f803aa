"""``make bench``: measures, prints a table, writes .run/bench.json.

``python benchmarks/run.py [PART …] [--counts 1000,10000] [--keys "RSA 2048"]`` measures a part.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import api, audit, certificates, disturbed, hsm, keyrows, keys, objects  # noqa: E402 - the repository is no package

PARTS = ("hsm", "keys", "audit", "api", "certificates", "objects")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--counts", default="1000,10000", help="numbers of objects")
    parser.add_argument("--keys", default="", help="of the keys only what has this in its name, as in 'RSA 2048 RS256'")
    options = parser.parse_args()
    parts = options.parts or PARTS
    rows: list[dict[str, Any]] = []
    if "hsm" in parts:
        rows += hsm.rows()
    of_keys = keys.rows(options.keys) if "keys" in parts else []
    if "audit" in parts:
        rows += audit.rows()
    if "api" in parts:
        rows += api.rows()
    if "certificates" in parts:
        rows += certificates.rows()
    if "objects" in parts:
        rows += objects.rows([int(count) for count in options.counts.split(",")], disturbed.rows)
    _print(rows)
    keyrows.show(of_keys)
    path = ROOT / ".run" / "bench.json"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(json.dumps({"machine": platform.platform(), "rows": rows + of_keys}, indent=1) + "\n")
    print(f"\nwritten to {path.relative_to(ROOT)}")
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    width = max((len(str(row["name"])) for row in rows), default=0)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['value']:>12,.2f} {row['unit']}")


if __name__ == "__main__":
    sys.exit(main())
