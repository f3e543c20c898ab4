# The commands of this repository. Each target builds .venv if it is missing.
#   make init                    set up platforms, keys and a team
#   make run                     start the bot; ARGS="ask 'a task'" runs another command
#   make test                    every check and every test
#   make unit                    the tests that need no server and no process, under 30 s
#   make check                   the checks alone: ruff, import-linter, mypy
#   make docs                    build the documentation into site/, and check its links
#   make resilience N=1000       kill a real process N times and check that nothing was lost or doubled
#   make vertex                  add the optional packages for Google's Vertex AI; make run keeps them
#   make test-live               a few real calls to the providers whose keys are set
.DEFAULT_GOAL := run
.SILENT:
MAKEFLAGS += --no-print-directory
.PHONY: init run test unit test-live check venv vertex lock fmt docs resilience kill-test bench

PY := .venv/bin/python
ifdef PYTHON
export PYTHON
endif
PYTEST_ARGS ?= -n 2
ARGS ?= run
N ?= 200

init: ARGS =
init:
	scripts/venv.sh run
	$(PY) -m bot init $(ARGS)

run:
	scripts/venv.sh run
	$(PY) -m bot $(ARGS)

test: check
	echo "== pytest" && $(PY) -m pytest $(PYTEST_ARGS)

# Packages without I/O, and the parts of others that need none.
UNIT := tests/common tests/team tests/question tests/run \
	$(addprefix tests/model/test_,catalogue.py catalogue_data.py circuit_breaker.py grok.py lifecycle.py limits.py pricing.py think_tags.py) \
	$(addprefix tests/tool/test_,model.py schema.py) \
	tests/test_layers.py

unit: venv
	$(PY) -m pytest $(PYTEST_ARGS) $(UNIT)

check:
	scripts/venv.sh dev
	echo "== ruff check" && $(PY) -m ruff check .
	echo "== ruff format" && $(PY) -m ruff format --check .
	echo "== import-linter" && .venv/bin/lint-imports
	echo "== mypy" && $(PY) -m mypy

venv:
	scripts/venv.sh dev

vertex:
	scripts/venv.sh vertex

fmt: venv
	$(PY) -m ruff check --fix-only --quiet . && $(PY) -m ruff format .

docs: venv
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build && echo "townhall: the documentation is in site/index.html"

resilience kill-test: venv
	BACKUPS=100 KILLS=$(N) $(PY) -m pytest tests/resilience tests/store/test_backup.py --timeout=0

# Calls the providers whose keys are in the environment or in .env, for less than a cent each. Needs one key at least.
test-live: venv
	$(PY) -m pytest -m live tests/live -n 0 -s

bench: venv
	$(PY) -m bot bench

# Needs uv, which writes names, versions and hashes for every platform, and no addresses unless it is told to.
COMPILE := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"
lock:
	$(COMPILE) --group build -o requirements.lock
	$(COMPILE) --group build --extra vertex -c requirements.lock -o requirements-vertex.lock
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock
