# Two commands do all the set-up: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --only-binary :all:

.PHONY: help run test test-slow lint types pages screenshot catalogues bench lock migration diagram examples openapi countries clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Rapporteur needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo 'Python has no venv module; on Debian: apt-get install python3-venv'; rm -rf .venv; exit 1; }
	@touch $@

.venv/runtime: .venv/python requirements.lock pyproject.toml
	@echo 'installing what the registry needs into .venv …'
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

.venv/development: .venv/runtime requirements-dev.lock
	@echo 'installing what development needs …'
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

run: .venv/runtime  ## set up everything and serve
	@$(BIN)/rapporteur serve --demo

test: .venv/development lint types  ## check everything, on SQLite and Postgres
	@$(BIN)/python -m pytest

test-slow: .venv/development  ## what takes minutes: fuzzing, kills, the pages for operators, changes of the schema, the wheel, costs, a soak; if installed, PgBouncer, nginx, Caddy, Node's clients, LibreOffice
	@RAPPORTEUR_TEST_DEPTH=slow $(BIN)/python -m pytest -m 'slow or thorough'
	@RAPPORTEUR_TEST_DEPTH=slow $(BIN)/python -m pytest -m alone -n 0

lint: .venv/development  ## style, and which part may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

types: .venv/development  ## strict typing
	@$(BIN)/mypy

pages: .venv/development  ## the pages in a real browser (needs Chromium)
	@$(BIN)/python -m pytest tests/pages -n 2

screenshot: .venv/development  ## make the pictures of the pages in docs/pages, and that of the docs page (needs Chromium)
	@RAPPORTEUR_SCREENSHOT=1 $(BIN)/python -m pytest tests/pages -n 0 -k test_screenshot

catalogues: .venv/development  ## write the catalogues of translations from what the pages say
	@$(BIN)/python -m docs.catalogues

bench: .venv/development  ## measure, beside what users would otherwise take (SHORT=1: on little data)
	@$(BIN)/python -m bench $(if $(SHORT),--short)
	@$(BIN)/python -m bench.ledger $(if $(SHORT),--short)
	@$(BIN)/python -m bench.writing $(if $(SHORT),--rounds 1 --seconds 1 --records 12000 --beside 6000)
	@$(BIN)/python -m bench.search --postgres $(if $(SHORT),--documents 20000 --rounds 1 --seconds 1,--documents 1000000 --connections 1)

lock: .venv/development  ## pin all requirements anew, by hash
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --only-binary :all: --upgrade --quiet pyproject.toml --group pyproject.toml:build -o requirements.lock
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --only-binary :all: --upgrade --quiet pyproject.toml --group pyproject.toml:build --group pyproject.toml:dev -c requirements.lock -o requirements-dev.lock
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --only-binary :all: --upgrade --quiet tests/clients/requirements.in -o tests/clients/requirements.lock
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --only-binary :all: --upgrade --quiet tests/clients/subscribers.in -o tests/clients/subscribers.lock
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --only-binary :all: --upgrade --quiet tests/clients/figures.in -o tests/clients/figures.lock

migration: .venv/development  ## write the migration that the models need: make migration NAME="what changes"
	@$(BIN)/python -m tests.postgres sh -c '$(BIN)/alembic upgrade head && $(BIN)/alembic revision --autogenerate -m "$(NAME)" --rev-id $$(printf %04d $$(($$(ls migrations/versions/*.py | wc -l) + 1)))'
	@$(BIN)/ruff check --quiet --fix --select F401,I001 migrations
	@$(BIN)/ruff format --quiet migrations

diagram: .venv/development  ## draw docs/schema.md from the models
	@$(BIN)/python -m docs.diagram

examples: .venv/development  ## write the examples of the OpenAPI document from the seed
	@$(BIN)/python -m docs.examples

openapi: .venv/development  ## write the snapshot of the OpenAPI document
	@$(BIN)/rapporteur openapi > docs/openapi.json

countries: .venv/development  ## make the seed's countries from the libraries that know them
	@$(BIN)/python seed/make_countries.py

clean:  ## remove the environment and what tools left; the database stays
	@rm -rf .venv build .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .schemathesis
	@if test -e var; then echo 'The database stays: $(CURDIR)/var. To remove it with all that was written to it: rm -r $(CURDIR)/var'; fi
