"""What is known of each request: its id, what was asked, where its time went, how it ended.

`Journal` opens an entry when a request reaches the application; the code on its way fills it in through `current()`. At
its end the entry is told to the metrics and the traces; the access log has the same one.
"""

import itertools
import os
import re
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from flask import Flask, request

from core.stopwatch import Stopwatch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ID_HEADER = "X-Request-ID"
UNMATCHED = "unmatched"
"""Stands for the route of a request that no route answers: what clients make up shall not become labels."""

METRICS_PATH = "/metrics"
QUIET_PREFIXES = ("/health/", "/v2/health/")
"""With `METRICS_PATH`, what others ask every few seconds to learn how we are: it would hide the rest."""

_SANE_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)


@dataclass(slots=True)
class Entry:
    """One request; the phases of its watch are `queue`, `decode`, `infer` and `respond`."""

    environ: "WSGIEnvironment"
    request_id: str
    watch: Stopwatch
    quiet: bool = False
    route: str = UNMATCHED
    status: int = 500
    code: str = ""
    images: int = 0
    predictions: Sequence[tuple[int, float]] = field(default=())

    @property
    def bytes_in(self) -> int | None:
        """Size of the request's body, None where it came in chunks."""
        if "HTTP_TRANSFER_ENCODING" in self.environ:
            return None
        length = self.environ.get("CONTENT_LENGTH") or "0"
        return int(length) if length.isdecimal() else None


class Observer(Protocol):
    """Is told of every request."""

    def begin(self, entry: Entry) -> None:
        """A request is in hand."""

    def end(self, entry: Entry) -> None:
        """Its answer is made."""

    def close(self) -> None:
        """There will be no more of them."""


class Journal:
    """WSGI middleware around everything else: one entry a request, whose id goes into the answer."""

    def __init__(self, app: "WSGIApplication", observers: Sequence[Observer]) -> None:
        self._app = app
        self._observers = observers

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request, and tell the observers before the answer is sent: who has it may count on being counted."""
        entry = open_entry(environ)
        for observer in self._observers:
            observer.begin(entry)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            entry.status = int(status[:3])
            headers.append((ID_HEADER, entry.request_id))
            return start_response(status, headers, exc_info)

        try:
            return self._app(environ, start)
        finally:
            entry.watch.lap("respond")
            for observer in self._observers:
                observer.end(entry)

    def close(self) -> None:
        """Tell the observers that this process serves no more."""
        for observer in self._observers:
            observer.close()


def note_route(app: Flask) -> None:
    """Have the entry of every request that reaches Flask name the route that answers it."""

    def note() -> None:
        if request.url_rule is not None:
            current().route = request.url_rule.rule

    app.before_request(note)


_current: ContextVar[Entry | None] = ContextVar("entry", default=None)
_arrival: ContextVar[float | None] = ContextVar("arrival", default=None)


def arrive(moment: float) -> None:
    """Say when the request that this thread takes in hand next had arrived, in seconds of `time.perf_counter`."""
    _arrival.set(moment)


def open_entry(environ: "WSGIEnvironment") -> Entry:
    """Open the entry of a request, from now on the current one of this thread."""
    path = environ.get("PATH_INFO", "")
    entry = Entry(
        environ,
        _sane_id(environ.get("HTTP_X_REQUEST_ID")),
        Stopwatch(_arrival.get()),
        path == METRICS_PATH or path.startswith(QUIET_PREFIXES),
    )
    entry.watch.lap("queue")
    _arrival.set(None)
    _current.set(entry)
    return entry


def close_entry() -> None:
    """Leave the current entry, so that what this thread logs next is not taken for a part of it."""
    _current.set(None)


def current() -> Entry:
    """Return the entry of the request in hand; a blank one, for nobody, where there is none."""
    return _current.get() or Entry({}, "", Stopwatch())


def current_id() -> str:
    """Return the id of the request in hand, empty where there is none."""
    entry = _current.get()
    return entry.request_id if entry else ""


class _Ids:
    """Ids drawn at random once a process, then counted: that costs a tenth of a draw for each request."""

    def __init__(self) -> None:
        self.renew()
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self._prefix, self._numbers = os.urandom(8).hex(), itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}{next(self._numbers):08x}"


new_id = _Ids().next
"""Returns an id that no other request has."""


def _sane_id(sent: str | None) -> str:
    """The id that a client sent, if it can stand in a header and a log as it is; else one of ours."""
    return sent if sent and _SANE_ID.fullmatch(sent) else new_id()
