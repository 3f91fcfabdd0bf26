import logging
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import PollableMethodQueue

import api.clients
from api.accepting import count_waiting
from api.clients import Clients
from api.connection import Connection, Phase
from api.express import QUICK_BYTES, is_quick
from api.inbox import Inbox
from api.loop import LoopWorker
from core.gate import Gate
from tests.hand_set import band_png

PNG = band_png(b3=255)
MOST = 2**20


def request(body: bytes = PNG, *lines: str, first: str = "POST /model/predict HTTP/1.1", length: bool = True) -> bytes:
    lines = (*lines, f"Content-Length: {len(body)}") if length else lines
    return "\r\n".join([first, "Host: x", *lines, "", ""]).encode() + body


def png(*lines: str, body: bytes = PNG) -> bytes:
    return request(body, "Content-Type: image/png", *lines)


LIVE = request(b"", first="GET /health/live HTTP/1.1", length=False)


def quick(received: bytes) -> bool:
    inbox = Inbox(MOST)
    inbox.add(received)
    arrived = inbox.take()
    assert arrived is not None
    return is_quick(arrived)


@pytest.mark.parametrize("received", [png(), LIVE, png("Connection: close")], ids=["picture", "probe", "last"])
def test_quick(received: bytes) -> None:
    assert quick(received)


@pytest.mark.parametrize(
    "received",
    [
        png(body=b"junk"),
        png(body=PNG + bytes(QUICK_BYTES)),
        png("Content-Length: 1"),
        png("Content-Type: multipart/form-data; boundary=B"),
        png("Expect: 100-continue"),
        request(b"", "Transfer-Encoding: chunked", length=False) + b"0\r\n\r\n",
        png("Upgrade: h2c"),
        request(b"", first="GET /health/ready HTTP/1.1", length=False),
        request(b"", first="GET /swagger.json HTTP/1.1", length=False),
    ],
    ids=["no PNG", "large", "two lengths", "two types", "expects", "chunked", "upgrade", "ready", "other"],
)
def test_not_sure_to_be_quick(received: bytes) -> None:
    assert not quick(received)


Connect = Callable[..., tuple[Connection, socket.socket]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes connections, and what the client holds of each."""
    with ExitStack() as stack:

        def make(idle_s: float = 5.0) -> tuple[Connection, socket.socket]:
            ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
            theirs.settimeout(10)
            return Connection(ours, ("127.0.0.1", 1), ("127.0.0.1", 2), most_bytes=MOST, idle_s=idle_s), theirs

        yield make


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker with a loop and one thread, whose answer to every request is a megabyte."""
    worker: Any = LoopWorker.__new__(LoopWorker)  # its own set-up is made for a child of gunicorn
    worker.cfg, worker.alive, worker.sockets, worker._accepting = Config(), True, [], False
    worker.method_queue, worker.poller, worker.tpool = PollableMethodQueue(), selectors.DefaultSelector(), None
    worker.method_queue.init()
    service = type("Service", (), {"gate": Gate(max_wait_s=10, max_waiting=1)})()
    monkeypatch.setattr("api.loop.service_of", lambda _app: service)
    monkeypatch.setattr("api.loop.metrics_of", lambda _app: type("Metrics", (), {"refuse": lambda *_: None})())
    worker.wsgi = Application()
    worker.nr, worker.max_requests, worker.log = 0, sys.maxsize, logging.getLogger("gunicorn.error")
    worker.log.access = lambda *_: None
    worker.notify = lambda: None
    worker._prepare()

    def handle_request(_request: Any, conn: Any) -> bool:
        conn.sock.sendall(ANSWER)
        return True

    worker.handle_request = handle_request
    with ThreadPoolExecutor(1) as worker.tpool:
        yield worker
    worker.poller.close()
    worker.method_queue.close()


ANSWER = bytes(range(256)) * 4096


class Application:
    """Answers every request with a megabyte."""

    config: ClassVar = {"MAX_CONTENT_LENGTH": MOST}

    def __call__(self, _environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(len(ANSWER)))])
        return [ANSWER]


@pytest.fixture
def welcome(worker: Any, connect: Connect) -> Connect:
    """Makes connections that the worker has accepted."""

    def make() -> tuple[Connection, socket.socket]:
        conn, theirs = connect()
        worker._clients.add(conn)
        worker.poller.register(conn.sock, selectors.EVENT_READ, lambda sock: worker._on_readable(conn, sock))
        return conn, theirs

    return make


@pytest.mark.parametrize("sent", [LIVE, request(b"x")], ids=["in the loop", "by a thread"])
def test_an_answer_that_the_client_does_not_take_at_once_is_sent_by_and_by(
    worker: Any, welcome: Connect, sent: bytes
) -> None:
    conn, theirs = welcome()
    theirs.sendall(sent)
    while not conn.unsent:
        worker._turn(0.1)
    received = bytearray()
    while not received.endswith(ANSWER):
        received += theirs.recv(2**20)
        worker._turn(0.01)
    worker._turn(0)
    assert conn.phase is Phase.IDLE  # ready for the next request
    theirs.close()
    worker._turn(1)
    assert len(worker._clients) == 0


def test_more_requests_than_may_wait_are_refused(worker: Any, welcome: Connect) -> None:
    gate = worker._service.gate
    clients = [welcome() for _ in range(worker.cfg.threads + gate.max_waiting + 1)]
    for conn, theirs in clients:
        theirs.sendall(request(b"x"))
        worker._on_readable(conn, conn.sock)
    answer = clients[-1][1].recv(2**16)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer
    assert b'"code":"overloaded"' in answer
    assert clients[0][0].phase is Phase.ANSWERING


def test_a_request_that_waited_too_long_is_refused(worker: Any, connect: Connect) -> None:
    conn, _ = connect()
    inbox = Inbox(MOST)
    inbox.add(request(b"x", first="POST /v2/models/digit-net/infer HTTP/1.1"))
    answer, keep = worker._respond_in_time(conn, inbox.take(), time.perf_counter() - 11)
    (raw,) = answer
    assert raw.startswith(b"HTTP/1.1 503 ")
    assert raw.endswith(b'{"error":"too many requests wait already; try again shortly"}')
    assert not keep


def test_quick_requests_that_waited_too_long_are_refused(worker: Any, welcome: Connect) -> None:
    conn, theirs = welcome()
    theirs.sendall(LIVE)
    worker._round_began = time.perf_counter() - 1
    worker._on_readable(conn, conn.sock)
    assert theirs.recv(2**16).startswith(b"HTTP/1.1 503 ")


def test_who_sends_slowest_is_turned_away_when_too_much_is_held(
    worker: Any, welcome: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.clients, "HELD_BYTES", 1000)
    (slow, slow_end), (fast, fast_end) = welcome(), welcome()
    for (conn, end), size in (((slow, slow_end), 400), ((fast, fast_end), 800)):
        end.sendall(request(bytes(2000))[:size])
        worker._on_readable(conn, conn.sock)
    assert slow_end.recv(2**16).startswith(b"HTTP/1.1 503 ")
    assert (slow.phase, fast.phase) == (Phase.LINGERING, Phase.RECEIVING)


def test_a_pause_in_accepting_ends(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []

    def select(timeout: float | None) -> list[object]:
        waits.append(timeout)
        return []

    monkeypatch.setattr(worker.poller, "select", select)
    worker._pausing, worker._accept_again = True, time.perf_counter() + 60
    worker.set_accept_enabled(True)
    assert not worker._accepting
    worker.wait_for_and_dispatch_events(1.0)
    worker._accept_again = 0.0  # the time has come between two looks at the clock
    worker.wait_for_and_dispatch_events(1.0)
    worker.wait_for_and_dispatch_events(1.0)
    assert waits == [pytest.approx(60, abs=5), 0, 1.0]
    worker.set_accept_enabled(True)
    assert worker._accepting


def test_room_is_made_by_those_who_have_been_idle_longest(connect: Connect) -> None:
    with selectors.DefaultSelector() as poller:
        clients = Clients(poller)
        conns = [connect(idle_s=float(idle))[0] for idle in range(1, 41)]
        for conn in conns:
            clients.add(conn)
            poller.register(conn.sock, selectors.EVENT_READ)
        conns[0].phase = Phase.ANSWERING
        clients.make_room()
        assert [conn in clients for conn in conns] == [True, False, False, *[True] * 37]
        conns[3].deadline = 0.0
        assert clients.overdue() == [conns[3]]
        for conn in clients:
            clients.close(conn)
        assert len(clients) == 0


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
