"""What happens to honest requests when things go wrong: a live server under load, and real signals."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import torch

from core.integrity import write_checksums
from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, STOP_S, Serve, Server
from tests.e2e.load import SEVEN, asking

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.alone]

BACK_S = 3.0
"""Within which another worker takes the place of one that died."""

REPLACED_S = 15.0
"""Within which another worker takes the place of one that hangs: 10 s of silence, and the time to notice and start."""

STOPPED_S = 10.0
"""Within which the server ends."""


def workers(server: Server) -> set[int]:
    """The processes of the workers that run."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {int(pid) for pid in children.split()}


def wait_for_new_worker(server: Server, before: set[int], count: int = 1) -> float:
    """Wait until so many workers serve that did not before; returns the seconds that it took."""
    start = time.monotonic()
    serving: set[int] = set()
    while len(serving - before) < count:
        assert time.monotonic() - start < 2 * REPLACED_S, server.log
        serving = {int(pid) for pid in re.findall(r" (\d+) INFO app: serving ", server.log)}
        time.sleep(0.02)
    return time.monotonic() - start


def version(server: Server) -> str:
    answer = requests.get(f"{server.url}/model/metadata", timeout=30)
    found: str = answer.json()["version"]
    return found


@pytest.mark.parametrize(
    ("sent", "count", "within_s"),
    [(signal.SIGKILL, 1, BACK_S), (signal.SIGKILL, 2, BACK_S), (signal.SIGSTOP, 1, REPLACED_S)],
    ids=["one is killed", "all are killed", "one hangs"],
)
def test_workers_that_die_or_hang_cost_only_what_they_had_in_hand(
    serve: Serve, sent: signal.Signals, count: int, within_s: float
) -> None:
    with serve(workers=2) as server, asking(server) as load:
        before = workers(server)
        for pid in sorted(before)[:count]:
            os.kill(pid, sent)
        assert wait_for_new_worker(server, before, count) < within_s
        load.wait_for(100)
        assert len(workers(server)) == 2
    assert sum(load.failures.values()) <= 8, load.failures  # one a client at most, and only of those with that worker
    assert "ReadTimeout" not in load.outcomes
    assert load.outcomes[-50:] == ["200"] * 50


def test_a_server_that_stops_answers_all_that_it_accepted(serve: Serve) -> None:
    with serve(workers=2) as server, asking(server, until_refused=True) as load:
        server.process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        ready = [requests.get(f"{server.url}/health/ready", timeout=5) for _ in range(3)]
        status = server.process.wait(STOP_S)
        assert time.monotonic() - start < STOPPED_S
    assert status == 0
    assert_error(ready[-1], 503, "not_ready", "shutting down")
    assert set(load.outcomes) == {"200"}


def test_a_large_request_is_answered_while_the_server_stops(serve: Serve) -> None:
    photo = (ROOT / "samples" / "7-photo-ruled.jpg").read_bytes()
    with serve(workers=1) as server:
        host, port = server.url.removeprefix("http://").split(":")
        head = f"POST /model/predict HTTP/1.1\r\nContent-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall(head.encode() + photo[:1000])
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(2)
            client.sendall(photo[1000:])
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert server.process.wait(STOP_S) == 0
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """A copy of the shipped assets, with checksums of its own, that a test may change."""
    folder = tmp_path / "assets"
    shutil.copytree(ROOT / "assets", folder)
    shutil.copy(ROOT / "sha512sums.txt", tmp_path)
    return folder


def replace_weights(assets: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Other weights of the same network, without a graph, and their checksums."""
    path = assets / "digit-net.pt"
    state_dict = torch.load(path, weights_only=True)
    torch.save({name: change(value) for name, value in state_dict.items()}, path)
    (assets / "digit-net.onnx").unlink(missing_ok=True)
    write_checksums(assets)


def test_new_weights_are_picked_up_without_a_failed_request(serve: Serve, assets: Path) -> None:
    with serve(workers=2, assets_dir=assets) as server:
        old = version(server)
        replace_weights(assets, lambda value: value + 1e-6 if value.is_floating_point() else value)
        before = workers(server)
        with asking(server) as load:
            server.process.send_signal(signal.SIGHUP)
            wait_for_new_worker(server, before, 2)
            while workers(server) & before:
                time.sleep(0.05)
            load.wait_for(100)
            assert version(server) != old
    assert set(load.outcomes) == {"200"}


def spoil(assets: Path) -> None:
    weights = assets / "digit-net.pt"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (spoil, "run `make checksums`"),
        (lambda assets: replace_weights(assets, torch.zeros_like), "cannot read a digit"),
    ],
    ids=["changed on the way", "reads nothing"],
)
def test_bad_new_weights_are_refused_and_the_old_ones_go_on(
    serve: Serve, assets: Path, change: Callable[[Path], None], reason: str
) -> None:
    with serve(workers=2, assets_dir=assets) as server, asking(server) as load:
        old, before = version(server), workers(server)
        change(assets)
        server.process.send_signal(signal.SIGHUP)
        (line,) = server.wait_for_line("not reloaded, the old workers go on: ", 1)
        assert reason in line
        load.wait_for(50)
        os.kill(min(before), signal.SIGKILL)  # what takes its place must not be made of what is on the disk
        wait_for_new_worker(server, set(map(int, re.findall(r" (\d+) INFO app: serving ", server.log))))
        assert {version(server) for _ in range(20)} == {old}
        assert requests.get(f"{server.url}/health/ready", timeout=30).ok
        assert "Traceback" not in server.log
    assert sum(load.failures.values()) <= 8, load.failures


def test_no_more_file_descriptors(serve: Serve) -> None:
    with serve(workers=1, open_files=64) as server, ExitStack() as stack:
        before = workers(server)
        host, port = server.url.removeprefix("http://").split(":")
        for _ in range(200):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
        for _ in range(5):
            answer = requests.post(f"{server.url}/model/predict", files={"image": SEVEN}, timeout=30)
            assert_predictions(answer, 1)
        assert workers(server) == before
        assert server.stop() == 0
        assert "Traceback" not in server.log


def test_a_server_that_starts_says_so(serve: Serve) -> None:
    with serve(None, workers=1, engine="torch") as server:  # which takes seconds to load
        server.wait_for_line("Booting worker", 1)
        answer = requests.get(f"{server.url}/health/ready", timeout=30)
        assert_error(answer, 503, "not_ready", "starting")
        assert answer.headers["Retry-After"] == "1"
        server.wait_for("ready")


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, now);
    FILE *file = id == CLOCK_REALTIME ? fopen(getenv("CLOCK_OFFSET_FILE"), "r") : NULL;
    long offset = 0;
    if (file && fscanf(file, "%ld", &offset) == 1) now->tv_sec += offset;
    if (file) fclose(file);
    return status;
}
"""
"""Moves the time of day by the seconds in a file, for a process that it is loaded into."""

DAY_S = 86_400


@pytest.mark.skipif(shutil.which("cc") is None, reason="NOT RUN: no C compiler (Debian: apt-get install gcc)")
def test_the_clock_jumps(serve: Serve, tmp_path: Path) -> None:
    source, library, offset = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "offset"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    offset.write_text("0")
    jumping = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(offset)}
    with serve(workers=2, also=jumping) as server:
        before = workers(server)
        with asking(server) as load:
            for days in (-1, 400, 0):
                offset.write_text(str(days * DAY_S))
                load.wait_for(100)
        assert set(load.outcomes) == {"200"}
        assert workers(server) == before
        assert server.stop() == 0
        assert len({line[:10] for line in server.log.splitlines() if "gunicorn.access" in line}) >= 3  # it did jump
