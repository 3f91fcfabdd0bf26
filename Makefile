# Every command a user or developer needs; `make` alone lists them. On a fresh machine `make run` and `make test` install what they need.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
IMAGE ?= max-pytorch-mnist
PORT ?= 5000
URL ?= http://localhost:$(PORT)
ASSETS ?= assets
SEED ?= 1
SRC ?= samples
DST ?= scores

# Processes that tests run in, side by side.
SIDE_BY_SIDE ?= auto --maxprocesses 4

# Signed one by one, as they are handed out one by one; each signature lies beside what it signs.
TARGET ?= $(filter-out %.sig,$(wildcard exports/*))
NEEDS_KEY = @[ -f "$(KEY)" ] || { echo "KEY='$(KEY)' is no file: name one, KEY=$(1).pem; docs/export.md tells how to make it" >&2; exit 2; }
NEEDS_TARGET = @[ -n "$(strip $(TARGET))" ] || { echo "exports/ is empty: run 'make export FORMAT=all', or name something else, TARGET=assets" >&2; exit 2; }
SIGNED = for artifact in $(patsubst %/,%,$(TARGET)); do echo "$$artifact" && $(BIN)/model_signing $(1) $(2) --no-ignore-git-paths \
	--signature "$$artifact.sig" "$$artifact" || exit 1; done

# PyTorch's own index of builds for the CPU, a tenth of the size and the one thing that is not checked by its hash; see install.sh.
# Left out where there is a GPU; empty it (make run TORCH_INDEX=) to have everything checked.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,https://download.pytorch.org/whl/cpu)
INSTALL = PIP_QUIET=1 PYTHON=$(BIN)/python ./install.sh

# uv pip compile keeps the versions of a lock that is there; make lock LOCK_FLAGS=--upgrade takes the newest. Extras stay in the lock, as
# older pips, Debian's 23.0 among them, take pydantic[email] for something that is not pinned.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --custom-compile-command "make lock" $(LOCK_FLAGS)
SETS := $(filter-out requirements,$(basename $(wildcard requirements*.txt)))
SBOM ?= sbom.json

.DEFAULT_GOAL := help
.PHONY: help install run score test fuzz check format lock audit sbom data train export sign verify-signature report bench checksums samples \
	docker-build docker-run smoke clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp a lock: installing again only when it, or one that it builds on, has changed.
$(VENV)/.serve: requirements.lock | $(BIN)/python
	$(INSTALL) $< $(TORCH_INDEX)
	@touch $@

$(VENV)/.batch: requirements-batch.lock $(VENV)/.serve
	$(INSTALL) $< $(TORCH_INDEX)
	@touch $@

$(VENV)/.train: requirements-train.lock $(VENV)/.serve
	$(INSTALL) $< $(TORCH_INDEX)
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.train
	$(INSTALL) $< $(TORCH_INDEX)
	@touch $@

install: $(VENV)/.test ## install everything into .venv

run: $(VENV)/.serve ## serve on port 5000
	PORT=$(PORT) $(BIN)/python app.py

score: $(VENV)/.batch ## read the pictures in SRC=..., results into DST=...
	$(BIN)/python -m batch score "$(SRC)" "$(DST)" $(SCORE_FLAGS)

test: check ## run the whole suite
	$(BIN)/pytest --numprocesses $(SIDE_BY_SIDE) --dist loadfile -m "not alone"
	$(BIN)/pytest -m alone

check: $(VENV)/.test ## lint, types, safety and import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive .
	$(BIN)/mypy
	$(BIN)/pytest --quiet tests/test_imports.py

fuzz: $(VENV)/.test ## read 100,000 damaged pictures and count what comes of them (SEED=...)
	$(BIN)/python -m tests.fuzz --seed $(SEED)

format: $(VENV)/.test ## mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The other sets keep to the versions that serve.
lock: | $(BIN)/python ## pin every package and its hashes again: requirements*.lock
	$(BIN)/pip install --quiet --disable-pip-version-check $$(grep --only-matching '^uv==[^ ]*' requirements-test.txt)
	$(LOCK) requirements.txt --output-file requirements.lock
	for set in $(SETS); do $(LOCK) --constraints requirements.lock $$set.txt --output-file $$set.lock || exit 1; done

audit: $(VENV)/.test ## look for known holes in what is locked; fails where the database cannot be asked
	@status=0; for lock in requirements*.lock; do echo "$$lock"; \
		$(BIN)/pip-audit --strict --progress-spinner off --disable-pip --require-hashes --requirement $$lock || status=1; \
	done; [ $$status = 0 ] || echo "NOT CLEAN: a hole was found, or a package could not be looked up (see above)" >&2; exit $$status

sbom: $(VENV)/.test ## list the Python packages of the image: sbom.json, CycloneDX
	$(BIN)/uv pip compile --quiet --no-deps --python-platform linux --python-version 3.11 --generate-hashes \
		requirements-train.lock requirements-batch.lock \
		--output-file $(SBOM).lock
	PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-file $(SBOM) $(SBOM).lock
	@rm $(SBOM).lock

data: $(VENV)/.train ## find or download MNIST
	$(BIN)/python -m training data

# Idle threads soon sleep instead of spinning on: half the time on a busy machine, a tenth more than the least on a quiet one.
train: $(VENV)/.train ## train the default network: weights, description, checksums
	GOMP_SPINCOUNT=1000 $(BIN)/python -m training train --ancestors

report: $(VENV)/.train ## measure the shipped weights: docs/, MODEL_CARD.md
	$(BIN)/python -m training report

bench: $(VENV)/.train ## compare with other model servers: docs/benchmark.md (needs wrk)
	$(BIN)/python -m benchmarks.servers

export: $(VENV)/.train ## write the ONNX graph of the weights again, or artifacts for other runtimes (FORMAT=all)
	$(BIN)/python -m training export --assets $(ASSETS) $(if $(FORMAT),--format $(FORMAT))

sign: $(VENV)/.train ## sign what was exported (KEY=private.pem), or TARGET=...
	$(call NEEDS_KEY,private)
	$(NEEDS_TARGET)
	@$(call SIGNED,sign key,--private_key "$(KEY)")

verify-signature: $(VENV)/.train ## verify what was signed (KEY=public.pem)
	$(call NEEDS_KEY,public)
	$(NEEDS_TARGET)
	@$(call SIGNED,verify key,--public_key "$(KEY)")

checksums: $(VENV)/.train ## list the assets' SHA-512 again
	$(BIN)/python -m training checksums --assets $(ASSETS)

samples: $(VENV)/.serve ## draw the sample pictures again
	$(BIN)/python samples/make_samples.py

docker-build: ## build the image
	docker build --tag $(IMAGE) $(DOCKER_BUILD_FLAGS) .

docker-run: ## run the image, hardened, on port 5000
	docker run --rm --interactive --publish $(PORT):5000 --read-only --tmpfs /tmp --cap-drop ALL \
		--security-opt no-new-privileges $(IMAGE)

smoke: $(VENV)/.test ## check the contract against a running server (URL=...)
	SMOKE_URL=$(URL) $(BIN)/pytest tests/e2e/test_contract.py

clean: ## remove the environment and the caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
