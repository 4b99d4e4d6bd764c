# Every verb that a person needs.  A bare `make` prints them.
#
# Only Python >= 3.11, make and a way to the Python package index are asked for.  The environment
# is two stamped steps, so a second `make` of anything starts at once; `run` and `demo` install
# only what runs, the other verbs install the tools too.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help ask run demo test check bench bench-growth bench-peers chaos fmt fuzz schema lock mutants sim clean install install-dev

VENV ?= .venv
BIN := $(VENV)/bin
MEMBERS := libs/common libs/cli libs/plugins services/api services/scheduler services/executor services/events
MEMBER_FILES := $(addsuffix /pyproject.toml,$(MEMBERS))
EDITABLE := $(addprefix -e ./,$(MEMBERS))
# The first interpreter that is new enough; `make PYTHON=/path/to/python` overrides the search.
FIND_PYTHON = for p in "$(PYTHON)" python3 python3.11 python3.12 python3.13 python3.14 python; do \
	[ -n "$$p" ] && command -v "$$p" >/dev/null 2>&1 && \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && \
	{ printf '%s' "$$p"; exit 0; }; done; \
	echo "mainspring needs Python 3.11 or newer with venv (Debian: apt install python3-venv); none found" >&2; exit 1
PIP := $(BIN)/python -m pip --disable-pip-version-check
N ?= 1000
SEED ?=
ASKED ?= 75
ARGS ?=

help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Start PostgreSQL, NATS and the four services, run a sample saga, stay until Ctrl-C
	@exec $(BIN)/python -m mainspring_cli dev $(ARGS)

demo: $(VENV)/.run ## The same, but stop after the sample saga; exits 0 when it succeeded
	@exec $(BIN)/python -m mainspring_cli dev --demo $(ARGS)

test: $(VENV)/.dev ## Run the tests, the pure ones first (ARGS="-k name" narrows)
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev ## Lint, formatting, types and import contracts, side by side
	@BIN=$(BIN) sh .ci/check

bench: $(VENV)/.dev ## Run the benchmarks (ONLY=a,c for some, RUNS=1, JSON=file)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-growth: $(VENV)/.dev ## Measure how cost grows, into docs/benchmarks/ (ONLY=steps,log, DRAW=1)
	@$(BIN)/python -m benchmarks.growth $(ARGS)

bench-peers: $(VENV)/.dev ## Compare with other engines (ONLY=, WORKLOADS=P1,P4, RUNS=, SECONDS=, JSON=)
	@$(BIN)/python -m benchmarks.peers $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

sim: $(VENV)/.dev ## Run N simulated histories, or one again (N=5000, SEED=flows:7, SCRIPT=file)
	@$(BIN)/python -m mainspring.testing.simulation $(N) $(if $(SEED),--seed $(SEED)) \
		$(if $(SCRIPT),--script $(SCRIPT)) $(ARGS)

mutants: $(VENV)/.dev ## Plant faults in a copy of the code, have the simulation find them, write docs/mutants.md
	@$(BIN)/python -m mainspring.testing.simulation.mutants $(ARGS)

chaos: $(VENV)/.dev ## Kill, cut and fill under load (MINUTES=3, SEED=1, RATE=20 runs a second, JSON=file)
	@$(BIN)/python -m mainspring.testing.chaos --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED)) \
		$(if $(RATE),--rate $(RATE)) $(if $(JSON),--json $(JSON)) $(ARGS)

fuzz: $(VENV)/.dev ## Send nonsense to every parser and route for N seconds (make fuzz N=600)
	@MAINSPRING_FUZZ_SECONDS=$(N) $(BIN)/python -m pytest tests/fuzz \
		tests/conformance/test_anything.py tests/conformance/test_sequences.py -x $(ARGS)
	@$(BIN)/python -m tests.fuzz.asked $(ASKED)

ask: $(VENV)/.dev ## Ask what the OpenAPI document allows, with schemathesis (ASKED=seconds)
	@$(BIN)/python -m tests.fuzz.asked $(ASKED) $(ARGS)

fmt: $(VENV)/.dev ## Format the code and apply the safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

schema: $(VENV)/.run ## Write proto/ out from the code
	@$(BIN)/python -m mainspring_cli schema $(ARGS)

# One resolution, run.txt; the others are cuts of it, so an image runs what a developer runs.
LOCK := $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet \
	--python-version 3.11 $(addprefix --no-emit-package mainspring-,common cli plugins api scheduler executor events)

lock: $(VENV)/.dev ## Resolve requirements/*.in again; LOCK_ARGS=--upgrade takes newer releases
	@$(LOCK) $(LOCK_ARGS) requirements/run.in -o requirements/run.txt
	@$(LOCK) $(LOCK_ARGS) -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
	@$(LOCK) requirements/schemathesis.in -o requirements/schemathesis.txt
	@for cut in build api scheduler executor events; do \
		$(LOCK) -c requirements/run.txt requirements/$$cut.in -o requirements/$$cut.txt || exit 1; done

clean: ## Remove the environment and the caches; data in .mainspring stay
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@python="$$($(FIND_PYTHON))" || exit 1; \
	echo "making $(VENV) with $$("$$python" --version)"; "$$python" -m venv $(VENV)

# The development set holds the run set, so either stamp satisfies `run`: a developer's
# environment is never narrowed.
$(VENV)/.run: requirements/run.txt $(MEMBER_FILES) | $(BIN)/python
	@if [ -e $(VENV)/.dev ]; then set -- requirements/dev.txt; else set -- requirements/run.txt; fi; \
	echo "installing $$1"; $(PIP) --quiet install --require-hashes -r "$$1"
	@$(PIP) --quiet install --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(MEMBER_FILES) | $(BIN)/python
	@echo "installing requirements/dev.txt"; $(PIP) --quiet install --require-hashes -r requirements/dev.txt
	@$(PIP) --quiet install --no-deps --no-build-isolation $(EDITABLE)
	@touch $(VENV)/.run $@
