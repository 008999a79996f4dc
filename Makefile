# Everything that a developer does here, and what CI does. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/swarm_operator/__init__.py)
IMAGE ?= swarm-operator:$(VERSION)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv run story test test-full test-quick mutants soak bench bench-rebalance bench-routes bench-dns bench-scale bench-check check \
	format lock engines run-cluster wheelhouse image clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

venv: $(VENV)/installed ## the virtual environment, as the lock file pins it

run: venv ## the operator on a simulated swarm, shown live (or on yours: DOCKER_HOST and CONSUL_HTTP_ADDR)
	@$(BIN)/swarm-operator demo run

story: venv ## a guided tour of the same, two and a half minutes; fails unless every act held
	@$(BIN)/swarm-operator demo story

# Tests on the real swarm mostly wait: two files at a time keep two cores busy, three keep four. In the
# files' own order: else those with one long test come last, and all but one worker wait for them.
PYTEST := $(BIN)/pytest -n $(shell [ "$$(nproc)" -ge 4 ] && echo 3 || echo 2) --dist loadfile \
	--no-loadscope-reorder
# What must hold on the oldest engine too; `make test-full` runs everything on every engine.
OLD_ENGINE_TESTS := tests/contract $(addprefix tests/cluster/test_,$(addsuffix .py,\
	adoption directed_move drift examples history reconcile rollback rotation \
	self_test traps verdicts writes))

test: venv ## everything that this machine can run (a real swarm needs root: see tests/README.md)
	SWARM_OPERATOR_TEST_ENGINES=26 $(PYTEST) -m "not slow"
	SWARM_OPERATOR_TEST_ENGINES=20 $(PYTEST) -m "cluster and not slow" $(OLD_ENGINE_TESTS)

test-quick: venv ## only what needs neither root nor engines
	$(BIN)/pytest -n auto --dist loadfile -m "not slow and not cluster"

test-full: venv ## every engine generation, every long case
	SWARM_OPERATOR_TEST_ENGINES=20,26,28 $(PYTEST)

mutants: venv ## take one guard out at a time: every time a law must fail
	$(BIN)/python -m tests.mutants

soak: venv ## random schedules of edits, faults and crashes, for half an hour
	$(BIN)/python -m tests.laws.schedules.soak
	SWARM_OPERATOR_DNS_SCHEDULES=2000 $(BIN)/pytest -q tests/runtime/test_dns_schedules.py

bench: venv ## what the operator costs beside docker stack deploy (root; about 9 minutes)
	$(BIN)/python -m tests.bench

bench-rebalance: venv ## tasks come home under load, beside the loop that people use (root; about 30 minutes)
	$(BIN)/python -m tests.bench.rebalance --check

bench-routes: venv ## routes under load, beside Traefik's own Swarm provider (root; about 18 minutes)
	$(BIN)/python -m tests.bench.routes --check

bench-dns: venv ## a name follows a task, beside the field report's loop of a minute (root; about 7 minutes)
	$(BIN)/python -m tests.bench.dns --check

bench-scale: venv ## how the cost grows, to 1,000 nodes and 20,000 tasks (no root)
	$(BIN)/python -m tests.bench.scale

bench-check: venv ## the same, quicker; fails where a promised time or count is missed
	$(BIN)/python -m tests.bench --idle 30 --check

check: venv ## format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: venv ## let ruff format, and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: venv ## pin the newest dependencies that pyproject.toml allows
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		pyproject.toml -o requirements.lock --upgrade
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--group dev pyproject.toml -c requirements.lock -o requirements-dev.lock --upgrade

engines: ## install the Docker engines and Consul of the cluster tests (root, Debian)
	.ci/install-engines 20 26

run-cluster: venv ## a real 3-node swarm with Consul, the operator and the examples, until Ctrl-C
	$(BIN)/python -m tests.cluster.run_cluster

wheelhouse: venv ## the image's wheels, from the lock file
	PYTHON=$(BIN)/python deploy/wheelhouse

image: wheelhouse ## the operator's image, as $(IMAGE)
	docker build -t $(IMAGE) .

clean: ## the environment, caches and build products
	rm -rf $(VENV) wheelhouse dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
