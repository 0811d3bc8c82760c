# Every target does its own set-up: it needs Python 3.10 or newer, and nothing else.
#
#   make demo PYTHON=/usr/bin/python3.12     use this Python
#   make test VENV=.venv-other               use another virtual environment
#   make test ARGS="-k adam"                 pass arguments on (demo, test, bench, gradcheck)

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?=
VENV ?= .venv
ARGS ?=
WORKERS ?= 2
CONSTRAINT ?=

run = "$(VENV)/bin/python" -m
# Call with the extras that the target needs, and further options of tools/environment.py.
need = python=$$(tools/find-python "$(PYTHON)") && \
	"$$python" tools/environment.py $(1) --venv "$(VENV)" \
	$(if $(PYTHON),--exact) $(if $(CONSTRAINT),--constraint "$(CONSTRAINT)") $(2)

.PHONY: help setup demo test test-oldest lint format gradcheck bench docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup:  ## make .venv with everything that work on Chainrule needs
	@$(call need,cli dev docs)

demo:  ## train on a real table, score, write the model
	@$(call need,cli)
	@$(run) chainrule demo $(ARGS)
	@echo "To have the chainrule command at hand:  . $(VENV)/bin/activate" >&2

test:  ## run all tests, with warnings as errors
	@$(call need,cli test)
	@$(run) pytest -n $(WORKERS) $(ARGS)

test-oldest:  ## run all tests with the oldest dependencies that are allowed
	@$(MAKE) test VENV=.venv-oldest CONSTRAINT=tools/oldest.txt

lint:  ## check form, types, spelling and the direction of imports
	@$(call need,cli dev)
	@failed=; \
	$(run) ruff check || failed="$$failed ruff"; \
	$(run) ruff format --check --quiet || failed="$$failed format (make format mends it)"; \
	"$(VENV)/bin/codespell" || failed="$$failed codespell"; \
	"$(VENV)/bin/lint-imports" --no-logo || failed="$$failed import-linter"; \
	$(run) pyright --pythonpath "$(VENV)/bin/python" || failed="$$failed pyright"; \
	if [ "$$failed" ]; then echo "lint failed:$$failed" >&2; exit 1; fi

format:  ## rewrite the sources in the one form
	@$(call need,cli dev)
	$(run) ruff check --fix
	$(run) ruff format

gradcheck:  ## check every gradient against the derivative of the reported loss
	@$(call need,cli)
	@$(run) chainrule gradcheck $(ARGS)

bench: VENV = .venv-bench
bench:  ## time Chainrule and its peers on the same work, in an environment of their own
	@$(call need,cli,--requirement benchmarks/requirements.txt)
	@$(run) benchmarks $(ARGS)

docs:  ## build the documentation into docs/_build/html
	@$(call need,cli docs)
	@$(run) sphinx --fail-on-warning --keep-going --builder html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:  ## remove everything that the other targets made
	@rm -rf "$(VENV)" .venv-oldest .venv-bench build dist docs/_build docs/reference demo-output*
	@rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests tools benchmarks docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
