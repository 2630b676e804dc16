# Two commands for a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Real-data tests read DROPBACK_DATA and skip, saying why, where it is absent.
DROPBACK_DATA ?= $(wildcard ../shared/data)
export DROPBACK_DATA

.PHONY: install demo test coverage check mutate format clean

install: $(STAMP)

$(STAMP): packages/splicedpareto/pyproject.toml packages/dropback/pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dropback needs Python 3.11 or newer: make PYTHON=python3.12 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch --editable packages/splicedpareto --editable 'packages/dropback[dev]'
	touch $@

demo: install
	$(BIN)/dropback demo --out demo --overwrite

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile

# A third slower, so apart from the tests.
coverage: install
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# make mutate MODULE=packages/splicedpareto/src/splicedpareto/scoring_rules.py
mutate: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable 'packages/dropback[mutation]'
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python research/mutation_check.py $(MODULE) $(TESTS)

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo site .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
