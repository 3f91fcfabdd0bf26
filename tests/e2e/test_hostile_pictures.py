"""Pictures made to break the service, sent to a live server: it answers, stays small, and reads the next one."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
import requests

from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, Server, serving
from tests.fuzz.bombs import BOMBS, blank, save
from tests.fuzz.run import BROKEN

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.alone]

MOST_BYTES = 64 * 2**20
MOST_S = 2.0
MOST_KEPT_BYTES = 24 * 2**20
"""Of memory that the worker may keep of all these requests: heaps and libraries of eight threads, once each."""

SEVEN = (ROOT / "samples" / "7.png").read_bytes()
PHOTO = (ROOT / "samples" / "9-photo-squared.jpg").read_bytes()

LARGE = (
    "png rgba",
    "png palette",
    "png of 12000 columns",
    "png interlaced",
    "jpeg",
    "jpeg progressive",
    "jpeg of 32 scans",
    "webp lossless",
    "gif",
    "bmp run-length 4",
    "tiff jpeg",
    "tiff fax",
    "dots in colour",
    "rings in colour",
    "dots in shadow in colour",
)
CRAFTED = [name for name in BOMBS if name.endswith(("bomb", "bombs", "frames", "junk", "fill", "header", "comments"))]
CRAFTED += [name for name in BOMBS if name.startswith(("million", "tiff of t", "tiff of s", "tiff in", "exif"))]


class Worker:
    """The one process of a server that reads pictures."""

    def __init__(self, server: Server) -> None:
        self.url = f"{server.url}/model/predict"
        (self._process,) = psutil.Process(server.process.pid).children()
        self._proc = Path("/proc") / str(self._process.pid)
        for picture in (PHOTO, SEVEN, PHOTO):
            assert_predictions(self.send(picture), 1)
        self.idle_bytes = self.memory("VmRSS")

    @property
    def is_alive(self) -> bool:
        return bool(self._process.is_running())

    @property
    def cpu_s(self) -> float:
        return float(sum(self._process.cpu_times()[:2]))

    def memory(self, field: str) -> int:
        line = next(line for line in (self._proc / "status").read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024

    def send(self, *pictures: bytes) -> requests.Response:
        files = [("image", (f"{place}.png", picture)) for place, picture in enumerate(pictures)]
        return requests.post(self.url, files=files, timeout=60)

    def cost(self, pictures: Sequence[bytes]) -> tuple[requests.Response, float, int]:
        """The answer to some pictures, the computing time it took, and the peak of memory over what it was before."""
        (self._proc / "clear_refs").write_text("5")
        idle_bytes, before_s = self.memory("VmRSS"), self.cpu_s
        answer = self.send(*pictures)
        return answer, self.cpu_s - before_s, self.memory("VmHWM") - idle_bytes


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("NOT RUN: this system does not tell the peak of a process's memory (/proc/PID/clear_refs)")
    with serving(workers=1) as server:
        yield Worker(server)


def assert_cheap(worker: Worker, pictures: Sequence[bytes]) -> requests.Response:
    answer, cpu_s, memory_bytes = worker.cost(pictures)
    assert answer.status_code in (200, 400, 413, 422), answer.text
    assert cpu_s <= MOST_S
    assert memory_bytes <= MOST_BYTES, f"{memory_bytes / 2**20:.1f} MiB"
    assert_predictions(worker.send(SEVEN), 1)
    assert worker.is_alive
    return answer


@pytest.mark.parametrize("name", [*LARGE, *CRAFTED])
def test_a_bomb_costs_little(worker: Worker, name: str) -> None:
    assert_cheap(worker, [BOMBS[name]()])


def test_what_once_broke_something_costs_little(worker: Worker) -> None:
    for path in sorted(BROKEN.glob("*[!d]")):
        assert_cheap(worker, [path.read_bytes()])


@pytest.mark.parametrize("name", ["png grey", "dots in colour", "jpeg"])
def test_many_bombs_in_one_request_are_too_many(worker: Worker, name: str) -> None:
    bomb = BOMBS[name]()
    answer = assert_cheap(worker, [bomb] * min(256, 10_000_000 // len(bomb)))
    assert_error(answer, 413, "too_many_images")
    assert "send fewer" in answer.json()["message"]


def test_a_full_request_of_small_pictures_is_read(worker: Worker) -> None:
    assert_predictions(assert_cheap(worker, [SEVEN] * 256), 256)


def test_a_large_picture_among_many_bytes_costs_little(worker: Worker) -> None:
    assert_cheap(worker, [save(blank("RGB"), "JPEG"), *[os.urandom(450_000)] * 20])


def test_hardly_any_memory_is_kept_of_all_these(worker: Worker) -> None:
    assert_predictions(worker.send(PHOTO), 1)
    kept_bytes = worker.memory("VmRSS") - worker.idle_bytes
    assert kept_bytes <= MOST_KEPT_BYTES, f"{kept_bytes / 2**20:.1f} MiB"
