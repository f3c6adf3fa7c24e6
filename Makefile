# Every target does its own set-up. Needed beforehand: git, make, and Python 3.10 or newer with pip.
PYTHON ?= python3
UV := .tools/uv/bin/uv
BIN := .venv/bin

.PHONY: test demo check test-all chains faults fuzz bench tools clean
.DEFAULT_GOAL := test

test: .venv/.dev tools check ## all checks and the tests that take seconds
	$(BIN)/pytest -q -m "not slow" -n auto --dist loadgroup

test-all: .venv/.dev tools check ## the slow tests too (minutes)
	$(BIN)/pytest -q -n auto --dist loadgroup

demo: $(UV) ## the whole story on the emulator, in a screen of output
	@$(UV) sync --quiet --frozen --no-dev --inexact --python $(PYTHON)
	@$(BIN)/ocici demo

check: .venv/.dev ## types, style
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

chains: .venv/.dev ## 100,000 chains of damage on keys: the same key or a finding (two minutes)
	$(BIN)/pytest -q tests/test_pem.py -m slow

faults: .venv/.dev ## every fault of the list, with a table of what was left: all zeros (ten minutes)
	@$(BIN)/python scripts/run_faults.py $(FAULTS)

bench: .venv/.dev tools ## cold, warm, offline, scale and the action, side by side with what people use today
	@for each in warm offline scale cold action; do $(BIN)/python -m bench.$$each $(BENCH) || exit 1; done

FUZZ_SECONDS ?= 60
fuzz: .venv/.dev ## atheris on the readers of keys, bundles and configs, FUZZ_SECONDS each
	@$(UV) sync --quiet --frozen --group fuzz --python $(PYTHON)
	$(BIN)/python fuzz/fuzz_pem.py -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=60
	$(BIN)/python fuzz/fuzz_sources.py -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=60

tools: .venv/.dev ## what the wrappers' tests need beyond Python, pinned, into .tools/
	@for each in scripts/*_tools.py; do $(BIN)/python $$each || exit 1; done

clean:
	rm -rf .venv .tools build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(UV): src/ocici/runtime/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "ocici is built with Python 3.10 or newer")'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .tools/uv --upgrade --require-hashes -r $<
	@touch $@

.venv/.dev: $(UV) uv.lock pyproject.toml
	@$(UV) sync --quiet --frozen --python $(PYTHON)
	@touch $@
