import selectors
import socket
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import PollableMethodQueue, ThreadWorker
from PIL import Image

from api.worker import QUICK_BYTES, Connection, QuickWorker, count_waiting, is_partial, is_quick
from tests.hand_set import band_png, encode

PNG = band_png(b3=255)


def request(body: bytes = PNG, *lines: str, first: str = "POST /model/predict HTTP/1.1", length: bool = True) -> bytes:
    lines = (*lines, f"Content-Length: {len(body)}") if length else lines
    return "\r\n".join([first, "Host: x", *lines, "", ""]).encode() + body


def png(*lines: str, body: bytes = PNG) -> bytes:
    return request(body, "Content-Type: image/png", *lines)


LIVE = request(b"", first="GET /health/live HTTP/1.1", length=False)


@pytest.mark.parametrize("size", [1, 20, len(png()) - len(PNG), len(png()) - 1])
def test_more_is_waited_for(size: int) -> None:
    assert is_partial(png()[:size])


@pytest.mark.parametrize(
    "received",
    [
        png(),
        png() + b"more",
        LIVE,
        png(body=bytes(QUICK_BYTES))[:200],
        bytes(QUICK_BYTES + 1),
        png("Expect: 100-continue")[:150],
        request(b"", "Transfer-Encoding: chunked", length=False),
    ],
    ids=["whole", "more than one", "no body", "large", "endless head", "expects", "chunked"],
)
def test_no_more_is_waited_for(received: bytes) -> None:
    assert not is_partial(received)


@pytest.mark.parametrize("received", [png(), LIVE, png("Connection: close")], ids=["picture", "probe", "last"])
def test_quick(received: bytes) -> None:
    assert is_quick(received)


@pytest.mark.parametrize(
    "received",
    [
        png() + png(),
        png(body=b"junk"),
        png(body=encode(Image.new("L", (28, 28)))),
        png("Content-Length: 1"),
        png("Content-Type: multipart/form-data; boundary=B"),
        png("Expect: 100-continue"),
        png("Transfer-Encoding: chunked"),
        png("Upgrade: h2c"),
        request(b"", first="GET /health/ready HTTP/1.1", length=False),
        request(b"", first="GET /swagger.json HTTP/1.1", length=False),
        bytes(QUICK_BYTES + 1),
    ],
    ids=[
        "two",
        "no PNG",
        "not in MNIST's form",
        "two lengths",
        "two types",
        "expects",
        "chunked",
        "upgrade",
        "ready",
        "other",
        "endless head",
    ],
)
def test_not_sure_to_be_quick(received: bytes) -> None:
    assert not is_quick(received)


def test_an_answer_that_the_client_does_not_take_is_sent_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = bytes(range(256)) * 4096

    def handle_request(_worker: QuickWorker, _request: Any, conn: Any) -> bool:
        conn.sock.sendall(answer)
        return True

    monkeypatch.setattr(QuickWorker, "handle_request", handle_request)
    ours, theirs = socket.socketpair()
    conn = Connection(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2))
    conn.init()
    ours.setblocking(False)
    worker = QuickWorker.__new__(QuickWorker)  # its own set-up is made for a child of gunicorn
    worker.cfg, worker.alive, worker.nr_conns, worker.keepalived_conns = Config(), True, 1, deque([conn])
    worker.method_queue = PollableMethodQueue()
    worker.method_queue.init()
    with theirs, ours, selectors.DefaultSelector() as worker.poller, ThreadPoolExecutor(1) as worker.tpool:
        worker.poller.register(ours, selectors.EVENT_READ)
        theirs.sendall(LIVE)
        worker.on_client_socket_readable(conn, ours)
        assert list(worker.keepalived_conns) == []
        received = theirs.recv(len(answer), socket.MSG_WAITALL)
        worker.tpool.shutdown()
        worker.method_queue.run_callbacks(None)
        assert list(worker.keepalived_conns) == [conn]  # ready for the next request
        assert ours in worker.poller.get_map()
    worker.method_queue.close()
    assert received == answer


def test_a_pause_in_accepting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []
    monkeypatch.setattr(ThreadWorker, "wait_for_and_dispatch_events", lambda _worker, timeout: waits.append(timeout))
    worker: Any = QuickWorker.__new__(QuickWorker)
    worker.sockets, worker._accepting = [], False
    worker._pausing, worker._accept_again = True, time.monotonic() + 60
    worker.set_accept_enabled(True)
    assert not worker._accepting
    worker.wait_for_and_dispatch_events(1.0)
    worker._accept_again = 0.0  # the time has come between two looks at the clock
    worker.wait_for_and_dispatch_events(1.0)
    worker.wait_for_and_dispatch_events(1.0)
    assert waits == [pytest.approx(60, abs=5), 0, 1.0]
    worker.set_accept_enabled(True)
    assert worker._accepting


def test_connections_that_wait_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert count_waiting(listener) == 1
        clients = [socket.create_connection(listener.getsockname()) for _ in range(7)]
        assert count_waiting(listener) == 7
        listener.accept()[0].close()
        assert count_waiting(listener) == 6
        for client in clients:
            client.close()
    pipe, end = socket.socketpair()
    with pipe, end:
        assert count_waiting(pipe) == 1
