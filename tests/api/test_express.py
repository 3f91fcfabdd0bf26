from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

from api import express
from api.express import MOST_BYTES, Express, find_quick_pictures
from api.service import Service
from core.model import Picture, Reading
from tests.conftest import AppFactory
from tests.contract import assert_error, assert_predictions
from tests.hand_set import band_pixels, band_png, encode

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"  # Werkzeug leaves the file of a damaged body to the collector
)

PNG = band_png(b3=255)
BMP = encode(Image.fromarray(band_pixels(b3=255)), "BMP")
BLANK = encode(Image.new("L", (28, 28)))
DISPOSITION = 'Content-Disposition: form-data; name="image"; filename="x.png"'
BOUNDED = "multipart/form-data; boundary=B"

Send = Callable[..., TestResponse]


def part(head: str = DISPOSITION, data: bytes = PNG, boundary: str = "B") -> bytes:
    return f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"


def form(*parts: bytes, boundary: str = "B") -> bytes:
    return b"".join(parts or [part(boundary=boundary)]) + f"--{boundary}--\r\n".encode()


QUICK = {
    "raw": ("image/png", PNG),
    "curl": (BOUNDED, form(part(f"{DISPOSITION}\r\nContent-Type: image/png"))),
    "requests": ("multipart/form-data; boundary=0f3-a_b", form(boundary="0f3-a_b")),
    "quoted boundary": ('multipart/form-data; boundary="B"', form()),
    "the other field": (BOUNDED, form(part('Content-Disposition: form-data; name="file"; filename="x"'))),
    "type first": (BOUNDED, form(part(f"Content-Type: image/png\r\n{DISPOSITION}"))),
    "lower case": (BOUNDED, form(part(DISPOSITION.replace("Content-Disp", "content-disp")))),
    "no last line break": (BOUNDED, form().removesuffix(b"\r\n")),
    "three pictures": (BOUNDED, form(part(), part(), part())),
    "name of another language": (BOUNDED, form(part(DISPOSITION.replace("x.png", "sieben é.png")))),
}
UNUSUAL = {
    "empty": ("image/png", b""),
    "another image type": ("image/*", PNG),
    "parameters of the type": ("image/png; q=1", PNG),
    "no picture": ("image/png", b"junk"),
    "cut picture of a name": (BOUNDED, form(part(DISPOSITION.replace("x.png", "sieben é\u202e.png"), PNG[:-30]))),
    "second picture cut": (BOUNDED, form(part(), part(f"{DISPOSITION}\r\nContent-Type: image/png", PNG[:-30]))),
    "cut header": ("image/png", PNG[:20]),
    "cut picture": ("image/png", PNG[:-30]),
    "blank": ("image/png", BLANK),
    "many pixels": ("image/png", encode(Image.new("1", (4000, 4000)))),
    "two pictures, one slow": (BOUNDED, form(part(), part(data=BMP))),
    "too many pictures": (BOUNDED, form(*[part()] * 5)),
    "no file name": (BOUNDED, form(part('Content-Disposition: form-data; name="image"'))),
    "empty file name": (BOUNDED, form(part('Content-Disposition: form-data; name="image"; filename=""'))),
    "another field": (BOUNDED, form(part('Content-Disposition: form-data; name="other"; filename="x"'))),
    "another field first": (BOUNDED, form(part('Content-Disposition: form-data; name="a"', b"1"), part())),
    "a third header": (BOUNDED, form(part(f"{DISPOSITION}\r\nContent-Length: 9\r\nX-A: b"))),
    "no blank line": (BOUNDED, b"--B\r\n" + PNG + b"\r\n--B--\r\n"),
    "no end": (BOUNDED, part()),
    "another boundary": ("multipart/form-data; boundary=C", form()),
    "no boundary": ("multipart/form-data", form()),
    "preamble": (BOUNDED, b"hello\r\n" + form()),
    "epilogue": (BOUNDED, form() + b"bye"),
    "delimiter in the data": (BOUNDED, form(part(data=PNG + b"\r\n--B\r\n"))),
    "text": ("text/plain", b"7"),
    "more than a small body": ("image/png", PNG + bytes(MOST_BYTES)),
}


@pytest.fixture
def send(make_app: AppFactory) -> Send:
    def post(content_type: str, body: bytes, query: str = "", **settings: Any) -> TestResponse:
        settings.setdefault("max_upload_bytes", 2 * MOST_BYTES)
        headers = settings.pop("headers", {})
        client = make_app(**settings).test_client()
        return client.post(f"/model/predict{query}", data=body, content_type=content_type, headers=headers)

    return post


@pytest.fixture
def flask_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that Flask saw."""
    calls: list[str] = []
    wsgi_app = Flask.wsgi_app

    def counted(self: Flask, environ: Any, start_response: Any) -> Any:
        calls.append(environ["PATH_INFO"])
        return wsgi_app(self, environ, start_response)

    monkeypatch.setattr(Flask, "wsgi_app", counted)
    return calls


@pytest.mark.parametrize(("content_type", "body"), QUICK.values(), ids=QUICK)
def test_what_nearly_everybody_sends_passes_flask_by(
    send: Send, flask_calls: list[str], content_type: str, body: bytes
) -> None:
    entries = assert_predictions(send(content_type, body), 3 if body.count(b"--B\r\n") == 3 else 1)
    assert {entry["prediction"] for entry in entries} == {3}
    assert flask_calls == []


@pytest.mark.parametrize(("content_type", "body"), UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_the_least_unusual_goes_to_flask(
    send: Send, flask_calls: list[str], content_type: str, body: bytes
) -> None:
    send(content_type, body)
    assert flask_calls == ["/model/predict"]


@pytest.mark.parametrize(("content_type", "body"), [*QUICK.values(), *UNUSUAL.values()], ids=[*QUICK, *UNUSUAL])
def test_the_answer_is_that_of_flask(
    send: Send, monkeypatch: pytest.MonkeyPatch, content_type: str, body: bytes
) -> None:
    headers = {"X-Request-ID": "the-same"}
    express_answer = send(content_type, body, headers=headers)
    monkeypatch.setattr(express, "MOST_BYTES", -1)
    answer = send(content_type, body, headers=headers)
    assert (express_answer.status, express_answer.data) == (answer.status, answer.data)
    assert list(express_answer.headers) == list(answer.headers)


@pytest.mark.parametrize(
    "extra",
    [{"query": "?top_k=2"}, {"headers": {"Origin": "https://page.example"}}, {"max_upload_bytes": 10}],
    ids=["parameter", "browser of another origin", "more than is allowed"],
)
def test_what_flask_must_decide_goes_to_flask(send: Send, flask_calls: list[str], extra: dict[str, Any]) -> None:
    send("image/png", PNG, **extra)
    assert flask_calls == ["/model/predict"]


def test_keys_hold(send: Send, flask_calls: list[str]) -> None:
    assert_error(send("image/png", PNG, api_keys=("one",)), 401, "unauthorized")
    assert flask_calls == ["/model/predict"]
    for headers in ({"X-API-Key": "one"}, {"Authorization": "bearer one"}):
        assert_predictions(send("image/png", PNG, api_keys=("two", "one"), headers=headers), 1)
    assert len(flask_calls) == 1


def test_a_fault_is_met_once_and_logged_as_any_other(
    send: Send, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reads = []

    def fail(_service: Service, pictures: Sequence[Picture], _top_k: int = 1) -> list[Reading]:
        reads.append(len(pictures))
        raise ZeroDivisionError

    monkeypatch.setattr(Service, "read", fail)
    assert_error(send("image/png", PNG), 500, "internal_error")
    assert reads == [1]
    assert "ZeroDivisionError" in caplog.text


def test_the_pictures_within_the_body_are_found() -> None:
    other = band_png(b5=255)
    pictures = find_quick_pictures(BOUNDED, form(part(), part(data=other)))
    assert pictures == [Picture(PNG, "x.png"), Picture(other, "x.png")]


@pytest.fixture
def held_lane(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of an application whose lane is taken by another request for good."""
    with ExitStack() as stack:
        init = Express.__init__

        def hold(self: Express, *arguments: Any) -> None:
            init(self, *arguments)
            stack.enter_context(self._lane.turn())

        monkeypatch.setattr(Express, "__init__", hold)
        yield


@pytest.mark.usefixtures("held_lane")
def test_many_digits_take_turns(send: Send) -> None:
    assert_error(send(BOUNDED, form(part(), part()), max_wait_s=0.01), 503, "overloaded")


@pytest.mark.usefixtures("held_lane")
@pytest.mark.parametrize("kind", ["two pictures, one slow", "many pixels", "too many pictures", "text"])
def test_what_is_not_for_the_lane_does_not_wait_for_it(send: Send, kind: str) -> None:
    assert send(*UNUSUAL[kind], max_wait_s=0.01).status_code != 503
