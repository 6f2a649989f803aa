#!/usr/bin/env bash
# Resolve the ranges of pyproject.toml into hash-pinned lock files. Names no index: pip uses the one it is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { "${VENV:-.venv}/bin/uv" pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
  --custom-compile-command "make lock" "$@"; }
compile -o requirements.lock pyproject.toml
compile --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
# What builds the wheel of the image: the build system that pyproject.toml names, as developers have it.
compile -c requirements-dev.lock -o requirements-build.lock - <<<"hatchling"
