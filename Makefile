# Every target here works on a machine with Go and PostgreSQL's server binaries.
# Linters are built from source through tools/go.mod: nothing is installed.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
TOOL     := $(GO) tool -modfile=tools/go.mod
PACKAGES ?= ./...

# Tests wait for databases and brokers more than they compute, so more of them
# run at a time than there are cores.
PARALLEL        ?= 8
TEST_TIMEOUT    ?= 10m
TORTURE_TIMEOUT ?= 30m
BENCH           ?= .
BENCHTIME       ?= 1s
ARGS            ?=
BROKER          ?=
BROKERS         ?=

# Where PostgreSQL's server programs may be besides PATH, as adapters/embedded looks for them.
POSTGRES_DIRS := /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
  /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin
POSTGRES = $(firstword $(shell command -v initdb) $(wildcard $(addsuffix /initdb,$(POSTGRES_DIRS))))

##@ Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The built binary and not `go run`: SIGTERM must reach the server itself, and
# its exit status must come back.
.PHONY: run
run: build ## Start PostgreSQL, Kafka, API, relay and projections in one process (ARGS=... are flags of serve)
	@exec bin/tenon serve $(ARGS)

.PHONY: build
build: ## Build bin/tenon
	@mkdir -p bin
	$(GO) build -o bin/tenon ./cmd/tenon

##@ Check

.PHONY: test
test: postgres-check ## Run every test under -race, on real PostgreSQL and the real Kafka protocol
	$(GO) test -race -timeout $(TEST_TIMEOUT) -parallel $(PARALLEL) $(PACKAGES)

.PHONY: torture
torture: postgres-check ## Run the fault tests with all their rounds (TENON_TORTURE=1)
	TENON_TORTURE=1 $(GO) test -race -count=1 -timeout $(TORTURE_TIMEOUT) -run 'Torture|Fault' $(PACKAGES)

# What talks to Kafka. One package at a time: its brokers have the machine to themselves.
KAFKA_PACKAGES := ./adapters/embedded/kafkatest ./adapters/kafka ./adapters/relay ./adapters/relay/lanes ./cmd/tenon
# Several rounds of kills, a rolling restart and Watermill's relay on three brokers take long: make torture-kafka runs them too.
KAFKA_LONG     := TestFaultBrokersRestartedOneByOne|TestFaultTwoBrokersOfThreeKilled|TestFaultOneBrokerOfThreePaused|TestFaultOneBrokerOfThreeKilled/watermill
KAFKA_TIMEOUT  ?= 10m

.PHONY: test-kafka
test-kafka: postgres-check ## Run the tests that talk to Kafka against Apache Kafka (needs Java 17 and Maven)
	@$(KAFKA_CHECK); \
	TENON_TEST_KAFKA=real $(GO) test -race -count=1 -p 1 -parallel 4 -timeout $(KAFKA_TIMEOUT) -skip '$(KAFKA_LONG)' $(KAFKA_PACKAGES)

.PHONY: torture-kafka
torture-kafka: postgres-check ## Run the fault tests against Apache Kafka with all their rounds
	@$(KAFKA_CHECK); \
	TENON_TORTURE=1 TENON_TEST_KAFKA=real $(GO) test -race -count=1 -p 1 -parallel 2 -timeout 3h -run 'Torture|Fault' $(KAFKA_PACKAGES)

# In CI nothing may be left out unseen; on a laptop what is missing is said.
KAFKA_CHECK = for program in java mvn; do \
  if ! command -v $$program >/dev/null; then \
    echo "$@: $$program is missing; on Debian: apt-get install default-jre-headless maven" >&2; \
    if [[ -n "$${CI:-}" ]]; then exit 1; fi; \
    echo "$@: skipped" >&2; exit 0; \
  fi; \
done

# Its tests alone, one package at a time: a worker of Kafka Connect, brokers and PostgreSQL run beside each other.
DEBEZIUM_PACKAGES := ./adapters/embedded/kafkatest ./adapters/debezium ./cmd/tenon
DEBEZIUM_TESTS    := Debezium|Connect|CloudEventsHeaders|DistributedWorker|SlotMovesOn

.PHONY: test-debezium
test-debezium: postgres-check ## Run the tests with Debezium in Kafka Connect and Apache Kafka (needs Java 17 and Maven)
	@for program in java mvn; do \
	  if ! command -v $$program >/dev/null; then \
	    echo "test-debezium: $$program is missing; on Debian: apt-get install default-jre-headless maven" >&2; \
	    if [[ -n "$${CI:-}" ]]; then exit 1; fi; \
	    echo "test-debezium: skipped" >&2; exit 0; \
	  fi; \
	done; \
	TENON_TEST_KAFKA=real TENON_TEST_DEBEZIUM=real $(GO) test -race -count=1 -p 1 -parallel 2 -timeout $(TEST_TIMEOUT) \
	  -run '$(DEBEZIUM_TESTS)' $(DEBEZIUM_PACKAGES)

# BROKER=kafka starts an Apache Kafka (Java 17, Maven) instead of kfake; BROKERS names one that runs already.
.PHONY: bench
bench: postgres-check ## Measure side by side with the peers, write bench/RESULTS.md (ARGS='-quick -case relay -out -')
	$(GO) -C bench run . $(if $(filter kafka,$(BROKER)),-kafka) $(if $(BROKERS),-brokers $(BROKERS)) $(ARGS)

.PHONY: bench-smoke
bench-smoke: postgres-check ## Test the benchmark program: every competitor, at a tiny size
	$(GO) -C bench test -count=1 -timeout $(TEST_TIMEOUT) ./...

.PHONY: bench-go
bench-go: postgres-check ## Run Go's benchmarks (BENCH=regexp, BENCHTIME=5s)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem $(PACKAGES)

.PHONY: lint
lint: vet format-check tidy-check ## Vet for Linux, macOS and Windows, check format and modules, run the linters
	$(TOOL) golangci-lint run ./...
	cd bench && $(GO) tool -modfile=../tools/go.mod golangci-lint run ./...

.PHONY: vet
vet:
	$(GO) vet ./...
	$(GO) -C bench vet ./...
	CGO_ENABLED=0 GOOS=darwin $(GO) vet ./...
	CGO_ENABLED=0 GOOS=windows $(GO) vet ./...

.PHONY: format-check
format-check:
	@files=$$($(TOOL) gofumpt -l .); \
	if [[ -n $$files ]]; then printf 'not formatted (make format mends it):\n%s\n' "$$files" >&2; exit 1; fi

.PHONY: tidy-check
tidy-check:
	$(GO) mod tidy -diff
	$(GO) -C bench mod tidy -diff

.PHONY: postgres-check
postgres-check:
	@if [[ -z "$(POSTGRES)" ]]; then \
	  printf '%s\n' >&2 \
	    'note: no PostgreSQL server programs (initdb, postgres) on PATH nor in the usual places:' \
	    '      $(POSTGRES_DIRS).' \
	    '      The tests fetch a copy at first use. Where that cannot work, install them:' \
	    '      Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql'; \
	fi

##@ Keep house

.PHONY: format
format: ## Format the Go code (gofumpt)
	$(TOOL) gofumpt -w .

.PHONY: clean
clean: ## Remove what was built; the data in .tenon stays
	rm -rf bin
	rm -f cover.out coverage.* *.prof *.test
