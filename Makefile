# A thin front for CMake presets and scripts/; `make` alone lists the targets.
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DEMO = build/dev/examples/demo

.PHONY: help deps demo test chaos fuzz soak check bench format install clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

deps: ## install the Debian packages for building and testing
	@scripts/install-deps.sh build test

demo: ## build and run the demo; INPUT=FILE or - reads lines, TRANSPORT=nats://... uses a server
	@scripts/install-deps.sh build </dev/null
	@scripts/build-demo.sh $(JOBS) </dev/null
	@$(DEMO) $(if $(INPUT),--input '$(INPUT)') $(if $(TRANSPORT),--transport '$(TRANSPORT)')

# Two tests a core: most of them wait, for a server say.
test: ## build everything and run all tests
	@scripts/install-deps.sh build test
	cmake --preset dev -DFLUXLIB_BUILD_TESTS=ON -DFLUXLIB_BUILD_EXAMPLES=ON
	cmake --build --preset dev -j $(JOBS)
	ctest --preset dev -j $$((2 * $(JOBS)))

chaos: ## two hundred schedules of killed servers and broken connections; SEED=17 SERVERS=3 replays one
	@scripts/install-deps.sh build test
	cmake --preset dev -DFLUXLIB_BUILD_TESTS=ON
	cmake --build --preset dev -j $(JOBS) --target fluxmq_chaos
	build/dev/fluxmq/fluxmq_chaos --gap-limit 2000 $(if $(SERVERS),--servers $(SERVERS)) \
		$(if $(SEED),--seed $(SEED),--schedules 100)

check: ## everything that CI checks; one step alone: scripts/check.sh STEP; all: scripts/check.sh --all
	@scripts/install-deps.sh check
	@scripts/check.sh

soak: ## 100,000 random lives of transports under ASan and under TSan
	@scripts/install-deps.sh build test
	scripts/soak.sh $(JOBS)

bench: ## measure, in an optimised build
	@scripts/install-deps.sh bench
	cmake --preset release
	cmake --build --preset release -j $(JOBS) --target run_bench

fuzz: ## run each fuzz target for SECONDS_EACH=20, or RUNS=N times; TARGETS='url json' for some of them
	@scripts/install-deps.sh fuzz
	@scripts/fuzz.sh $(if $(RUNS),--runs $(RUNS),--seconds $(or $(SECONDS_EACH),20)) $(TARGETS)

format: ## format all sources in place
	@scripts/format.sh

install: ## build optimised and install; PREFIX=/usr/local
	@scripts/install-deps.sh build
	cmake --preset release -B build/install -DFLUXLIB_BUILD_BENCH=OFF -DFLUXLIB_BUILD_EXAMPLES=OFF
	cmake --build build/install -j $(JOBS)
	cmake --install build/install --prefix '$(PREFIX)'

clean: ## remove everything that was built
	rm -rf build
