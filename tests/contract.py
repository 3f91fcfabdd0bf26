"""What every answer of the service must look like, for the tests that ask it in process and for those over HTTP."""

from http import HTTPStatus
from typing import Any

import requests
from werkzeug.test import TestResponse

Answer = TestResponse | requests.Response
"""An answer of Flask's test client or of requests."""


def body(answer: Answer) -> Any:
    return answer.json() if isinstance(answer, requests.Response) else answer.json


def assert_error(answer: Answer, status: int, code: str, *mentions: str) -> str:
    """Check the one error shape in full; returns the message."""
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    error = body(answer)
    assert set(error) == {"status", "code", "message"}
    assert (error["status"], error["code"]) == ("error", code)
    message = error["message"]
    assert isinstance(message, str)
    assert message
    for mention in mentions:
        assert mention in message
    for leak in ("Traceback", "Error(", "object at 0x", "/site-packages", "<html"):
        assert leak not in message
    return message


def assert_pair(pair: dict[str, Any]) -> None:
    assert isinstance(pair["prediction"], int)
    assert 0 <= pair["prediction"] <= 9
    assert isinstance(pair["probability"], float)
    assert 0 <= pair["probability"] <= 1


def assert_predictions(answer: Answer, count: int, extra: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """Check a whole answer of predict; returns its entries."""
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["Content-Type"] == "application/json"
    read = body(answer)
    assert set(read) == {"status", "predictions"}
    assert read["status"] == "ok"
    entries: list[dict[str, Any]] = read["predictions"]
    assert len(entries) == count
    for entry in entries:
        assert set(entry) == {"prediction", "probability"} | extra
        assert_pair(entry)
    return entries
