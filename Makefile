# Everything a newcomer types. Each target builds .venv itself when it is not there.
#   make run                     start the bot; ARGS="ask 'a task'" runs any other command of it
#   make test                    every check and every test
#   make vertex                  add the optional packages for Google's Vertex AI, once; make run keeps them
#   make test-live               a few calls of xAI for real; needs XAI_API_KEY
#   make kill-test N=1000        kill a real process N times and look whether anything was lost
.DEFAULT_GOAL := run
.SILENT:
MAKEFLAGS += --no-print-directory
.PHONY: run test test-live check venv vertex lock fmt kill-test bench

PY := .venv/bin/python
ifdef PYTHON
export PYTHON
endif
PYTEST_ARGS ?= -n 2
ARGS ?= run
N ?= 200

run:
	scripts/venv.sh run
	$(PY) -m bot $(ARGS)

test: check
	echo "== pytest" && $(PY) -m pytest $(PYTEST_ARGS)

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

kill-test: venv
	KILLS=$(N) $(PY) -m pytest tests/resilience --timeout=0

# Calls xAI for real: needs XAI_API_KEY, in the environment or in .env, and costs less than a cent.
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
