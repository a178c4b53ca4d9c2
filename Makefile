# make demo     sets up an environment and runs three demo servers behind a balancer, with the statistics page
# make test     sets up an environment with the tools of development and runs the tests
# make check    the same as CI: ruff, mypy --strict, import contracts, tests, with two lanes and (ONE_LANE) with one
# make bench    ratios to Debian's haproxy in the same run (needs haproxy, nginx, wrk and h2load; up to 10 minutes)
# make bench-count      user instructions of a request against the figures in the repository (needs valgrind)
# make bench-profile    where they go, function by function (needs valgrind)
# make example EP=ep5    runs a tutorial's configuration without containers; make example lists them
SHELL := /bin/sh
VENV := .venv
BUILD := pyproject.toml setup.py pointsman/core/_cells.c
RUN := $(VENV)/bin/python
# Words for pytest: make test PYTEST="tests/unit -k lexer"
PYTEST ?=
# Words for the benchmark: make bench BENCH="--rows small --pairs 3", make bench-profile BENCH="close --top 20"
BENCH ?=
EP ?=
# What is played once more with a single process: whatever traffic goes through, but haproxy's own answers.
ONE_LANE := tests/peer tests/scenario/test_abrupt.py tests/scenario/test_command_line.py tests/scenario/test_seeds.py \
    tests/scenario/test_runtime_socket.py tests/scenario/test_splitting.py tests/scenario/test_statistics.py \
    -k "not haproxy"

.PHONY: demo test check bench bench-count bench-profile example clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	@exec $(RUN) -m pointsman.demo

test: $(VENV)/.tools
	$(RUN) -m pytest $(PYTEST)

check: $(VENV)/.tools
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --strict bench examples/run.py examples/app/app.py
	$(VENV)/bin/lint-imports
	POINTSMAN_TEST_LANES=1 $(RUN) -m pytest $(ONE_LANE)
	$(RUN) -m pytest $(PYTEST)

bench: $(VENV)/.installed
	$(RUN) -m bench $(BENCH)

bench-count: $(VENV)/.installed
	$(RUN) -m bench.count $(BENCH)

bench-profile: $(VENV)/.installed
	$(RUN) -m bench.profile $(BENCH)

example: $(VENV)/.tools
	@exec $(RUN) examples/run.py $(EP)

# Made anew when what the installation depends on changes.
$(VENV)/.installed: $(BUILD) | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.tools: $(BUILD) | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# Debian's own interpreter first: builds of other origin are slower.
$(VENV)/bin/python:
	@for python in $(PYTHON) /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3; do \
	    if command -v $$python >/dev/null 2>&1 && $$python -c \
	        'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "$$python -m venv $(VENV)"; exec $$python -m venv $(VENV); fi; done; \
	echo "No Python of 3.11 or later with venv was found. On Debian: apt-get install python3 python3-venv" >&2; exit 1

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
