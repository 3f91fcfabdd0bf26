"""What gunicorn makes of a request's head, kept for the next one: many clients send the same head over and over.

gunicorn's parser and its WSGI environment depend on nothing but the bytes of a head, the address that they come from,
and the server's settings. To look up equal bytes takes a hundredth of the time, and can admit nothing new.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from socket import socket
from typing import TYPE_CHECKING, Any, cast

from gunicorn.config import Config
from gunicorn.http import Request, RequestParser, wsgi
from gunicorn.http.body import Body, ChunkedReader, LengthReader

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MOST_KNOWN = 256
LONGEST_KNOWN = 2048
"""Bytes of a head that is kept; few have a longer one."""

MOST_FIELDS = 32
"""In a head that is kept. gunicorn makes ten kilobytes of so many, so all that is kept stays below four megabytes."""

_OF_ONE_CONNECTION = ("wsgi.input", "wsgi.early_hints", "gunicorn.socket", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT")

Address = tuple[str, int]


@dataclass(slots=True)
class Head:
    """A head that gunicorn has read.

    Attributes:
        request: Without its body; nobody changes this one.
        length: Of the body as it declares it; None where that comes in chunks.
        environ: What all requests with this head have in common; made when it is first asked for.
    """

    request: Request
    length: int | None
    environ: Mapping[str, Any] | None = None

    def new_request(self, client: Address) -> Request:
        """Return a request with this head."""
        request = copy(self.request)
        if request.remote_addr == request.peer_addr:
            request.remote_addr = client
        request.peer_addr = client
        return request

    def new_environ(self, cfg: Config, client: Address, server: Address, body: object) -> "WSGIEnvironment":
        """Return the WSGI environment of a request with this head, as gunicorn makes it but for its socket's two keys.

        Args:
            cfg: The server's settings.
            client: Far end of its connection.
            server: Near end.
            body: `wsgi.input`.
        """
        if self.environ is None:
            no_socket = cast(socket, None)  # which gunicorn would send an interim answer to, and nobody asks for one
            made = wsgi.create(self.request, no_socket, client, server, cfg)[1]
            made["wsgi.multithread"] = True
            self.environ = {name: value for name, value in made.items() if name not in _OF_ONE_CONNECTION}
        ends = {"REMOTE_PORT": str(client[1]), "SERVER_NAME": server[0], "SERVER_PORT": str(server[1])}
        return {**self.environ, **ends, "wsgi.input": body}


_known: OrderedDict[tuple[bytes, str], Head] = OrderedDict()
"""Those that were asked for last, the latest at the end."""

_lock = threading.Lock()
"""Held for a look into them: threads parse heads as well as the loop."""


def read_head(head: bytes, cfg: Config, client: Address) -> Head:
    """Return a head as gunicorn reads it.

    Raises:
        ParseException: It is malformed.
    """
    key = (head, client[0])
    with _lock:
        found = _known.get(key)
        if found is not None:
            _known.move_to_end(key)
            return found
    found = _parse(head, cfg, client)
    if len(head) <= LONGEST_KNOWN and len(found.request.headers) <= MOST_FIELDS:
        with _lock:
            _known[key] = found
            if len(_known) > MOST_KNOWN:
                _known.popitem(last=False)
    return found


def _parse(head: bytes, cfg: Config, client: Address) -> Head:
    request = next(RequestParser(cfg, [head], client))
    return Head(request, _declared_length(request))


def _declared_length(request: Request) -> int | None:
    reader = cast(Body, request.body).reader
    if isinstance(reader, ChunkedReader):
        return None
    return reader.length if isinstance(reader, LengthReader) else 0
