# Everything sets itself up: a virtual environment in .venv, made with PYTHON (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
# Files of tests side by side, one a processor, in the order of tests/conftest.py.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: browser demo docs test test-all test-gpu test-hosts bench lint clean

.venv/run: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gossipmab needs Python 3.11 or newer: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test: pyproject.toml .venv/run
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

.venv/docs: pyproject.toml .venv/run
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

.venv/dev: pyproject.toml .venv/test
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: .venv/run  ## both comparisons of the paper and where their figures are; ten agents as ten processes, with equal bits
	$(BIN)/gossipmab run quickstart
	$(BIN)/gossipmab run pareto_regret
	$(BIN)/gossipmab run nsw_regret
	$(BIN)/gossipmab run decentralized --engine actors
	$(BIN)/gossipmab verify runs/decentralized --cell all

browser:  ## the report's tests open it in Chromium: Debian's is installed where there is none and we may
	@for name in chromium chromium-browser google-chrome; do command -v $$name && exit 0; done; \
	if command -v apt-get && test "$$(id -u)" = 0; then apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium; \
	else echo "no Chromium found: the report's tests in a browser are skipped"; fi

test: .venv/test browser  ## everything but what is marked slow
	$(BIN)/python -m pytest -m "not slow and not hosts and not gpu" $(PARALLEL)

test-all: .venv/dev browser  ## everything
	$(BIN)/python -m pytest -m "not slow and not hosts and not gpu" $(PARALLEL)
	$(BIN)/python -m pytest -m slow
	$(MAKE) lint

test-hosts: .venv/test  ## runs on three hosts of this machine, with faults (root, Linux; most of an hour); HOSTS_TABLE=FILE keeps the table
	$(BIN)/python -m pytest tests/hosts -m hosts -s

test-gpu: .venv/test  ## bits and speed on the GPU of this machine (three minutes); CUDA=cu12 for CUDA 12
	$(BIN)/python -m pip install --quiet 'numba-cuda[$(or $(CUDA),cu13)]>=0.30'
	$(BIN)/python -m pytest tests/engines/test_gpu_compiled.py tests/gpu -m "not slow"
	$(BIN)/python benchmarks/bench_gpu.py --rounds 100 --trials 1000 --agents 100000 --runs 1

docs: .venv/docs  ## the documentation site, with all of its code played: docs/_build/html/index.html (ten minutes on two cores; unchanged pages are kept)
	$(BIN)/python -m sphinx -W --keep-going -n docs docs/_build/html

bench: .venv/test  ## the tables of benchmarks/README.md
	$(BIN)/python benchmarks/bench_rounds.py
	$(BIN)/python benchmarks/bench_solver.py
	$(BIN)/python benchmarks/bench_memory.py
	$(BIN)/python benchmarks/bench_ray_cells.py
	$(BIN)/python benchmarks/bench_actors.py
	$(BIN)/python benchmarks/bench_probing.py
	$(BIN)/python benchmarks/bench_marl.py
	$(BIN)/python benchmarks/bench_scale.py --million --slopes

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv docs/_build .pytest_cache .mypy_cache .ruff_cache
