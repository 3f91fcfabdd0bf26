"""Quick requests are answered without gunicorn's machinery, and nobody can tell: the bytes are the same."""

import logging
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.http.errors import ParseException

from api import heads, journal
from api.connection import Outbox
from api.express import is_quick
from api.handling import handle_quickly
from api.inbox import Inbox, RawRequest
from api.loop import LoopWorker
from tests.api.test_loop import LIVE, PNG, png
from tests.conftest import AppFactory

MOST = 2**20
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
    + PNG
    + b"\r\n--B--\r\n"
)


def post(*lines: str, path: str = "/model/predict", body: bytes = PNG, version: str = "1.1") -> bytes:
    head = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


QUICK = {
    "raw": png(),
    "multipart": post("Content-Type: multipart/form-data; boundary=B", body=FORM),
    "probe": LIVE,
    "last": png("Connection: close"),
    "old protocol": post("Content-Type: image/png", version="1.0"),
    "old protocol, kept": post("Content-Type: image/png", "Connection: keep-alive", version="1.0"),
    "an id": png("X-Request-ID: mine"),
    "an id that is none": png("X-Request-ID: \u00e9"),
    "a parameter": post("Content-Type: image/png", path="/model/predict?top_k=3"),
    "a bad parameter": post("Content-Type: image/png", path="/model/predict?top_k=x"),
    "another route": post("Content-Type: image/png", path="/model/labels"),
    "no route": post("Content-Type: image/png", path="/none%20such"),
    "another origin": png("Origin: https://page.example"),
    "repeated headers": png("Accept: a", "Accept: b"),
    "what proxies say": png("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4"),
}


class Conn:
    """Both ends of a connection."""

    def __init__(self, port: int = 1000) -> None:
        self.client, self.server = ("127.0.0.1", port), ("127.0.0.1", 5000)


def arrived(received: bytes) -> RawRequest:
    inbox = Inbox(MOST)
    inbox.add(received)
    raw = inbox.take()
    assert raw is not None
    return raw


@pytest.fixture
def worker(make_app: AppFactory) -> Any:
    worker: Any = LoopWorker.__new__(LoopWorker)  # its own set-up is made for a child of gunicorn
    worker.cfg, worker.alive, worker.nr, worker.max_requests = Config(), True, 0, sys.maxsize
    worker.cfg.set("keepalive", 75)
    worker.keepalived_conns, worker.max_keepalived = [], 10
    worker.wsgi, worker.log = make_app(), logging.getLogger("test")
    worker.logged = []
    worker.log.access = lambda response, _request, environ, _time: worker.logged.append(
        (response.status, response.sent, environ["REMOTE_ADDR"], environ["PATH_INFO"], environ["SERVER_PROTOCOL"])
    )
    return worker


def answer(worker: Any, received: bytes, quickly: bool) -> tuple[bytes, bool]:
    raw = arrived(received)
    assert is_quick(raw)
    outbox = Outbox(Conn())  # type: ignore[arg-type]
    request = raw.parse(worker.cfg, outbox.client)
    keep = handle_quickly(worker, raw, request, outbox) if quickly else worker.handle_request(request, outbox)
    journal.close_entry()
    sent = b"".join(outbox.answer)
    return re.sub(rb"(?<=\r\n)(Date|X-Request-ID): (?!mine)[^\r]*", rb"\1: -", sent), keep


@pytest.mark.parametrize("received", QUICK.values(), ids=QUICK)
def test_the_answer_is_that_of_gunicorn(worker: Any, received: bytes) -> None:
    ours, theirs = answer(worker, received, quickly=True), answer(worker, received, quickly=False)
    assert ours == theirs
    assert ours[0].startswith(b"HTTP/1.")
    assert worker.logged[0] == worker.logged[1]


def test_the_date_is_now(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in (1_790_000_000, 1_790_000_001, 1_790_000_001):
        monkeypatch.setattr(time, "time", lambda now=second: now + 0.9)
        outbox = Outbox(Conn())  # type: ignore[arg-type]
        raw = arrived(LIVE)
        assert is_quick(raw)
        handle_quickly(worker, raw, raw.parse(worker.cfg, outbox.client), outbox)
        assert f"\r\nDate: {formatdate(second, usegmt=True)}\r\n".encode() in b"".join(outbox.answer)


@pytest.mark.parametrize("change", ["stopping", "no keep-alive", "last of many"])
def test_a_worker_that_ends_keeps_no_connection(worker: Any, change: str) -> None:
    if change == "stopping":
        worker.alive = False
    elif change == "no keep-alive":
        worker.cfg.set("keepalive", 0)
    else:
        worker.max_requests = 1
    sent, keep = answer(worker, png(), quickly=True)
    assert not keep
    assert b"\r\nConnection: close\r\n" in sent
    assert worker.alive == (change == "no keep-alive")


def test_a_fault_reaches_whoever_handles_faults(worker: Any) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    worker.wsgi = fail
    with pytest.raises(ZeroDivisionError):
        answer(worker, png(), quickly=True)


Environ = Callable[..., dict[str, Any]]


@pytest.fixture
def environ() -> Environ:
    """The environment of a request from an address, as kept heads give it."""

    def make(received: bytes, address: str = "127.0.0.1") -> dict[str, Any]:
        raw, client = arrived(received), (address, 1000)
        cfg = Config()
        return heads.read_head(raw.head, cfg, client).new_environ(cfg, client, ("127.0.0.1", 5000), b"")

    return make


def test_equal_heads_share_nothing_that_can_be_changed(environ: Environ) -> None:
    first = environ(png("X-A: 1"))
    first["HTTP_X_A"] = "2"
    first["werkzeug.request"] = object()
    assert environ(png("X-A: 1"))["HTTP_X_A"] == "1"
    assert "werkzeug.request" not in environ(png("X-A: 1"))


def test_each_connection_has_its_own_end() -> None:
    raw, cfg = arrived(png()), Config()
    for port in (1000, 2000):
        client = ("127.0.0.1", port)
        head = heads.read_head(raw.head, cfg, client)
        assert head.new_environ(cfg, client, ("127.0.0.1", 5000), b"")["REMOTE_PORT"] == str(port)
        assert head.new_request(client).peer_addr == client


def test_whom_gunicorn_trusts_is_not_mixed_up_with_others(environ: Environ) -> None:
    received = png("X-Forwarded-Proto: https")
    assert environ(received, "127.0.0.1")["wsgi.url_scheme"] == "https"
    assert environ(received, "10.0.0.1")["wsgi.url_scheme"] == "http"
    assert environ(received, "127.0.0.1")["wsgi.url_scheme"] == "https"


def test_only_so_many_heads_are_kept_and_no_long_ones(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_known", OrderedDict())
    monkeypatch.setattr(heads, "MOST_KNOWN", 3)
    for number in range(10):
        environ(png(f"X-A: {number}"))
        assert len(heads._known) <= 3
    kept = set(heads._known)
    environ(png(f"X-A: {'a' * heads.LONGEST_KNOWN}"))
    assert set(heads._known) == kept


def test_what_is_asked_for_often_outlasts_what_is_not(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_known", OrderedDict())
    monkeypatch.setattr(heads, "MOST_KNOWN", 3)
    often = arrived(png("X-A: often")).head
    for number in range(10):
        environ(png(f"X-A: {number}"))
        environ(png("X-A: often"))
    assert len(heads._known) == 3
    assert often in {head for head, _ in heads._known}


def test_threads_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each forgets what another has just found."""
    monkeypatch.setattr(heads, "_known", OrderedDict())
    monkeypatch.setattr(heads, "MOST_KNOWN", 2)
    cfg, interval = Config(), sys.getswitchinterval()
    received = [arrived(png(f"X-A: {number}")).head for number in range(5)]

    def read_many(_: int) -> bool:
        return all(
            ("X-A", str(number)) in heads.read_head(received[number], cfg, ("127.0.0.1", 1000)).request.headers
            for number in 200 * [0, 1, 2, 3, 4]
        )

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(read_many, range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert len(heads._known) == 2


def test_a_head_of_very_many_fields_is_not_kept(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_known", OrderedDict())
    environ(png(*(f"X{number}: a" for number in range(heads.MOST_FIELDS))))
    assert not heads._known


def test_a_head_that_is_not_kept_is_still_parsed_once(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def counting(cfg: Config, source: list[bytes], client: tuple[str, int]) -> Any:
        parsed.append(len(source[0]))
        return RequestParser(cfg, source, client)

    monkeypatch.setattr(heads, "RequestParser", counting)
    sent, _ = answer(worker, png(f"Cookie: {'a' * heads.LONGEST_KNOWN}"), quickly=True)
    assert sent.startswith(b"HTTP/1.1 200 ")
    assert len(parsed) == 1


def test_a_malformed_head_is_refused_each_time() -> None:
    raw = arrived(png("bad header: 1"))
    for _ in range(2):
        with pytest.raises(ParseException):
            raw.parse(Config(), ("127.0.0.1", 1000))
