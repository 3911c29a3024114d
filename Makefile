# DocuVault. Needs Python 3.11 and make; everything else is installed into this folder.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	if command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$p; break; fi; done)
STACK := .venv/bin/python -m docuvault.stack
ARGS ?=

.PHONY: help run stop status demo test check bench soak lock clean need-python for-running for-testing
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1	/p' Makefile | while IFS='	' read -r name words; do printf '  make %-8s %s\n' "$$name" "$$words"; done

need-python:
	@test -n "$(PYTHON)" || { echo "DocuVault needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }

for-running: need-python
	@"$(PYTHON)" -m docuvault.stack.packages running

for-testing: need-python
	@"$(PYTHON)" -m docuvault.stack.packages testing

run: for-running ## start the vault and print its address (PORT=8000 DOCUVAULT_DATA=var)
	@exec $(STACK) run

stop: for-running ## stop the vault that runs on this DOCUVAULT_DATA
	@exec $(STACK) stop

status: for-running ## each part with its memory and health
	@exec $(STACK) status

demo: for-running ## fill the vault with people and papers to look at
	@exec $(STACK) demo

test: for-testing ## every gate, then all tests (ARGS="-k name" for some)
	@exec $(STACK) test $(ARGS)

check: for-testing ## the quick gates: style, types, imports, migrations, deployment
	@exec $(STACK) check

bench: for-testing ## measure speed and memory and print the table
	@exec $(STACK) bench $(ARGS)

soak: for-testing ## the long tests
	@exec $(STACK) soak $(ARGS)

lock: for-testing ## compile requirements*.in to the locks with hashes
	@for name in requirements requirements-dev; do \
	{ echo "# Compiled from $$name.in with hashes by \`make lock\`; do not edit."; \
	.venv/bin/python -m uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate $$name.in; } > $$name.txt.new \
	&& mv $$name.txt.new $$name.txt || exit 1; done

clean: ## remove what tools left; never the vault's data
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build
	@find . -name __pycache__ -not -path './.venv/*' -not -path './node_modules/*' -prune -exec rm -rf {} +
