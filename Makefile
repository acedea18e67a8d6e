# Two commands do all: `make demo` runs the main job, `make test` passes the tests.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export LC_ALL := C.UTF-8
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/collections
export ANSIBLE_HOME := $(CURDIR)/.ansible
PATHS := itops_cli plugins demo docs tests benchmarks hatch_build.py

.PHONY: help venv demo lint format test test-lab bench docs clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

venv: $(STAMP) ## install into .venv
$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: venv ## run the main job on a fleet of local hosts
	$(BIN)/python demo/demo.py

lint: venv ## all linters
	$(BIN)/ruff check $(PATHS)
	$(BIN)/ruff format --check $(PATHS)
	$(BIN)/mypy -p itops_cli -p ansible_collections.itops.maintenance.plugins
	$(BIN)/yamllint --strict .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --offline --profile production
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck collections/ansible_collections/itops/maintenance
	$(BIN)/antsibull-changelog lint
	$(BIN)/pymarkdown --config .pymarkdown.json scan --recurse README.md CONTRIBUTING.md docs roles
	@if command -v shellcheck > /dev/null; then shellcheck .ci/run tests/lab/*.sh; fi

format: venv ## what a linter can mend by itself
	$(BIN)/ruff check --fix $(PATHS)
	$(BIN)/ruff format $(PATHS)

test: venv ## the suite that needs no root
	$(BIN)/python -m pytest -n 2 tests/unit tests/integration tests/packaging

test-lab: venv ## real Debian hosts; needs root and Debian's packages (see .ci/run)
	$(BIN)/python -m pytest tests/lab

bench: venv ## speed side by side with the named peers
	$(BIN)/python -m benchmarks $(BENCH)

docs: venv ## the reference, made from the schemas
	$(BIN)/python docs/generate.py

clean: ## forget the environment and everything made
	rm -rf $(VENV) .demo dist build .ansible .*_cache
