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

.PHONY: help setup demo test test-oldest browser lint format gradcheck bench docs clean
.PHONY: arm sanitize conformance fuzz kill contract prove-trace prove-marker prove-doctor prove-recipes prove-memory

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

browser:  ## test the page of a trace in Chromium (CHAINRULE_BROWSER=/path/to/it)
	@$(call need,cli test)
	@CHAINRULE_BROWSER=$${CHAINRULE_BROWSER:-1} $(run) pytest tests/browser $(ARGS)

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

conformance:  ## compare 2,000 generated plans on both engines, on each instruction set
	@$(call need,cli test)
	@for isa in $$("$(VENV)/bin/python" -c 'import chainrule.engine as e; print(*e.info()["instruction_sets"])'); do \
		echo "$$isa" >&2; \
		CHAINRULE_ISA=$$isa CHAINRULE_EXAMPLES=2000 $(run) pytest -n $(WORKERS) \
			tests/native/test_conformance.py $(ARGS) || exit 1; \
	done

sanitize:  ## run the engine's tests under the address, undefined-behaviour and thread sanitizers
	@$(call need,cli test)
	@"$(VENV)/bin/python" tools/sanitize.py $(ARGS)

arm:  ## run the engine's NEON kernels in an emulated arm64 Debian (as root; an hour, 1 GB of disk)
	@python=$$(tools/find-python "$(PYTHON)") && "$$python" tools/emulate_arm.py --possible
	@$(call need,cli test)
	@"$(VENV)/bin/python" tools/emulate_arm.py $(ARGS)

fuzz:  ## read 100,000 damaged model files
	@$(call need,cli test)
	@$(run) tools.fuzz_models $(ARGS)

kill:  ## kill 300 runs at random moments and resume them
	@$(call need,cli test)
	@$(run) tools.kill_runs $(ARGS)

kill-sweeps:  ## kill 20 sweeps at random moments and let them go on
	@$(call need,cli test)
	@$(run) tools.kill_sweeps $(ARGS)

bench-sweep:  ## time the sweep of batch and rate on digits beside scikit-learn's grid search
	@$(call need,cli test)
	@$(run) benchmarks.sweep_digits $(ARGS)

contract:  ## run scikit-learn's check_estimator over many configurations
	@$(call need,cli test)
	@$(run) tools.check_estimators $(ARGS)

prove-trace:  ## trace 200 random networks and run every printed formula again
	@$(call need,cli)
	@$(run) chainrule trace --random 200 --check $(ARGS)

prove-marker:  ## mark right and wrong solutions that the marker has not seen
	@$(call need,cli test)
	@$(run) tools.proof_marker $(ARGS)

prove-doctor:  ## diagnose broken and healthy runs that the rules have not seen
	@$(call need,cli test)
	@$(run) tools.proof_doctor $(ARGS)

prove-recipes:  ## do the course's experiments whole, from three groups of seeds, and the rate finder
	@$(call need,cli test)
	@$(run) tools.proof_recipes $(ARGS)

prove-memory:  ## train on a table ten times the memory that is allowed (14 minutes, 3 GB of disk)
	@$(call need,cli test)
	@$(run) benchmarks.larger_than_memory --memory 128MB --times 10 $(ARGS)

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
