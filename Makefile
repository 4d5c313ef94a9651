.DEFAULT_GOAL := help
PY := .venv/bin/python
STAMP := .venv/.installed

help: ## what each command does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Il faut Python 3.11 ou plus récent (python3 --version)."; exit 1; }
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "Le module venv de Python manque : sudo apt install python3-venv"; exit 1; }
	python3 -m venv .venv

# The second stamp also holds the tools of the tests: a `make run` after it (--inexact) leaves them in place.
$(STAMP) $(STAMP)-dev: pyproject.toml uv.lock | .venv/bin/python
	@.venv/bin/pip install --quiet --disable-pip-version-check uv
	@.venv/bin/uv sync --quiet --frozen $(UV_GROUPS)
	@touch $(STAMP) $@

.PHONY: help install install-dev run test check lint bench soak studio

install: UV_GROUPS = --no-dev --inexact
install: $(STAMP)

install-dev: $(STAMP)-dev

run: install ## the portal with its demonstration commune, on http://127.0.0.1:8000 (PORT=…)
	@PORTAIL_MODE=demonstration $(PY) -m workers.embedded

test: install-dev ## every test; what needs PostgreSQL, Redis, RabbitMQ or Chromium runs where they answer
	@$(PY) -m pytest -n 2 -rs

lint: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

check: lint ## everything CI checks: style, types, imports, processes, migrations, tests
	$(PY) -m app.cli verify
	$(PY) -m app.cli check-migrations
	$(PY) -m pytest -n 2 -rs

studio: ## rebuilds the studio's scripts (Node.js 18): only after changing app/studio/editor
	@cd app/studio/editor && npm ci --ignore-scripts && npm run build

bench: install-dev ## the measures of docs/benchmarks.md, into build/bench.json
	$(PY) -m tests.bench

soak: install-dev ## long runs: kills, load, endurance
	$(PY) -m pytest -m soak tests/soak
