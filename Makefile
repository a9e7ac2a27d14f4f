# `make help` lists the targets. They install into .venv/, .uv/, .pip/ and .poetry/, and write only caches outside this folder.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
POETRY_VERSION := 2.5.1
POETRY_EXPORT_VERSION := 1.10.1
# half as many again as there are processors, because a third of the tests' time is spent waiting for servers
PYTEST_WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)

venv := .venv
poetry := .poetry/bin/poetry
poetry_installed := .poetry/$(POETRY_VERSION)-$(POETRY_EXPORT_VERSION)
# two stamps of one environment: it can serve and train, or everything is installed
trains := $(venv)/.trains
installed := $(venv)/.installed
# the tests start a hundred Pythons, each of which would compile all that it imports where nothing may be kept
pytest := PYTHONDONTWRITEBYTECODE= $(venv)/bin/pytest -n $(PYTEST_WORKERS) --dist worksteal
install := $(PYTHON) requirements/install.py $(venv)
development_groups := test,lint,notebook,jupyter,tracking
# without `kuberay`, which only containers need, and `train-gpu`, which replaces `train`
development_extras := cloud delta mlflow postgres ray sso tracing train

.PHONY: help setup serve demo test coverage check drills test-browser screenshots test-crash test-swap soak lint audit sbom docs docs-site dashboards \
  lock requirements clean bench-quality bench-serving bench-store bench-console bench-history

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(installed) ## Install everything into .venv/ (the command line is .venv/bin/fraud)

serve: $(trains) ## Install what serving and training need, train the default model if there is none, serve on 127.0.0.1:8000
	@$(venv)/bin/fraud serve --train-if-empty

demo: $(trains) ## Show a living product on made-up data, on 127.0.0.1:8000: [ARGS="--folder my-demo --accounts"]
	@$(venv)/bin/fraud demo $(ARGS)

test: $(installed) ## Run the test suite
	$(pytest) -m "not slow" --durations 15

coverage: $(installed) ## Run the test suite with its slow tests, and measure it: at least 95 % of branches
	$(pytest) --hypothesis-profile thorough --cov --cov-report=term:skip-covered

check: $(installed) ## Check files in seconds: make check FILES="src/... tests/..."; without FILES, what git sees as changed
	@$(venv)/bin/python tests/check.py $(FILES)

# one after another: a drill measures what callers notice, which other drills would change
drills: $(installed) ## Put servers under faults and load, and print what was promised and measured; 15 minutes (needs npm): [ARGS="--promises FILE"]
	PYTHONDONTWRITEBYTECODE= $(venv)/bin/pytest tests/drills -n 0 $(ARGS)

test-browser: $(venv)/.browser ## Drive Debian's Chromium through the console, on SQLite and PostgreSQL: [ARGS="-k queue"]
	$(venv)/bin/pytest tests/browser -n 0 $(ARGS)

screenshots: $(venv)/.browser ## Picture every page of the console, light, dark and on a phone, and hold each against its budget: [FOLDER=pictures]
	@PYTHONPATH=tests $(venv)/bin/python -m browser.screenshots $(or $(FOLDER),.cache/screenshots)

test-crash: $(installed) ## Kill servers under load, and compare the acknowledged decisions with the stored ones: [ARGS="--kills 5"]
	@PYTHONPATH=tests $(venv)/bin/python -m drills.crash $(ARGS)

test-swap: $(installed) ## Swap champions and replace servers under load; fails if a request fails or an answer is wrong: [ARGS="--promotions 5"]
	@PYTHONPATH=tests $(venv)/bin/python -m drills.swap $(ARGS)

soak: $(installed) ## Half an hour of mixed load while faults are injected at random: [ARGS="--minutes 3 --seed 7"]
	@PYTHONPATH=tests $(venv)/bin/python -m drills.soak $(ARGS)

lint: $(installed) ## Check formatting, lint rules, links in the documentation, types, layers
	$(venv)/bin/ruff format --check .
	$(venv)/bin/ruff check .
	$(venv)/bin/python docs/check_links.py
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports

bench-quality: $(venv)/.benchmark ## Compare the models with other libraries: make bench-quality DATA=FOLDER [ARGS="--tune 10"]
	@test -n "$(DATA)" || { echo "Name the folder with the data: make bench-quality DATA=FOLDER" >&2; exit 2; }
	$(venv)/bin/python -m benchmarks.quality --data $(DATA) $(ARGS)

bench-serving: $(installed) ## Compare serving with other servers: make bench-serving [ARGS="--quick"] (needs wrk; installs the others into .benchmark/)
	@$(venv)/bin/python -m benchmarks.serving $(ARGS)

bench-history: $(installed) ## Measure history features beside DuckDB's windows: make bench-history DATA=FOLDER [ARGS="--large 20000000"]
	@test -n "$(DATA)" || { echo "Name the folder with the data: make bench-history DATA=FOLDER" >&2; exit 2; }
	@$(venv)/bin/python -m benchmarks.history --data $(DATA) $(ARGS)

bench-store: $(installed) ## Measure how fast pages of ten million stored decisions are read: make bench-store [ARGS="--rows N --file PATH"]
	@$(venv)/bin/python -m benchmarks.store $(ARGS)

bench-console: $(installed) ## Measure the console's pages among ten million decisions: make bench-console [ARGS="--postgres URL --fill | --beside 6"]
	@$(venv)/bin/python -m benchmarks.console $(ARGS)

audit: $(installed) ## Check every locked dependency for known vulnerabilities: make audit [ADVISORIES=all.zip] (a copy, where PyPI is out of reach)
	$(venv)/bin/python requirements/audit.py $(if $(ADVISORIES),--advisories "$(ADVISORIES)")

sbom: ## Print what the image holds, in CycloneDX: make sbom [EXTRAS="postgres mlflow"]
	@$(PYTHON) requirements/sbom.py serve $(EXTRAS)

docs: $(installed) ## Write docs/reference/ and the rules for Kubernetes from the code
	$(venv)/bin/python docs/generate_reference.py
	$(venv)/bin/python deploy/kubernetes/generate_rules.py

docs-site: $(venv)/.docs ## Build the documentation's site in site/, to open in a browser; fails on a dead link
	$(venv)/bin/zensical build --strict

dashboards: $(installed) ## Write Grafana's dashboards from deploy/monitoring/
	$(venv)/bin/python -m deploy.monitoring.dashboards

lock: $(poetry_installed) ## After a change of dependencies in pyproject.toml: write poetry.lock and requirements/
	$(poetry) lock
	$(MAKE) requirements

requirements: $(poetry_installed) ## Write requirements/ from poetry.lock
	$(poetry) export --quiet --output requirements/serve.txt
	for extra in $(development_extras) kuberay train-gpu; do $(poetry) export --quiet --extras $$extra --output requirements/$$extra.txt; done
	$(poetry) export --quiet --extras "$(development_extras)" --with $(development_groups) --output requirements/development.txt
	for group in docs browser benchmark installer; do $(poetry) export --quiet --only $$group --output requirements/$$group.txt; done

clean: ## Remove the environments and caches (does not remove the models in registry/)
	rm -rf $(venv) .uv .pip .poetry .benchmark site .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage

# Poetry solves and exports. Only `make lock` needs it. The stamp's name holds the versions, so that another version installs it again.
$(poetry_installed):
	@rm -rf .poetry
	@$(PYTHON) -m venv .poetry
	@echo "Installing Poetry $(POETRY_VERSION) into .poetry/ ..."
	@.poetry/bin/pip install --quiet --disable-pip-version-check "poetry==$(POETRY_VERSION)" "poetry-plugin-export==$(POETRY_EXPORT_VERSION)"
	@touch $@

# In the background, caches are filled that the training of the default model needs later: fonts, and Numba's compiled loops.
$(trains): requirements/train.txt requirements/installer.txt pyproject.toml
	@$(install) train.txt
	@touch $@
	@$(venv)/bin/python -c 'import matplotlib.font_manager; from fraud_detection_api.model import reason_kernels; from fraud_detection_api.model.trees import attribution_kernels, kernels' &

$(installed): requirements/development.txt requirements/installer.txt pyproject.toml
	@$(install) development.txt
	@touch $(trains) $@

# Zensical, which only the site needs
$(venv)/.docs: $(installed) requirements/docs.txt
	@$(install) docs.txt
	@touch $@

# Playwright and axe, which only the tests in a browser need
$(venv)/.browser: $(installed) requirements/browser.txt
	@$(install) browser.txt
	@touch $@

# CatBoost and LightGBM, which only the benchmark needs
$(venv)/.benchmark: $(installed) requirements/benchmark.txt
	@$(install) benchmark.txt
	@touch $@
