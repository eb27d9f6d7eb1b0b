# make quickstart   install what is needed, then search on real photographs (about 4 minutes after installation)
# make test         install what is needed, then run the default tests
# make check        ruff, mypy --strict and the tests: what must be clean before a commit
# make slow         the tests that take minutes
# make browser      looks at MLflow's pages and our report in headless Chromium (installs Debian's, where it may: needs
#                   root and a network); screenshots in build/screenshots

PYTHON ?= python3
BIN := .venv/bin
# Two tests at a time, each on one core; those of a file share what they have made. Files keep their order: by default
# those with few tests, which are the runs that take longest, would come last, and one core would wait for the other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: quickstart test check slow browser bench install

quickstart: install
	$(BIN)/searchinr run spaces/quickstart.yaml

test: install
	$(PYTEST)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

slow: install
	$(PYTEST) -m slow

browser: install
	command -v chromium || { apt-get update && apt-get install --yes --no-install-recommends chromium; } || true
	$(BIN)/pytest -m browser tests/browser

bench: install
	$(BIN)/python -m benchmarks.fit
	$(BIN)/python -m benchmarks.overhead

install: .venv/installed

# torch first and by its exact version, so that an index which offers a CPU build of it can.
.venv/installed: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
