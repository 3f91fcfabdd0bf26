"""What holds of any bytes whatever: our readers of HTTP, forms and tensors agree with the general ones, or refuse."""

import json
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.http.errors import ParseException
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.express import find_quick_pictures, is_quick
from api.inbox import Inbox, RawRequest
from api.uploads import UploadRequest, read_pictures
from core.errors import RequestError
from core.model import Picture
from tests.conftest import AppFactory
from tests.hand_set import band_pixels, band_png

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")

PNG = band_png(b3=255)
CLIENT = ("127.0.0.1", 1)
seeded = settings(
    max_examples=400,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def pieces(*tokens: bytes, most: int = 12) -> st.SearchStrategy[bytes]:
    """Bytes put together of tokens that matter to a parser, and of any others."""
    return st.lists(st.sampled_from(tokens) | st.binary(max_size=3), max_size=most).map(b"".join)


def mostly(plain: bytes, *odd: bytes | st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """What most forms have at a place, and sometimes something else."""
    others = st.one_of([st.just(other) if isinstance(other, bytes) else other for other in odd])
    return st.integers(0, 11).flatmap(lambda chance: others if chance == 11 else st.just(plain))


NAMES = pieces(b"x.png", b'"', b"\\", b"%22", b";", b" ", "é".encode(), b"\xff", b"filename", b"=", b"*", most=4)
SEPARATORS = mostly(b"\r\n", b"\n", b"\r", b"\r\n ", b"")
HEADS = st.builds(
    lambda before, field, name, after: (
        before + b'Content-Disposition: form-data; name="' + field + b'"; filename="' + name + b'"' + after
    ),
    mostly(b"", b"Content-Type: image/png\r\n", b"X: y\r\n"),
    mostly(b"image", b"file", b"other", b"image\xff"),
    mostly(b"x.png", NAMES),
    mostly(b"\r\nContent-Type: image/png", b"", b"; a=b", b"\r\nContent-Length: 3"),
)


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, bytes]:
    """A content type and a body that are a form, and often one with something odd in it."""
    boundary = draw(st.sampled_from(["B", "-", "--", "a/b=?:", "a.b", "x--", "'q'"]))
    delimiter = b"--" + boundary.encode()
    data = mostly(PNG, b"", PNG + b"\r\n", PNG + b"\r", PNG + delimiter, PNG + b"\r\n" + delimiter + b"x")
    parts = draw(st.lists(st.tuples(HEADS, SEPARATORS, SEPARATORS, data, SEPARATORS), min_size=1, max_size=3))
    body = b"".join(delimiter + b"\r\n" + b"".join(part) for part in parts)
    body = (
        draw(mostly(b"", b"\r\n", b"x")) + body + delimiter + draw(mostly(b"--\r\n", b"--", b"", b"-", b"--x", b"\r\n"))
    )
    return f"multipart/form-data; boundary={draw(st.sampled_from([boundary, f'{chr(34)}{boundary}{chr(34)}']))}", body


ODD_NAME = b'--B\r\nContent-Disposition: form-data; name="image"; filename="\xff%22"\r\n\r\n' + PNG + b"\r\n--B--"


@seeded
@given(forms())
@example(("multipart/form-data; boundary=B", ODD_NAME))
def test_what_the_express_lane_finds_is_what_flask_finds(form: tuple[str, bytes]) -> None:
    content_type, body = form
    quick = find_quick_pictures(content_type, body)
    try:
        general = _read_by_flask(content_type, body)
    except RequestError:
        assert not quick
    else:
        assert quick in ([], general)


def _read_by_flask(content_type: str, body: bytes) -> list[Picture]:
    app = Flask(__name__)
    app.request_class = UploadRequest
    with app.test_request_context(method="POST", data=body, content_type=content_type):
        return read_pictures(request, 100)


def test_the_express_lane_is_taken_by_some_of_these_forms() -> None:
    found = []

    @settings(seeded)
    @given(forms())
    def count(form: tuple[str, bytes]) -> None:
        found.append(len(find_quick_pictures(*form)))

    count()
    assert sum(map(bool, found)) > len(found) // 5
    assert max(found) > 1


LINES = st.sampled_from(
    b"Host: x|Content-Length: 3|Content-Length: 03|Content-Length: 0|Content-Length: 1234567890123456789|"
    b"Content-Length : 3|content-length:\t3 |Content-Length: +3|Content-Length: 3, 3|Content-Length: |"
    b"Transfer-Encoding: chunked|transfer-encoding:chunked|Transfer-Encoding: gzip, chunked|Expect: 100-continue|"
    b"Transfer-Encoding : chunked|Transfer-Encoding: \x0bchunked| folded|X: a\rContent-Length: 3|nonsense|"
    b"Content-Type: image/png|Content-Type: image/png\r|Connection: close|X: a\nContent-Length: 3|".split(b"|")
)
STARTS = st.sampled_from(
    [b"GET /health/live HTTP/1.1", b"POST /model/predict HTTP/1.1", b"POST / HTTP/1.0", b"\r\nGET / HTTP/1.1", b"GET /"]
)
BODIES = st.one_of(
    st.sampled_from(
        [
            b"",
            b"abc",
            b"3\r\nabc\r\n0\r\n\r\n",
            b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n",
            b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ]
    ),
    pieces(
        b"3\r\nabc\r\n", b"0\r\n", b"\r\n", b"0;\n", b"ffffffff\r\n", b"X: y\r\n", b"-1\r\n", b"0x3\r\n", b" ", b"\n"
    ),
)
REQUESTS = st.builds(
    lambda start, head, body: b"\r\n".join([start, *head, b"", b""]) + body, STARTS, st.lists(LINES, max_size=3), BODIES
)


def _take(sent: bytes, step: int) -> RawRequest | None:
    inbox = Inbox(1000)
    for position in range(0, len(sent), step):
        inbox.add(sent[position : position + step])
        if (found := inbox.take()) is not None:
            return found
    return None


@seeded
@given(REQUESTS | st.binary(), st.integers(1, 40))
def test_a_request_ends_where_gunicorn_ends_it_or_is_refused(sent: bytes, step: int) -> None:
    """Whoever disagrees with gunicorn, or a proxy, about that would take a part of a body for another's request."""
    try:
        raw = _take(sent, step)
        if raw is None:
            return
        is_quick(raw)
        parsed: Any = raw.parse(Config(), CLIENT)
    except ParseException:
        return
    theirs: Any = next(RequestParser(Config(), [sent], CLIENT))
    assert (parsed.method, parsed.uri, parsed.headers) == (theirs.method, theirs.uri, theirs.headers)
    if raw.whole:
        assert parsed.body.read() == theirs.body.read()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([28, 2**63, -1, 784]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "id",
    "inputs",
    "outputs",
    "parameters",
    "name",
    "datatype",
    "shape",
    "data",
    "classification",
    "binary_data_size",
]
VALID: dict[str, Any] = {
    "id": "1",
    "inputs": [
        {
            "name": "digits",
            "datatype": "FP32",
            "shape": [1, 28, 28],
            "data": (band_pixels(b3=255) / 255).ravel().tolist(),
        }
    ],
    "outputs": [{"name": "probabilities", "parameters": {"classification": 2}}],
    "parameters": {"binary_data_output": False},
}


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A valid request with one thing in it replaced, left out or added."""
    whole = json.loads(json.dumps(VALID))
    node: Any = whole
    while True:
        key = draw(st.sampled_from(list(node) + FIELDS) if isinstance(node, dict) else st.integers(0, len(node) - 1))
        inner = node.get(key) if isinstance(node, dict) else node[key]
        if isinstance(inner, dict | list) and inner and draw(st.booleans()):
            node = inner
            continue
        if isinstance(node, dict) and draw(st.booleans()):
            node.pop(key, None)
        else:
            node[key] = draw(VALUES)
        return whole


@pytest.fixture
def client(make_app: AppFactory) -> FlaskClient:
    return make_app().test_client()


@seeded
@given(body=st.one_of(VALUES, damaged()).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30))
def test_any_json_is_read_or_refused_in_json(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/v2/models/bands/infer", data=body)
    assert answer.status_code in (200, 400, 413)
    if answer.content_type == "application/json":
        said = json.loads(answer.data, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert ("error" in said) == (answer.status_code != 200)
