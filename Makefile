# The one list of commands for this repository; `make` alone prints it.
# Needs GNU make, Rust, a C compiler, and Go unless KUBEBUILDER_ASSETS names a directory of setup-envtest.

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
BIN    := $(TARGET)/debug
CACHE  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mdi-operator
CRD    := crds/manageddevopsidentities.mdi-operator.io.yaml
IMAGE  ?= mdi-operator:dev

# Raised by hand, together with whatever its new findings ask for.
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY         := $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

# The official client libraries for `make sdk`, in an environment of their own.
SDK := $(CACHE)/sdk

# A single program, but with the features that the whole workspace asks of its dependencies: with `-p`
# cargo would compile many of them a second time.
BUILD := cargo build --workspace --locked

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: control-plane ## Show the main job on a real control plane and a simulated Azure
	$(BUILD) --bins
	$(BIN)/demo

.PHONY: test
test: prerequisites ## Run all tests, those against a real control plane included
	$(BUILD) --all-targets
	$(BIN)/control-plane prepare
	cargo test --workspace --locked

# The operator by itself, as the Dockerfile builds it: what the others ask of shared dependencies must not count.
.PHONY: bench
bench: control-plane ## Measure requests, memory, CPU and time (BENCH="--objects 100 --pools 1" for one row)
	cargo build --release --locked --package mdi-operator
	cargo build --release --locked --package bench
	$(TARGET)/release/bench $(BENCH)

.PHONY: contract
contract: prerequisites ## Compare the simulated Azure with the official descriptions (SPECS=folder)
	@test -n "$(SPECS)" || { echo "SPECS is missing: give SPECS=folder, a checkout of the \`specification\` folder of Azure/azure-rest-api-specs" >&2; exit 1; }
	$(BUILD) --bin contract
	SPECS="$(SPECS)" $(BIN)/contract

.PHONY: sdk
sdk: prerequisites $(SDK)/ready ## Walk the simulated Azure with the official client libraries (Python)
	$(BUILD) --bin azure-simulator
	$(SDK)/bin/python contract/sdk/walk.py $(BIN)/azure-simulator

.PHONY: check
check: prerequisites $(CARGO_DENY) ## Look for what a reviewer should not have to: format, lints, stale files, dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@$(MAKE) generated-is-fresh no-stray-links
# Advisories are left out on purpose: their database is a git repository, and a build that has to be the same
# tomorrow, also without a way to it, cannot depend on that. Ask for them with `cargo-deny check advisories`.
	$(CARGO_DENY) --workspace --locked check bans licenses sources

.PHONY: generate
generate: prerequisites ## Write the files that are made from the code: the CRD
	$(BUILD) --bin mdi-operator
	@mkdir -p $(dir $(CRD)) $(TARGET)
# By way of a second file, so that a generator that fails leaves the first as it was.
	$(BIN)/mdi-operator crd > $(TARGET)/generated.yaml
	mv $(TARGET)/generated.yaml $(CRD)

.PHONY: life
life: control-plane ## Write docs/one-objects-life.md from a run, where the requests of an object have changed
	MDI_WRITE_PAGES=1 cargo test --workspace --locked --test operator -- the_page_of_one_object_s_life

.PHONY: image
image: ## Build the container image (IMAGE=name:tag)
	@command -v docker > /dev/null || { echo "docker is missing: see https://docs.docker.com/engine/install" >&2; exit 1; }
	docker build --tag $(IMAGE) .

.PHONY: clean
clean: ## Remove all that these commands have made, here and in the user's cache folder
	cargo clean
	rm -rf $(CACHE)

# ---- Steps of the above --------------------------------------------------------------------------------

.PHONY: generated-is-fresh
generated-is-fresh:
	$(BUILD) --bin mdi-operator
	@$(BIN)/mdi-operator crd > $(TARGET)/generated.yaml
	@diff -u $(CRD) $(TARGET)/generated.yaml \
	  || { echo "$(CRD) is not what the code says: run 'make generate' and commit it" >&2; exit 1; }

# A link to somebody's own folder is nothing to anybody else.
.PHONY: no-stray-links
no-stray-links:
	@stray=0; for link in $$(find . -name .git -prune -o -path ./target -prune -o -type l -print); do \
	  case "$$(realpath -e "$$link" 2> /dev/null)" in \
	    "$(CURDIR)"/*) ;; \
	    *) echo "$$link leads nowhere or out of the tree: remove it, or link to a file of the repository" >&2; stray=1;; \
	  esac; \
	done; exit $$stray

.PHONY: control-plane
control-plane: prerequisites
	$(BUILD) --bin control-plane
	$(BIN)/control-plane prepare

# One line for each that is missing, and all of them at once: nobody likes to learn it one by one.
.PHONY: prerequisites
prerequisites:
	@missing=0; \
	need() { command -v "$$1" > /dev/null || { echo "$$2 is missing: $$3" >&2; missing=1; }; }; \
	need cargo "Rust" "install it from https://rustup.rs (1.91 or newer)"; \
	need cc "a C compiler" "install gcc or clang, e.g. 'apt-get install gcc' or 'xcode-select --install'"; \
	if [ -z "$$KUBEBUILDER_ASSETS" ] && ! ls "$(CACHE)"/control-plane/*/kube-apiserver > /dev/null 2>&1; then \
	  need go "Go" "install it from https://go.dev/dl (1.26 or newer), or set KUBEBUILDER_ASSETS to a directory of setup-envtest"; \
	fi; \
	exit $$missing

$(CARGO_DENY): | prerequisites
	@echo "cargo-deny $(CARGO_DENY_VERSION): compiling it once for this machine, some minutes; kept in $(CACHE)/tools"
# --force: the file is not there, so whatever cargo remembers of an installation is of one that was tidied away.
	cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --quiet --force \
	  --root $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)

$(SDK)/ready: contract/sdk/requirements.txt
	@command -v python3 > /dev/null || { echo "python3 is missing: install it (3.10 or newer) with its module venv, e.g. 'apt-get install python3-venv'" >&2; exit 1; }
	@python3 -c 'import ensurepip, venv' 2> /dev/null || { echo "Python's module venv is missing: install it, e.g. 'apt-get install python3-venv'" >&2; exit 1; }
	@echo "the official client libraries: installing them once, a minute; kept in $(SDK)"
	python3 -m venv --clear $(SDK)
	$(SDK)/bin/pip install --quiet --disable-pip-version-check --requirement contract/sdk/requirements.txt
	@touch $@
