# make run: set up, and compare the functional equivalence cache with the baseline on NAS-Bench-101.
# make test: set up, and run the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TRIALS ?= 100

.DEFAULT_GOAL := help
.PHONY: help run test lint types clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# The stamps say what is installed, so that set-up happens once and again when pyproject.toml changes.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ufh needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: $(VENV)/.installed
	$(BIN)/ufh sweep nasbench --over technique=none,fec --trials $(TRIALS) --name quickstart
	$(BIN)/ufh compare quickstart
	$(BIN)/ufh plot quickstart
	$(BIN)/ufh plot quickstart --kind auc

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
