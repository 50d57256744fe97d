# What a developer runs. Everything it needs beyond Rust, python3, make and a C compiler it installs into a cache of
# its own, pinned: PostgreSQL 12 to 18, moto, AWS's Lambda emulator.
SHELL := /bin/bash
export RDS_REENCRYPT_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rds-reencrypt
export CARGO_TARGET_DIR ?= $(RDS_REENCRYPT_CACHE)/target
export PYTHONPATH := tests:local-cloud
export LOCAL_CLOUD_CACHE := $(RDS_REENCRYPT_CACHE)
# `release` is what is deployed, linked for size, which takes minutes; `dev` links in seconds.
export PROFILE ?= release
BINARIES = $(CARGO_TARGET_DIR)/$(PROFILE:dev=debug)
PYTHON := $(RDS_REENCRYPT_CACHE)/venv/bin/python

.PHONY: help check definitions demo demo-back demo-fleet cloud sam-local sam-build test lint bench bench-verify bench-cpu bench-fleet model sweep fuzz test-faults test-guards test-reported test-long second-interpreter privileges build install watch doctor costs guide install-guide report-check package aws-check

.DEFAULT_GOAL := help

## help: this list
help:
	@sed -n 's/^## \([a-z0-9-]*\): /\1\t/p' Makefile | while IFS=$$'\t' read -r name text; do printf '%-20s%s\n' "$$name" "$$text"; done

## check: before each commit: formatting, lints, unit tests; a minute once built
check: install
	$(PYTHON) -m ruff check --quiet .
	$(PYTHON) -m ruff format --quiet --check .
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace --quiet

## demo: encrypts a database under write load and says whether all held (PG=12..18, KIND=instance|aurora|cluster|rekey|unprepared)
demo: install build
	$(PYTHON) -m demo --binaries $(BINARIES)

## demo-back: encrypts a database under write load and goes back under write load, and says whether all held (PG=12..18, KIND=instance|aurora|cluster|rekey)
demo-back: install build
	$(PYTHON) -m demo.back --binaries $(BINARIES)

## demo-fleet: encrypts eight databases in one campaign, one of which has to be undone, and says whether all held
demo-fleet: install build
	$(PYTHON) -m demo.fleet --binaries $(BINARIES)

## cloud: a cloud on this machine with the stack deployed, until Ctrl-C (CLOUD_PORT=)
cloud: install build
	@exec $(PYTHON) -m cloud --binaries $(BINARIES)

## sam-local: every function on its event, with `cargo lambda invoke` and in a container with `sam local invoke` (SAM_LOCAL="--only cutover")
sam-local: install build
	@tests/install-linters
	@tests/install-builder
	@cargo build --workspace --profile dev
	@$(PYTHON) -m sam_local --binaries $(BINARIES) $(SAM_LOCAL)

WATCH := $(RDS_REENCRYPT_CACHE)/watch

## watch: follows an execution, here or on AWS, to its end (EXECUTION= its ARN or name)
watch: install-watch
	@$(WATCH)/bin/python -m watch $(EXECUTION)

## doctor: whether a deployed stack can do its work, here or on AWS, and what stands in the way of a move (DOCTOR="--source orders-db --secret orders/master")
doctor: install-watch
	@$(WATCH)/bin/python -m watch.doctor $(DOCTOR)

.PHONY: install-watch
install-watch:
	@tests/install-python watch watch

## sam-build: `sam build`, as a deployment does it, for both kinds of processors (SAM_BUILD=arm64)
sam-build:
	@tests/install-builder
	@tests/sam-build $(or $(SAM_BUILD),arm64 x86_64)

## package: what is deployed without Rust and SAM, in dist/: archives, a template for each kind of processors, checksums (PACKAGE=arm64)
package: install
	@tests/install-builder
	@$(PYTHON) -m package $(or $(PACKAGE),arm64 x86_64)

## aws-check: asks AWS about definitions, templates, policies and a change set that is not carried out; needs credentials, and a Region
aws-check: install
	@$(PYTHON) -m aws_check

## test: unit tests, whole executions (first, since they take longest), the first hour and the runbook, the fleet, the local cloud's own
## tests, and what is checked by reading
test: PROFILE = dev
test: install install-guide install-watch build
	cargo test --workspace
	$(PYTHON) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not long" \
	  tests/executions tests/reported tests/guide tests/observability tests/fleet local-cloud/tests tests/definitions tests/second_interpreter tests/sam_local tests/settings tests/report_check tests/bench tests/watching tests/doctor tests/privileges tests/guards tests/sweep tests/package tests/aws_check

LINTERS := $(RDS_REENCRYPT_CACHE)/linters
TEMPLATES := template.yaml $(wildcard infra/*.yaml)

## lint: formatting and lints, the templates, the state machines, the tree of dependencies
lint: install
	@tests/install-linters
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	for template in $(TEMPLATES); do \
	  SAM_CLI_TELEMETRY=0 $(LINTERS)/venv/bin/sam validate --lint --region eu-central-1 --template $$template || exit; done
	$(LINTERS)/venv/bin/cfn-lint --regions eu-central-1 -- $(TEMPLATES)
	$(LINTERS)/venv/bin/checkov --config-file .checkov.yaml --file $(TEMPLATES)
	for machine in statemachine/*.asl.json; do $(LINTERS)/node_modules/.bin/asl-validator --json-path $$machine || exit; done
	$(PYTHON) -m aws_rules statemachine/*.asl.json
	@CARGO_TARGET_DIR=$(LINTERS)/target cargo install --quiet --locked --debug --root $(LINTERS) cargo-deny@0.20.2
	$(LINTERS)/bin/cargo-deny check bans licenses sources

## bench: the write pause, over several runs of the demo
bench: install build
	for run in 1 2 3 4 5; do $(PYTHON) -m demo --binaries $(BINARIES) | grep -A1 '^write pause'; done

## definitions: writes the state machines from the YAML beside them, and docs/procedure.md from them
definitions: install
	@$(PYTHON) statemachine/generate.py statemachine/*.yaml
	@$(PYTHON) statemachine/draw.py

## model: visits every state of cutover, undo and recovery with two faults anywhere, and looks for the seeded bugs
model:
	@cargo run -q -p protocol --profile dev

# How many cuts, and how many cases of each property.
CUTS ?= 1000
CASES ?= 100000

## sweep: start LSNs of recoveries from WAL cut at CUTS places, held against the rows really there (PostgreSQL 13 to 18)
sweep: install
	$(PYTHON) -m sweep --cuts $(CUTS)

## fuzz: the properties of the recovery log's reading, CASES times each
fuzz:
	PROPTEST_CASES=$(CASES) cargo test -p shared --test recovery_log

## test-faults: every fault at every step, on whole executions; writes tests/FAULTS.md (FAULTS="--only Cutover")
test-faults: install build
	$(PYTHON) -m faults --binaries $(BINARIES) $(or $(FAULTS),--report tests/FAULTS.md)

## test-reported: the troubles that people reported, each as a whole execution, a line for each (REPORTED="-k secret")
test-reported: install build
	$(PYTHON) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/reported $(REPORTED)

## test-long: whole executions that `make test` leaves out for their time; test-reported has those of its own
test-long: install build
	$(PYTHON) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m long tests/executions tests/package

## second-interpreter: the state machine in two interpreters that know nothing of each other: every transition, and no difference
second-interpreter: install
	$(PYTHON) -m pytest -q tests/second_interpreter

## test-guards: takes each guard away, one at a time, and sees its test fail (GUARDS="--only sequences")
test-guards: install
	$(PYTHON) -m guards $(GUARDS)

## privileges: what each role allows against what whole executions used of it: nothing missing, nothing unused
privileges: install build
	$(PYTHON) -m privileges --binaries $(BINARIES)

## report-check: reports of executions that end in every way, looked at in Chromium; pages and pictures in target/report-check
report-check: install build
	@tests/install-browser
	$(PYTHON) -m report_check --binaries $(BINARIES)

## bench-verify: how fast verification reads, beside other ways (BENCH="--major 13 --megabytes 1200")
bench-verify: install build
	$(PYTHON) -m bench.verification --binaries $(BINARIES) $(BENCH)

## bench-cpu: pause, speed and price under the share of a processor that memory buys on Lambda; as root (BENCH="--runs 1 --sizes 128,all")
bench-cpu: install build
	$(PYTHON) -m bench.processors --binaries $(BINARIES) $(BENCH)

## bench-fleet: a campaign over 1,000 databases without servers: limits, leftovers, transitions, cost (BENCH="--databases 100")
bench-fleet: install build
	$(PYTHON) -m bench.fleet --binaries $(BINARIES) $(BENCH)

## costs: what the move of one database costs, from what the last demo counted (COSTS="--gib 2000 --copy-hours 8"); docs/costs.md
costs: install
	@test -f target/demo/report.json || $(MAKE) --no-print-directory demo
	@$(PYTHON) -m bench.costs $(COSTS)

## guide: follows docs/guide.md and the runbook's commands literally, on a local cloud
guide: install install-guide install-watch build
	$(PYTHON) -m pytest -q tests/guide

# A Lambda is loaded at every cold start: 8 MB is the most that a function may have.
build:
	@cargo build --workspace --profile $(PROFILE)
	@test $(PROFILE) = dev || ! (cd $(BINARIES) && \
	  find $(notdir $(wildcard functions/*)) -size +8000000c -printf '%f has %s bytes, more than 8 MB\n' | grep .)

install:
	@tests/install

install-guide:
	@tests/install-guide
