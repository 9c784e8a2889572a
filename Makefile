# Everything a fresh machine needs beside a Rust toolchain: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
CARGO ?= cargo

.PHONY: demo test test-long bench fmt

## The main job on simulated traffic over real HTTP; ARGS=--exit ends with status 0 only if every figure agrees.
demo:
	$(CARGO) build --locked --package proofback
	$(CARGO) run --quiet --locked --package proofback -- demo $(ARGS)

## All that CI runs.
test:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
	$(CARGO) test --locked --workspace
	$(MAKE) demo ARGS=--exit

## What takes longer: many more random cases.
test-long:
	PROPTEST_CASES=50000 $(CARGO) test --locked --package proofback-domain
	KILLS=200 $(CARGO) test --locked --package proofback --test kill

## The figures, as ratios against a baseline of the same run; the table goes to target/bench/.
bench:
	$(CARGO) bench --locked --package proofback --bench figures -- $(ARGS)

fmt:
	$(CARGO) fmt --all
