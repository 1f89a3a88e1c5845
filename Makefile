# What a contributor types.  `make demo` and `make test` need root on Debian or Ubuntu and install what they miss.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
STAMP := .venv/.installed
# A bound for everything, so that nothing hangs for ever on a machine without a person in front of it.
CHECK_DEADLINE ?= 20m
# So many stories of the simulation make a check, or as many as can be told in that time.
CHECK_SEEDS ?= 200
CHECK_MINUTES ?= 2
TEST_DEADLINE ?= 60m
# So many processes share the tests that need no root, and so many lab hosts the others.
CHECK_WORKERS ?= auto
LAB_HOSTS ?= 2

.PHONY: help install demo check test sim parity fuzz golden bench clean install-systemd lock

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

install: $(STAMP) ## make .venv from the locked requirements

$(STAMP): requirements.lock pyproject.toml
	@scripts/install-venv .venv
	@touch $@

demo: install ## push examples/repo to a throw-away daemon on this host and watch it run (root)
	@scripts/demo

check: install ## format, lint, types, import contracts and every test that needs no root and no network
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	timeout --kill-after=10s $(CHECK_DEADLINE) scripts/run-tests $(BIN)/python "not real" \
	    --numprocesses $(CHECK_WORKERS) --dist loadfile
	timeout --kill-after=10s $(CHECK_DEADLINE) $(BIN)/python scripts/sim --seeds $(CHECK_SEEDS) --minutes $(CHECK_MINUTES)

# More stories than a check on a busy afternoon.
test: CHECK_SEEDS = 2000
test: CHECK_MINUTES = 4
test: check ## check, then every test on a real Docker Engine, kernel and PostgreSQL, on lab hosts (root)
	@scripts/host-packages $$(cat scripts/test-packages)
	-@scripts/boot-tree
	timeout --foreground --kill-after=30s $(TEST_DEADLINE) \
	    scripts/run-tests $(BIN)/python real --dist loadfile --no-loadscope-reorder \
	    --tx $(LAB_HOSTS)*popen//python=scripts/lab-python

# One story in words with SEED=K; or many with SEEDS=N [FIRST=K], with MINUTES=M, or within both.
sim: install ## run random stories of a simulated cluster: SEED=K tells one; SEEDS=N [FIRST=K], MINUTES=M run many
	@$(BIN)/python scripts/sim $(if $(SEED),--seed $(SEED)) $(if $(WITHOUT),--without $(WITHOUT)) \
	    $(if $(PART),--part $(PART)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first $(FIRST)) \
	    $(if $(MINUTES),--minutes $(MINUTES))

parity: install ## count the rows of upstream's tables that agree: PARITY_DIR=folder, VERBOSE=1 for every table
	@$(BIN)/python scripts/parity $(if $(VERBOSE),--verbose)

REQUESTS ?= 20000
fuzz: install ## ask the API by machine, from its own description: REQUESTS=N
	@$(BIN)/python scripts/fuzz --requests $(REQUESTS)

golden: install ## refresh the golden files and the generated schemas and references
	@for generate in scripts/generate-*; do $(BIN)/python "$$generate" || exit 1; done
	RECONCILER_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -m "not real"

bench: install ## print the table of benchmarks, measured side by side on a lab host (root)
	@$(BIN)/python benchmarks/run.py

clean: ## remove everything that the demo, the tests and the build made on this machine
	@scripts/clean

install-systemd: ## install into /opt/reconciler with units for systemd (root)
	@scripts/install-systemd

LOCK := uv pip compile pyproject.toml --extra postgresql --universal --python-version 3.11 --upgrade \
    --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
lock: ## choose the newest allowed versions again (needs uv)
	$(LOCK) --group dev --output-file requirements.lock
	$(LOCK) --group build --constraint requirements.lock --output-file requirements-run.lock
