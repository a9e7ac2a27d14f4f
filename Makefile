# `make help` lists the targets. Everything is installed into .venv/ and .poetry/; nothing outside this folder is touched.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
POETRY_VERSION := 2.5.1
POETRY_EXPORT_VERSION := 1.10.1
PYTEST_WORKERS ?= auto

venv := .venv
poetry := .poetry/bin/poetry
poetry_installed := .poetry/$(POETRY_VERSION)-$(POETRY_EXPORT_VERSION)
installed := $(venv)/.installed
pytest := $(venv)/bin/pytest -n $(PYTEST_WORKERS) --dist worksteal
groups := test,lint,notebook,jupyter,tracking

.PHONY: help setup serve test coverage lint audit docs docs-site dashboards lock clean bench-quality bench-serving bench-store test-crash test-swap

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(installed) ## Make the environment in .venv/ (the command line is .venv/bin/fraud)

serve: $(installed) ## Set up, train the default model if there is none, serve on 127.0.0.1:8000
	@$(venv)/bin/fraud serve --train-if-empty

test: $(installed) ## Set up and run the test suite
	$(pytest) -m "not slow" --durations 15

coverage: $(installed) ## The test suite with what is slow, every process of it measured: at least 95 % of branches
	$(pytest) --cov --cov-report=term:skip-covered

test-crash: $(installed) ## Kill servers under load, and compare what was acknowledged with what is kept: [ARGS="--kills 5"]
	@PYTHONPATH=tests $(venv)/bin/python -m drills.crash $(ARGS)

test-swap: $(installed) ## Swap champions and replace servers under load: no request may fail, no answer be wrong [ARGS="--promotions 5"]
	@PYTHONPATH=tests $(venv)/bin/python -m drills.swap $(ARGS)

lint: $(installed) ## Formatting, lint rules, links of the documents, types, layers
	$(venv)/bin/ruff format --check .
	$(venv)/bin/ruff check .
	$(venv)/bin/python docs/check_links.py
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports

bench-quality: $(venv)/.benchmark ## Measure the models beside others: make bench-quality DATA=FOLDER [ARGS="--tune 20"]
	@test -n "$(DATA)" || { echo "Name the folder with the data: make bench-quality DATA=FOLDER" >&2; exit 2; }
	$(venv)/bin/python -m benchmarks.quality --data $(DATA) $(ARGS)

bench-serving: $(installed) ## Measure serving beside others: make bench-serving [ARGS="--quick"] (wants wrk; peers go to .benchmark/)
	@$(venv)/bin/python -m benchmarks.serving $(ARGS)

bench-store: $(installed) ## Measure pages among ten million kept decisions: make bench-store [ARGS="--rows N --file PATH"]
	@$(venv)/bin/python -m benchmarks.store $(ARGS)

audit: $(installed) ## Ask the advisory database about every locked dependency
	$(venv)/bin/pip-audit --requirement $(venv)/requirements.txt --require-hashes --disable-pip

docs: $(installed) ## Write docs/reference/ anew from the code, and the rules for Kubernetes
	$(venv)/bin/python docs/generate_reference.py
	$(venv)/bin/python deploy/kubernetes/generate_rules.py

docs-site: $(venv)/.docs ## Build the documentation's site in site/, to open in a browser; fails on a dead link
	$(venv)/bin/zensical build --strict

dashboards: $(installed) ## Write Grafana's dashboards anew from deploy/monitoring/
	$(venv)/bin/python -m deploy.monitoring.dashboards

lock: $(poetry_installed) ## Solve the dependencies anew after a change to pyproject.toml
	$(poetry) lock

clean: ## Remove the environments (models in registry/ are kept)
	rm -rf $(venv) .poetry .benchmark site .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage

# The stamp's name holds the versions, so that another version installs anew and an edit of this file does not.
$(poetry_installed):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 setup" >&2; exit 1; }
	@rm -rf .poetry
	@$(PYTHON) -m venv .poetry || { echo "This Python cannot make environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing Poetry $(POETRY_VERSION) into .poetry/ …"
	@.poetry/bin/pip install --quiet --disable-pip-version-check "poetry==$(POETRY_VERSION)" "poetry-plugin-export==$(POETRY_EXPORT_VERSION)"
	@touch $@

# pip does the installing, from the lock's hashes, so that a team's pip configuration (mirror, certificates) is honoured.
# --no-deps: the lock is complete, and pips before 23.3 look beyond it for `coverage[toml]`, then miss its hash.
$(installed): $(poetry_installed) pyproject.toml poetry.lock
	@test -x $(venv)/bin/python || $(PYTHON) -m venv $(venv)
	@echo "Installing the locked dependencies into $(venv)/ (minutes: about five over a usual line) …"
	@$(poetry) export --quiet --all-extras --with $(groups) --output $(venv)/requirements.txt
	@$(venv)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $(venv)/requirements.txt
	@$(venv)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Zensical, which only the site needs
$(venv)/.docs: $(installed)
	@$(poetry) export --quiet --only docs --output $(venv)/docs.txt
	@$(venv)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $(venv)/docs.txt
	@touch $@

# CatBoost and LightGBM, which only the benchmark needs
$(venv)/.benchmark: $(installed)
	@$(poetry) export --quiet --only benchmark --output $(venv)/benchmark.txt
	@$(venv)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $(venv)/benchmark.txt
	@touch $@
