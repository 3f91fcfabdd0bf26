"""A gunicorn worker that answers quick requests in its main loop, and leaves the others to its threads.

gunicorn's `gthread` hands every request to a thread and its connection back afterwards; waking two threads costs more
than reading a small picture. This one receives without ever waiting: what has arrived in full and is sure to be quick
is answered at once, all else goes the way of `gthread`. Clients that send slowly, or nothing, wait in the loop and take
no thread from others.
"""

import math
import re
import selectors
import socket
import struct
import time
from functools import partial
from typing import Any, cast

from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import Request
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import TConn, ThreadWorker

from api import journal
from api.express import find_quick_pictures

QUICK_BYTES = 16 * 1024
"""Of a request that is kept in the loop; one that is larger goes to a thread as soon as that is known."""

REQUEST_S = 10.0
"""Within which the first `QUICK_BYTES` of a request must have arrived."""

SWEEP_S = 1.0
"""Between two looks for connections whose time is over."""

ACCEPT_PAUSE_S = 0.001
"""For which a worker leaves new connections to the others when it has taken its share, unless it answers before."""

TCP_INFO_UNACKED = 24
"""Where Linux's `struct tcp_info` has, of a listening socket, the number of connections that wait to be accepted."""

_HEAD_END = b"\r\n\r\n"
_QUICK_GET = b"GET /health/live "
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
_TYPE = re.compile(rb"\r\ncontent-type:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE)
_UNUSUAL = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade):", re.IGNORECASE)


class Connection(TConn):
    """A client's connection, with what it has sent of its next request."""

    def __init__(self, cfg: Config, sock: socket.socket, client: tuple[str, int], server: tuple[str, int]) -> None:
        super().__init__(cfg, sock, client, server)
        self.received = b""
        self.arrived = 0.0


class Outbox:
    """Stands in for the socket while an answer is made, so that the loop never waits for a client that reads slowly.

    It has what gunicorn needs of a socket to answer, and of a connection to handle a request.
    """

    def __init__(self, conn: TConn) -> None:
        self.data = bytearray()
        self.sock = self
        self.client, self.server = conn.client, conn.server

    def sendall(self, data: bytes) -> None:
        """Keep the next piece of the answer."""
        self.data += data


class QuickWorker(ThreadWorker):
    """`gthread` with a main loop that receives, and answers what is quick."""

    _next_sweep = 0.0
    _pausing, _accept_again = False, 0.0

    def accept(self, listener: socket.socket) -> None:
        """Take this worker's share of the connections that wait, and leave the rest to the others for a moment."""
        pause = self.cfg.workers > 1
        for _ in range(math.ceil(count_waiting(listener) / self.cfg.workers)):
            try:
                self._welcome(*listener.accept(), listener.getsockname())
            except OSError:
                pause = True  # there are no more of them, the client is gone, or this process is out of files
                break
        if pause:
            self._pausing, self._accept_again = True, time.monotonic() + ACCEPT_PAUSE_S
            self.set_accept_enabled(False)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Turn accepting on or off; it is not turned on again before others had their chance."""
        if not (enabled and self._pausing):
            super().set_accept_enabled(enabled)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for events, no longer than until connections are accepted again."""
        if self._pausing:
            timeout = max(self._accept_again - time.monotonic(), 0)
        super().wait_for_and_dispatch_events(timeout)
        self._pausing = self._pausing and time.monotonic() < self._accept_again

    def _welcome(self, sock: socket.socket, client: tuple[str, int], server: tuple[str, int]) -> None:
        conn = Connection(self.cfg, sock, client, server)
        conn.init()
        sock.setblocking(False)
        conn.set_timeout()
        self.nr_conns += 1
        self.keepalived_conns.append(conn)
        self.poller.register(sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Receive; answer a quick request that is complete, and hand over one that is large or unusual."""
        conn = cast(Connection, conn)
        try:
            data = client.recv(QUICK_BYTES + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(conn)
            return
        if not conn.received:
            conn.timeout = time.monotonic() + REQUEST_S
        received = conn.received + data
        if is_partial(received):
            conn.received = received
            return
        conn.received = b""
        conn.parser.unreader.unread(received)  # type: ignore[union-attr]
        if is_quick(received):
            self._answer(conn)
        else:
            self._forget(conn)
            self.enqueue_req(conn)

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a request to a thread, and note when."""
        cast(Connection, conn).arrived = time.perf_counter()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Answer a request in a thread."""
        journal.arrive(cast(Connection, conn).arrived)
        return super().handle(conn)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer a request; what is logged afterwards is not of it."""
        try:
            return bool(super().handle_request(req, conn))
        finally:
            journal.close_entry()

    def handle_error(self, req: Request | None, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that did not reach the application, under an id of its own."""
        sent = [value for name, value in getattr(req, "headers", ()) if name == journal.ID_HEADER.upper()]
        journal.open_entry({"HTTP_X_REQUEST_ID": ",".join(sent)})
        try:
            super().handle_error(req, client, addr, exc)
        finally:
            journal.close_entry()

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections whose time is over, all of them if forced; one that was late with a request is told."""
        now = time.monotonic()
        if self.alive and not force and now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_S
        for conn in [conn for conn in self.keepalived_conns if force or (conn.timeout or 0) <= now]:
            if cast(Connection, conn).received:
                _complain(conn)
            self._close(conn)

    def _answer(self, conn: TConn) -> None:
        self._pausing = False  # the others had their chance meanwhile
        outbox = Outbox(conn)
        keep = False
        req: Request | None = None
        try:
            req = next(conn.parser)  # type: ignore[arg-type]  # HTTP/2 is not spoken here
            keep = self.handle_request(req, cast(TConn, outbox)) and _is_read(conn)
        except (StopIteration, NoMoreData):
            pass
        except Exception as exc:
            outbox.data.clear()
            self.handle_error(req, conn.sock, conn.client, exc)
        try:
            sent = conn.sock.send(outbox.data) if outbox.data else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            sent, keep = len(outbox.data), False
        if sent < len(outbox.data):
            self._send_rest(conn, bytes(outbox.data[sent:]), keep)
        elif keep:
            conn.set_timeout()
        else:
            self._close(conn)

    def _send_rest(self, conn: TConn, rest: bytes, keep: bool) -> None:
        """Let a thread send what the client does not take at once."""

        def send() -> bool:
            conn.sock.setblocking(True)
            conn.sock.sendall(rest)
            return keep

        self._forget(conn)
        future = self.tpool.submit(send)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _close(self, conn: TConn) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)


def count_waiting(listener: socket.socket) -> int:
    """Return how many connections wait to be accepted, 1 where the system does not tell."""
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_UNACKED + 4)
        (waiting,) = struct.unpack_from("=I", info, TCP_INFO_UNACKED)
    except (OSError, AttributeError, struct.error):
        return 1
    return max(1, int(waiting))


def is_partial(received: bytes) -> bool:
    """Tell whether more is worth waiting for: the request is small and not complete."""
    if len(received) > QUICK_BYTES:
        return False
    head_end = received.find(_HEAD_END)
    if head_end < 0:
        return True
    found = _LENGTH.search(received, 0, head_end + 2)
    if found is None:
        return False
    whole = head_end + len(_HEAD_END) + int(found[1])
    return len(received) < whole <= QUICK_BYTES and not _UNUSUAL.search(received, 0, head_end)


def is_quick(received: bytes) -> bool:
    """Tell whether bytes are exactly one request that is answered within milliseconds and waits for nothing.

    This only chooses who answers: gunicorn's parser reads the request again, and Flask checks all that it asks for.
    """
    head_end = received.find(_HEAD_END)
    head, body = received[: head_end + 2], received[head_end + len(_HEAD_END) :]
    if _UNUSUAL.search(head):
        return False
    lengths, types = _LENGTH.findall(head), _TYPE.findall(head)
    if not lengths:
        return head.startswith(_QUICK_GET) and not body
    if len(lengths) != 1 or len(types) != 1 or int(lengths[0]) != len(body):
        return False
    return len(find_quick_pictures(types[0].decode("latin-1"), body)) == 1


def _is_read(conn: TConn) -> bool:
    """Pass over what the application left of a request's body; all of it is here, so this never waits."""
    return bool(conn.parser.finish_body())  # type: ignore[union-attr]  # HTTP/2 is not spoken here


def _complain(conn: TConn) -> None:
    """Tell a client that its request did not arrive in time; who does not read it, does not."""
    try:
        util.write_error(conn.sock, 408, "Request Timeout", f"no whole request arrived within {REQUEST_S:g} s")
    except OSError:
        return
