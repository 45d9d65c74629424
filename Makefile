# Each target makes the environment it needs; all that is asked of the machine is make and Python 3.11 or newer.
PYTHON ?= python3
TEST_ENV ?= .venv-test
DEMO_ENV ?= .venv-demo
DOCS_ENV ?= .venv-docs
BENCH_ENV ?= .bench/rivals
NIQUESTS_ENV ?= .bench/niquests
HTTPBIN_ENV ?= .venv-httpbin
FUZZ_SECONDS ?= 60
BASE ?= HEAD
BENCH_OPTIONS ?=
PYTEST_OPTIONS ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.PHONY: help demo test lint interop fuzz alone docs bench bench-env paired rivals security clean

help:
	@echo 'make demo      run demo/run.py in its own environment'
	@echo 'make test      linters, type checkers, tests, branch coverage'
	@echo 'make lint      linters and type checkers only'
	@echo 'make interop   the tests against real servers and proxies (.ci/run installs them)'
	@echo 'make fuzz      every fuzz harness, FUZZ_SECONDS=$(FUZZ_SECONDS) in all'
	@echo 'make alone     the branch coverage of each source file by its own test file'
	@echo 'make docs      the documentation as a site, in build/site'
	@echo 'make bench     every client in every scenario; results in docs/; BENCH_OPTIONS=--quick for a look'
	@echo 'make rivals    every client in the cases of tests/rivals; writes docs/rivals.md'
	@echo 'make security  which published holes have a test that names them'
	@echo 'make paired    this working tree against BASE=$(BASE), scenario by scenario'
	@echo 'make clean     remove environments and caches'

# $(call environment,DIRECTORY,WHAT TO INSTALL). pip is renewed because it knows --group from 25.1 on.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "courser needs Python 3.11 or newer: make PYTHON=python3.x ...")'
	rm -rf $(1)
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install -qq --upgrade 'pip>=25.1'
	$(1)/bin/python -m pip install -qq $(2)
	touch $(1)/.made
endef

$(TEST_ENV)/.made: pyproject.toml
	$(call environment,$(TEST_ENV),--editable '.[compress]' --group dev)

$(DEMO_ENV)/.made: pyproject.toml $(shell find src -name '*.py' 2>/dev/null)
	$(call environment,$(DEMO_ENV),'.[compress]')

$(DOCS_ENV)/.made: pyproject.toml
	$(call environment,$(DOCS_ENV),--group docs)

$(BENCH_ENV)/.made: pyproject.toml
	$(call environment,$(BENCH_ENV),--group bench)

$(NIQUESTS_ENV)/.made: pyproject.toml
	$(call environment,$(NIQUESTS_ENV),--group bench-niquests)

$(HTTPBIN_ENV)/.made: pyproject.toml
	$(call environment,$(HTTPBIN_ENV),--group httpbin)

demo: $(DEMO_ENV)/.made
	$(DEMO_ENV)/bin/python demo/run.py

lint: $(TEST_ENV)/.made
	$(TEST_ENV)/bin/ruff check
	$(TEST_ENV)/bin/ruff format --check
	$(TEST_ENV)/bin/mypy --strict src
	$(TEST_ENV)/bin/pyright --pythonpath $(TEST_ENV)/bin/python

test: lint
	@$(TEST_ENV)/bin/coverage run -m pytest --ignore=tests/interop $(PYTEST_OPTIONS); status=$$?; \
		$(TEST_ENV)/bin/coverage report; exit $$status

interop: $(TEST_ENV)/.made $(HTTPBIN_ENV)/.made
	COURSER_HTTPBIN=$(HTTPBIN_ENV)/bin/python $(TEST_ENV)/bin/pytest tests/interop $(PYTEST_OPTIONS)

fuzz: $(TEST_ENV)/.made
	$(TEST_ENV)/bin/python scripts/fuzz.py --seconds $(FUZZ_SECONDS)

alone: $(TEST_ENV)/.made
	$(TEST_ENV)/bin/python scripts/alone.py

docs: $(DOCS_ENV)/.made
	$(DOCS_ENV)/bin/zensical build --strict

bench-env: $(BENCH_ENV)/.made $(NIQUESTS_ENV)/.made

bench: bench-env
	$(BENCH_ENV)/bin/python benchmarks/run.py --niquests $(NIQUESTS_ENV)/bin/python --save docs $(BENCH_OPTIONS)

paired: $(BENCH_ENV)/.made
	$(BENCH_ENV)/bin/python benchmarks/paired.py --base $(BASE) $(BENCH_OPTIONS)

rivals: bench-env $(TEST_ENV)/.made
	$(TEST_ENV)/bin/python tests/rivals/run.py --rivals $(BENCH_ENV)/bin/python --niquests $(NIQUESTS_ENV)/bin/python --save

security:
	$(PYTHON) scripts/security_rows.py --all

clean:
	rm -rf $(TEST_ENV) $(DEMO_ENV) $(DOCS_ENV) $(HTTPBIN_ENV) .bench .cache .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
