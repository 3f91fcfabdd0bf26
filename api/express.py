"""The express lane: what nearly everybody sends, answered without Flask.

Small PNGs, one as a raw body or any number in a multipart body, with no parameters. Reading one takes a fraction of a
millisecond; a general parser of forms, a router and a resource would take longer than the network. Every other request,
and each that fails, is left to Flask, whose answer is the same (a test compares them byte for byte).
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flask import request

from api import journal
from api.auth import Keys
from api.headers import HEADERS
from api.inbox import FleetingBody, RawRequest
from api.multipart import CONTENT_TYPE
from api.predict import PREDICT_PATH, write_answer
from api.service import Service
from api.uploads import IMAGE_FIELDS
from core.gate import Gate
from core.image import is_quick as is_quick_picture
from core.image import may_be_quick
from core.model import Picture

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MOST_BYTES = 2**20
"""Of a request that takes the express lane: a thousand digits. Larger ones wait for the network anyway."""

PICTURES = "express.pictures"
"""In the environment of a request: the quick pictures in its body, where they have been found already."""

FAILURE = "express.failure"
"""In the environment of a request that the lane took and could not answer: the exception."""

_DISPOSITION = rb'content-disposition: ?form-data; ?name="?(?:%s)"?; ?filename="([^"%%\\\r\n]+)"' % b"|".join(
    field.encode() for field in IMAGE_FIELDS
)
_TYPE = rb"content-type: ?[^\r\n]*"
_HEAD = re.compile(
    rb"\r\n(?:%(type)s\r\n)?%(disposition)s|\r\n%(disposition)s\r\n%(type)s"
    % {b"type": _TYPE, b"disposition": _DISPOSITION},
    re.IGNORECASE,
)
"""The head of a part with a file, as browsers, curl and HTTP libraries write it."""


QUICK_BYTES = 16 * 1024
"""Of a body that is sure to be answered within milliseconds."""

_QUICK_GET = b"GET /health/live "
_TYPE_LINE = re.compile(rb"\r\ncontent-type:([^\r\n]*)(?=\r\n)", re.IGNORECASE)
_UNUSUAL = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade):", re.IGNORECASE)


class Express:
    """WSGI middleware around a Flask application."""

    def __init__(self, app: "WSGIApplication", service: Service, keys: Keys, max_upload_bytes: int) -> None:
        self._app = app
        self._service = service
        self._keys = keys
        self._most = min(MOST_BYTES, max_upload_bytes)
        # threads that decode and infer hundreds of digits side by side take a fifth longer than one after the other
        self._lane = Gate(service.gate.max_wait_s, service.gate.max_waiting, slots=1)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request of the express lane; hand any other on, its body unread or put back, or with its failure."""
        answer = self._answer(environ) if self._may_answer(environ) else None
        if answer is None:
            return self._app(environ, start_response)
        journal.current().route = PREDICT_PATH
        length = ("Content-Length", str(len(answer)))
        start_response("200 OK", [("Content-Type", "application/json"), length, *HEADERS])
        return [answer]

    def _may_answer(self, environ: "WSGIEnvironment") -> bool:
        length = environ.get("CONTENT_LENGTH", "")
        return (
            environ["PATH_INFO"] == PREDICT_PATH
            and environ["REQUEST_METHOD"] == "POST"
            and not environ.get("QUERY_STRING")
            and not environ.get("SCRIPT_NAME")
            and "HTTP_ORIGIN" not in environ  # browsers of other origins are flask-cors's affair
            and length.isdecimal()
            and len(length) <= len(str(self._most))
            and int(length) <= self._most
            and self._keys.admit(environ)
        )

    def _answer(self, environ: "WSGIEnvironment") -> bytes | None:
        found = environ.get(PICTURES)
        try:
            return self._read(found) if found else self._read_in_turn(environ)
        except Exception as exc:
            environ[FAILURE] = exc
            return None

    def _read_in_turn(self, environ: "WSGIEnvironment") -> bytes | None:
        candidates = self._find_candidates(environ)
        if not 1 <= len(candidates) <= self._service.max_images:
            return None  # none, or too many, which is for Flask to say
        watch = journal.current().watch
        with self._lane.turn(watch.started):
            watch.lap("queue")
            return self._read(_quick(candidates))

    def _read(self, pictures: Sequence[Picture]) -> bytes | None:
        return write_answer(self._service.read(pictures)) if pictures else None

    def _find_candidates(self, environ: "WSGIEnvironment") -> list[Picture]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = FleetingBody(body)
        return _candidates(environ.get("CONTENT_TYPE", ""), body)


def raise_failure() -> None:
    """Raise, within Flask, what went wrong in the lane, so that it is answered and logged as every error is."""
    if FAILURE in request.environ:
        raise request.environ[FAILURE]


def find_quick_pictures(content_type: str, body: bytes) -> list[Picture]:
    """Return the pictures of a body if they are sure to be read quickly; none if anything is the least unusual.

    Args:
        content_type: Of the request.
        body: All of it.
    """
    return _quick(_candidates(content_type, body))


def _candidates(content_type: str, body: bytes) -> list[Picture]:
    """Return the pictures of a body if none but their pixels can tell that they are not quick."""
    if content_type == "image/png":
        pictures = [Picture(body)]
    else:
        found = CONTENT_TYPE.fullmatch(content_type)
        pictures = _files(b"--" + found[2].encode(), body) if found else []
    return pictures if all(may_be_quick(picture.data) for picture in pictures) else []


def _quick(pictures: list[Picture]) -> list[Picture]:
    return pictures if all(is_quick_picture(picture.data) for picture in pictures) else []


def is_quick(request: RawRequest) -> bool:
    """Tell whether a request is answered within milliseconds and waits for nothing.

    This only chooses who answers, and notes the pictures: gunicorn's parser reads the head, and Flask checks all that
    it asks for.
    """
    if len(request.body) > QUICK_BYTES or _UNUSUAL.search(request.head):
        return False
    if not request.body:
        return request.head.startswith(_QUICK_GET)
    types = _TYPE_LINE.findall(request.head)
    if len(types) == 1:
        request.pictures = find_quick_pictures(types[0].strip(b" \t").decode("latin-1"), request.body)
    return len(request.pictures) == 1


def _files(delimiter: bytes, body: bytes) -> list[Picture]:
    """Return the parts of a multipart body (RFC 7578) if each is a file in one of our fields, else none."""
    first, *parts = body.split(delimiter)
    if first or not parts or parts.pop() not in (b"--", b"--\r\n"):
        return []
    pictures = []
    for part in parts:
        head, _, data = part.partition(b"\r\n\r\n")
        found = _HEAD.fullmatch(head)
        if found is None or not data.endswith(b"\r\n"):
            return []
        pictures.append(Picture(data[:-2], (found[1] or found[2]).decode(errors="replace")))
    return pictures
