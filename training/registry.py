"""A trained checkpoint in MLflow's model registry: its files, and a model that MLflow itself loads."""

import tempfile
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING

import numpy as np

from core.checkpoint import Checkpoint, load_checkpoint
from core.errors import ObjectMissing
from core.integrity import CHECKSUMS_NAME, write_checksums
from core.storage import Folder
from model.description import IMAGE_SIZE, LABELS
from model.graph import INPUT, OUTPUT, STATE_DICT_SHA512
from training.checkpoint import RECORD_SUFFIX
from training.export import export_graph

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILES, MODEL = "checkpoint", "model"
"""Folders among the run's artifacts."""

GRAPH = "model.onnx"

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
        write_model(load_checkpoint(assets, name), model)
        client.log_artifacts(run_id, str(model), MODEL)
    _ensure(client, name)
    return str(client.create_model_version(name, f"runs:/{run_id}/{MODEL}", run_id).version)


def write_model(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a checkpoint's graph as a model of MLflow: canonical digits in, logits out, see `model.graph`."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    folder.mkdir()
    (folder / GRAPH).write_bytes(checkpoint.graph or export_graph(checkpoint))
    needs = [f"{package}=={version(package)}" for package in ("onnx", "onnxruntime", "numpy")]
    (folder / "requirements.txt").write_text("\n".join([*needs, f"mlflow=={version('mlflow-skinny')}"]) + "\n")
    digits = TensorSpec(np.dtype(np.uint8), (-1, IMAGE_SIZE, IMAGE_SIZE), INPUT)
    logits = TensorSpec(np.dtype(np.float32), (-1, len(LABELS)), OUTPUT)
    model = Model(signature=ModelSignature(Schema([digits]), Schema([logits])))
    model.metadata = {STATE_DICT_SHA512: checkpoint.sha512, "temperature": checkpoint.description.temperature}
    model.add_flavor("onnx", onnx_version=version("onnx"), data=GRAPH, providers=["CPUExecutionProvider"])
    model.add_flavor("python_function", loader_module="mlflow.onnx", data=GRAPH, python_version=python_version())
    model.save(str(folder / "MLmodel"))


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
