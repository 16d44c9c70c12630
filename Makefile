# Needs Python 3.11 or newer with venv, git and make; everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help install run check test e2e bench format openapi lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
KILLS ?= 30
SEED ?= 1
PIN := --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

install: ## Make .venv with the service in it (.venv/bin/persistence)
	@PYTHON="$(PYTHON)" ops/install.sh runtime

run: install ## Start the service; options go into ARGS='--port 9090 --data-dir ./other'
	@exec $(BIN)/persistence serve $(ARGS)

check: develop ## Format, lint, types, layers, unit and architecture tests: under half a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -m "not slow" tests/unit tests/architecture

test: develop ## Every test: unit, architecture, contract, integration, end to end
	$(BIN)/pytest

e2e: develop ## Kill the real process KILLS=30 times at moments drawn from SEED=1; count what was lost
	$(BIN)/python -m tests.e2e.kill_loop --kills $(KILLS) --seed $(SEED)

bench: develop ## Measure throughput, latency, drain and memory beside bare baselines
	$(BIN)/python -m tests.benchmarks

format: develop ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: develop ## Renew the API's description in ops/openapi.json, and the examples in it
	$(BIN)/python -m tests.integration.http.tour
	$(BIN)/python ops/openapi.py

lock: develop ## Pin every dependency anew, with hashes
	$(BIN)/pip-compile $(PIN) --upgrade --output-file ops/requirements.lock pyproject.toml
	$(BIN)/python ops/dev_requirements.py \
		| $(BIN)/pip-compile $(PIN) --constraint ops/requirements.lock --output-file ops/requirements-dev.lock -

clean: ## Remove .venv and every cache; never ./data
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

.PHONY: develop
develop:
	@PYTHON="$(PYTHON)" ops/install.sh develop
