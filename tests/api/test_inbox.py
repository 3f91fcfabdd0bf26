from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidChunkSize, InvalidHeader, LimitRequestHeaders, ParseException

from api.inbox import HEAD_BYTES, LEAST_CHUNK_BYTES, LINE_BYTES, MOST_TRAILERS, SPARE_CHUNKS, Inbox, RawRequest

MOST = 5_000
CLIENT = ("127.0.0.1", 1)
HEAD = b"POST /model/predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def sized(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def take(data: bytes, step: int = 2**30) -> list[RawRequest]:
    """Every request of what arrives, so many bytes at a time."""
    inbox = Inbox(MOST)
    requests = []
    for start in range(0, len(data), step):
        inbox.add(data[start : start + step])
        while (request := inbox.take()) is not None:
            requests.append(request)
    assert len(inbox) == 0
    return requests


@pytest.mark.parametrize("step", [1, 2, 7, 100, 2**30])
def test_requests_end_where_they_end_however_they_arrive(step: int) -> None:
    sent = sized(b"abc") + GET + chunked(b"ab", b"c" * 300) + sized(b"") + chunked(end=b"0\r\nA: b\r\n\r\n") + GET
    bodies = [(request.body, request.length, request.whole) for request in take(sent, step)]
    assert bodies == [
        (b"abc", 3, True),
        (b"", 0, True),
        (b"ab" + b"c" * 300, None, True),
        (b"", 0, True),
        (b"", None, True),
        (b"", 0, True),
    ]


def test_chunks_with_extensions_and_capital_digits() -> None:
    (request,) = take(CHUNKED + b'A ; name="value"\r\n' + b"x" * 10 + b"\r\n0;last\r\n\r\n")
    assert request.body == b"x" * 10


def test_bytes_held_are_counted_and_given_back() -> None:
    inbox = Inbox(MOST)
    inbox.add(sized(b"abc")[:-1])
    assert inbox.take() is None
    assert len(inbox) == len(sized(b"abc")) - 1
    inbox.add(b"c" + GET)
    assert inbox.take() is not None
    assert len(inbox) == len(GET)


@pytest.mark.parametrize("step", [1, 2**30])
def test_no_more_than_is_allowed_is_waited_for(step: int) -> None:
    inbox = Inbox(MOST)
    head = HEAD + b"Content-Length: %d\r\n\r\n" % (MOST + 1)
    inbox.add(head)
    request = inbox.take()
    assert request is not None
    assert (request.body, request.length, request.whole) == (b"", MOST + 1, False)

    inbox = Inbox(MOST)
    sent = chunked(b"x" * 4_000, b"y" * 1_001)
    pieces = (sent[start : start + step] for start in range(0, len(sent), step))
    first = None
    while first is None:
        inbox.add(next(pieces))
        first = inbox.take()
    assert (first.length, first.whole) == (None, False)


def test_a_head_without_end() -> None:
    inbox = Inbox(MOST)
    inbox.add(b"G" * (HEAD_BYTES - 1))
    assert inbox.take() is None
    inbox.add(b"G")
    with pytest.raises(LimitRequestHeaders, match="65,536 bytes"):
        inbox.take()


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n",
        b"-1\r\n",
        b"\r\n",
        b"123456789\r\n",
        b"2\r\nabc\r\n",
        b"2\r\nab\n\n",
        b"1" * (LINE_BYTES + 1),
        b"0\r\n" + b"a: b\r\n" * (MOST_TRAILERS + 2),
        b"1\r\nx\r\n" * (SPARE_CHUNKS + SPARE_CHUNKS // LEAST_CHUNK_BYTES + 2),
    ],
    ids=["letter", "negative", "none", "huge", "long", "line feeds", "endless line", "trailers", "crumbs"],
)
@pytest.mark.parametrize("step", [1, 2**30])
def test_malformed_chunks(body: bytes, step: int) -> None:
    with pytest.raises(InvalidChunkSize):
        take(CHUNKED + body, step)


def test_a_request_is_parsed_with_its_body() -> None:
    (request,) = take(sized(b"abc"))
    parsed: Any = request.parse(Config(), CLIENT)
    assert (parsed.method, parsed.path, parsed.body.read(), request.path) == (
        "POST",
        "/model/predict",
        b"abc",
        "/model/predict",
    )


def test_a_body_is_kept_once_and_until_it_is_read() -> None:
    (request,) = take(sized(b"abcdef"))
    body: Any = request.parse(Config(), CLIENT).body
    assert request.body == b""
    buffer = bytearray(2)
    assert (body.read(3), body.readinto(buffer), bytes(buffer)) == (b"abc", 2, b"de")
    assert body.getvalue() == b"abcdef"
    assert body.read() == b"f"
    assert body.getvalue() == b""
    assert (body.read(), body.readinto(buffer)) == (b"", 0)


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 3\r\nContent-Length: 3",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: +3",
        b"Content-Length: 0x3",
        b"Content-Length: 3, 3",
        b"Content-Length : 3",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: chunked, identity",
        b"X: a\r\n Content-Length: 3",
    ],
)
def test_what_two_parsers_could_understand_differently_is_refused(line: bytes) -> None:
    inbox = Inbox(MOST)
    inbox.add(HEAD + line + b"\r\n\r\n0\r\n\r\n")
    request = inbox.take()
    assert request is not None
    with pytest.raises(ParseException):
        request.parse(Config(), CLIENT)


def test_a_length_that_gunicorn_reads_and_we_do_not_is_refused() -> None:
    with pytest.raises(InvalidHeader):
        RawRequest(HEAD + b"Content-Length: 3\r\n\r\n", b"", 0).parse(Config(), CLIENT)


def test_a_body_that_is_not_whole_ends_the_connection() -> None:
    parsed = RawRequest(HEAD + b"Content-Length: 9\r\n\r\n", b"", 9, whole=False).parse(Config(), CLIENT)
    assert parsed.should_close()


def test_the_client_is_told_to_go_on_if_it_asks() -> None:
    inbox = Inbox(MOST)
    inbox.add(HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert inbox.take() is None
    assert inbox.expects_continue
    inbox.add(b"abc")
    assert inbox.take() is not None
    assert not inbox.expects_continue
