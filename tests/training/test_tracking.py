"""`MLFLOW_TRACKING_URI`: runs, figures and models in a real MLflow server."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from core.command_line import INTERRUPTED
from core.integrity import digest, read_verified
from model.description import Description
from tests.object_store import Door, opened
from tests.training.conftest import TEST_IMAGES, Train, draw
from tests.training.mlflow_server import served
from tests.training.test_main import interrupt_after

NAME = "my-conv-net"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.fixture
def tracked(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A client of the server that training tells of its runs, in an experiment of the test's own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return MlflowClient(server, server)


def the_run(client: MlflowClient, experiment: str) -> Run:
    found = client.get_experiment_by_name(experiment)
    assert found
    (only,) = client.search_runs([found.experiment_id])
    return only


def epochs(client: MlflowClient, run_id: str, name: str) -> list[int]:
    return [metric.step for metric in client.get_metric_history(run_id, name)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_an_interrupted_run_is_one_run_and_its_model_is_registered(
    train: Train, tracked: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        interrupt_after(patched, epochs=2)
        assert train("assets") == INTERRUPTED
    assert the_run(tracked, tmp_path.name).info.status == "KILLED"
    assert train("assets") == 0
    run = the_run(tracked, tmp_path.name)
    assert (run.info.status, run.info.run_name) == ("FINISHED", NAME)
    files = read_verified(tmp_path / "assets")
    description = Description.model_validate_json(files[f"{NAME}.json"])
    record = json.loads(files[f"{NAME}.training.json"])
    assert epochs(tracked, run.info.run_id, "validation_loss") == [1, 2, 3]
    assert run.data.metrics["validation_loss"] == record["history"][-1]["validation_loss"]
    assert run.data.metrics["temperature"] == description.temperature
    assert run.data.metrics["test_error_percent"] == description.metrics["test_error_percent"]
    assert run.data.params["recipe.augmentation.degrees"] == str(record["recipe"]["augmentation"]["degrees"])
    assert run.data.params["machine.threads"] == "1"
    version = tracked.get_model_version(NAME, "1")
    assert version.run_id == run.info.run_id
    kept = Path(tracked.download_artifacts(run.info.run_id, "checkpoint", str(tmp_path)))
    assert read_verified(kept) == files
    assert reads_as_measured(description, digest(files[f"{NAME}.pt"]))


def reads_as_measured(description: Description, sha512: str) -> bool:
    """Whether MLflow loads the registered model, and it misreads as many digits as the description says."""
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    images, labels = draw(TEST_IMAGES, seed=2)
    wrong = (model.predict(images.numpy()).argmax(axis=1) != labels.numpy()).sum()
    return bool(model.metadata.metadata["state_dict_sha512"] == sha512 and wrong == description.metrics["test_errors"])


def test_telling_changes_no_weights(
    train: Train, tracked: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("told") == 0
    assert the_run(tracked, tmp_path.name).info.status == "FINISHED"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert train("untold", work="other") == 0
    assert read_verified(tmp_path / "told") == read_verified(tmp_path / "untold")


@pytest.fixture
def door(server: str, tracked: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:  # noqa: ARG001 - set up before
    """A door to the server, by which training goes."""
    with opened(server) as door:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", door.url)
        yield door


def test_a_server_that_fails_later_costs_no_weights_and_no_figures(
    train: Train, tracked: MlflowClient, door: Door, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_method: str, path: str) -> str | None:
        batches = [asked for _, asked in door.asked if "log-batch" in asked]
        lost = "log-batch" in path and 1 < len(batches) < 4  # the first one holds the settings
        return "busy" if lost or "registered-models" in path else None

    door.fail = fail
    assert train("assets") == 0
    assert f"{NAME}.pt" in read_verified(tmp_path / "assets")
    assert "MLflow: some figures could not be logged" in caplog.text
    assert "MLflow: the model could not be logged" in caplog.text
    run = the_run(tracked, tmp_path.name)
    assert (run.info.status, epochs(tracked, run.info.run_id, "loss")) == ("FINISHED", [1, 2, 3])


def test_a_run_that_misses_its_target_failed(train: Train, tracked: MlflowClient, tmp_path: Path) -> None:
    assert train("assets", "--epochs", "1", limit=0) == 1
    run = the_run(tracked, tmp_path.name)
    assert run.info.status == "FAILED"
    assert "is above --max-test-error 0 %" in run.data.tags["reason"]


def test_no_epoch_without_the_server(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt_after(monkeypatch, epochs=0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    assert train("assets") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: MLFLOW_TRACKING_URI: no MLflow server can be used there")
    assert error.count("\n") == 1
    assert "secret" not in error
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert train("assets") == 1
    assert "pip install -r requirements-mlflow.txt" in capsys.readouterr().err


def test_a_dry_run_is_not_told(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert train("assets", "--dry-run") == 0
