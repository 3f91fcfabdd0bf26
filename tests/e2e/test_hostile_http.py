"""Requests that are no HTTP, or bend it: each is refused with a reason, at a bounded cost, and nobody else notices."""

import json
import re
from typing import Any

import pytest
import requests

from api.inbox import LINE_BYTES
from tests.contract import assert_error
from tests.e2e.hostile import GOOD, SEVEN, Case, Target, request

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.alone]

PNG = b"Content-Type: image/png\r\n"
HEAD = b"POST /model/predict HTTP/1.1\r\nHost: x\r\n" + PNG
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /model/labels"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
MEGABYTE = 2**20
EVIL = b"GET /model/labels HTTP/1.1\r\nHost: evil\r\n\r\n"
"""A second request, which must not be answered where the first one's end is in doubt."""


def bad(sent: bytes, status: int = 400, code: str = "bad_request", ends: bool = False) -> Case:
    """A request after which nothing on the connection can be trusted."""
    return Case(sent, status, code, closes=True, ends=ends)


def get(target: bytes, head: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n"


def length(value: bytes) -> bytes:
    return HEAD + b"Content-Length: " + value + b"\r\n\r\n" + EVIL


def coding(value: bytes, more: bytes = b"") -> bytes:
    return HEAD + b"Transfer-Encoding: " + value + b"\r\n" + more + b"\r\n0\r\n\r\n" + EVIL


LIMITS = {
    "a giant header": bad(request(b"X: " + b"a" * MEGABYTE + b"\r\n"), 431, "request_header_fields_too_large"),
    "a header that never ends": bad(get(b"/", b"X: " + b"a" * MEGABYTE), 431, "request_header_fields_too_large"),
    "1,000 headers": bad(request(b"X: a\r\n" * 1000), 431, "request_header_fields_too_large"),
    "100,000 headers": bad(request(b"X: a\r\n" * 100_000), 431, "request_header_fields_too_large"),
    "a giant line": bad(get(b"/" + b"a" * 60_000), 414, "request_uri_too_long"),
    "a line that never ends": bad(b"GET /" + b"a" * MEGABYTE, 431, "request_header_fields_too_large"),
    "a path of 8 KB": bad(get(b"/" + b"a" * 8000), 414, "request_uri_too_long"),
    "a giant name without a value": bad(request(b"a" * 60_000 + b"\r\n")),
    "a giant method": bad(b"A" * 8000 + get(b"/"), 414, "request_uri_too_long"),
}
LINES = {
    "no colon": bad(request(b"nonsense\r\n")),
    "no name": bad(request(b": a\r\n")),
    "blank before the colon": bad(request(b"X : a\r\n")),
    "NUL in a name": bad(request(b"X\0: a\r\n")),
    "NUL in a value": bad(request(b"X: a\0\r\n")),
    "CR in a value": bad(request(b"X: a\rY: b\r\n")),
    "LF in a value": bad(request(b"X: a\nY: b\r\n")),
    "LF alone": bad(b"GET / HTTP/1.1\nHost: x\n\n", ends=True),
    "folded": bad(request(b"X: a\r\n b\r\n")),
    "two hosts": bad(request(b"Host: y\r\n", first=GET)),
    "two types": bad(request(PNG * 2)),
    "blanks before a type that ends in CR": bad(request(b"Content-Type:" + b" " * 8_000 + b"\rx\r\n")),
    "contradictory schemes": bad(request(b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n", first=GET)),
    "an expectation": bad(request(b"Expect: tea\r\n"), 417, "expectation_failed"),
}
BODIES = {
    "length -1": bad(length(b"-1")),
    "length +1": bad(length(b"+1")),
    "length 1, 1": bad(length(b"1, 1")),
    "length of 5,000 digits": bad(length(b"9" * 5000)),
    "length in superscript": bad(length(b"\xb2")),
    "length in hexadecimal": bad(length(b"0x10")),
    "no length": bad(length(b"")),
    "two lengths": bad(length(b"0\r\nContent-Length: 81")),
    "enormous length": bad(HEAD + b"Content-Length: 99999999999\r\n\r\n", 413, "body_too_large"),
    "length beyond 64 bits": bad(length(b"9" * 20)),
    "unknown coding": bad(coding(b"rot13")),
    "unknown coding, chunked": bad(coding(b"rot13, chunked")),
    "gzip": bad(coding(b"gzip")),
    "chunked twice": bad(coding(b"chunked, chunked")),
    "chunked in two lines": bad(coding(b"chunked\r\nTransfer-Encoding: chunked")),
    "chunked and a length": bad(coding(b"chunked", b"Content-Length: 5\r\n")),
    "chunked in HTTP/1.0": bad(coding(b"chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    "chunked, hidden": bad(coding(b"\x0bchunked")),
    "it ends early": Case(HEAD + b"Content-Length: 200\r\n\r\nabc", 400, "bad_request", ends=True),
}
CHUNKS = {
    "no size": bad(CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"),
    "negative size": bad(CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n" + EVIL),
    "size with 0x": bad(CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n" + EVIL),
    "size of a megabyte": bad(CHUNKED + b"0" * MEGABYTE),
    "enormous size": bad(CHUNKED + b"f" * 16 + b"\r\nabcde", ends=True),
    "no end": bad(CHUNKED + b"5\r\nabcdeXX0\r\n\r\n" + EVIL),
    "cut": bad(CHUNKED + b"5\r\nab", ends=True),
    "extension of megabytes": bad(CHUNKED + b"5;a=" + b"b" * (3 * MEGABYTE) + b"\r\nabcde\r\n0\r\n\r\n"),
    "extension that a slow pattern reads": bad(CHUNKED + b"5" + b'; a="\\"' * 1000 + b"\0\r\nabcde\r\n0\r\n\r\n"),
    "NUL in an extension": bad(CHUNKED + b"5;\0\r\nabcde\r\n0\r\n\r\n"),
    "LF alone in an extension": bad(CHUNKED + b"0;\n\r\n\r\n" + EVIL),
    "LF alone in a trailer": bad(CHUNKED + b"0\r\nX: y\n\n\r\n\r\n" + EVIL),
    "a trailer without a colon": bad(CHUNKED + b"0\r\nnonsense\r\n\r\n" + EVIL),
    "trailers of megabytes": bad(CHUNKED + b"0\r\n" + b"X: y\r\n" * 500_000),
    "millions of one byte": bad(CHUNKED + b"1\r\na\r\n" * 2_000_000),
    "long lines": bad(CHUNKED + (b"1;" + b"a" * (LINE_BYTES - 4) + b"\r\na\r\n") * 50_000),
}
TARGETS = {
    "HTTP/0.9": bad(b"GET /\r\n\r\n"),
    "HTTP/1.10": bad(b"GET / HTTP/1.10\r\n\r\n"),
    "HTTP/2": bad(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS": bad(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x01" * 500, ends=True),
    "noise": bad(bytes(range(256)) * 100 + b"\r\n\r\n", 400),
    "lower case": bad(b"get / HTTP/1.1\r\n\r\n"),
    "no slash": bad(get(b"model/labels")),
    "bytes beyond ASCII": bad(get(b"/\xff")),
    "half an address": bad(get(b"ftp://[::1/")),
    "asterisk": bad(get(b"*")),
    "CONNECT": Case(b"CONNECT a:80 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found", closes=True),
    "up": Case(get(b"/app/../../etc/passwd"), 404, "not_found"),
    "up, escaped": Case(get(b"/app/..%2f..%2fetc%2fpasswd"), 404, "not_found"),
    "up among Swagger's files": Case(get(b"/swaggerui/..%2f..%2fapi.py"), 404, "not_found"),
    "NUL": Case(get(b"/app/%00"), 404, "not_found"),
    "no UTF-8": Case(get(b"/%ff%fe"), 404, "not_found"),
    "no escape": Case(get(b"/%zz"), 404, "not_found"),
    "line break": Case(get(b"/app%0d%0aSet-Cookie:a"), 404, "not_found"),
    "a prefix that is not ours": Case(get(b"/model/model/labels", b"SCRIPT_NAME: /model\r\n"), 404, "not_found"),
    "WebSocket": Case(get(b"/model/labels", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"), 400, "bad_request"),
    "a range that is not there": Case(
        get(b"/swaggerui/swagger-ui.css", b"Range: bytes=99999999999999999999-\r\n"),
        416,
        "requested_range_not_satisfiable",
    ),
}
HARMLESS = {
    "another's address": Case(get(b"http://evil/model/labels"), 200),
    "two slashes": Case(get(b"//model/labels"), 200),
    "no host": Case(b"GET /model/labels HTTP/1.1\r\n\r\n", 200),
    "odd host": Case(b"GET /swagger.json HTTP/1.1\r\nHost: [::1<>\"'\xff:99999999\r\n\r\n", 200),
    "a false prefix": Case(get(b"/model/labels", b"SCRIPT_NAME: /x\r\nPATH_INFO: /y\r\n"), 200),
    "HTTP/2, if you like": Case(get(b"/model/labels", b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), 200),
    "extension": Case(CHUNKED + b"%x;a=b\r\n" % len(SEVEN) + SEVEN + b"\r\n0\r\nX: y\r\n\r\n", 200),
    "continue": Case(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(SEVEN) + SEVEN, 200),
    "a probe with a body of 10 digits": Case(LIVE + b"Content-Length: 1234567890\r\n\r\n", 200),
    "a probe with a long length": Case(LIVE + b"Content-Length: 00000000000005\r\n\r\nhello", 200),
    "odd values": Case(request(PNG + b"Accept: \xff;q=nan\r\nCookie: \xff=;;\r\nAuthorization: \xff\r\n", SEVEN), 200),
    "many values": Case(request(PNG + b"Accept: " + b"a/b;q=0.1," * 700 + b"\r\n", SEVEN), 200),
    "a body that nobody asked for": Case(request(b"", bytes(50_000), first=GET), 200),
}
TABLES = {"limit": LIMITS, "line": LINES, "body": BODIES, "chunk": CHUNKS, "target": TARGETS, "harmless": HARMLESS}


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{kind}: {name}") for kind, table in TABLES.items() for name, case in table.items()]
)
def test_the_server_withstands(target: Target, case: Case) -> None:
    target.assert_withstands(case)


def test_a_bad_body_that_nobody_asked_for_is_no_request(target: Target) -> None:
    answers, closed = target.ask(b"GET /model/labels HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + EVIL)
    assert ([answer.status for answer in answers], closed) == ([400], True)


def test_many_requests_at_once(target: Target) -> None:
    missing = get(b"/model/train")
    answers, _ = target.ask((GOOD + missing + LIVE + b"\r\n") * 20)
    assert [answer.status for answer in answers] == [200, 404, 200] * 20
    answers, closed = target.ask(GOOD + b"nonsense\r\n\r\n" + GOOD)
    assert ([answer.status for answer in answers], closed) == ([200, 400], True)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "X!Y"])
def test_every_method_on_every_route(target: Target, method: str) -> None:
    described = requests.get(f"{target.server.url}/swagger.json", timeout=30).json()["paths"]
    for path in ("/", "/swagger.json", "/app/", "/app/page.js", "/nowhere", *described):
        answer = requests.request(method, f"{target.server.url}{path}", timeout=30, allow_redirects=False)
        assert answer.status_code < 500
        if method not in ("HEAD", "OPTIONS") and path != "/nowhere" and not path.startswith("/v2"):
            assert_error(answer, 405, "method_not_allowed")
        if answer.status_code == 405:
            assert answer.headers["Allow"]


TOP_K = ["1&top_k=1", "1&top_k=2", "%00", "%ff", "%D9%A3", "", "+1", "1.0", "-1", "1e0", "9" * 3000]
EXPLAIN = ["true&explain=false", "TRUE", "1", ""]


@pytest.mark.parametrize("query", [*(f"top_k={value}" for value in TOP_K), *(f"explain={value}" for value in EXPLAIN)])
def test_query_values(target: Target, query: str) -> None:
    sent = request(PNG, SEVEN, first=f"POST /model/predict?{query}".encode())
    target.assert_withstands(Case(sent, 400, "invalid_parameter"))


def test_the_log_is_neither_torn_nor_flooded(target: Target) -> None:
    """By all of the above, and by names that look like lines of a log."""
    name = b"a%0d%0a2000-01-01 00:00:00,000 1 INFO app: let in%1b[31m"
    part = b"--B\r\nContent-Disposition: form-data; name=image; filename*=utf-8''" + name + b"\r\n\r\nbad\r\n--B--\r\n"
    target.assert_withstands(
        Case(request(b"Content-Type: multipart/form-data; boundary=B\r\n", part), 400, "invalid_image")
    )
    log = target.server.log
    assert "let in" not in [line.partition(" app: ")[2] for line in log.splitlines()]
    assert all(re.match(r"\d{4}-\d\d-\d\d |\[\d{4}-", line) for line in log.splitlines())
    assert max(map(len, log.splitlines())) < 60_000  # one names 256 bad pictures
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", log)
    assert not [line for line in log.splitlines() if " ERROR " in line]


def test_what_is_answered_is_described_once_for_all(target: Target) -> None:
    """A client that says that the server stands elsewhere tells nobody else so."""
    misled = get(b"/swagger.json", b"SCRIPT_NAME: /evil\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Host: evil\r\n")
    answers, _ = target.ask(misled)
    described: Any = json.loads(answers[0].body)
    assert described["servers"] == [{"url": "/"}]
