# Every target sets itself up from a bare clone; stamp files make the second call fast.
# Needs GNU make, Python >= 3.11 with venv, and a package index. Uses Node >= 20 where present.

UV_VERSION := 0.13.9

BIN := .venv/bin
UV := .venv-tools/bin/uv
PIP := .venv-tools/bin/python -m pip --python $(BIN)/python --disable-pip-version-check --quiet
SYNC := test -x $(UV) && UV_PYTHON=$(BIN)/python $(UV) sync --quiet --frozen
# As uv and pip do, trust what the machine trusts.
WITH_NODE := NODE_USE_SYSTEM_CA=1 PATH="$(CURDIR)/$(BIN):$$PATH"
NODE_GROUP = $(shell command -v npm >/dev/null \
	&& node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null \
	|| echo --group node)
# $(call locked,OPTIONS): the lock as pip reads it.
locked = { echo '\# Generated from uv.lock by `make requirements`.'; \
	$(UV) export --quiet --frozen --no-header --no-hashes --no-emit-project $(1); }

STALE := { echo 'Out of date: run `make requirements`.' >&2; exit 1; }

.PHONY: help run test check prove package requirements
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: .venv/run.stamp ## Catch a miner in the sample day, on an embedded store that starts empty
	@mkdir -p .detector && rm -f .detector/demo.db*
	@$(BIN)/python -m detector run examples/day.jsonl --store sqlite:.detector/demo.db

test: .venv/dev.stamp tests/node_modules/stamp ## Run every test, with the coverage gates
	@$(BIN)/coverage erase
	$(BIN)/python -m pytest --quiet --numprocesses auto --maxprocesses 4 --cov --cov-report term
	@$(call covered,100,--include='detector/core/*$(comma)detector/sources/*')
	@$(call covered,95)

check: .venv/dev.stamp tests/node_modules/stamp ## Format, lint, types, import direction, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(WITH_NODE) node tests/node_modules/pyright/index.js --project pyproject.toml
	$(UV) lock --check --quiet
	@$(call locked,) | diff requirements.txt - || $(STALE)
	@$(call locked,--all-groups --no-group prove) | diff tests/requirements.txt - || $(STALE)

prove: .venv/prove.stamp tests/node_modules/stamp ## What is too long for `make test`, as one report (OPTIONS='--seeds 20000 --write')
	$(BIN)/python -m tests.prove $(OPTIONS)

package: ## Build the zip that the deployment publishes, dist/
	python3 infra/scripts/package.py

requirements: .venv-tools/stamp ## Write uv.lock and what is generated from it
	$(UV) lock
	$(call locked,) > requirements.txt
	$(call locked,--all-groups --no-group prove) > tests/requirements.txt

# $(call covered,PERCENT,OPTIONS): silent, or what is missing to PERCENT.
comma := ,
covered = report=$$($(BIN)/coverage report --fail-under $(1) $(2) 2>&1) || { echo "$$report"; exit 1; }

.venv-tools/stamp: Makefile
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then break; fi; python=; \
	done; \
	test -n "$$python" || { echo 'Python >= 3.11 with venv was not found: set PYTHON=/path/to/python (Debian: apt install python3-venv).' >&2; exit 1; }; \
	$$python -m venv --clear .venv-tools
	@.venv-tools/bin/python -m pip install --disable-pip-version-check --quiet uv==$(UV_VERSION) \
		|| echo 'uv cannot be installed here: using pip.' >&2
	@touch $@

.venv/pyvenv.cfg: | .venv-tools/stamp
	@.venv-tools/bin/python -m venv --without-pip .venv

.venv/run.stamp: uv.lock | .venv/pyvenv.cfg
	@$(SYNC) --only-group run --inexact \
		|| { grep -vE '^(msgraph|microsoft-kiota)' requirements.txt | $(PIP) install --no-compile --no-deps -r /dev/stdin; }
	@touch $@

.venv/dev.stamp: uv.lock tests/requirements-worker.txt | .venv/pyvenv.cfg
	@$(SYNC) --group dev $(NODE_GROUP) || $(PIP) install --no-compile --no-deps -r tests/requirements.txt
	@$(PIP) install --no-compile --no-deps --ignore-requires-python -r tests/requirements-worker.txt
	@touch .venv/run.stamp $@

.venv/prove.stamp: .venv/dev.stamp
	@$(SYNC) --group dev --group prove $(NODE_GROUP) --inexact || $(PIP) install --no-deps atheris
	@touch $@

tests/node_modules/stamp: tests/package-lock.json | .venv/dev.stamp
	@cd tests && $(WITH_NODE) npm ci --ignore-scripts --loglevel=error
	@touch $@
