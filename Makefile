# SPDX-License-Identifier: Apache-2.0
# The front door. `make demo` shows the program at work; `make test` runs everything CI runs.
# Each target installs what it needs on a fresh Debian or Ubuntu.
PRESET ?= release
EARLGREY = build/$(PRESET)/earlgrey

.PHONY: help build demo test check bench bench-long generated tidy fuzz packages packages-test venv clean

help:
	@sed -n 's/^## //p' Makefile

## make build      the program, at build/release/earlgrey
build: packages
	@cmake --preset $(PRESET) >build/cmake-$(PRESET).log 2>&1 || { cat build/cmake-$(PRESET).log; exit 1; }
	@cmake --build --preset $(PRESET)

## make demo       makes a capture, and shows top talkers and one host's flows out of it
demo: build
	@tools/demo $(EARLGREY)

## make test       all tests (unit, conformance, hostile input, system, fuzz seeds, house rules)
test: packages-test
	@tools/run-tests

## make check      the quick ones: unit tests and house rules, release build only
check: packages-test
	@tools/run-tests --quick

## make bench      ratios against the tools one would use instead; results in bench/results/
## make bench-long the same of a collector: over UDP, and left running under load (45 minutes)
bench: packages-test build
	@tools/run-bench
bench-long: packages-test build
	@tools/run-bench --job udp --job udp-v9 --job soak

## make generated  the files that come from columns.def, causes.def, elements_*.def and the option tables
generated: build
	@tools/generate $(EARLGREY)

## make fuzz       every fuzz target for FUZZ_SECONDS (45) each
fuzz: packages-test
	@tools/run-fuzz

## make tidy       the house rules alone
tidy: packages
	@python3 tests/tidy/tidy.py

packages:
	@mkdir -p build
	@tools/install-packages
	@tools/fetch-duckdb

packages-test: packages
	@tools/install-packages test
	@tools/make-venv

clean:
	rm -rf build/release build/debug build/asan build/tsan build/clang build/fuzz build/coverage
