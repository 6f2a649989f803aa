#!/usr/bin/env bash
# Resolve the ranges of pyproject.toml into hash-pinned lock files. Names no index: pip uses the one it is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { "${VENV:-.venv}/bin/uv" pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
  --custom-compile-command "make lock" "$@" pyproject.toml; }
compile -o requirements.lock
compile --extra dev -c requirements.lock -o requirements-dev.lock
