# Each target does its own set-up. GNU make 3.81 or later.
.DEFAULT_GOAL := help
MIN_GO := 1.26
TOOL := go tool -modfile=scripts/tools/go.mod

.PHONY: help run test bench chaos fuzz costs openapi lint vuln fmt go-version

help: ## show this list
	@awk 'BEGIN{FS=":.*## "}/^[a-z-]+:.*## /{printf "  make %-8s %s\n",$$1,$$2}' Makefile

run: go-version ## run the whole local cloud until Ctrl-C; ARGS="--fresh --port 9000 ..." passes options
	@echo "building (the first time takes a minute or two)"
	@exec go run ./emulator $(ARGS)

test: go-version ## run every test on emulators of its own, also beside a running "make run"
	@echo "building and testing (the first time takes some minutes)"
	@exec go run ./emulator --only firestore,pubsub --port 0 --fresh -- go test -race -timeout 20m ./...

bench: go-version ## measure; ARGS="-seconds 2" makes it shorter
	@echo "building and measuring (about seven minutes)"
	@exec go run ./scripts/bench $(ARGS)

chaos: go-version ## the long tests under faults: histories, kill -9, big groups
	@echo "building and breaking things (about ten minutes)"
	@exec go run ./emulator --only firestore,pubsub --port 0 --fresh -- scripts/chaos

fuzz: go-version ## every fuzz test for a minute; THRONG_FUZZTIME=10m makes it longer
	@exec scripts/fuzz

costs: go-version ## measure what each call costs in documents and write it into functions/README.md
	@echo "building and measuring (about a minute)"
	@exec go run ./emulator --port 0 --fresh -- go run ./scripts/costs -write functions/README.md

openapi: go-version ## write the published descriptions of both APIs anew
	@exec go run ./scripts/openapi

lint: go-version ## gofmt, vet, staticcheck, and the vulnerability check
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck -checks all ./...
	@$(MAKE) --no-print-directory vuln

# A finding always fails. A database that cannot be reached does not, but says so.
vuln: go-version ## look the dependencies up in the vulnerability database
	@if out=$$($(TOOL) govulncheck ./... 2>&1); then echo "$$out"; \
	elif echo "$$out" | grep -q '^Vulnerability #'; then echo "$$out"; exit 1; \
	elif echo "$$out" | grep -q 'fetching vulnerabilities'; then \
	  echo "govulncheck: the vulnerability database cannot be reached from here: NOT CHECKED"; \
	else echo "$$out"; exit 1; fi

fmt: ## format the code
	gofmt -w functions shared emulator scripts

go-version:
	@command -v go >/dev/null || { echo "go was not found: install Go $(MIN_GO) or later from https://go.dev/dl"; exit 1; }
	@v=$$(go env GOVERSION | sed 's/^go//'); if [ "$$(printf '%s\n' "$(MIN_GO)" "$$v" | sort -t. -k1,1n -k2,2n | head -n 1)" != "$(MIN_GO)" ]; then \
	  echo "go is version $$v; Throng needs $(MIN_GO) or later: install it from https://go.dev/dl"; exit 1; fi
