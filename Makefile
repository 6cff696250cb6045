# `make demo` and `make test` need Python 3.11 or newer, make and git, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The demo keeps its results beside the checkout, away from your own.
DEMO_ENV := env -u HARNESS_DB -u HARNESS_DATA -u HARNESS_WEIGHTS HARNESS_HOME="$(CURDIR)/.harness"

.PHONY: demo test lint format new-plugin clean

demo: $(VENV)/.installed
	@$(DEMO_ENV) $(BIN)/harness run --plugin initial-weights --dataset synthped --recipe smoke
	@$(DEMO_ENV) $(BIN)/harness run --plugin baseline-hr-lr --dataset synthped --recipe smoke
	@$(DEMO_ENV) $(BIN)/harness leaderboard build --out "$(CURDIR)/.harness/site"

test: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --cov --cov-report=term:skip-covered

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What `harness plugins new` writes, in an environment of its own: minutes, and gigabytes for torch.
new-plugin: $(VENV)/.installed-dev
	$(BIN)/python tests/fresh/new_plugin.py

clean:
	rm -rf $(VENV) .harness

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ $(VENV)/.installed
