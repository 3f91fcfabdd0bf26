"""`training.ancestors`: the networks that ours descends from, trained once for comparison."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.integrity import read_verified
from training import __main__ as command
from training import ancestors
from training.loop import Learner
from training.recipe import RECIPES

Run = Callable[..., int]


@pytest.fixture
def run(mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `train --ancestors` with one small ancestor that may misread everything."""
    monkeypatch.setattr(ancestors, "ANCESTORS", ("MyConvNet",))
    small = replace(RECIPES["MyConvNet"], epochs=2, batch_size=32, max_test_error_percent=100)
    monkeypatch.setitem(RECIPES, "MyConvNet", small)
    folders = ["--data", str(mnist), "--output", str(tmp_path / "assets"), "--work", str(tmp_path / "work")]
    machine = ["--device", "cpu", "--threads", "1", "--precision", "float32", "--validation-images", "60"]
    ours = [
        "--architecture",
        "MyConvNet",
        "--epochs",
        "1",
        "--batch-size",
        "50",
        "--max-test-error",
        "100",
        "--no-export",
    ]
    return lambda *options: command.main(["train", "--ancestors", *folders, *machine, *ours, *options])


def count_epochs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    epochs: list[str] = []
    train_epoch = Learner.train_epoch

    def counted(learner: Learner, title: str) -> float:
        epochs.append(title)
        return train_epoch(learner, title)

    monkeypatch.setattr(Learner, "train_epoch", counted)
    return epochs


def test_record_carries_their_figures(run: Run, tmp_path: Path) -> None:
    assert run() == 0
    files = read_verified(tmp_path / "assets")
    (ancestor,) = json.loads(files["my-conv-net.training.json"])["ancestors"]
    assert (ancestor["architecture"], ancestor["metrics"]["epochs"]) == ("MyConvNet", 2)
    kept = tmp_path / "work" / ancestors.FOLDER / "my-conv-net.pt"
    assert ancestor["bytes"] == kept.stat().st_size > 4 * 3792


def test_they_are_trained_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run() == 0
    epochs = count_epochs(monkeypatch)
    assert run() == 0
    assert epochs == ["epoch 1/1"]
    assert run("--no-resume") == 0
    assert epochs[1:] == ["epoch 1/2", "epoch 2/2", "epoch 1/1"]


def test_dry_run_keeps_none(run: Run, tmp_path: Path) -> None:
    assert run("--dry-run") == 0
    assert not (tmp_path / "work").exists()
