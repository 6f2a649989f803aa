# What a developer and CI do. Every target works from a bare clone: it needs make and Python 3.11 or newer, and root
# (or a sudo that asks nothing) only where a system package is missing.
SHELL := bash
PY := .venv/bin/python
export PYTHON
.DEFAULT_GOAL := help
.PHONY: help bootstrap demo test check bench up down chaos generate lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap: ## Make .venv from the lock file and install SoftHSM where it is missing
	@hack/bootstrap.sh

demo: bootstrap ## Start everything, show a secret, its rotation and recovery, stop everything
	@$(PY) -m hack.dev demo

up: bootstrap ## Start cluster, token, HSM sidecar and controller in the background; writes .run/env
	@$(PY) -m hack.dev up

down: bootstrap ## Stop what `make up` started
	@$(PY) -m hack.dev down

check: bootstrap ## Format, lint, types, import contracts, generated files: seconds
	@$(PY) -m hack.check

test: bootstrap ## Everything CI runs that this machine can
	@$(PY) -m hack.test

bench: bootstrap ## Benchmarks: a table, and .run/bench.json
	@$(PY) benchmarks/run.py

chaos: bootstrap ## Kill the controller at random, KILLS times (default 200), and look for what was lost
	@STRONGROOM_CHAOS_KILLS=$(or $(KILLS),200) $(PY) -m pytest -q -s tests/e2e/test_crashes.py

generate: bootstrap ## Write CRDs, gRPC stubs and references anew
	@$(PY) -m hack.generate

lock: bootstrap ## Resolve pyproject.toml into the lock files
	@hack/lock.sh

clean: ## Stop everything and remove what was made here; the built control plane stays cached outside
	@if [ -x $(PY) ]; then $(PY) -m hack.dev down; fi
	@rm -rf .venv .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
