# Two commands for a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Real-data tests read DROPBACK_DATA and skip, saying why, where it is absent.
DROPBACK_DATA ?= $(wildcard ../shared/data)
export DROPBACK_DATA

# The tests start many processes of ours, each of which would compile its modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo demo-cluster evaluate test test-slow test-all test-oldest coverage check mutate format build clean

install: $(STAMP)

$(STAMP): packages/splicedpareto/pyproject.toml packages/dropback/pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dropback needs Python 3.11 or newer: make PYTHON=python3.12 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch --editable packages/splicedpareto --editable 'packages/dropback[dev]'
	touch $@

demo: install
	$(BIN)/dropback demo --out demo --overwrite

# Two workers of Ray on this machine against one process: the same bytes, in a few minutes.
demo-cluster: install
	$(BIN)/python benchmarks/cluster_demo.py

# Takes hours, goes on where it stopped, and fails where a baseline is better.
evaluate: install
	$(BIN)/python benchmarks/play_by_play_forecasts.py $(DROPBACK_DATA)/pbp --out runs/forecasts --threads 2

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow'

# What is exhaustive by nature: sweeps, recoveries, killed processes, traced graphs, clusters, and
# the properties on four times the examples.
test-slow: install
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 --dist loadfile -m 'slow or hypothesis'

test-all: check
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 --dist loadfile

# The lowest versions that the packages promise, beside the newest torch of constraints.txt.
OLDEST := .venv-oldest
test-oldest:
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch uv
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct --editable 'packages/splicedpareto[all,test]' --editable 'packages/dropback[test]'
	$(OLDEST)/bin/python -m pytest -n 2 --dist loadfile packages

# What `make test` covers, a third slower and so apart from it.
coverage: install
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow' --cov --cov-report=term

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

build: install
	$(BIN)/python -m build --no-isolation --outdir dist packages/splicedpareto
	$(BIN)/python -m build --no-isolation --outdir dist packages/dropback

clean:
	rm -rf $(VENV) $(OLDEST) demo dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
