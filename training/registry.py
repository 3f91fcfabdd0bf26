"""A trained checkpoint in MLflow's model registry: its files, and a model that MLflow itself loads."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from core.checkpoint import load_checkpoint
from core.errors import ObjectMissing
from core.integrity import CHECKSUMS_NAME, write_checksums
from core.storage import Folder
from training.artifacts.mlflow import write_mlflow_model
from training.checkpoint import RECORD_SUFFIX

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILES, MODEL = "checkpoint", "model"
"""Folders among the run's artifacts."""

SUFFIXES = (".pt", ".json", RECORD_SUFFIX, ".onnx")


def register(client: "MlflowClient", run_id: str, output: Folder, name: str) -> str:
    """Log a checkpoint's files and its model to a run, register the model under its name, and return its version.

    Raises:
        StorageError: The files cannot be read.
        MlflowException: The server does not take them.
    """
    with tempfile.TemporaryDirectory() as temporary:
        assets, model = Path(temporary) / FILES, Path(temporary) / MODEL
        _fetch(output, name, assets)
        client.log_artifacts(run_id, str(assets), FILES)
        write_mlflow_model(load_checkpoint(assets, name), model)
        client.log_artifacts(run_id, str(model), MODEL)
    _ensure(client, name)
    made = client.create_model_version(name, f"runs:/{run_id}/{MODEL}", run_id, await_creation_for=0)
    return str(made.version)


def _fetch(output: Folder, name: str, assets: Path) -> None:
    """Copy a checkpoint's files, and list them."""
    assets.mkdir()
    for suffix in SUFFIXES:
        try:
            (assets / f"{name}{suffix}").write_bytes(output.read(f"{name}{suffix}"))
        except ObjectMissing:  # the graph, which is optional; `load_checkpoint` misses any other
            continue
    (assets / CHECKSUMS_NAME).touch()
    write_checksums(assets)


def _ensure(client: "MlflowClient", name: str) -> None:
    """Make a registered model of that name where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
