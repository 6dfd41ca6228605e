# One word a habit. Everything runs in .venv, made at first use from the pinned versions in constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Also pins what builds need, which a -c option would not reach.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: chat test test-faults lint types bench docs screenshot constraints clean

chat: $(VENV)/.installed
	$(BIN)/consultant chat

# Files in their order, so that the long ones, which drive a browser, are not left for the end.
test: $(VENV)/.installed-dev
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 30

# The long form of what `make test` tries a few times: `kill -9` of an ingest at random moments, series of changes
# against a dictionary, re-indexes under readers, damaged files.
test-faults: $(VENV)/.installed-dev
	TEST_KILLS=200 TEST_SERIES=300 TEST_STEPS=30 TEST_REINDEXES=50 TEST_QUESTIONS=5000 TEST_MUTATIONS=100 \
	  $(BIN)/pytest --timeout 3600 tests/faults

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

docs: $(VENV)/.installed-dev
	$(BIN)/cog -r README.md

screenshot: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.screenshot

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Consultant needs Python 3.11 to 3.13; $$($(PYTHON) --version) is here. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# torch first: what depends on it would otherwise choose its build.
$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the packages, some gigabytes; this takes a few minutes, once."
	$(BIN)/pip install --quiet torch
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

constraints:
	rm -rf $(VENV)-new && $(PYTHON) -m venv $(VENV)-new
	env -u PIP_CONSTRAINT $(VENV)-new/bin/pip install --quiet torch==2.13.0
	env -u PIP_CONSTRAINT $(VENV)-new/bin/pip install --quiet --editable '.[dev]' hatchling editables
	{ sed -n '/^#/p' constraints.txt; $(VENV)-new/bin/pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.new
	mv constraints.new constraints.txt && rm -rf $(VENV)-new

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .coverage
