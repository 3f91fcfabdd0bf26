"""`python -m training train --output s3://...`: weights in object storage, whole or not at all, through kills."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.command_line import INTERRUPTED
from core.errors import ObjectMissing
from core.integrity import CHECKSUMS_NAME, read_verified
from core.storage import Folder, open_folder
from model.description import Description
from tests.object_store import Door
from tests.training.conftest import MACHINE, SMALL_RUN
from tests.training.test_main import ROOT, interrupt_after
from training import __main__ as command
from training.output import WORK_NAME
from training.recipe import RECIPES
from training.status import STATUS_NAME

NAME = "my-conv-net"
STATUS = f"{WORK_NAME}/{NAME}/{STATUS_NAME}"
EPOCHS = 12
WAIT_S = 90

TrainTo = Callable[..., int]


@pytest.fixture
def train_to(prepared: Path) -> TrainTo:
    """Runs `train` on the small data set into a place."""
    return lambda place, *options: command.main(["train", *words(prepared, place), *options])


def words(data: Path, place: str) -> list[str]:
    return ["--data", str(data), "--output", place, *MACHINE, *SMALL_RUN, "--max-test-error", "100"]


def lines(output: Folder) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in output.read(STATUS).splitlines()]
    except ObjectMissing:
        return []


def served(output: Folder, folder: Path) -> dict[str, bytes]:
    """What a service that fetches the folder finds in it, each file as it is listed."""
    for entry in output.entries():
        folder.mkdir(exist_ok=True)
        (folder / entry.name).write_bytes(output.read(entry.name))
    return read_verified(folder)


def test_a_container_that_is_killed_goes_on_in_another(bucket: str, prepared: Path, tmp_path: Path) -> None:
    """All that the first one had on its machine is lost; the weights are those of an undisturbed run."""
    place, output = f"{bucket}/killed", open_folder(f"{bucket}/killed")
    arguments = [*words(prepared, place), "--epochs", str(EPOCHS)]
    killed = start(arguments, tmp_path / "first")
    kill(killed, output, after=2)
    assert (lines(output)[-1]["state"], list(output.entries())) == ("running", [])
    last = start(arguments, tmp_path / "second")
    assert last.wait(WAIT_S) == 0
    assert "going on after epoch" in error_of(last)
    told = lines(output)
    assert [line["epoch"] for line in told if line["state"] == "running"] == list(range(1, EPOCHS + 1))
    first, second = (line["epoch"] for line in told if line["state"] == "started")
    assert first == 0 < second < EPOCHS
    whole = tmp_path / "whole"
    undisturbed = [*words(prepared, str(whole)), "--work", str(tmp_path / "work"), "--epochs", str(EPOCHS)]
    assert command.main(["train", *undisturbed]) == 0
    assert served(output, tmp_path / "served") == read_verified(whole)
    assert not [entry for entry in open_folder(f"{place}/{WORK_NAME}").entries() if entry.name.endswith(".ckpt")]


def start(arguments: list[str], machine: Path) -> subprocess.Popen[str]:
    """Start `train` on what has the home and temporary folder of a new machine."""
    machine.mkdir()
    environment = os.environ | {"HOME": str(machine), "TMPDIR": str(machine), "XDG_CACHE_HOME": str(machine / "cache")}
    command_line = [sys.executable, "-m", "training", "train", *arguments]
    return subprocess.Popen(command_line, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str], output: Folder, after: int) -> None:
    """Kill a process after so many epochs."""
    deadline = time.monotonic() + WAIT_S
    while not any(line["state"] == "running" and line["epoch"] >= after for line in lines(output)):
        assert process.poll() is None, error_of(process)
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    assert process.wait(WAIT_S) == -signal.SIGKILL
    error_of(process)


def error_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    with process.stderr:
        return process.stderr.read()


def test_the_list_is_written_last(train_to: TrainTo, bucket: str, door: Door) -> None:
    assert train_to(f"{bucket}/some/where") == 0
    written = [
        path.rpartition("/")[2] for method, path in door.asked if method == "PUT" and f"/{WORK_NAME}/" not in path
    ]
    assert sorted(written[:-1]) == [f"{NAME}{suffix}" for suffix in (".json", ".pt", ".training.json")]
    assert written[-1] == CHECKSUMS_NAME


def test_a_second_network_is_listed_beside_the_first(train_to: TrainTo, folder: Folder, tmp_path: Path) -> None:
    assert train_to(folder.place()) == 0
    first = served(folder, tmp_path / "first")
    assert train_to(folder.place(), "--name", "other", "--seed", "2") == 0
    both = served(folder, tmp_path / "both")
    assert sorted(both) == [f"{name}{end}" for name in (NAME, "other") for end in (".json", ".pt", ".training.json")]
    assert first.items() <= both.items()
    assert train_to(folder.place(), "--seed", "3") == 0
    assert served(folder, tmp_path / "replaced")[f"{NAME}.pt"] != first[f"{NAME}.pt"]


def test_nothing_is_listed_when_a_file_does_not_arrive(
    train_to: TrainTo, bucket: str, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    door.fail = lambda method, path: "busy" if method == "PUT" and path.endswith(".pt") else None
    assert train_to(f"{bucket}/a") == 1
    assert "too busy" in last_line(capsys)
    output = open_folder(f"{bucket}/a")
    assert not output.exists(CHECKSUMS_NAME)
    assert (lines(output)[-1]["state"], lines(output)[-1]["epoch"]) == ("failed", 3)
    door.fail = lambda _method, _path: None
    assert train_to(f"{bucket}/a") == 0
    assert [line["state"] for line in lines(output)][-3:] == [
        "failed",
        "started",
        "finished",
    ]  # no epoch was done again


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    (*_, last) = capsys.readouterr().err.strip().splitlines()
    assert last.startswith("error: ")
    return last


@pytest.fixture
def no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "train_ancestors", lambda _job: pytest.fail("ancestors were trained"))
    interrupt_after(monkeypatch, epochs=0)


@pytest.mark.usefixtures("no_epoch")
@pytest.mark.parametrize("work", [[], ["--work", "work"]])
def test_what_cannot_be_written_to_is_found_before_the_first_epoch(
    train_to: TrainTo, bucket: str, tmp_path: Path, work: list[str], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert train_to("s3://no-such-bucket/a", *work) == 1
    assert "s3://no-such-bucket/a" in last_line(capsys)
    open_folder(bucket).write(f"a/{CHECKSUMS_NAME}", b"hello")
    assert train_to(f"{bucket}/a", *work) == 1
    assert f"{bucket}/a/{CHECKSUMS_NAME}: is no list of checksums" in last_line(capsys)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    assert train_to(f"{bucket}/b", *work) == 1
    assert "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in last_line(capsys)


def test_a_place_of_no_kind_is_refused(train_to: TrainTo, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_to("ftp://here/there") == 1
    assert "ftp://here/there: no place for files" in last_line(capsys)


def test_a_dry_run_writes_nothing(train_to: TrainTo, bucket: str, door: Door) -> None:
    assert train_to(f"{bucket}/a", "--dry-run") == 0
    assert not [path for method, path in door.asked if method in ("PUT", "POST", "DELETE")]


def test_ancestors_and_unfinished_runs_may_lie_in_a_bucket(
    train_to: TrainTo, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.ancestors.ANCESTORS", ("MyConvNet",))
    monkeypatch.setitem(RECIPES, "MyConvNet", replace(RECIPES["MyConvNet"], epochs=1, max_test_error_percent=100))
    local, work = tmp_path / "assets", open_folder(f"{bucket}/work")
    options = ["--ancestors", "--work", work.place()]
    with monkeypatch.context() as patched:
        interrupt_after(patched, epochs=2)
        assert train_to(str(local), *options) == INTERRUPTED
    assert [entry.name for entry in work.entries() if entry.name.endswith(".ckpt")]
    kept = work.read(f"ancestors/{NAME}.pt")
    assert train_to(str(local), *options) == 0
    (ancestor,) = json.loads(read_verified(local)[f"{NAME}.training.json"])["ancestors"]
    assert ancestor["bytes"] == len(kept)
    assert Description.model_validate_json(work.read(f"ancestors/{NAME}.json")).metrics == ancestor["metrics"]
    assert not [entry for entry in work.entries() if entry.name.endswith(".ckpt")]
