# Needs Python 3.11 or newer with venv, git and make; everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help install run check test images torture security bench format openapi readme lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
DRIVERS ?= no
AUDIT ?=
PIN := --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# The tests start hundreds of processes: without its compiled files kept, each compiles all of the service again.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

install: ## Make .venv with the service in it (.venv/bin/persistence); DRIVERS=yes adds those of database servers
	@PYTHON="$(PYTHON)" ops/install.sh $(if $(filter yes,$(DRIVERS)),drivers,runtime)

run: install ## Start the service; options go into ARGS='--port 9090 --data-dir ./other'
	@exec $(BIN)/persistence serve $(ARGS)

check: develop ## Format, lint, types, layers, unit and architecture tests: under half a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n auto --dist worksteal -m "not slow" tests/unit tests/architecture

test: develop ## Every test: unit, architecture, contract, integration, end to end
	$(BIN)/pytest

images: ## Fetch the servers that the tests run against; build them from Debian where no registry is reached
	@ops/images/build.sh

torture: develop ## Bring every fault about, under load; count what was lost (ARGS='--short --seed 7', '--list')
	$(BIN)/python -m tests.torture $(ARGS)

security: develop ## Try what hostile callers try, and print what they get; list the dependencies in build/sbom.json
	$(BIN)/python -m tests.security
	@$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r ops/requirements-audit.lock
	build/audit/bin/cyclonedx-py requirements ops/requirements-drivers.lock --of JSON -o build/sbom.json
	@$(BIN)/python -m tests.security.advisories ops/requirements-drivers.lock build/audit/bin/pip-audit $(AUDIT)

bench: ## Measure beside bare drivers and a peer; page and curves go to build/benchmarks (ARGS='--help' tells more)
	@PYTHON="$(PYTHON)" ops/install.sh bench
	$(BIN)/python -m tests.benchmarks $(ARGS)

format: develop ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: develop ## Renew the API's description in ops/openapi.json, and the examples in it
	$(BIN)/python -m tests.integration.http.tour
	$(BIN)/python ops/openapi.py

readme: develop ## Type the commands of README.md and README.zh-CN.md; record anew what differs
	$(BIN)/python -m tests.e2e.recorded README.md README.zh-CN.md

lock: develop ## Pin every dependency anew, with hashes
	$(BIN)/pip-compile $(PIN) --upgrade --output-file ops/requirements.lock pyproject.toml
	$(BIN)/pip-compile $(PIN) $(addprefix --extra ,encryption mysql opensearch postgres redis s3 tokens tracing) --constraint ops/requirements.lock \
		--output-file ops/requirements-drivers.lock pyproject.toml
	$(BIN)/python ops/dev_requirements.py dev \
		| $(BIN)/pip-compile $(PIN) --constraint ops/requirements-drivers.lock --output-file ops/requirements-dev.lock -
	$(BIN)/python ops/dev_requirements.py dev bench \
		| $(BIN)/pip-compile $(PIN) --constraint ops/requirements-dev.lock --output-file ops/requirements-bench.lock -
	$(BIN)/pip-compile $(PIN) --upgrade --output-file ops/requirements-audit.lock ops/requirements-audit.in

clean: ## Remove .venv and every cache; never ./data
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

.PHONY: develop
develop:
	@PYTHON="$(PYTHON)" ops/install.sh develop
