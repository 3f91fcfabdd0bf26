"""The server's worker: who waits for whom, with real sockets."""

import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from api.connection import REQUEST_S
from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, Serve, Server, serving

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.alone]

SEVEN = (ROOT / "samples" / "7.png").read_bytes()
PHOTO = (ROOT / "samples" / "9-photo-squared.jpg").read_bytes()
QUICK = (
    b"POST /model/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(SEVEN)
    + SEVEN
)
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = re.compile(rb"HTTP/1.1 (\d+) [^\r]*\r\n(?:[^\r]+\r\n)*\r\n")


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """A server with one process and one thread: whatever waits there is waited for by all others."""
    with serving(workers=1, threads=1) as server:
        yield server


def connect(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def receive(client: socket.socket, count: int) -> list[int]:
    """The statuses of that many answers, or of all until the server closes."""
    data = bytearray()
    while data.count(b"HTTP/1.1 ") < count or not data.endswith(b"\n"):
        chunk = client.recv(65536)
        if not chunk:
            break
        data += chunk
    return [int(status) for status in ANSWER.findall(data)]


def test_a_request_that_arrives_in_pieces(narrow: Server) -> None:
    with connect(narrow) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(QUICK), 100):
            client.sendall(QUICK[start : start + 100])
            time.sleep(0.01)
        assert receive(client, 1) == [200]


def test_requests_sent_at_once(narrow: Server) -> None:
    with connect(narrow) as client:
        client.sendall(QUICK + LIVE + QUICK)
        assert receive(client, 3) == [200, 200, 200]
        client.sendall(LIVE)
        assert receive(client, 1) == [200]


@pytest.mark.parametrize(
    "first", [b"X\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /health/live HTTP/1.1\r\nA B: c\r\n\r\n"]
)
def test_what_is_no_http(narrow: Server, first: bytes) -> None:
    with connect(narrow) as client:
        client.sendall(first)
        assert receive(client, 1) == [400]
        assert client.recv(1) == b""


def test_a_connection_that_shall_be_closed_is_closed(narrow: Server) -> None:
    with connect(narrow) as client:
        client.sendall(QUICK.replace(b"Host: x", b"Connection: close"))
        assert receive(client, 1) == [200]
        assert client.recv(1) == b""


def test_a_body_that_nobody_read_is_not_taken_for_the_next_request(serve: Serve) -> None:
    with serve(workers=1, api_keys="secret") as server, connect(server) as client:
        client.sendall(QUICK)
        assert receive(client, 1) == [401]
        client.sendall(QUICK.replace(b"Host: x", b"X-API-Key: secret"))
        assert receive(client, 1) == [200]


@pytest.mark.parametrize("sent", [b"", QUICK[:10], QUICK[:-10]], ids=["nothing", "part of a head", "part of a body"])
def test_clients_that_keep_us_waiting_take_nothing_from_others(narrow: Server, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(narrow)).sendall(sent)
        with requests.Session() as session:
            for _ in range(3):
                answer = session.post(f"{narrow.url}/model/predict", files={"image": SEVEN}, timeout=5)
                assert_predictions(answer, 1)
                assert_predictions(session.post(f"{narrow.url}/model/predict", files={"image": PHOTO}, timeout=5), 1)


def test_who_does_not_send_a_whole_request_is_told(narrow: Server) -> None:
    with connect(narrow) as client:
        client.sendall(QUICK[:-10])
        data = b""
        while chunk := client.recv(65536):
            data += chunk
    assert data.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in data
    assert f"{REQUEST_S:g} s".encode() in data


def test_who_reads_late_loses_nothing_and_holds_up_nobody(narrow: Server) -> None:
    asked = 3000
    with connect(narrow) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(asked):
            client.sendall(LIVE)
            time.sleep(0.0002)
        assert_predictions(requests.post(f"{narrow.url}/model/predict", files={"image": SEVEN}, timeout=5), 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        assert receive(client, asked) == [200] * asked


def test_connections_are_shared_among_the_processes(serve: Serve) -> None:
    with serve(workers=2) as server, ExitStack() as stack:
        server.wait_for_line(" app: serving ", 2)
        time.sleep(1)  # from that line to the loop
        clients = [stack.enter_context(connect(server)) for _ in range(16)]
        for client in clients:
            client.sendall(QUICK)
        for client in clients:
            assert receive(client, 1) == [200]
        server.stop()
        answered = Counter(re.findall(r" (\d+) INFO gunicorn.access", server.log))
    assert len(answered) == 2
    assert min(answered.values()) >= 4


def test_errors_look_the_same_on_every_way(narrow: Server) -> None:
    ask = f"{narrow.url}/model/predict"
    for data in (SEVEN[:-30], SEVEN[:-30] + bytes(20_000)):
        assert_error(requests.post(ask, files={"image": data}, timeout=30), 400, "invalid_image")
