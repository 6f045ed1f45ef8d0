# From a fresh clone: `make demo` and `make test`. They need Python 3.11, make and git.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.stamp
# Two processes of one thread each are faster on two cores than one of two: the tests' models are tiny. The tests of one
# file, and the examples of one document, stay together and in order.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: help demo test test-all check docs mutants bench bench-check bench-peers readme clean

help:
	@echo "make demo      the whole loop on real human ratings; goes on where it was stopped"
	@echo "make test      the tests of every change"
	@echo "make test-all  and the slow ones: kills, browsers, whole runs"
	@echo "make check     lint, types, import contracts"
	@echo "make docs      the documents as a site that needs no network: build/site/index.html"
	@echo "make mutants   small faults put into the pure modules one at a time: do their tests notice? (some 20 minutes)"
	@echo "make bench     accord and its peers on the same work, in turn (up to 40 minutes); bench-check: have we become slower?"
	@echo "make bench-peers  vLLM and llama.cpp for it, in environments of their own (once; 5 GB)"
	@echo "make readme    the parts of README.md that come from a run, from RUN=runs/demo"
	@echo "make clean     remove the virtual environment and caches (runs are kept)"

# What is pinned is installed by its hash; torch, whose build depends on the machine, by its version.
$(STAMP): pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "accord needs Python 3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/accord demo

test: $(STAMP)
	$(PYTEST) -m "not slow"

test-all: $(STAMP)
	$(PYTEST)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A link or an anchor that leads nowhere, a picture that is missing, and whatever another host would have to send fail it.
docs: $(STAMP)
	$(BIN)/python -m sphinx -W -q -c docs -d build/doctrees . build/site
	@echo build/site/index.html

.venv/.mutants: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	touch .venv/.mutants

# What survives is printed; those that change nothing are listed in LOG.md. `mutmut show NAME` prints one.
mutants: .venv/.mutants
	OMP_NUM_THREADS=1 $(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

# Peers are for comparison alone, and live in the same environment only where they are measured.
.venv/.bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch .venv/.bench

# Goes on where it was broken off. It refuses a busy machine, unless told: make bench BENCH=--busy
bench: .venv/.bench
	$(BIN)/python -m benchmarks run $(BENCH)

bench-check: .venv/.bench
	$(BIN)/python -m benchmarks check $(BENCH)

# vLLM and llama.cpp in environments of their own, 5 GB; what is not there is left out of the benchmark by name.
bench-peers: $(STAMP)
	$(BIN)/python -m benchmarks.decoding.environments vllm llama.cpp

RUN ?= runs/demo

readme: $(STAMP)
	$(BIN)/python -m tools.readme $(RUN)

clean:
	rm -rf .venv build mutants .mypy_cache .ruff_cache .import_linter_cache .hypothesis
