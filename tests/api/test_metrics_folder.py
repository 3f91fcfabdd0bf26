"""Metrics of several processes in one folder, with real processes."""

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

from api.journal import Entry
from api.metrics import Metrics
from api.metrics_folder import FILE_BYTES, SETTLED_S, SharedMetrics
from core.stopwatch import Stopwatch

ENGINE = SimpleNamespace(name="onnx", device="cpu")
SERVICE: Any = SimpleNamespace(
    checkpoint=SimpleNamespace(name="bands", version="v" * 12), wrapper=SimpleNamespace(engine=ENGINE)
)


@pytest.fixture
def shared(tmp_path: Path) -> SharedMetrics:
    shared = SharedMetrics()
    shared.open(str(tmp_path))
    return shared


def answer(metrics: Metrics, count: int, route: str = "/model/predict", status: int = 200) -> None:
    for _ in range(count):
        entry = Entry({"REQUEST_METHOD": "POST"}, "id", Stopwatch(), route=route, status=status, images=1)
        entry.predictions = [(7, 0.5)]
        for phase in ("queue", "decode", "infer", "respond"):
            entry.watch.lap(phase)
        metrics.begin(entry)
        metrics.end(entry)


def work(shared: SharedMetrics, worker: int, job: Callable[[Metrics], None]) -> None:
    """Have a child do a job as that worker, and die without a chance to tidy up."""
    child = os.fork()
    if child == 0:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared.join(worker) or ""
        job(Metrics(SERVICE, "0", shared.path))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def value(shared: SharedMetrics, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=shared.path)
    return registry.get_sample_value(name, labels)


def files(shared: SharedMetrics) -> list[str]:
    return sorted(path.name for path in Path(shared.path or "").iterdir())


OK = {"route": "/model/predict", "method": "POST", "status": "200"}


def test_processes_are_summed_and_nothing_is_lost_with_one(shared: SharedMetrics) -> None:
    for worker in (1, 2):
        shared.assign(worker, [1])
        work(shared, worker, lambda metrics: answer(metrics, 3))
    assert value(shared, "digits_requests_total", **OK) == 6
    assert value(shared, "digits_workers") == 2
    shared.release(1)
    assert value(shared, "digits_requests_total", **OK) == 6
    assert value(shared, "digits_phase_seconds_count", phase="infer") == 6
    assert value(shared, "digits_prediction_probability_bucket", label="7", le="0.5") == 6
    assert value(shared, "digits_workers") == 1
    shared.release(2)
    assert value(shared, "digits_workers") is None
    assert value(shared, "digits_images_total") == 6


def test_what_a_dead_worker_had_in_hand_is_forgotten(shared: SharedMetrics) -> None:
    shared.assign(1, [])
    work(shared, 1, lambda metrics: metrics.begin(Entry({}, "id", Stopwatch())))
    assert value(shared, "digits_in_flight_requests") == 1
    shared.release(1)
    assert value(shared, "digits_in_flight_requests") is None


def test_files_stay_as_few_as_workers_live_at_once(shared: SharedMetrics) -> None:
    for worker in range(1, 21):
        shared.assign(worker, [worker - 1])
        work(shared, worker, lambda metrics: answer(metrics, 1))
        shared.release(worker - 1)
    assert value(shared, "digits_requests_total", **OK) == 20
    assert len(files(shared)) <= 2 * len(FILE_BYTES)


def test_a_slot_of_a_worker_that_never_started_is_free_again(shared: SharedMetrics) -> None:
    shared.assign(1, [])
    shared.assign(2, [])  # the fork of the first failed
    work(shared, 2, lambda metrics: answer(metrics, 1))
    assert files(shared) == sorted(f"{name}_0.db" for name in FILE_BYTES)


def test_files_have_their_full_size_and_more_than_they_need(shared: SharedMetrics) -> None:
    """Growing a mapped file on a full disk would kill the process."""

    def everything(metrics: Metrics) -> None:
        for route in range(40):
            for status in range(200, 210):
                answer(metrics, 1, f"/a/route/of/some/length/{route}", status)
        for code in range(60):
            metrics.refuse(500, f"a_code_of_some_length_{code}")

    shared.assign(1, [])
    work(shared, 1, everything)
    sizes = {path.name.removesuffix("_0.db"): path.stat() for path in Path(shared.path or "").iterdir()}
    assert {name: found.st_size for name, found in sizes.items()} == FILE_BYTES
    assert all(found.st_blocks * 512 >= found.st_size for found in sizes.values())


def test_the_folder_is_private_and_removed(shared: SharedMetrics) -> None:
    folder = Path(shared.path or "")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    shared.remove()
    assert not folder.exists()


def test_folders_of_servers_that_were_killed_are_removed(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        SharedMetrics().open(str(tmp_path))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    other, third = SharedMetrics(), SharedMetrics()
    other.open(str(tmp_path))
    assert left.exists()  # it may have been made just now
    for folder in tmp_path.iterdir():
        old = folder.stat().st_mtime - 2 * SETTLED_S
        os.utime(folder, (old, old))
    third.open(str(tmp_path))
    assert {str(folder) for folder in tmp_path.iterdir()} == {other.path, third.path}


def test_another_place_is_taken_where_the_first_is_not_writable(tmp_path: Path) -> None:
    shared = SharedMetrics()
    shared.open("/proc", str(tmp_path))
    assert Path(shared.path or "").parent == tmp_path
    with pytest.raises(OSError, match="/proc"):
        SharedMetrics().open("/proc")


def test_without_a_folder_each_process_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "ValueClass", None)
    shared = SharedMetrics()
    shared.assign(1, [])
    assert shared.join(1) is None
    metrics = Metrics(SERVICE, "0")
    answer(metrics, 2)
    assert b"digits_images_total 2.0" in metrics.exposition()
    shared.release(1)
    shared.remove()


def test_no_room_for_the_files(shared: SharedMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _offset: int, _size: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    shared.assign(1, [])
    with pytest.raises(OSError, match="No space"):
        shared.join(1)
    assert values.ValueClass is values.MutexValue
