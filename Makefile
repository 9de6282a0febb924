# make demo       the example, from nothing to pictures in half a minute: an engine, real data, a failure to mend
# make demo-reduction  a neutron facility: runs arrive, a script reduces them, on a real measurement
# make test       all tests (needs nothing; uses PostgreSQL where there is one, see services)
# make check      style, types, and that imports run downwards
# make services   see that PostgreSQL, ActiveMQ, RabbitMQ, Chromium and nginx are there for the tests; starts nothing
# make bench      how fast it is on this machine
# make bench-pages  how long each page takes on a million processings (makes them at the first time, 2 GB in ~/.cache)
# make features   which promised features no passing test proves
# make words      collect the texts of the pages that can be translated, into procession/web/locale/procession.pot
# make clean      remove what the others made (not the environment: rm -r .venv)
#
# Needed: make and Python 3.11 or newer with venv. The rest goes into .venv, as constraints.txt pins it.
# PYTHON=… chooses the interpreter for .venv; TESTS="tests/model -k retry" chooses tests; DEMO="--again" goes to the demo.

.PHONY: demo demo-reduction test check services bench bench-pages features words clean constraints
.DEFAULT_GOAL := help
SHELL := /bin/bash

unexport PYTHONDONTWRITEBYTECODE  # some images set it; every start of Python would compile everything anew

VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?= tests
WORKERS ?= auto
DEMO ?=
PIP_INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
USABLE = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

demo: $(VENV)/demo
	@$(BIN)/python -m procession.examples.demo $(DEMO)

demo-reduction: $(VENV)/demo-reduction
	@$(BIN)/python -m procession.examples.demo_reduction $(DEMO)

test: $(VENV)/ready
	@$(if $(filter-out tests,$(TESTS)),,rm -f .features.json)
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 $(TESTS)

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/imports.py

services:
	@tools/services.sh

bench: $(VENV)/ready
	@set -e; for each in bench/*.py; do [ -e "$$each" ] || { echo "there is nothing in bench/ yet"; exit 0; }; \
	  echo "== $$each"; $(BIN)/python "$$each"; done

bench-pages: $(VENV)/ready
	@$(BIN)/python bench/pages.py
	@$(BIN)/python bench/paints.py

features: $(VENV)/ready
	@$(BIN)/python tools/features.py

words: $(VENV)/ready
	@mkdir -p procession/web/locale
	@cd procession/web && ../../$(BIN)/python -m babel.messages.frontend extract --no-location --omit-header -F babel.cfg \
	  -o locale/procession.pot . && grep -c '^msgid' locale/procession.pot

constraints:
	@rm -rf build/constraints && $(BIN)/python -m venv build/constraints
	@build/constraints/bin/python -m pip install -qq --disable-pip-version-check -e '.[dev]'
	@{ sed -n '/^#/p' constraints.txt; build/constraints/bin/python -m pip freeze --exclude-editable --exclude pip \
	  --exclude setuptools 2> /dev/null; } > build/constraints.txt && mv build/constraints.txt constraints.txt
	@rm -rf build/constraints && git --no-pager diff --stat constraints.txt

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .features.json
	find procession tests tools -name __pycache__ -type d -prune -exec rm -r {} +

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# --- the environment ------------------------------------------------------------------------------------------------

$(BIN)/python:
	@set -e; for each in $(PYTHON) python3 python3.13 python3.12 python3.11 \
	    "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3 /usr/local/bin/python3 /usr/bin/python3; do \
	  if "$$each" -c '$(USABLE)' 2> /dev/null; then \
	    echo "making $(VENV) with $$("$$each" --version)"; exec "$$each" -m venv $(VENV); \
	  fi; \
	done; \
	echo "no Python 3.11 or newer that can make a venv (on Debian: apt install python3-venv); PYTHON=… names one" >&2; \
	exit 1

$(VENV)/demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Procession and what the demo needs"
	@$(PIP_INSTALL) -e '.[demo]'
	@$(BIN)/python -m compileall -q procession
	@touch $@

$(VENV)/demo-reduction: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Procession, h5py, numpy and Pillow"
	@$(PIP_INSTALL) -e '.[reduction]'
	@$(BIN)/python -m compileall -q procession
	@touch $@

$(VENV)/ready: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Procession and its tools"
	@$(PIP_INSTALL) -e '.[dev]'
	@$(BIN)/python -m compileall -q procession
	@touch $@ $(VENV)/demo $(VENV)/demo-reduction
