# make demo     runs three demo servers behind a balancer, with the statistics page: at once, compiled or not
# make demo-tls the same with TLS in front, and a certificate made for the occasion
# make test     sets up the tools of development, compiles if nothing is compiled, and runs the tests side by side
# make try T=tests/unit/stream      runs some tests on the modules as they stand in the source: nothing is compiled
# make build    compiles the hot modules as they are installed, if they or what they depend on have changed
# make everyday compiles them for development: what has changed, in seconds
# make check    the same as CI: ruff, mypy --strict, import contracts, the tests, user instructions of a request, and one
#               of the passes (PASSES) in turn
# make check-all        all of the passes
# make bench    ratios to Debian's haproxy in the same run (needs haproxy, nginx, wrk, h2load and curl; up to 15 minutes)
# make bench-count      user instructions of a request against the figures in the repository (needs valgrind)
# make bench-profile    where they go, function by function (needs valgrind)
# make fuzz     fuzzes each parser for a minute (SECONDS=60), or one: make fuzz TARGETS=heads
# make wheel    builds a wheel and a source distribution in dist/
# make where K="set-header"     where a keyword is registered; K=pointsman/net/wire.py: what a module may import
# make vocabulary      writes docs/vocabulary.md: every word, and what becomes of it
# make example EP=ep5    runs a tutorial's configuration without containers; make example lists them
SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --quiet --disable-pip-version-check
# pip does not compile: that is done here, where it shows how far it is.
INSTALL := POINTSMAN_BUILD=extensions $(PIP) install --no-build-isolation --editable
SETUP := $(RUN) -W ignore setup.py --quiet build_ext --inplace
PACK := $(RUN) -W ignore setup.py --quiet
# Words for pytest: make test PYTEST="tests/unit -k lexer"
PYTEST ?=
# Processes that run tests: most tests wait now and then.
WORKERS ?= $(shell expr $$(nproc) + 1)
SPREAD := -n $(WORKERS) --dist worksteal
T ?= tests/unit
# Words for the benchmark: make bench BENCH="--rows small --pairs 3", make bench-profile BENCH="close --top 20"
BENCH ?=
EP ?=
# What make fuzz runs, one after the other, and for how long each; none: all of fuzz/.
TARGETS ?=
SECONDS ?= 60
# Checked where it can be.
COUNT := $(if $(shell command -v valgrind),bench-count)
# What differs from the tests as `make test` runs them is played by one of these, in turn from commit to commit.
PASSES := one-lane interpreted interpreted-one-lane everyday-build older-peer
NUMBER := $(shell git rev-list --count HEAD 2>/dev/null || date +%j)
PASS ?= $(word $(shell expr $(NUMBER) % $(words $(PASSES)) + 1),$(PASSES))
# What is played once more with a single process: whatever traffic goes through, but haproxy's own answers, and what is
# about one message alone (parsing, rewriting, framing), which no number of lanes changes.
ALONE := rules- or bad- or acls- or bodies- or simple-
ONE_LANE := tests/peer tests/scenario/test_abrupt.py tests/scenario/test_command_line.py tests/scenario/test_seeds.py \
    tests/scenario/test_runtime_socket.py tests/scenario/test_splitting.py tests/scenario/test_statistics.py \
    -k "not haproxy and not (both_programs and ($(ALONE)))"

.PHONY: where vocabulary build everyday tools demo demo-tls test try style check pass check-all odd-transport $(PASSES) bench bench-count bench-profile fuzz wheel example clean
.DELETE_ON_ERROR:

# Compares by content what was built with the sources (compiled.py): git sets times as it likes.
define FAILED
@! grep -qs failed pointsman/.compiled || echo "The hot modules are interpreted: gcc or Python's headers are missing," \
    "or failed. Install gcc, libc6-dev and python3-dev, then: make clean"
endef

# Before a command: it runs what stands in the source where nothing is compiled, or something else.
define READY
$(RUN) compiled.py || { echo "Not compiled as it stands: this runs interpreted, several times slower. make build" \
    "compiles it."; export POINTSMAN_INTERPRETED=1; };
endef

build: $(VENV)/.build
	@$(RUN) compiled.py optimized || POINTSMAN_BUILD=optimized $(SETUP)
	$(FAILED)

everyday: $(VENV)/.build
	@$(RUN) compiled.py everyday || POINTSMAN_BUILD=everyday $(SETUP)
	$(FAILED)

# Any build serves for tests.
tools: $(VENV)/.tools
	@$(RUN) compiled.py || POINTSMAN_BUILD=everyday $(SETUP)
	$(FAILED)

demo: $(VENV)/.installed
	@$(READY) exec $(RUN) -m pointsman.demo

demo-tls: $(VENV)/.installed
	@$(READY) exec $(RUN) -m pointsman.demo --tls

test: tools
	$(RUN) -m pytest $(or $(PYTEST),$(SPREAD) --junitxml build/tests.xml)

try: $(VENV)/.tools
	POINTSMAN_INTERPRETED=1 $(RUN) -m pytest $(T) $(PYTEST)

style: $(VENV)/.tools
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check --quiet
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --strict bench fuzz examples/run.py examples/app/app.py compiled.py objectcache.py where.py vocabulary_page.py
	$(VENV)/bin/lint-imports

# What is installed is compiled, measured and tested.
check: $(VENV)/.tools
	+$(MAKE) --no-print-directory -j2 --output-sync style $(or $(COUNT),build)
	+$(MAKE) --no-print-directory test
	+$(MAKE) --no-print-directory pass

pass:
	+$(if $(PASS),$(MAKE) --no-print-directory $(PASS))

check-all: $(VENV)/.tools
	+$(MAKE) --no-print-directory check PASS=
	+for pass in $(PASSES); do $(MAKE) --no-print-directory $$pass || exit; done

one-lane: tools
	POINTSMAN_TEST_LANES=1 $(RUN) -m pytest $(SPREAD) $(ONE_LANE)

interpreted: $(VENV)/.tools
	POINTSMAN_INTERPRETED=1 $(RUN) -m pytest $(SPREAD) --ignore tests/unit/bench

interpreted-one-lane: $(VENV)/.tools
	POINTSMAN_INTERPRETED=1 POINTSMAN_TEST_LANES=1 $(RUN) -m pytest $(SPREAD) $(ONE_LANE)

# In another order, too: no test depends on one before it.
everyday-build: everyday
	POINTSMAN_TEST_ORDER=$(NUMBER) $(RUN) -m pytest $(SPREAD) --ignore tests/unit/bench

# Debian 12's haproxy as the peer, where POINTSMAN_PEER names a newer one.
older-peer: tools
	POINTSMAN_PEER= $(RUN) -m pytest $(SPREAD) -m peer

# The stories of tests/playbook once more, with all connections through a transport that encrypts nothing, but needs a
# handshake, splits, and waits in one direction for the other (tests/support/odd_transport.py).
odd-transport: tools
	POINTSMAN_TEST_TRANSPORT=odd $(RUN) -m pytest $(SPREAD) tests/playbook

bench: build
	$(RUN) -m bench $(BENCH)

bench-count: build
	$(RUN) -m bench.count $(BENCH)

bench-profile: build
	$(RUN) -m bench.profile $(BENCH)

fuzz: $(VENV)/.fuzz
	@for target in $(or $(TARGETS),$$($(RUN) -c 'import fuzz; print(*fuzz.TARGETS)')); do \
	    echo "fuzzing $$target"; $(RUN) -m fuzz $$target -max_total_time=$(SECONDS) -print_final_stats=1 || exit; done

wheel: $(VENV)/.build
	rm -rf build/wheel dist
	@POINTSMAN_BUILD=optimized $(PACK) build --build-base build/wheel bdist_wheel --dist-dir dist
	@POINTSMAN_BUILD=extensions $(PACK) sdist --dist-dir dist
	@ls dist

# Both with whatever Python there is.
where:
	@exec $(or $(wildcard $(RUN)),python3) where.py $(K)

vocabulary:
	@exec $(or $(wildcard $(RUN)),python3) vocabulary_page.py

example: $(if $(EP),$(VENV)/.examples)
ifeq ($(EP),)
	@exec $(or $(wildcard $(RUN)),python3) examples/run.py
else
	@$(READY) exec $(RUN) examples/run.py $(EP)
endif

# Made anew when what the installation depends on changes.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@$(PIP) install "setuptools>=66,<90" wheel
	@$(INSTALL) .
	@touch $@

$(VENV)/.build: $(VENV)/.installed
	@$(RUN) compiled.py requirements | $(PIP) install -r /dev/stdin
	@touch $@

$(VENV)/.examples: $(VENV)/.installed
	@$(INSTALL) '.[examples]'
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	@echo "installing the tools of development"
	@$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.build $(VENV)/.examples

$(VENV)/.fuzz: $(VENV)/.installed
	@$(INSTALL) '.[fuzz]'
	@touch $@

# Debian's own interpreter first: builds of other origin are slower.
$(VENV)/bin/python:
	@for python in $(PYTHON) /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3; do \
	    if command -v $$python >/dev/null 2>&1 && $$python -c \
	        'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "$$python -m venv $(VENV)"; exec $$python -m venv $(VENV); fi; done; \
	echo "No Python of 3.11 or later with venv was found. On Debian: apt-get install python3 python3-venv" >&2; exit 1

clean:
	find pointsman -name "*.so" -delete
	rm -rf pointsman/.compiled $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
