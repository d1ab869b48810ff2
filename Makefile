# make run: set up, and compare the functional equivalence cache with the baseline on NAS-Bench-101.
# make figures: the paper's analyses on NAS-Bench-101 (Section 6), their figures and results/nasbench.md; about 40 minutes.
# make test: set up, and run the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TRIALS ?= 100

.DEFAULT_GOAL := help
.PHONY: help run figures test lint types clean

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

# Each is configs/figures/NAME.toml and becomes results/NAME. A second `make figures` runs only what is missing.
# A quick look: make figures RESULTS=look TRIAL_ARGS="--trials 5".
# The official table: make figures RESULTS=results-official SETTINGS="--set options.table=official".
EXPERIMENTS := fig07 fig08 fig08-ppo fig09 fig09-wait fig10 fig10-coarse fig10-schedule fig11 fig12 figS1 sec63 \
	hash-cost tabulist fcm
RESULTS ?= results
TRIAL_ARGS ?=
SETTINGS ?=
# $(call draw,name,results,kind): figures/NAME.png, and the cells' means beside it
draw = $(BIN)/ufh plot $(2) --kind $(3) $(call files,$(1))
files = --out $(RESULTS)/figures/$(1).png --table $(RESULTS)/figures/$(1).csv

figures: export UFH_RESULTS := $(RESULTS)
figures: $(VENV)/.installed
	set -e; for name in $(EXPERIMENTS); do \
		$(BIN)/ufh sweep nasbench --config $$name --name $$name $(SETTINGS) $(TRIAL_ARGS); done
	$(call draw,fig07,fig07,scatter)
	$(call draw,fig08,fig08 fig08-ppo,panels)
	$(call draw,fig09,fig09,panels)
	$(call draw,fig09-repeats,fig09-wait,repeats)
	$(BIN)/ufh collisions nasbench $(SETTINGS) $(call files,fig10-left)
	$(call draw,fig10-right,fig10 fig10-coarse fig10-schedule,response)
	$(BIN)/ufh plot fig11:technique=fec --kind evaluations --out $(RESULTS)/figures/fig11-left.png
	$(call draw,fig11-right,fig11,distribution)
	$(call draw,fig12,fig12,hits)
	$(call draw,fig12-along,fig12,hits-along)
	$(BIN)/ufh equivalents figS1:technique=fec $(call files,fig13)
	$(call draw,figS1,figS1,against-baseline)
	$(call draw,figS2,figS1,test-against-baseline)
	$(call draw,sec63,sec63:technique=fec,auc)
	$(BIN)/ufh calibrate nasbench --config calibrate-nasbench $(SETTINGS) $(call files,sec65)
	$(BIN)/ufh speedup figS1 fig08 fig08-ppo --table $(RESULTS)/figures/speed-up.csv
	$(call draw,hash-cost,hash-cost,response)
	$(call draw,tabulist,tabulist,response)
	$(call draw,fcm,fcm,response)
	$(BIN)/ufh report results/nasbench.toml --out $(RESULTS)/nasbench.md

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
