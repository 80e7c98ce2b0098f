# Everything lives in .venv; nothing is installed outside it, but the Debian packages that `make test` asks for.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo setup check lint quick test heard unheard soak bench picture clean

help:
	@echo "make demo     the console on a simulated cluster"
	@echo "make test     every test, on real parts where this machine has or may install them"
	@echo "make check    lint, types, room rules and quick tests, in about a minute"
	@echo "make soak     what takes longer: minutes of storm, incident and churn, an hour of the demo"
	@echo "make bench    the benchmarks, as a table"
	@echo "make picture  the README's picture, from the real console"
	@echo "make setup    the environment for development"
	@echo "make clean    remove what these made"

demo: $(VENV)/.app
	@$(BIN)/sonickube sound status >/dev/null || $(BIN)/sonickube sound install || true
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/sonickube demo; else exec $(BIN)/sonickube demo --headless --for 20; fi

setup: $(VENV)/.dev

check: lint quick

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

quick: $(VENV)/.dev
	$(BIN)/pytest -q -m "not real and not slow" -n 4

test: $(VENV)/.dev
	tests/real-parts
	@$(BIN)/sonickube sound status >/dev/null || $(BIN)/sonickube sound install || true
	$(MAKE) --no-print-directory -j 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) heard unheard

# What listens waits for the most part; what computes beside it must not take its time.
heard:
	$(BIN)/pytest -m "sonic_pi and not soak" -n 2 --dist loadgroup

unheard:
	nice -n 10 $(BIN)/pytest -q -m "not real" -n 2
	nice -n 10 $(BIN)/pytest -m "real and not sonic_pi and not soak" -n 2 --dist loadgroup

soak: $(VENV)/.dev
	tests/real-parts
	$(BIN)/pytest -m soak -s

bench: $(VENV)/.dev
	tests/real-parts
	PYTHONPATH=tests $(BIN)/python -m benchmarks

picture: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python docs/picture.py

clean:
	rm -rf $(VENV) build dist .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "SonicKube needs Python 3.11 or later; this is $$($(PYTHON) --version). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.app: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[sound]'
	@touch $@

$(VENV)/.dev: $(VENV)/.app
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
