"""A quick request from its head to the bytes of its answer, without what gunicorn does for answers of other kinds.

gunicorn's way suits any application: it looks at every header of an answer, may send it in chunks or as a file, and
calls hooks. The answers to quick requests are one piece of known length with headers of our own; a test compares both
ways byte for byte.
"""

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from gunicorn import SERVER
from gunicorn.http import Request
from gunicorn.util import http_date
from gunicorn.workers.base import Worker

from api.connection import Outbox
from api.express import PICTURES
from api.heads import Head
from api.inbox import RawRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


def handle_quickly(worker: Worker, raw: RawRequest, request: Request, outbox: Outbox) -> bool:
    """Answer a quick request; True where the connection is good for another.

    Args:
        worker: That answers.
        raw: The request as it arrived, with the pictures that were found in it.
        request: The same as gunicorn has parsed it.
        outbox: Of its connection.
    """
    head = cast(Head, raw.parsed)  # which the request was made of
    environ = head.new_environ(worker.cfg, outbox.client, outbox.server, request.body) | {PICTURES: raw.pictures}
    worker.nr += 1
    if worker.nr >= worker.max_requests:
        worker.alive = False
    keep = worker.alive and bool(worker.cfg.keepalive) and not request.should_close()
    response = QuickResponse()
    body = response.complete(cast("WSGIApplication", worker.wsgi), environ)
    outbox.sendall(response.head(request, keep=keep))
    outbox.sendall(body)
    worker.log.access(response, request, environ, timedelta())  # type: ignore[arg-type]  # our logger reads two fields
    return keep


class QuickResponse:
    """An answer in the making; stands in for gunicorn's own in the access log.

    Attributes:
        status: Code and phrase.
        sent: Bytes of the body.
    """

    def __init__(self) -> None:
        self.status = ""
        self.sent = 0
        self._headers: list[tuple[str, str]] = []

    def start(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
        """Take status and headers: `start_response` of WSGI (PEP 3333), but for writing, which none of ours does."""
        self.status, self._headers = status, headers

    def complete(self, app: "WSGIApplication", environ: "WSGIEnvironment") -> bytes:
        """Have the application answer, and return the body."""
        pieces: Iterable[bytes] = app(environ, self.start)
        try:
            body = b"".join(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        self.sent = len(body)
        return body

    def head(self, request: Request, *, keep: bool) -> bytes:
        """Return the status line and headers in gunicorn's order.

        Args:
            request: That is answered.
            keep: Whether its connection is good for another one.
        """
        major, minor = cast(tuple[int, int], request.version)
        lines = "".join([f"{name}: {value}\r\n" for name, value in self._headers])
        return (
            f"HTTP/{major}.{minor} {self.status}\r\nServer: {SERVER}\r\nDate: {_date(int(time.time()))}\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n{lines}\r\n"
        ).encode("latin-1")


_dates: dict[int, str] = {}


def _date(second: int) -> str:
    """The date of an answer, written once a second."""
    if second not in _dates:
        _dates.clear()
        _dates[second] = http_date(second)
    return _dates[second]
