"""What a live server says of itself: ids, log, metrics of all its processes, traces."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from api.metrics_folder import FILE_BYTES, PREFIX
from tests.api.test_traces import Collector
from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, START_S, STOP_S, Serve, Server, environment, free_port, serving

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.alone]

SEVEN = (ROOT / "samples" / "7.png").read_bytes()
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ [A-Z]+ [\w.]+: |the server )")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(workers=2) as server:
        yield server


def predict(server: Server, data: bytes = SEVEN, query: str = "", request_id: str | None = None) -> requests.Response:
    headers = {"X-Request-ID": request_id} if request_id else {}
    return requests.post(f"{server.url}/model/predict{query}", files={"image": data}, headers=headers, timeout=30)


def exchange(server: Server, sent: bytes) -> bytes:
    """What the server answers to bytes that need be no HTTP."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(sent)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    return received


def id_of(answer: bytes) -> str:
    found = re.search(rb"\r\nX-Request-ID: ([\w.-]+)\r\n", answer)
    assert found, answer
    return found[1].decode()


def values(server: Server, name: str, *by: str) -> dict[tuple[str, ...], float]:
    """Samples of one name, summed by some labels."""
    answer = requests.get(f"{server.url}/metrics", timeout=30)
    assert answer.status_code == 200
    summed: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == name:
                key = tuple(sample.labels[label] for label in by)
                summed[key] = summed.get(key, 0) + sample.value
    return summed


def answered(server: Server) -> float:
    return values(server, "digits_requests_total", "route").get(("/model/predict",), 0)


def workers(server: Server) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def folder_of(server: Server) -> Path:
    """The folder of the server's metrics, as its processes have it open."""
    handles = Path(f"/proc/{server.process.pid}/fd").iterdir()
    (folder,) = {target for handle in handles if PREFIX in str(target := handle.readlink())}
    return folder


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_answer_bears_an_id_and_so_does_what_is_logged_of_it(server: Server) -> None:
    assert predict(server, request_id="mine-1").headers["X-Request-ID"] == "mine-1"
    assert predict(server, b"junk", request_id="mine-2").headers["X-Request-ID"] == "mine-2"
    ids = ["mine-1", "mine-2"]
    ids.append(requests.get(f"{server.url}/nothing", timeout=30).headers["X-Request-ID"])
    for sent, status in (
        (b"X\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
    ):
        answer = exchange(server, sent)
        assert answer.startswith(b"HTTP/1.1 " + status), answer[:100]
        ids.append(id_of(answer))
    assert len(set(ids)) == len(ids)
    for request_id in ids:
        assert server.wait_for_line(f"request_id={request_id}", 1), request_id


def test_an_access_line_tells_where_the_time_went(server: Server) -> None:
    answer = predict(server, request_id="timed")
    (line,) = server.wait_for_line("request_id=timed", 1)
    times = r"(\S+) ms: queue (\S+), decode (\S+), infer (\S+), respond (\S+) "
    found = re.search(rf"images 1, bytes \d+ in {len(answer.content)} out, {times}", line)
    assert found, line
    whole, *parts = map(float, found.groups())
    assert 0 < sum(parts) <= whole + 0.1
    assert min(parts[1:3]) > 0


def test_nothing_that_a_client_sends_forges_a_line_or_shows_a_secret(server: Server) -> None:
    forged = "2026-01-01 00:00:00,000 1 CRITICAL app: forged"
    requests.get(f"{server.url}/%0a{forged}%0d%1b[2J?api_key=hush", headers={"X-API-Key": "hush"}, timeout=30)
    exchange(server, f"GET /\x1b[2J{forged} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    exchange(server, f"GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\x0b{forged}\r\nConnection: close\r\n\r\n".encode())
    files = {"image": (f"a\n{forged}\n.png", b"junk")}
    answer = requests.post(
        f"{server.url}/model/predict?key=hush", files=files, headers={"X-Request-ID": "last"}, timeout=30
    )
    assert_error(answer, 400, "invalid_image")
    server.wait_for_line("request_id=last", 2)
    assert "forged" in server.log
    for line in server.log.splitlines():
        assert LINE.match(line), line
        assert not line.startswith(forged)
    assert "hush" not in server.log
    assert "\x1b" not in server.log


def test_metrics_are_exact_at_once_over_all_workers_and_their_deaths(serve: Serve) -> None:
    with serve(workers=2) as server:

        def ask(count: int) -> None:
            with ThreadPoolExecutor(8) as pool:
                for answer in pool.map(lambda number: predict(server, query="?top_k=1" * (number % 2)), range(count)):
                    assert_predictions(answer, 1)

        ask(100)
        assert answered(server) == 100
        assert values(server, "digits_workers") == {(): 2}
        folder = folder_of(server)
        for victim in workers(server):
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda victim=victim: victim not in workers(server) and len(workers(server)) == 2)  # type: ignore[misc]
            ask(10)
        assert answered(server) == 120
        before = set(workers(server))
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & set(workers(server)))
        ask(10)
        for name in ("digits_images_total", "digits_prediction_probability_count"):
            assert sum(values(server, name).values()) == 130
        assert values(server, "digits_phase_seconds_count", "phase")[("infer",)] == 130
        wait_until(lambda: values(server, "digits_workers") == {(): 2})
        assert values(server, "digits_in_flight_requests") == {(): 0}
        assert len(list(folder.iterdir())) <= 4 * len(FILE_BYTES)
        assert server.stop() == 0
        assert not folder.exists()


def test_what_never_reached_the_application_is_counted_too(server: Server) -> None:
    before = values(server, "digits_rejected_total", "code")
    exchange(server, b"X\r\n\r\n")
    after = values(server, "digits_rejected_total", "code")
    assert after[("bad_request",)] == before.get(("bad_request",), 0) + 1


def test_workers_without_room_for_shared_metrics_serve_all_the_same(serve: Serve) -> None:
    with serve(workers=1) as server:
        first = workers(server)
        most = min(FILE_BYTES["counter"], FILE_BYTES["histogram"]) - 1
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))  # as if the disk were full
        server.process.send_signal(signal.SIGHUP)
        assert len(server.wait_for_line("this worker shows only metrics of its own", 1)) == 1
        wait_until(lambda: not set(first) & set(workers(server)))
        assert_predictions(predict(server), 1)
        assert answered(server) == 1


def test_traces_cover_every_process_and_are_sent_at_the_end(serve: Serve) -> None:
    collector = Collector()
    with serve(workers=2, otel_exporter_otlp_endpoint=collector.endpoint) as server:
        for number in range(20):
            assert_predictions(predict(server, SEVEN, "?top_k=1" if number % 2 else ""), 1)
        assert server.stop() == 0
    collector.close()
    assert [span.name for span in collector.spans].count("POST /model/predict") == 20
    assert len({span.span_id for span in collector.spans}) == len(collector.spans) == 20 * 5


def test_a_collector_that_is_gone_delays_no_request_and_no_end(serve: Serve) -> None:
    with serve(workers=2, otel_exporter_otlp_endpoint="http://127.0.0.1:9") as server:
        for _ in range(20):
            assert_predictions(predict(server), 1)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("reader", ["asleep", "gone"])
def test_who_does_not_read_the_log_stops_nothing(reader: str) -> None:
    port = free_port()
    log, output = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=environment(port=port, workers=1), stdout=output, stderr=output
    )
    os.close(output)
    server = Server(process, f"http://127.0.0.1:{port}", Path(os.devnull))
    try:
        server.wait_for("ready")
        if reader == "gone":
            os.close(log)
        with requests.Session() as session:
            for _ in range(500):  # some 200 bytes of log each, and a pipe holds 65,536
                files = {"image": SEVEN}
                assert session.post(f"{server.url}/model/predict", files=files, timeout=5).status_code == 200
            assert session.post(f"{server.url}/model/predict", files={"image": b"junk"}, timeout=5).status_code == 400
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)
    finally:
        process.kill()
        process.wait()
        if reader == "asleep":
            os.close(log)
