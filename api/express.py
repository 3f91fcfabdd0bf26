"""The express lane: the request that nearly everybody sends, answered without Flask.

One small PNG, alone in a multipart body or as a raw body, with no parameters. Reading it takes a fraction of a
millisecond; a general parser of forms, a router and a resource would take longer than the network. Every other request,
and each that fails, is left to Flask, whose answer is the same (a test compares them byte for byte).
"""

import re
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from api.auth import Keys
from api.predict import PREDICT_PATH, write_answer
from api.service import Service
from api.uploads import IMAGE_FIELDS
from core.image import is_quick
from core.model import Picture

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

QUICK_BYTES = 16 * 1024
"""Most bytes of a request that takes the express lane: a PNG of a drawing has a few thousand."""

_MULTIPART = re.compile(r"multipart/form-data; ?boundary=(\"?)([\w'()+,./:=?-]{1,70})\1", re.ASCII)
_DISPOSITION = re.compile(
    rb'content-disposition: ?form-data; ?name="?(?:%s)"?; ?filename="[^"\\]+"' % "|".join(IMAGE_FIELDS).encode(),
    re.IGNORECASE,
)
_TYPE = re.compile(rb"content-type: ?[^\r\n]*", re.IGNORECASE)


class Express:
    """WSGI middleware around a Flask application."""

    def __init__(self, app: "WSGIApplication", service: Service, keys: Keys, max_upload_bytes: int) -> None:
        self._app = app
        self._service = service
        self._keys = keys
        self._most = min(QUICK_BYTES, max_upload_bytes)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request of the express lane; hand any other on, its body unread or put back."""
        answer = self._answer(environ) if self._may_answer(environ) else None
        if answer is None:
            return self._app(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
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
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        picture = find_quick_picture(environ.get("CONTENT_TYPE", ""), body)
        if picture is None:
            return None
        try:
            return write_answer(self._service.read([picture]))
        except Exception:
            return None  # Flask meets it again, answers in the form of every error, and logs it


def find_quick_picture(content_type: str, body: bytes) -> Picture | None:
    """Return the only picture of a body if it is sure to be read quickly; None for anything the least unusual.

    Args:
        content_type: Of the request.
        body: All of it.
    """
    if content_type == "image/png":
        return Picture(body) if is_quick(body) else None
    found = _MULTIPART.fullmatch(content_type)
    data = _only_file(b"--" + found[2].encode(), body) if found else None
    return Picture(data) if data is not None and is_quick(data) else None


def _only_file(delimiter: bytes, body: bytes) -> bytes | None:
    """Return the content of a multipart body's only part if that is a file in one of our fields (RFC 7578)."""
    end = b"\r\n" + delimiter + b"--"
    inner = body.removesuffix(b"\r\n").removesuffix(end).removeprefix(delimiter + b"\r\n")
    if len(body.removesuffix(b"\r\n")) - len(inner) != len(end) + len(delimiter) + 2 or delimiter in inner:
        return None
    head, _, data = inner.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    dispositions = [line for line in lines if _DISPOSITION.fullmatch(line)]
    others = [line for line in lines if not (_DISPOSITION.fullmatch(line) or _TYPE.fullmatch(line))]
    return data if len(dispositions) == 1 and len(lines) <= 2 and not others else None
