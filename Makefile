# make            builds receptor, receptorctl and meshsim into bin/
# make test       all tests
# make test-container  builds the images without a registry and runs them (root; skips without buildah)
# make test-nginx  links through a reverse proxy (skips without nginx)
# make container  the images of Containerfile, by buildah or podman
# make demo       a real mesh of three nodes that runs work, then a simulated one
# make bench      the speed of real nodes on loopback (BENCH_ARGS: see bench/mesh); RECEPTOR_PEER=PROGRAM: beside deployed ones
# make bench-sim  the speed of the simulator (docs/performance.md); BENCH_LARGE=1: also at 10,000 nodes
# make soak       a real mesh that is killed and cut at random for minutes while it works (SOAK_ARGS: see bench/soak)
# make properties  long runs of the properties, from the seed in sim/testdata/seeds.txt
# make next-seeds  moves that seed on: for a scheduled run
# make lint       what CI checks beside the tests
# make install    PREFIX=/usr/local DESTDIR=; with what makes bash, zsh and fish complete, and the
#                 units of systemd, unless UNITDIR= is empty

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PREFIX  ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system

export CGO_ENABLED = 0

PROGRAMS := receptor receptorctl meshsim
LDFLAGS  := -s -w -X receptor/internal/version.Version=$(VERSION)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: all $(PROGRAMS) soak bench install test container test-container test-nginx properties next-seeds race fuzz bench-sim lint vet fmt staticcheck third-party demo clean

all: $(PROGRAMS)

$(PROGRAMS):
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/$@ ./cmd/$@

# What the full engine runs is embedded in meshsim.
meshsim: sim/full/built/guest.wasm

.PHONY: sim/full/built/guest.wasm
sim/full/built/guest.wasm:
	GOOS=wasip1 GOARCH=wasm go build -trimpath -ldflags '-s -w' -o $@ ./sim/guest/wasm

install: all
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 0755 $(PROGRAMS:%=bin/%) '$(DESTDIR)$(PREFIX)/bin/'
	for shell in bash/bash-completion/completions/ zsh/zsh/site-functions/_ fish/fish/vendor_completions.d/; do \
		to='$(DESTDIR)$(PREFIX)/share/'$${shell#*/}; suffix=; \
		case $$shell in fish/*) suffix=.fish; esac; \
		install -d "$${to%/*}" || exit 1; \
		for p in $(PROGRAMS); do sed "s/PROGRAM/$$p/g" internal/completion/scripts/$${shell%%/*} >"$$to$$p$$suffix" || exit 1; done; \
	done
	install -d '$(DESTDIR)$(PREFIX)/share/doc/receptor'
	install -m 0644 docs/service.md '$(DESTDIR)$(PREFIX)/share/doc/receptor/'
ifneq ($(UNITDIR),)
	install -d '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(PREFIX)/lib/sysusers.d'
	sed 's,PREFIX,$(PREFIX),g' packaging/systemd/receptor.service >'$(DESTDIR)$(UNITDIR)/receptor.service'
	install -m 0644 packaging/systemd/receptor.sysusers '$(DESTDIR)$(PREFIX)/lib/sysusers.d/receptor.conf'
endif

test:
	go test ./...

# BASE is the image below the node, IMAGE the name of what is built: IMAGE:VERSION and IMAGE-relay:VERSION.
BASE    ?= docker.io/library/alpine:3
IMAGE   ?= receptor
BUILDER ?= $(shell command -v buildah || command -v podman)

container: receptor receptorctl
	@test -n '$(BUILDER)' || { echo 'make container needs buildah or podman'; exit 1; }
	$(BUILDER) build --build-arg BASE='$(BASE)' --build-arg VERSION='$(VERSION)' --target node -t '$(IMAGE):$(VERSION)' .
	$(BUILDER) build --build-arg BASE='$(BASE)' --build-arg VERSION='$(VERSION)' --target relay -t '$(IMAGE)-relay:$(VERSION)' .

test-container: receptor receptorctl
	packaging/container/test.sh

# Debian's package puts it where users do not look.
NGINX ?= $(shell PATH="$$PATH:/usr/sbin" command -v nginx)

test-nginx:
	@if test -n '$(NGINX)'; then RECEPTOR_NGINX='$(NGINX)' go test -count 1 -run Nginx -v ./internal/daemon; else echo 'SKIP: there is no nginx'; fi

# What make test does briefly: properties with many more cases, check with many
# more seeds, all planted bugs. PROPERTY_CASES and PROPERTY_SEEDS say how many;
# the full engine, of which a run takes seconds, gets a share of them. Each part
# is a target of its own, too.
SEED           := $(shell cat sim/testdata/seeds.txt)
PROPERTY_CASES ?= 1000
PROPERTY_SEEDS ?= 500
SEEDS          := $(SEED):$(shell expr $(SEED) + $(PROPERTY_SEEDS))
SHARE          := $(shell expr '(' $(PROPERTY_SEEDS) + 4 ')' / 5)
CHECKED        := $(addprefix topologies/,flap.yaml lossy.yaml hub-spoke.yaml mixed.yaml tree-40.yaml) \
                  $(addprefix sim/planted/testdata/,services.yaml ties.yaml hops.yaml costs.yaml)
PROPERTIES     := $(addprefix properties-,drawn core full native planted crashes)

.PHONY: $(PROPERTIES)
properties:
	@for part in $(PROPERTIES); do echo "== $$part"; date -u +%T; $(MAKE) --no-print-directory $$part || exit 1; done; date -u +%T

properties-drawn:
	go test -timeout 2h ./sim ./sim/campaign ./sim/check ./sim/scenario ./mesh ./mesh/linkstate ./mesh/wire ./work ./work/journal \
		-rapid.seed $(SEED) -rapid.checks $(PROPERTY_CASES)

properties-core: meshsim
	bin/meshsim check $(CHECKED) --seeds $(SEEDS)

properties-full: meshsim
	bin/meshsim check --engine full $(wildcard topologies/full/*.yaml sim/planted/testdata/full/*.yaml) --seeds $(SEED):$(shell expr $(SEED) + $(SHARE))

properties-native:
	go test -timeout 1h ./sim/campaign -run ScenariosNatively -native.first $(SEED) -native.seeds $(SHARE)

properties-planted:
	go test -timeout 1h ./sim/planted -long

properties-crashes:
	go test -timeout 2h ./sim/full -run TestEveryCrashPoint -step 1 -losses 3

# The next run begins where the last one ended.
next-seeds:
	expr $(SEED) + $(PROPERTY_SEEDS) > sim/testdata/seeds.txt

# Needs a C compiler. Slowest are the many runs of the core engine, which are one thread each.
race:
	CGO_ENABLED=1 go test -race -timeout 1h ./...

SOAK_ARGS ?= --for 3m

soak: receptor
	go run ./bench/soak --bin bin $(SOAK_ARGS)

# A quarter of an hour beside deployed nodes; --short: some two minutes.
BENCH_ARGS ?=

bench: receptor
	go run ./bench/mesh --ours bin/receptor $(BENCH_ARGS)

# Each fuzz target for a minute; a finding is written to its testdata.
fuzz:
	go test -fuzz FuzzDecode -fuzztime 1m ./mesh/wire
	go test -fuzz FuzzParseYAML -fuzztime 1m ./internal/config
	go test -fuzz FuzzParseRequest -fuzztime 1m ./control
	go test -fuzz FuzzParse -fuzztime 1m ./sim/scenario
	go test -fuzz FuzzParse -fuzztime 1m ./sim/graphfile
	go test -fuzz FuzzParse -fuzztime 1m ./internal/iprouter
	go test -fuzz FuzzParams -fuzztime 1m ./work
	go test -fuzz FuzzRecover -fuzztime 1m ./work/journal
	go test -fuzz FuzzCommand -fuzztime 1m ./work
	go test -fuzz FuzzVerify -fuzztime 1m ./internal/signing

# Every size once: a run is millions of events.
bench-sim:
	go test -run '^$$' -bench 'ColdStart' -benchtime 1x -timeout 2h ./sim
	go test -run '^$$' -bench 'Engine|Routes|Forwarder|PeekRouting|ParseRouting' -benchmem ./sim ./mesh/linkstate ./mesh/wire

lint: vet fmt staticcheck third-party

vet:
	go vet ./...

fmt:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not gofmt clean:"; echo "$$files"; exit 1; }

staticcheck:
	go run $(STATICCHECK) ./...

# The copies of what others have made are what they say that they are.
third-party:
	internal/third_party/quic-go.sh
	git diff --exit-code --stat -- internal/third_party/quic-go

demo: all
	docs/demo/run.sh bin

clean:
	rm -rf bin sim/full/built/guest.wasm
