# Each target sets up what it needs first (scripts/set_up.sh: nothing to do, nothing done).
BIN := .venv/bin

.PHONY: help demo serve test check test-long test-package train-base clean runtime gate

help:
	@echo "make demo        dub a talking video from a line of text, into out/"
	@echo "make serve       start the Studio, and open it in a browser"
	@echo "make test        the whole gate: format, lint, types, layers, tests (make check is the same)"
	@echo "make test-long   the tests that take half a minute or more each: crashes, the page in a browser, clusters, fuzzing"
	@echo "make test-package  builds the wheel, installs it in fresh environments, and dubs with it (minutes)"
	@echo "make train-base  the shipped model and its judges, from the corpus in data/raw (about 2 h on one CPU core)"
	@echo "make clean       remove the environment and the caches; never data/, outputs/ or out/"

demo: runtime
	$(BIN)/synclips demo

serve: runtime
	$(BIN)/synclips serve --open

train-base: runtime
	$(BIN)/synclips recipe --config base
	$(BIN)/synclips judges

test: check

check: gate
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32
	$(BIN)/mypy --platform darwin
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile

test-long: gate
	OMP_NUM_THREADS=1 $(BIN)/pytest -m long --numprocesses auto --dist loadfile

test-package: gate
	$(BIN)/pytest -m slow --timeout=2400 tests/test_package.py

runtime:
	@PYTHON="$(PYTHON)" scripts/set_up.sh

gate:
	@PYTHON="$(PYTHON)" scripts/set_up.sh --dev

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
