"""The MLflow model, as MLflow loads it."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from core.checkpoint import Checkpoint
from core.engine import Digits
from tests.training.artifacts.conftest import NAME, Probabilities, assert_agree
from training.artifacts.facts import facts
from training.artifacts.mlflow import write_mlflow_model
from training.errors import TrainingError


@pytest.fixture(scope="module")
def model(exports: Path) -> Any:
    """What MLflow makes of the folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's of its own type hints
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(exports / f"{NAME}-mlflow"))


def test_agrees_with_the_service(model: Any, digits: Digits, expected: Probabilities) -> None:
    assert_agree(model.predict(digits), expected)


@pytest.mark.parametrize("wrong", [np.zeros((1, 28, 28), np.float32), np.zeros((1, 27, 28), np.uint8)])
def test_refuses_what_are_no_digits(model: Any, wrong: NDArray[np.generic]) -> None:
    with pytest.raises(Exception, match=r"schema|shape"):
        model.predict(wrong)


def test_says_where_it_comes_from(exports: Path, checkpoint: Checkpoint) -> None:
    folder = exports / f"{NAME}-mlflow"
    said = yaml.safe_load((folder / "MLmodel").read_text())
    assert said["metadata"] == facts(checkpoint)
    assert said["model_uuid"] == checkpoint.sha512[:32]
    assert '"shape": [-1, 28, 28]' in said["signature"]["inputs"]
    needs = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()}
    assert needs == {"mlflow-skinny", "numpy", "onnxruntime", "pandas"}


def test_without_mlflow_says_what_to_install(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", None)
    with pytest.raises(TrainingError, match=r"not installed: pip install -r requirements-mlflow\.txt"):
        write_mlflow_model(checkpoint, tmp_path / "model")
    assert not (tmp_path / "model").exists()
