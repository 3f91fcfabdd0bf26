"""What is answered to a request that the application does not see: an error of the usual form, which is counted."""

import logging
import re
from http import HTTPStatus

from gunicorn.http.errors import ConfigurationProblem, InvalidHeader, UnsupportedTransferCoding

from api import journal
from api.connection import REQUEST_S
from api.errors import raw_answer
from api.inbox import RawRequest
from api.metrics import Metrics
from core.errors import BodyTooLarge, Overloaded

logger = logging.getLogger(__name__)

MOST_QUOTED = 200
"""Characters of a refused request that its answer and the log repeat."""

NOTHING = RawRequest(b"", b"")
"""Stands for a request of which not even the head is known."""

_ID_LINE = re.compile(rb"\r\nx-request-id:([^\r\n]*)(?=\r\n)", re.IGNORECASE)


class Refusals:
    """Makes the answers of one process's loop."""

    def __init__(self, metrics: Metrics, most_bytes: int) -> None:
        """Begin to count.

        Args:
            metrics: Are told of every answer.
            most_bytes: Of a request's body.
        """
        self._metrics = metrics
        self._most_bytes = most_bytes
        self._overloaded = 0

    def overloaded(self, request: RawRequest = NOTHING) -> bytes:
        """Answer a request that would have to wait too long."""
        self._overloaded += 1
        message = "too many requests wait already; try again shortly"
        return self._answer(request, Overloaded.status, Overloaded.code, message)

    def too_large(self, request: RawRequest) -> bytes:
        """Answer a request whose body is larger than allowed."""
        message = f"the request body is larger than {self._most_bytes:,} bytes"
        return self._answer(request, BodyTooLarge.status, BodyTooLarge.code, message)

    def late(self) -> bytes:
        """Answer a request that did not arrive in time."""
        message = f"no whole request arrived within {REQUEST_S:g} s"
        return self._answer(NOTHING, HTTPStatus.REQUEST_TIMEOUT, "request_timeout", message)

    def cut(self) -> bytes:
        """Answer a request whose client sends no more before it is whole."""
        return self._answer(NOTHING, HTTPStatus.BAD_REQUEST, "bad_request", "the request ends before it is whole")

    def report(self) -> None:
        """Log how many requests were refused as too many since the last report, if any."""
        count, self._overloaded = self._overloaded, 0
        if count:
            logger.warning("overloaded: %d requests were refused", count)

    def _answer(self, request: RawRequest, status: HTTPStatus, code: str, message: str) -> bytes:
        sent = _ID_LINE.search(request.head)
        journal.open_entry({"HTTP_X_REQUEST_ID": sent[1].strip().decode("latin-1")} if sent else {})
        try:
            self._metrics.refuse(status, code)
            return raw_answer(status, code, message, request.path)
        finally:
            journal.close_entry()


def refusal(exc: BaseException) -> BaseException:
    """Return the error to answer for one that gunicorn met.

    gunicorn answers 501 to an unknown transfer coding, 500 to a path outside the prefix that the server has, and
    repeats a malformed header of half a megabyte.
    """
    if isinstance(exc, UnsupportedTransferCoding | ConfigurationProblem):
        return InvalidHeader(str(exc)[:MOST_QUOTED])
    for name, value in list(vars(exc).items()):
        if isinstance(value, str | bytes):
            setattr(exc, name, value[:MOST_QUOTED])
    return exc
