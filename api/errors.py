"""Every error as JSON: `{"status": "error", "code": ..., "message": ...}`; below `/v2` as the protocol has it."""

import json
import logging
from http import HTTPStatus

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from api import journal
from api.headers import HEADERS
from api.namespaces import V2
from core.errors import RequestError, ServiceError, Unauthorized, Unavailable

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 1
INTERNAL_ERROR_MESSAGE = "the server failed to answer; the fault is logged and is not yours"


def register_error_handlers(app: Flask) -> None:
    """Answer our own errors, those of Flask, and any other in the one shape."""
    app.register_error_handler(RequestError, _answer_request_error)
    app.register_error_handler(HTTPException, _answer_http_exception)
    app.register_error_handler(Exception, _answer_fault)


def error_body(code: str, message: str) -> dict[str, str]:
    """Return the body of an error."""
    return {"status": "error", "code": code, "message": message}


def raw_answer(status: HTTPStatus, code: str, message: str, path: str = "") -> bytes:
    """Return the whole answer, head and body, to a request that never reaches the application.

    Args:
        status: Of the answer.
        code: The error's stable code.
        message: What the client should know.
        path: What was asked for, where that is known.
    """
    body = json.dumps(_shape(path, code, message), separators=(",", ":")).encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Retry-After: {RETRY_AFTER_S}"] if status == HTTPStatus.SERVICE_UNAVAILABLE else []),
        f"{journal.ID_HEADER}: {journal.current_id() or journal.new_id()}",
        *(f"{name}: {value}" for name, value in HEADERS),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _answer(status: int, code: str, message: str) -> Response:
    journal.current().code = code
    response = jsonify(_shape(request.path, code, message))
    response.status_code = status
    return response


def _shape(path: str, code: str, message: str) -> dict[str, str]:
    """The body of an error, in the form that clients of a path expect."""
    in_protocol = path.startswith(f"{V2.path}/") or path == V2.path
    return {"error": message} if in_protocol else error_body(code, message)


def _answer_request_error(error: RequestError) -> Response:
    logger.info("%s: %s", error.code, error)
    response = _answer(error.status, error.code, str(error))
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_http_exception(error: HTTPException) -> Response:
    """Answer an error that Flask or Werkzeug raised; a redirect stays one, and 405 keeps its `Allow`."""
    original = error.get_response()
    if original.status_code < HTTPStatus.BAD_REQUEST:
        return Response(original.get_data(), original.status_code, original.headers)
    response = _answer(original.status_code, _code(original.status_code), _message(error))
    if "Allow" in original.headers:
        response.headers["Allow"] = original.headers["Allow"]
    return response


def _code(status: int) -> str:
    """The status's standard name in lower case, such as `not_found`; ours for 500."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceError.code
    return HTTPStatus(status).name.lower()


def _message(error: HTTPException) -> str:
    if error.code == HTTPStatus.NOT_FOUND:
        return f"nothing is at {request.path[:200]!r}; the routes are listed at /"
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not allowed at {request.path[:200]!r}"
    return error.description or HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR).phrase


def _answer_fault(error: Exception) -> Response:
    """Answer an error that nobody foresaw: the log learns all of it, the client nothing."""
    logger.error("unforeseen error in %s %s", request.method, request.path, exc_info=error)
    return _answer(ServiceError.status, ServiceError.code, INTERNAL_ERROR_MESSAGE)
