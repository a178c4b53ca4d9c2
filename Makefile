# make demo     sets up an environment and runs three demo servers behind a balancer, with the statistics page
# make test     sets up an environment with the tools of development and runs the tests
# make build    compiles the hot modules where they or what they depend on have changed; all others do so first
# make check    the same as CI: ruff, mypy --strict, import contracts; the suite compiled, with two lanes and (ONE_LANE)
#               with one; unit and playbook tests interpreted too; user instructions of a request
# make check-all        the whole suite both ways
# make bench    ratios to Debian's haproxy in the same run (needs haproxy, nginx, wrk and h2load; up to 10 minutes)
# make bench-count      user instructions of a request against the figures in the repository (needs valgrind)
# make bench-profile    where they go, function by function (needs valgrind)
# make example EP=ep5    runs a tutorial's configuration without containers; make example lists them
SHELL := /bin/sh
VENV := .venv
INSTALL = $(RUN) -m pip install --quiet --disable-pip-version-check --editable
RUN := $(VENV)/bin/python
# Words for pytest: make test PYTEST="tests/unit -k lexer"
PYTEST ?=
# Words for the benchmark: make bench BENCH="--rows small --pairs 3", make bench-profile BENCH="close --top 20"
BENCH ?=
EP ?=
# Checked where it can be.
COUNT := $(if $(shell command -v valgrind),bench-count)
# Tests within one process.
UNITS := tests/unit tests/playbook tests/config tests/diagnostics
# What is played once more with a single process: whatever traffic goes through, but haproxy's own answers, and what is
# about one message alone (parsing, rewriting, framing), which no number of lanes changes.
ALONE := rules- or bad- or acls- or bodies- or simple-
ONE_LANE := tests/peer tests/scenario/test_abrupt.py tests/scenario/test_command_line.py tests/scenario/test_seeds.py \
    tests/scenario/test_runtime_socket.py tests/scenario/test_splitting.py tests/scenario/test_statistics.py \
    -k "not haproxy and not (both_programs and ($(ALONE)))"

.PHONY: build tools demo test style interpreted units check check-all bench bench-count bench-profile example clean
.DELETE_ON_ERROR:

# Compares by content what was built with the sources (compiled.py): git sets times as it likes.
define COMPILE
@$(RUN) compiled.py || { echo "compiling the hot modules (two minutes on one processor)"; $(INSTALL) .; }
@! grep -qs failed pointsman/.compiled || echo "The hot modules are interpreted: gcc or Python's headers are missing," \
    "or failed. Install gcc, libc6-dev and python3-dev, then: make clean"
endef

build: $(VENV)/.installed
	$(COMPILE)

tools: $(VENV)/.tools
	$(COMPILE)

demo: build
	@exec $(RUN) -m pointsman.demo

test: tools
	$(RUN) -m pytest $(PYTEST)

style: $(VENV)/.tools
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --strict bench examples/run.py examples/app/app.py
	$(VENV)/bin/lint-imports

interpreted: $(VENV)/.tools
	POINTSMAN_INTERPRETED=1 $(RUN) -m pytest tests/unit tests/playbook --ignore tests/unit/bench

units: tools
	$(RUN) -m pytest $(UNITS) --ignore tests/unit/bench --junitxml build/tests-units.xml

# What disturbs nobody runs side by side; what has processes and times of its own, alone.
check: $(VENV)/.tools
	+$(MAKE) --no-print-directory -j2 --output-sync tools style
	+$(MAKE) --no-print-directory -j2 --output-sync interpreted units $(COUNT)
	$(RUN) -m pytest tests/unit/bench --junitxml build/tests-bench.xml
	POINTSMAN_TEST_LANES=1 $(RUN) -m pytest $(ONE_LANE)
	$(RUN) -m pytest tests $(UNITS:%=--ignore %) --junitxml build/tests-others.xml

check-all: check
	POINTSMAN_INTERPRETED=1 POINTSMAN_TEST_LANES=1 $(RUN) -m pytest $(ONE_LANE)
	POINTSMAN_INTERPRETED=1 $(RUN) -m pytest tests $(UNITS:%=--ignore %)
	POINTSMAN_INTERPRETED=1 $(RUN) -m pytest tests/config tests/diagnostics

bench: build
	$(RUN) -m bench $(BENCH)

bench-count: build
	$(RUN) -m bench.count $(BENCH)

bench-profile: build
	$(RUN) -m bench.profile $(BENCH)

example: tools
	@exec $(RUN) examples/run.py $(EP)

# Made anew when what the installation depends on changes.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing, and compiling the hot modules (two minutes on one processor)"
	@$(INSTALL) .
	@touch $@

$(VENV)/.tools: pyproject.toml | $(VENV)/bin/python
	@echo "installing, and compiling the hot modules (two minutes on one processor)"
	@$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.installed

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
