"""How a run goes, as others read it: the status file and TensorBoard's, through interruptions."""

import json
import math
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.command_line import INTERRUPTED, TERMINATED
from core.integrity import read_verified
from core.storage import open_folder
from model.description import Description
from tests.training.conftest import Train
from tests.training.test_main import interrupt_after
from training.checkpoint import Checkpoint
from training.loop import Learner
from training.status import STATUS_NAME, StatusFile
from training.watch import Epoch

NAME = "my-conv-net"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def status(tmp_path: Path) -> Lines:
    """Reads the lines of the run below `work`."""
    path = tmp_path / "work" / NAME / STATUS_NAME
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


def curve(folder: Path, name: str) -> dict[int, float]:
    """What TensorBoard shows: values by step, each of which may be there once."""
    events = EventAccumulator(str(folder))
    events.Reload()
    points = events.Scalars(name)
    assert len({point.step for point in points}) == len(points)
    return {point.step: point.value for point in points}


def described(assets: Path) -> Description:
    return Description.model_validate_json(read_verified(assets)[f"{NAME}.json"])


def interrupt_checkpoint(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Have Ctrl-C pressed when an epoch was told of, but its checkpoint not written."""
    save = Checkpoint.save

    def interrupted(checkpoint: Checkpoint, state: dict[str, Any]) -> None:
        if state["progress"]["epoch"] == epoch:
            raise KeyboardInterrupt
        save(checkpoint, state)

    monkeypatch.setattr(Checkpoint, "save", interrupted)


def test_a_line_for_each_epoch_and_one_for_the_end(train: Train, tmp_path: Path, status: Lines) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert train("assets") == 0
    lines = status()
    assert [line["state"] for line in lines] == ["started", "running", "running", "running", "finished"]
    assert [line["epoch"] for line in lines] == [0, 1, 2, 3, 3]
    assert len({line["run"] for line in lines}) == 1
    assert all(before <= datetime.fromisoformat(line["time"]) <= datetime.now(UTC) for line in lines)
    history = json.loads(read_verified(tmp_path / "assets")[f"{NAME}.training.json"])["history"]
    for line, past in zip(lines[1:4], history, strict=True):
        assert line["epochs"] == 3
        assert line["validation_errors"] == past["validation_errors"]
        assert (line["loss"], line["validation_loss"]) == pytest.approx(
            (past["loss"], past["validation_loss"]), abs=1e-6
        )
        assert line["seconds"] > 0
        assert line["images_per_second"] == pytest.approx(12 * 32 / line["seconds"], rel=0.01)
    rates = [line["learning_rate"] for line in lines[1:4]]
    assert rates == sorted(rates, reverse=True)
    description = described(tmp_path / "assets")
    assert (lines[-1]["metrics"], lines[-1]["temperature"]) == (description.metrics, description.temperature)


def test_an_interrupted_run_goes_on_in_the_same_file_and_curves(
    train: Train,
    tmp_path: Path,
    status: Lines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        interrupt_checkpoint(patched, epoch=2)
        assert train("assets") == INTERRUPTED
    assert [(line["state"], line["epoch"]) for line in status()][-2:] == [("running", 2), ("interrupted", 2)]
    assert train("assets") == 0
    lines = status()
    assert [line["epoch"] for line in lines if line["state"] == "running"] == [1, 2, 3]
    assert [line["epoch"] for line in lines if line["state"] == "started"] == [0, 1]
    assert lines[-1]["state"] == "finished"
    folder = tmp_path / "work" / NAME
    told = {line["epoch"]: line["validation_loss"] for line in lines if line["state"] == "running"}
    assert curve(folder, "loss/validation") == pytest.approx(told, rel=1e-3)
    for name in ("loss/training", "errors/validation", "learning_rate", "images_per_second"):
        assert list(curve(folder, name)) == [1, 2, 3]
    description = described(tmp_path / "assets")
    assert curve(folder, "final/temperature") == pytest.approx({3: description.temperature})
    assert curve(folder, "final/test_error_percent") == pytest.approx({3: description.metrics["test_error_percent"]})


def test_another_run_starts_file_and_curves_anew(train: Train, tmp_path: Path, status: Lines) -> None:
    assert train("assets") == 0
    first = status()[0]["run"]
    assert train("assets", "--seed", "2", "--epochs", "2") == 0
    assert {line["run"] for line in status()}.isdisjoint({first})
    assert list(curve(tmp_path / "work" / NAME, "loss/training")) == [1, 2]


def test_sigterm_is_taken_like_ctrl_c(
    train: Train, status: Lines, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Learner, "train_epoch", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert train("assets") == TERMINATED == 128 + signal.SIGTERM
    assert capsys.readouterr().err.endswith("interrupted: the same command goes on after the last finished epoch\n")
    assert status()[-1]["state"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is handler


def test_what_stopped_a_run_is_told(train: Train, status: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        interrupt_after(patched, epochs=1)
        assert train("assets") == INTERRUPTED
    assert status()[-1]["reason"] == "the same command goes on after the last finished epoch"
    assert train("assets", "--epochs", "1", limit=0) == 1
    assert status()[-1]["state"] == "failed"
    assert "is above --max-test-error 0 %" in status()[-1]["reason"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]\n3\n", b"\xff\xfe", b'{"run": "mine", "epoch": 1}\n'])
def test_what_is_in_the_way_does_not_stop_a_run(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATUS_NAME).write_bytes(content)
    status = StatusFile(open_folder(tmp_path), "ours")
    status.begin(2)
    (line,) = (tmp_path / STATUS_NAME).read_text().splitlines()
    assert json.loads(line)["state"] == "started"


def test_a_loss_that_is_no_number_is_still_json(tmp_path: Path) -> None:
    status = StatusFile(open_folder(tmp_path), "ours")
    status.begin(0)
    status.note(Epoch(1, 3, math.nan, math.inf, 60, 0.1, 2.0, 200.0))
    last = json.loads((tmp_path / STATUS_NAME).read_text().splitlines()[-1], parse_constant=pytest.fail)
    assert (last["loss"], last["validation_loss"], last["seconds"]) == (None, None, 2.0)


def test_a_dry_run_tells_nobody(train: Train, tmp_path: Path) -> None:
    assert train("assets", "--dry-run") == 0
    assert not (tmp_path / "work").exists()
