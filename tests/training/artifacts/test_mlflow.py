"""The MLflow model, in an environment with nothing but its declared packages."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from core.checkpoint import Checkpoint
from core.engine import Digits
from tests.training.artifacts.conftest import NAME, BareEnvironment, Probabilities, assert_agree, run_bare
from training.artifacts.facts import facts
from training.artifacts.mlflow import write_mlflow_model
from training.errors import TrainingError

PREDICT = """
import sys
import mlflow.pyfunc
import numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))
try:
    model.predict(np.zeros((1, 28, 28), np.float32))
except mlflow.exceptions.MlflowException as exc:
    assert "uint8" in str(exc)
else:
    raise SystemExit("floats were taken for pixels")
assert not {"torch", "core", "training"} & set(sys.modules)
"""


def test_agrees_with_the_service(
    exports: Path, digits: Digits, expected: Probabilities, bare_environment: BareEnvironment, tmp_path: Path
) -> None:
    model = exports / f"{NAME}-mlflow"
    np.save(tmp_path / "digits.npy", digits)
    python = bare_environment(model / "requirements.txt")
    done = run_bare(python, PREDICT, model, tmp_path / "digits.npy", tmp_path / "probabilities.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_agree(np.load(tmp_path / "probabilities.npy"), expected)


def test_says_where_it_comes_from(exports: Path, checkpoint: Checkpoint) -> None:
    said = yaml.safe_load((exports / f"{NAME}-mlflow" / "MLmodel").read_text())
    assert said["metadata"] == facts(checkpoint)
    assert said["model_uuid"] == checkpoint.sha512[:32]
    assert '"shape": [-1, 28, 28]' in said["signature"]["inputs"]


def test_without_mlflow_says_what_to_install(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", None)
    with pytest.raises(TrainingError, match=r"not installed: pip install -r requirements-mlflow\.txt"):
        write_mlflow_model(checkpoint, tmp_path / "model")
    assert not (tmp_path / "model").exists()
