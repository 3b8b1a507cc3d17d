# The verbs of the house. `make help` lists them; `make run` and `make test` work as the first command in a fresh clone.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PYTHON := $(VENV)/bin/python
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ARGS ?=

KIND := $(if $(filter 1,$(BURGEE_PURE)),pure,fast)
SETUP := $(VENV)/.setup
BUILD := $(VENV)/.build-$(KIND)
FLOORS := $(VENV)/.floors
TOOLS := build/tools
DEPLOYER := build/deployer
GENERATED := evaluator/_fast/generated.h evaluator/_fast/generated.pxd
CORE := $(filter-out $(GENERATED),$(wildcard evaluator/_fast/*.pyx evaluator/_fast/*.pxd evaluator/_fast/*.pxi evaluator/_fast/*.h)) \
	setup.py evaluator/snapshot/opcodes.py evaluator/snapshot/layout.py

PACKAGES := evaluator config_sync handlers burgee infra
TYPED := $(wildcard $(PACKAGES)) benchmarks scripts tests/conftest.py tests/architecture tests/parity
LINTED := $(wildcard $(PACKAGES) setup.py) benchmarks scripts tests

.PHONY: help setup build run test parity golden conformance differential fuzz model coverage bench bench-sync bench-propagation bench-sustained bench-edge bench-events bench-gate fleet cost dialects lint format types asan bundle arm64 wheels audit lock ci wheel synth deployed deployer clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(SETUP): pyproject.toml scripts/setup.sh scripts/python.sh scripts/requirements.py
	@scripts/setup.sh $(VENV)
	@touch $@

$(BUILD): $(SETUP) $(CORE) scripts/build.sh scripts/compiler.sh
	@scripts/build.sh $(VENV)
	@touch $@

$(FLOORS): $(BUILD) $(wildcard benchmarks/floors/*.pyx benchmarks/floors/*.h benchmarks/floors/*.py)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check $$($(PYTHON) scripts/requirements.py bench)
	@cd benchmarks/floors && ../../$(PYTHON) build.py
	@touch $@

setup: $(SETUP) ## .venv with everything development needs

build: $(BUILD) ## the Cython core, compiled in place

run: $(BUILD) ## burgee up: the whole platform on this machine, with the example project
	@exec $(VENV)/bin/burgee up examples/ $(ARGS)

test: $(BUILD) ## every test, on the core that was built and on the pure one
	@$(PYTHON) -m pytest -n $(JOBS) -q $(ARGS)

parity: $(BUILD) ## 100,000 random (program, context) pairs through both cores
	@BURGEE_PARITY_PAIRS=$${BURGEE_PARITY_PAIRS:-100000} $(PYTHON) -m pytest -n $(JOBS) -q tests/parity $(ARGS)

golden: $(BUILD) ## the golden cases: a folder each, with its disassembly and its answers
	@$(PYTHON) -m pytest -n $(JOBS) -q tests/golden $(ARGS)

conformance: $(BUILD) ## other evaluators' public suites, where their data are present
	@$(PYTHON) -m pytest -n $(JOBS) -q tests/conformance $(ARGS)

fuzz: $(BUILD) ## mutated documents and contexts of every dialect: 10,000 questions each
	@BURGEE_FUZZ=$${BURGEE_FUZZ:-10000} $(PYTHON) -m pytest -n $(JOBS) -q tests/fuzz/test_vendors.py $(ARGS)

model: $(BUILD) ## 2,000 random schedules of what can befall the event processor, and every fault of a small batch
	@BURGEE_MODEL=$${BURGEE_MODEL:-2000} $(PYTHON) -m pytest -n $(JOBS) -q tests/model $(ARGS)

differential: $(BUILD) ## a vendor's own engine and ours, asked the same: DIALECT=flagd ARGS="--cases 100000 --seed 1"
	@scripts/differential.sh $(VENV) $(or $(DIALECT),flagd) $(ARGS)

coverage: $(BUILD) ## the tests with branch coverage of evaluator/, config_sync/ and handlers/
	@scripts/coverage.sh $(VENV) $(JOBS)

bench: $(FLOORS) ## measure, write benchmarks/results/, the README's table and its picture
	@$(PYTHON) -m benchmarks.report $(ARGS)

bench-sync: $(BUILD) ## measure syncing, hot loading and cold starts, write the results and the README's second table
	@$(PYTHON) -m benchmarks.sync_report $(ARGS)

bench-propagation: $(BUILD) ## a quarter of an hour: from a table write to the new answer, 100 times at two refresh intervals
	@$(PYTHON) -m benchmarks.bench_propagation --keep $(ARGS)

bench-sustained: $(BUILD) ## a quarter of an hour: 1,000,000 events an hour through `burgee up`, and how far behind it is
	@$(PYTHON) -m benchmarks.bench_sustained --keep $(ARGS)

bench-edge: $(BUILD) ## measure the edge functions, assignment, `burgee serve` and open load; writes docs/performance.md's table
	@$(PYTHON) -m benchmarks.edge_report $(ARGS)

bench-events: $(BUILD) ## measure the event processor; writes docs/event-processor.md's table
	@$(PYTHON) -m benchmarks.events_report $(ARGS)

dialects: $(FLOORS) ## run every dialect's public suite and time its flag; writes the README's table of dialects
	@$(PYTHON) -m benchmarks.dialects_report $(ARGS)

fleet: $(BUILD) ## simulate 10,000 Lambdas on one store: writes the result, docs/scale.md and its picture
	@$(PYTHON) -m benchmarks.simulate_fleet $(ARGS)
	@$(PYTHON) -m scripts.scale

cost: $(BUILD) ## docs/cost.md and docs/scale.md anew: after a measurement, a change of infra/ or of a price
	@$(PYTHON) -m scripts.cost
	@$(PYTHON) -m scripts.scale

bench-gate: $(FLOORS) ## hold the budgets of benchmarks/budgets.toml
	@$(PYTHON) -m benchmarks.gate $(ARGS)

lint: $(SETUP) ## ruff: rules and format
	@$(PYTHON) -m ruff check $(LINTED)
	@$(PYTHON) -m ruff format --check $(LINTED)

format: $(SETUP) ## let ruff format
	@$(PYTHON) -m ruff check --fix $(LINTED)
	@$(PYTHON) -m ruff format $(LINTED)

types: $(BUILD) ## mypy --strict, and the stubs of the Cython core against the compiled modules
	@$(PYTHON) -m mypy $(TYPED)
	@scripts/stubs.sh $(VENV)

asan: $(SETUP) ## the core under AddressSanitizer and UBSan, fed corrupted snapshots
	@scripts/asan.sh $(VENV)

$(TOOLS)/.made: locks/bundle.txt scripts/tools.sh
	@scripts/tools.sh $(TOOLS) bundle
	@touch $@

$(DEPLOYER)/.made: locks/deploy.txt scripts/tools.sh
	@scripts/tools.sh $(DEPLOYER) deploy
	@touch $@

deployer: $(DEPLOYER)/.made ## what deploys and asks the result, from its lock by hash: build/deployer/bin/python -m scripts.deploy STAGE

bundle: $(TOOLS)/.made ## every Lambda function's zip for arm64 into build/bundles: docs/bundles.md
	@$(TOOLS)/bin/python -m scripts.bundle $(ARGS)

arm64: $(BUILD) bundle ## the arm64 bundles on an arm64 Python, under qemu: golden cases, parity, hashes, every import
	@scripts/arm64.sh $(VENV)

wheels: $(TOOLS)/.made ## manylinux wheels and an sdist into build/dist, and the README's example from one in an empty environment
	@$(TOOLS)/bin/python -m scripts.wheels

audit: $(TOOLS)/.made ## look the locked versions up among known vulnerabilities
	@$(TOOLS)/bin/python -m scripts.audit

lock: $(TOOLS)/.made ## pin what bundles ship, what builds and what deploys them, with hashes; ARGS=--upgrade takes the newest
	@$(TOOLS)/bin/python -m scripts.lock $(ARGS)

wheel: $(SETUP) ## a wheel in dist/
	@$(PYTHON) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

synth: $(SETUP) ## the CloudFormation templates, offline, with cdk-nag and cfn-lint; writes infra/golden
	@$(PYTHON) -m infra.golden

MINISTACK := build/ministack

$(MINISTACK)/bin/ministack: $(SETUP)
	@$(PYTHON) -m venv --clear $(MINISTACK)
	@$(MINISTACK)/bin/python -m pip install --quiet --disable-pip-version-check 'ministack>=1.5.33,<1.6'

deployed: $(BUILD) $(MINISTACK)/bin/ministack ## the template created for real on an AWS of this machine, and its URLs asked
	@$(PYTHON) -m pytest -q tests/infra/test_deployed.py $(ARGS)

ci: ## all of it, as .ci/run does
	@scripts/ci.sh

clean: ## everything that was built
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov .venv
	rm -f evaluator/_fast/*.so evaluator/_fast/*.c $(GENERATED) benchmarks/floors/*.so benchmarks/floors/*.c
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
