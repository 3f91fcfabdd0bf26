# Every command a user or developer needs; `make` alone lists them. On a fresh machine `make run` and `make test` install what they need.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
IMAGE ?= max-pytorch-mnist
PORT ?= 5000
URL ?= http://localhost:$(PORT)
ASSETS ?= assets

# PyTorch's own index of builds for the CPU, a tenth of the size. Left out where there is a GPU; where it cannot be reached, pip
# falls back on the package index at once.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,https://download.pytorch.org/whl/cpu)
PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --retries 0 --timeout 5 \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help install run test check format data train export report bench checksums samples docker-build docker-run smoke clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp a requirements file: installing again only when it, or one that it builds on, has changed.
$(VENV)/.serve: requirements.txt | $(BIN)/python
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.train: requirements-train.txt $(VENV)/.serve
	$(PIP_INSTALL) -r requirements-train.txt
	@touch $@

$(VENV)/.test: requirements-test.txt requirements-telemetry.txt $(VENV)/.train
	$(PIP_INSTALL) -r requirements-test.txt
	@touch $@

install: $(VENV)/.test ## install everything into .venv

run: $(VENV)/.serve ## serve on port 5000
	PORT=$(PORT) $(BIN)/python app.py

test: check ## run the whole suite
	$(BIN)/pytest

check: $(VENV)/.test ## lint, types and import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --quiet tests/test_imports.py

format: $(VENV)/.test ## mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

data: $(VENV)/.train ## find or download MNIST
	$(BIN)/python -m training data

# Idle threads sleep instead of spinning, which halves the time on a busy machine and changes no result.
train: $(VENV)/.train ## train the default network: weights, description, checksums
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m training train --ancestors

report: $(VENV)/.train ## measure the shipped weights: docs/, MODEL_CARD.md
	$(BIN)/python -m training report

bench: $(VENV)/.train ## compare with other model servers: docs/benchmark.md (needs wrk)
	$(BIN)/python -m benchmarks.servers

export: $(VENV)/.train ## write the ONNX graph of the weights again
	$(BIN)/python -m training export --assets $(ASSETS)

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
