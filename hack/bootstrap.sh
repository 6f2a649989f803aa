#!/usr/bin/env bash
# From a bare machine to a working .venv: finds a Python and lets it do the rest. Costs nothing when all is in place.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/.."

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

for python in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14; do
  if [ -n "$python" ] && new_enough "$python"; then
    exec "$python" -m hack.bootstrap
  fi
done
echo "error: no Python 3.11 or newer found. Install one (Debian 12, Ubuntu 24.04, Fedora: the package python3)," >&2
echo "       or name one: make PYTHON=/path/to/python3 ..." >&2
exit 1
