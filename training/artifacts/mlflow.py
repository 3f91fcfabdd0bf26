"""`NAME-mlflow/`: an MLflow model, for `mlflow.pyfunc`, `mlflow models serve` and the registry."""

import os
import warnings
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.checkpoint import Checkpoint
from model.description import IMAGE_SIZE, LABELS
from training.artifacts.facts import CARRIED, Files, facts, pinned
from training.artifacts.onnx import onnx_graph
from training.errors import TrainingError

NEEDS = ("mlflow-skinny", "pandas", "numpy", "onnxruntime")
"""What the model needs, in the versions that it was exported with; pandas is `mlflow.pyfunc`'s own need."""

LOADER = "digit_reader"
ENTRY = "MLmodel"
SOME_TIME = "1970-01-01 00:00:00"
"""In place of the time of writing, so that the same weights give the same bytes."""

ID_DIGITS = 32


def mlflow_files(checkpoint: Checkpoint) -> Files:
    """Return the files of the model; the same weights give the same bytes with one version of Python and MLflow.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
        TrainingError: MLflow is not installed.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / f"{checkpoint.name}-mlflow"
        write_mlflow_model(checkpoint, folder)
        paths = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name == ENTRY)
        return {str(path.relative_to(temporary)): path.read_bytes() for path in paths}


def write_mlflow_model(checkpoint: Checkpoint, folder: Path) -> None:
    """Write an MLflow model into a new folder.

    Args:
        checkpoint: Whose weights it shall have.
        folder: Is made; where it exists it must be empty.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
        TrainingError: MLflow is not installed.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow tells its makers of every use else
    with TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints, and that there is no example
        _import_mlflow()
        graph = Path(temporary) / f"{checkpoint.name}.onnx"
        graph.write_bytes(onnx_graph(checkpoint))
        _save(checkpoint, graph, folder)


def _import_mlflow() -> None:
    try:
        import_module("mlflow.pyfunc")
    except ImportError as exc:
        raise TrainingError(f"{exc.name} is not installed: pip install -r requirements-mlflow.txt") from exc


def _save(checkpoint: Checkpoint, graph: Path, folder: Path) -> None:
    import mlflow.pyfunc  # here, as it takes two seconds and is an extra
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    mlflow.pyfunc.save_model(
        path=str(folder),
        loader_module=LOADER,
        data_path=str(graph),
        code_paths=[str(CARRIED / f"{LOADER}.py")],
        mlflow_model=Model(utc_time_created=SOME_TIME, model_uuid=checkpoint.sha512[:ID_DIGITS]),
        signature=ModelSignature(
            Schema([TensorSpec(np.dtype(np.uint8), (-1, IMAGE_SIZE, IMAGE_SIZE))]),
            Schema([TensorSpec(np.dtype(np.float32), (-1, len(LABELS)))]),
        ),
        pip_requirements=pinned(NEEDS),
        metadata=facts(checkpoint),
    )
