"""`python -m training`, from its options to the files it leaves, on a small data set drawn by the tests."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from core.command_line import INTERRUPTED
from core.integrity import read_verified, write_checksums
from model.description import MNIST_MEAN, Description
from model.networks import NETWORKS
from tests.training.conftest import TEST_IMAGES, Train
from training import __main__ as command
from training import run
from training.data import Digits, load_test
from training.files import SHA256
from training.loop import Learner
from training.recipe import RECIPES, checkpoint_name
from training.report import ReportJob

ROOT = Path(__file__).parents[2]


def interrupt_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Have Ctrl-C pressed in the epoch after so many."""
    train_epoch, done = Learner.train_epoch, 0

    def interrupted(learner: Learner, title: str) -> float:
        nonlocal done
        done += 1
        if done > epochs:
            raise KeyboardInterrupt
        return train_epoch(learner, title)

    monkeypatch.setattr(Learner, "train_epoch", interrupted)


def test_learns_writes_and_describes(train: Train, tmp_path: Path) -> None:
    assert train("assets", "--seed", "7", "--epochs", "12", "--name", "bars", limit=20) == 0
    files = read_verified(tmp_path / "assets")
    description = Description.model_validate_json(files["bars.json"])
    assert (description.architecture, description.mean, description.std) == ("MyConvNet", 0.5, 0.5)
    metrics = description.metrics
    assert metrics["test_images"] == TEST_IMAGES
    assert float(metrics["test_error_percent"]) <= 20
    assert (metrics["seed"], metrics["epochs"], metrics["parameters"]) == (7, 12, 3792)
    assert (metrics["training_images"], metrics["validation_images"]) == (400, 60)
    assert not list((tmp_path / "work").glob("*.ckpt"))
    record = json.loads(files["bars.training.json"])
    assert [sorted(epoch) for epoch in record["history"]] == [["loss", "validation_errors", "validation_loss"]] * 12
    assert record["history"][-1]["validation_errors"] == metrics["validation_errors"]
    assert (record["recipe"]["seed"], record["data"]) == (7, SHA256)
    assert (record["metrics"], record["ancestors"]) == (metrics, [])
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", record["commit"])


@pytest.mark.parametrize("architecture", ["MyConvNet", "DigitNet"])
def test_two_runs_give_the_same_bytes(train: Train, tmp_path: Path, architecture: str) -> None:
    """Of the network with the simplest recipe, and of the one whose recipe takes part in everything."""
    run_it = partial(train, *("assets", "--architecture", architecture, "--name", "same"))
    assert run_it(work="work1") == 0
    first = read_verified(tmp_path / "assets")
    torch.rand(100)
    assert run_it(work="work2") == 0
    assert read_verified(tmp_path / "assets") == first
    assert run_it("--seed", "2", work="work3") == 0
    assert read_verified(tmp_path / "assets")["same.pt"] != first["same.pt"]


@pytest.mark.parametrize("architecture", ["MyConvNet", "DigitNet"])
def test_resumed_run_gives_the_bytes_of_an_uninterrupted_one(
    train: Train,
    tmp_path: Path,
    architecture: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    kind = ("--architecture", architecture)
    assert train("whole", *kind, work="other") == 0
    with monkeypatch.context() as patched:
        interrupt_after(patched, epochs=2)
        assert train("resumed", *kind) == INTERRUPTED
    assert not (tmp_path / "resumed").exists()
    assert "going on" not in caplog.text
    assert train("resumed", *kind) == 0
    assert "going on after epoch 2" in caplog.text
    assert read_verified(tmp_path / "resumed") == read_verified(tmp_path / "whole")


def test_no_resume_starts_anew(train: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with monkeypatch.context() as patched:
        interrupt_after(patched, epochs=2)
        train("assets")
    assert train("assets", "--no-resume") == 0
    assert "going on" not in caplog.text


def test_missed_target_fails_and_leaves_nothing(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("assets", "--epochs", "1", limit=0) == 1
    assert "% is above --max-test-error 0 %: nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "assets").exists()
    assert not list((tmp_path / "work").glob("*.ckpt"))


def test_test_set_is_opened_once_and_last(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    train_epoch = Learner.train_epoch

    def opened(root: Path) -> Digits:
        events.append("test")
        return load_test(root)

    def trained(learner: Learner, title: str) -> float:
        events.append("epoch")
        return train_epoch(learner, title)

    monkeypatch.setattr(run, "load_test", opened)
    monkeypatch.setattr(Learner, "train_epoch", trained)
    train("assets")
    assert events == ["epoch", "epoch", "epoch", "test"]


@pytest.mark.parametrize("architecture", sorted(RECIPES))
def test_dry_run_of_every_network_keeps_nothing(
    train: Train, tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "load_test", lambda _root: pytest.fail("a dry run opened the test set"))
    assert train("assets", "--architecture", architecture, "--dry-run", limit=0) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"mnist"}


def test_every_network_that_is_trained_has_a_recipe_and_a_limit() -> None:
    assert set(RECIPES) == set(NETWORKS) - {"QuantisedDigitNet"}
    limits = {name: recipe.max_test_error_percent for name, recipe in RECIPES.items()}
    assert limits["DigitNet"] <= 0.35
    assert (limits["KerasSimpleNet"], limits["KerasDeepNet"]) == (1.19, 0.74)
    assert (RECIPES["MyConvNet"].mean, RECIPES["KerasDeepNet"].mean) == (0.5, MNIST_MEAN)
    assert checkpoint_name("KerasSimpleNet") == "keras-simple-net"


def test_too_large_a_batch_is_one_clear_line(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("assets", "--batch-size", "401") == 1
    assert capsys.readouterr().err == "error: --batch-size 401 is more than the 400 training images\n"


def test_cuda_without_a_gpu_is_one_clear_line(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train("assets", "--device", "cuda") == 1
    assert capsys.readouterr().err.startswith("error: --device cuda: ")


@pytest.mark.parametrize(
    "options",
    [
        ["--epochs", "0"],
        ["--lr", "-1"],
        ["--lr", "nan"],
        ["--max-test-error", "101"],
        ["--name", "../weights"],
        ["--name", ".hidden"],
        ["--architecture", "ResNet"],
        ["--device", "tpu"],
    ],
)
def test_wrong_options_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(["train", *options])
    assert caught.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_data_command_takes_the_folder_from_the_environment(
    mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MNIST_DIR", str(mnist))
    assert command.main(["data"]) == 0
    assert capsys.readouterr().out == f"MNIST is complete in {mnist}\n"
    assert command.main(["data", "--data", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_report_command_hands_its_options_on(mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ReportJob] = []
    monkeypatch.setattr(command, "make_report", asked.append)
    monkeypatch.chdir(tmp_path)
    options = ["--data", str(mnist), "--assets", "mine", "--name", "bars", "--workers", "3", "--limit", "40"]
    assert command.main(["report", *options]) == 0
    assert asked == [ReportJob(Path("mine"), "bars", mnist, tmp_path, workers=3, limit=40)]


def test_report_of_what_is_not_there_is_one_clear_line(
    mnist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["report", "--data", str(mnist), "--assets", str(tmp_path / "none")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_checksums_command_mends_the_list(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "assets", tmp_path / "assets")
    shutil.copy(ROOT / "sha512sums.txt", tmp_path)
    (tmp_path / "assets" / "new.pt").write_bytes(b"new")
    assert command.main(["checksums", "--assets", str(tmp_path / "assets")]) == 0
    assert read_verified(tmp_path / "assets")["new.pt"] == b"new"


def test_committed_list_is_what_the_command_writes(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "assets", tmp_path / "assets")
    assert write_checksums(tmp_path / "assets").read_bytes() == (ROOT / "sha512sums.txt").read_bytes()


def test_help_explains_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(["train", "--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    for option in ("--epochs", "--batch-size", "--lr", "--seed", "--threads", "--device", "--dry-run", "--resume"):
        assert option in text
    assert "None" not in text


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="NOT RUN: needs a CUDA device")
def test_two_runs_on_the_gpu_give_the_same_bytes(train: Train, tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert train(name, "--device", "cuda", "--precision", "auto", work=name + "-work") == 0
    assert read_verified(tmp_path / "first") == read_verified(tmp_path / "second")
