# The commands of a clone. Everything they need is installed into .venv and web/node_modules.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEB_SOURCES := $(shell find web/src web/public web/index.html web/vite.config.ts web/package-lock.json -type f 2>/dev/null)

.PHONY: demo setup test check bench fault packages wheel clean help

help:
	@echo "make demo    everything set up and running, on invented patients"
	@echo "make test    every check and test      make check   lint, types, import rules"
	@echo "make fault   every injected fault: kills, full disks, broken connections"
	@echo "make bench   every benchmark           make bench-NAME  one of them"

demo: setup
	@$(BIN)/edge demo

setup: $(VENV)/.runtime web/dist/index.html

$(VENV)/bin/python:
	@tools/check-python $(PYTHON)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the Python packages"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.runtime
	@echo "Installing what the tests need"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

web/node_modules/.done: web/package-lock.json | $(VENV)/.runtime
	@echo "Installing the web packages"
	@tools/with-node $(VENV) npm --prefix web ci --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/index.html: web/node_modules/.done $(WEB_SOURCES)
	@echo "Building the web pages"
	@tools/with-node $(VENV) npm --prefix web run --silent build -- --logLevel warn
	@touch $@

packages:
	@tools/debian-packages

test: packages setup $(VENV)/.test check
	@tools/with-node $(VENV) npm --prefix web run --silent test
	@$(BIN)/pytest tests -m "not paired and not alone" -n 4 --dist loadfile --no-loadscope-reorder
	@$(BIN)/pytest tests -m "paired and not alone" -n 2 --dist loadfile
	@$(BIN)/pytest tests -m alone

check: setup $(VENV)/.test
	@$(BIN)/ruff check edge wsi tests
	@$(BIN)/ruff format --check edge wsi tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@tools/with-node $(VENV) npm --prefix web run --silent check

fault: setup $(VENV)/.test packages
	@EDGE_FAULT_COUNT=$${EDGE_FAULT_COUNT:-3000} $(BIN)/pytest tests/fault

bench: setup $(VENV)/.test packages
	@$(BIN)/python -m tests.bench

bench-%: setup $(VENV)/.test packages
	@$(BIN)/python -m tests.bench $*

wheel: setup
	@rm -rf edge/api/static && cp -r web/dist edge/api/static
	@$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf edge/api/static

clean:
	rm -rf $(VENV) web/node_modules web/dist .demo build dist
