# Everything a fresh machine needs beside a Rust toolchain: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
CARGO ?= cargo

.PHONY: demo test test-browser test-long screenshots bench page-times fuzz fmt

## The main job on simulated traffic over real HTTP; ARGS=--exit ends with status 0 only if every figure agrees.
## With the features of the whole workspace, so that the tests find the same libraries built.
demo:
	$(CARGO) build --locked --workspace --bin proofback
	$(or $(CARGO_TARGET_DIR),target)/debug/proofback demo $(ARGS)

## All that CI runs.
test:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
	scripts/test-tools
	$(CARGO) test --locked --workspace
	$(MAKE) demo ARGS=--exit
	scripts/browser/run

## Of it, the pages in a real browser, as each role.
test-browser:
	scripts/test-tools
	$(CARGO) build --locked --workspace --bin proofback
	scripts/browser/run

## What takes longer: many more random cases.
test-long:
	PROPTEST_CASES=50000 $(CARGO) test --locked --package proofback-domain
	FUZZ_TIMES=40 $(CARGO) test --locked --package proofback-domain --test fuzz
	PROPTEST_CASES=8000 $(CARGO) test --locked --package proofback-store --test model
	AUDITS=100000 $(CARGO) test --locked --package proofback-store --test auditor
	KILLS=200 $(CARGO) test --locked --package proofback --test kill
	MALFORMED=100000 $(CARGO) test --locked --package proofback --test malformed

## The pictures of docs/pictures, taken anew.
screenshots:
	scripts/test-tools
	$(CARGO) build --locked --workspace --bin proofback
	scripts/browser/run screenshots

## Each parser under libFuzzer, guided by coverage, for FUZZ_SECONDS; needs a C++ compiler. What is found lies in
## $(FUZZ)/finds; mended, its bytes go to crates/domain/tests/fuzz/seeds, where `make test` tries them for ever.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= postback template click_id program report
FUZZ = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/fuzz
# With a target named, the flags stay off the build scripts, which have no libFuzzer to link with.
FUZZ_HOST = $(shell rustc --print host-tuple)
FUZZ_FLAGS = --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
fuzz:
	@command -v c++ >/dev/null || { echo "a C++ compiler is missing: libFuzzer is compiled from source" >&2; exit 1; }
	cd fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" CARGO_TARGET_DIR=$(FUZZ) \
		$(CARGO) build --locked --release --target $(FUZZ_HOST)
	for target in $(FUZZ_TARGETS); do \
		mkdir -p $(FUZZ)/corpus/$$target $(FUZZ)/finds; \
		$(FUZZ)/$(FUZZ_HOST)/release/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=8192 \
			-print_final_stats=1 -artifact_prefix=$(FUZZ)/finds/$$target- \
			$(FUZZ)/corpus/$$target crates/domain/tests/fuzz/seeds/$$target; \
	done

## The figures, as ratios against a baseline of the same run; the table goes to target/bench/. Those that have nothing
## to do with reports do without the query engine, whose build takes half an hour.
bench:
	$(CARGO) bench --locked --package proofback-domain --bench decide
	$(CARGO) bench --locked --package proofback --no-default-features --bench figures -- $(ARGS)
	$(CARGO) bench --locked --package proofback --no-default-features --bench money -- $(ARGS)
	$(CARGO) bench --locked --package proofback --no-default-features --bench deliveries -- $(ARGS)
	$(CARGO) bench --locked --profile engine --package proofback-reports --bench reports -- $(ARGS)
	$(MAKE) page-times

## How long the server takes for each page with the demo SIZE times over, 100 where nothing is said.
page-times:
	$(CARGO) build --locked --profile engine --package proofback --bin proofback
	PYTHON=python3 PROOFBACK=$(or $(CARGO_TARGET_DIR),target)/engine/proofback scripts/browser/run page_times

fmt:
	$(CARGO) fmt --all
