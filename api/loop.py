"""The main loop of a gunicorn worker, which does all the waiting: for requests to arrive, and for answers to be taken.

gunicorn's `gthread` gives a thread to every request as soon as its first byte is here; a client that sends or reads
slowly keeps it, and waking two threads costs more than reading a small picture. Here a request that has arrived in full
and is sure to be quick is answered in the loop at once, every other by a thread that waits for nobody. What is more
than the process can do in time is refused (503) before any work is spent on it.
"""

import selectors
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, cast

from flask import Flask
from gunicorn.http import Request
from gunicorn.http.errors import NoMoreData, ParseException

from api import journal
from api.accepting import ACCEPT_PAUSE_S, AcceptingWorker
from api.clients import Clients
from api.connection import Answer, Connection, Outbox, Phase
from api.express import QUICK_BYTES, is_quick
from api.handling import handle_quickly
from api.inbox import RawRequest
from api.metrics import metrics_of
from api.refusal import Refusals, refusal
from api.service import Service, service_of

RECEIVE_BYTES = 256 * 1024
"""Received at a time of a request that is larger than a quick one."""

AT_ONCE = 16
"""Requests of one connection, sent without waiting for answers, that are served before others have their turn."""

QUICK_WAIT_S = 0.5
"""For which a quick request may wait in the loop before it is refused."""

LINGER_BYTES = 64 * 2**20
"""Of a refused request that are received and thrown away so that the client gets to read why."""

SWEEP_S = 0.5
"""Between two looks for connections whose time is over."""

SWITCH_S = 0.0005
"""After which a thread that computes lets the loop have the interpreter. A tenth of Python's own time: the loop asks
for it several times a request, and answers half as many again beside photos."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class LoopWorker(AcceptingWorker):
    """`gthread` with a main loop that receives, sends, and answers what is quick."""

    def _prepare(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        app = cast(Flask, self.wsgi)
        self._service: Service = service_of(app)
        self._most_bytes: int = app.config["MAX_CONTENT_LENGTH"]
        self._most_in_threads: int = self.cfg.threads + self._service.gate.max_waiting
        self._clients = Clients(self.poller)
        self._refusals = Refusals(metrics_of(app), self._most_bytes)
        self._in_threads = 0
        self._next_sweep = self._round_took = 0.0
        self._round_began = time.perf_counter()
        self._resting: list[Connection] = []
        self.poller.register(
            cast(int, self.method_queue.fileno()), selectors.EVENT_READ, self.method_queue.run_callbacks
        )

    def _turn(self, timeout: float = 1.0) -> None:
        """Deal with what has happened, or wait until something does."""
        self.notify()
        self.wait_for_and_dispatch_events(timeout)
        self._sweep()

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for events, but not past the moment when there is something else to do."""
        before = time.perf_counter()
        if self._resting:
            timeout = 0
        elif self._pausing:
            timeout = max(self._accept_again - before, 0)
        events = self.poller.select(timeout)
        now = time.perf_counter()
        self._round_took = before - self._round_began if now - before < ACCEPT_PAUSE_S else 0.0
        self._round_began = now
        for key, _ in events:
            key.data(key.fileobj)
        self._resume()
        self._pausing = self._pausing and time.perf_counter() < self._accept_again

    def welcome(self, sock: socket.socket, client: tuple[str, int], server: tuple[str, int]) -> None:
        """Take an accepted connection."""
        if len(self._clients) >= self.worker_connections:
            self.make_room()
        conn = Connection(sock, client, server, most_bytes=self._most_bytes, idle_s=self.cfg.keepalive)
        self._clients.add(conn)
        self.poller.register(sock, selectors.EVENT_READ, partial(self._on_readable, conn))

    def make_room(self) -> None:
        """Close those connections that have waited longest."""
        self._clients.make_room()

    def _on_readable(self, conn: Connection, sock: socket.socket) -> None:
        if conn not in self._clients:
            return  # closed since the event
        try:
            data = sock.recv(QUICK_BYTES if conn.phase is Phase.IDLE else RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data and conn.phase is Phase.RECEIVING:
            self._refuse(conn, self._refusals.cut())
        elif not data:
            self._clients.close(conn)
        elif conn.phase is Phase.LINGERING:
            self._throw_away(conn, len(data))
        else:
            conn.inbox.add(data)
            self._proceed(conn)

    def _throw_away(self, conn: Connection, count: int) -> None:
        conn.drained += count
        if conn.drained > LINGER_BYTES:
            self._clients.close(conn)

    def _proceed(self, conn: Connection) -> None:
        """Serve the requests that have arrived in full, one after the other, until the connection must wait."""
        try:
            for _ in range(AT_ONCE):
                request = conn.inbox.take()
                if request is None:
                    self._await(conn)
                    return
                self._clients.hold(conn, 0)
                if not self._serve(conn, request):
                    return
        except ParseException as exc:
            outbox = Outbox(conn)
            self.handle_error(None, outbox, conn.client, exc)  # type: ignore[arg-type]  # it stands in for the socket
            self._refuse(conn, b"".join(outbox.answer))
            return
        self._await(conn)
        self._resting.append(conn)

    def _resume(self) -> None:
        """Go on with the connections that had their share in the last round, now that the others had theirs."""
        resting, self._resting = self._resting, []
        for conn in resting:
            if conn in self._clients and conn.phase in (Phase.IDLE, Phase.RECEIVING):
                self._proceed(conn)

    def _await(self, conn: Connection) -> None:
        """Wait for the next request, or the rest of it."""
        if not conn.inbox:
            conn.rest()
            return
        if conn.inbox.expects_continue:
            conn.inbox.expects_continue = False
            conn.hint(CONTINUE)
        conn.expect_more()
        self._hold(conn, len(conn.inbox))

    def _serve(self, conn: Connection, request: RawRequest) -> bool:
        """Answer a request, or have it answered; True where the connection is ready for the next one."""
        if is_quick(request):
            self._pausing = False  # the others had their chance meanwhile
            if time.perf_counter() - self._round_began + self._round_took > QUICK_WAIT_S:
                return self._refuse(conn, self._refusals.overloaded(request))
            return self._deliver(conn, *self._respond(conn, request, self._round_began, partial(handle_quickly, self)))
        if request.length is None and not request.whole:
            return self._refuse(conn, self._refusals.too_large(request))
        if self._in_threads >= self._most_in_threads or self._clients.too_much_held:
            return self._refuse(conn, self._refusals.overloaded(request))
        conn.phase = Phase.ANSWERING
        self.poller.unregister(conn.sock)
        self._clients.hold(conn, len(request.body) + len(conn.inbox))
        self._in_threads += 1
        future = self.tpool.submit(self._respond_in_time, conn, request, time.perf_counter())
        future.add_done_callback(lambda done: self.method_queue.defer(self._on_answered, conn, done))
        return False

    def _respond_in_time(self, conn: Connection, request: RawRequest, arrived: float) -> tuple[Answer, bool]:
        if time.perf_counter() - arrived > self._service.gate.max_wait_s:
            return [self._refusals.overloaded(request)], False
        return self._respond(conn, request, arrived, self._handle)

    def _respond(
        self,
        conn: Connection,
        request: RawRequest,
        arrived: float,
        handle: Callable[[RawRequest, Request, Outbox], bool],
    ) -> tuple[Answer, bool]:
        """Return the answer, and whether the connection is good for another request."""
        journal.arrive(arrived)
        outbox = Outbox(conn)
        keep = False
        parsed: Request | None = None
        try:
            parsed = request.parse(self.cfg, conn.client)
            keep = handle(request, parsed, outbox)
        except (StopIteration, NoMoreData):
            pass
        except Exception as exc:
            outbox.answer.clear()
            self.handle_error(parsed, outbox, conn.client, exc)  # type: ignore[arg-type]
        finally:
            journal.close_entry()  # what is logged from now on is not of this request
        return outbox.answer, keep and request.whole

    def _handle(self, _raw: RawRequest, request: Request, outbox: Outbox) -> bool:
        """Answer any request as gunicorn does; True where the connection is good for another."""
        return bool(self.handle_request(request, outbox))  # type: ignore[arg-type]  # it stands in for the connection

    def handle_error(self, req: Request | None, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that did not reach the application, under an id of its own; the arguments are gunicorn's."""
        sent = [value for name, value in getattr(req, "headers", ()) if name == journal.ID_HEADER.upper()]
        journal.open_entry({"HTTP_X_REQUEST_ID": ",".join(sent)})
        try:
            super().handle_error(req, client, addr, refusal(exc))
        finally:
            journal.close_entry()

    def _on_answered(self, conn: Connection, done: "Future[tuple[Answer, bool]]") -> None:
        """Send what a thread has made."""
        self._in_threads -= 1
        self._clients.hold(conn, 0)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))
        if self._deliver(conn, *done.result()):
            self._proceed(conn)

    def _deliver(self, conn: Connection, answer: Answer, keep: bool) -> bool:
        conn.keep = keep
        if conn.send(answer):
            return self._after(conn)
        self.poller.modify(conn.sock, selectors.EVENT_WRITE, partial(self._on_writable, conn))
        self._hold(conn, conn.unsent_own)
        return False

    def _on_writable(self, conn: Connection, sock: socket.socket) -> None:
        if conn not in self._clients or not conn.send(conn.unsent):
            return
        self._clients.hold(conn, 0)
        self.poller.modify(sock, selectors.EVENT_READ, partial(self._on_readable, conn))
        if self._after(conn):
            self._proceed(conn)

    def _after(self, conn: Connection) -> bool:
        """Part from a client that has its last answer; True where another request may follow."""
        if conn.keep:
            return True
        if conn.inbox or conn.refused:
            conn.linger()
        else:
            self._clients.close(conn)
        return False

    def _refuse(self, conn: Connection, answer: bytes) -> bool:
        """Send an error that ends the connection, in the middle of a request or instead of reading it."""
        conn.refused = True
        self._clients.hold(conn, 0)
        return self._deliver(conn, [answer], keep=False)

    def _hold(self, conn: Connection, count: int) -> None:
        """Keep bytes for a connection; where those of all are too many, part with the slowest."""
        self._clients.hold(conn, count)
        slowest = self._clients.slowest() if self._clients.too_much_held else None
        if slowest is None:
            return
        if slowest.phase is Phase.SENDING:
            self._clients.close(slowest)
        else:
            self._refuse(slowest, self._refusals.overloaded())

    def _sweep(self) -> None:
        """Close the connections whose time is over; one that was late with a request is told."""
        now = time.perf_counter()
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_S
        for conn in self._clients.overdue():
            if conn.phase is Phase.RECEIVING:
                self._refuse(conn, self._refusals.late())
            else:
                self._clients.close(conn)
        self._refusals.report()
