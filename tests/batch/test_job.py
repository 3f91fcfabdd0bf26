"""Whole jobs: the command in a process of its own, as its user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow.dataset as ds
import pytest
from PIL import Image

from batch.names import SHARD
from core.storage import Folder, open_folder
from tests.batch.pictures import BLANK, digit, write_digits
from tests.conftest import ROOT

LIMIT_S = 120
SECOND_RUN = "were there already"
READ_ALIKE = 1e-4

Command = Callable[..., subprocess.CompletedProcess[str]]


LIMITS = {"MAX_UPLOAD_BYTES": "20000"}


def run(*arguments: str, module: str = "batch") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | LIMITS, capture_output=True, text=True, timeout=LIMIT_S)


def score(source: object, target: object, *options: str) -> subprocess.CompletedProcess[str]:
    return run("score", str(source), str(target), "--workers", "2", *options)


def summary(target: Path | Folder) -> dict[str, object]:
    folder = open_folder(target) if isinstance(target, Path) else target
    found: dict[str, object] = json.loads(folder.read("_summary.json"))
    return found


def keys(target: Path) -> list[str]:
    return sorted(ds.dataset(target).to_table()["key"].to_pylist())


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Forty digits, and pictures that are none."""
    folder = tmp_path / "scans"
    write_digits(folder, 40)
    (folder / "broken.png").write_bytes(digit(1)[:90])
    (folder / "blank.png").write_bytes(BLANK)
    (folder / "large.png").write_bytes(digit(1) + bytes(20_000))
    (folder / "text.png").write_text("no picture")
    return folder


BAD = {"broken.png": "invalid_image", "blank.png": "no_ink", "large.png": "body_too_large", "text.png": "invalid_image"}


def test_a_folder_becomes_rows_and_a_second_run_does_what_is_missing(scans: Path, tmp_path: Path) -> None:
    target = tmp_path / "scores"
    first = score(scans, target, "--batch-size", "8")
    assert first.returncode == 0, first.stderr
    assert "listed 44 = scored 40 + rejected 4" in first.stdout
    assert "44/44" in first.stderr
    assert "images/s" in first.stderr
    rows = {row["key"]: row for row in ds.dataset(target).to_table().to_pylist()}
    assert {key: row["error_code"] for key, row in rows.items() if row["error_code"]} == BAD
    for number in range(40):
        row = rows[f"{number:04}.png"]
        assert row["label"] == number % 10
        assert row["probability"] == max(row["probabilities"]) == row["probabilities"][row["label"]]
    about = summary(target)
    assert (about["listed"], about["scored"], about["complete"]) == (44, 40, True)
    assert about["labels"] == {str(label): 4 for label in range(10)}
    assert about["rejected"] == {"body_too_large": 1, "invalid_image": 2, "no_ink": 1}
    with Image.open(target / "_least_sure.png") as sheet:
        assert sheet.size == (6 * 128, 6 * 162)

    shards = {path: path.stat().st_mtime_ns for path in target.glob("part-*")}
    (scans / "0039.png").unlink()
    (scans / "0041.png").write_bytes(digit(3))
    second = score(scans, target)
    assert second.returncode == 0, second.stderr
    assert SECOND_RUN in second.stdout
    assert "no more were removed" in second.stdout
    now = {path: path.stat().st_mtime_ns for path in target.glob("part-*")}
    assert len(now.items() - shards.items()) <= 2
    assert keys(target) == sorted(path.name for path in scans.iterdir())
    assert not [
        path.name for path in target.iterdir() if not SHARD.fullmatch(path.name) and not path.name.startswith("_")
    ]


def test_formats_say_the_same(scans: Path, tmp_path: Path) -> None:
    for kind in ("csv", "jsonl"):
        assert score(f"{scans}/00[01]*.png", tmp_path / kind, "--format", kind).returncode == 0
    [csv] = (tmp_path / "csv").glob("part-*.csv")
    [jsonl] = (tmp_path / "jsonl").glob("part-*.jsonl")
    lines = csv.read_text().splitlines()
    rows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert len(rows) == len(lines) - 1 == 20
    for row, line in zip(rows, lines[1:], strict=True):
        key, label, probability, *probabilities = line.split(",")
        assert (json.loads(key), int(label)) == (row["key"], row["label"])
        assert float(probability) == pytest.approx(row["probability"], abs=READ_ALIKE)
        assert [float(cell) for cell in probabilities[:10]] == pytest.approx(row["probabilities"], abs=READ_ALIKE)
    other = score(scans, tmp_path / "csv", "--format", "csv")
    assert other.returncode == 1
    assert "take another folder" in other.stderr


def test_a_job_that_was_killed_goes_on(tmp_path: Path) -> None:
    scans, target = tmp_path / "scans", tmp_path / "scores"
    write_digits(scans, 240)
    (scans / "0100.png").write_bytes(b"corrupt")
    killed = start(scans, target)
    until(lambda: len(list(target.glob("part-*"))) >= 3)
    workers = psutil.Process(killed.pid).children(recursive=True)
    killed.send_signal(signal.SIGKILL)
    killed.wait(LIMIT_S)
    until(lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers))
    done = len(list(target.glob("part-*")))
    assert 3 <= done < 30
    again = score(scans, target)
    assert again.returncode == 0, again.stderr
    assert f"{done} of 3" in again.stdout
    assert "listed 240 = scored 239 + rejected 1" in again.stdout
    assert keys(target) == [f"{number:04}.png" for number in range(240)]
    assert not list(target.glob(".*"))


def test_a_fork_server_that_dies_is_started_again(tmp_path: Path) -> None:
    scans, target = tmp_path / "scans", tmp_path / "scores"
    write_digits(scans, 240)
    job = start(scans, target)
    until(lambda: len(list(target.glob("part-*"))) >= 3)
    [server] = [child for child in psutil.Process(job.pid).children() if "forkserver" in " ".join(child.cmdline())]
    server.kill()
    assert job.wait(LIMIT_S) == 0
    assert keys(target) == [f"{number:04}.png" for number in range(240)]


def start(source: Path, target: Path) -> subprocess.Popen[bytes]:
    """A job of 30 small batches, under way."""
    command = [sys.executable, "-m", "batch", "score", str(source), str(target), "--workers", "2", "--batch-size", "8"]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | LIMITS, stdout=nowhere, stderr=nowhere)


def until(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_workers_that_die_or_fail(tmp_path: Path) -> None:
    scans, target = tmp_path / "scans", tmp_path / "scores"
    write_digits(scans, 12)
    for name in ("deadly", "once", "twice"):
        (scans / f"{name}.png").write_bytes(digit(1))
    ended = run(str(scans), str(target), str(tmp_path), module="tests.batch.fragile")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "failed").exists()
    assert summary(target)["rejected"] == {"worker_died": 2}
    assert keys(target) == sorted(path.name for path in scans.iterdir())


def test_what_cannot_be_read_stays_open(tmp_path: Path) -> None:
    scans, target = tmp_path / "scans", tmp_path / "scores"
    write_digits(scans, 5)
    (scans / "link.png").symlink_to("/proc/self/mem")  # there, but reading it fails, for root too
    ended = score(scans, target)
    assert ended.returncode == 1
    assert "listed 6 = scored 5 + rejected 0 + open 1" in ended.stdout
    assert "link.png" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("nothing-there", "scores", "nothing-there: is not there"),
        ("scans", "scans/scores", "take another folder"),
        ("empty", "scores", "holds no pictures"),
        ("http://host/scans", "scores", "no place for files"),
    ],
)
def test_mistakes_are_told_in_one_line(source: str, target: str, message: str, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    where = source if "://" in source else str(tmp_path / source)
    ended = score(where, tmp_path / target)
    assert ended.returncode == 1
    lines = [line for line in ended.stderr.splitlines() if line and "images/s" not in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert len(list(scans.iterdir())) == 44


def test_another_backend_by_the_configuration_of_lithops(tmp_path: Path) -> None:
    """Lithops' own runner, which knows nothing of us but what it is sent: our packages, the weights, a batch."""
    scans, config = tmp_path / "scans", tmp_path / "lithops.yaml"
    write_digits(scans, 3)
    lithops = {"backend": "localhost", "storage": "localhost", "monitoring_interval": 0.1}
    config.write_text(json.dumps({"lithops": lithops, "localhost": {"runtime": sys.executable}}))  # JSON is YAML
    ended = score(scans, tmp_path / "scores", "--config", str(config))
    assert ended.returncode == 0, ended.stderr
    assert "listed 3 = scored 3 + rejected 0" in ended.stdout
    config.write_text("lithops: {backend: nowhere}")
    bad = score(scans, tmp_path / "scores", "--config", str(config))
    assert bad.returncode == 1
    assert "configuration cannot be used" in bad.stderr
    assert "Traceback" not in bad.stderr
