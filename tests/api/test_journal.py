import logging
import os
import re
from collections.abc import Sequence
from time import perf_counter

import pytest
from flask.testing import FlaskClient

from api import journal
from api.journal import Entry
from api.service import Service
from core.image import is_quick
from tests.conftest import AppFactory
from tests.contract import assert_error
from tests.hand_set import band_png

PNG = band_png(b3=255)
OURS = re.compile(r"[0-9a-f]{24}")


class Told:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[Entry] = []
        self.ended: list[Entry] = []

    def begin(self, entry: Entry) -> None:
        self.begun.append(entry)

    def end(self, entry: Entry) -> None:
        self.ended.append(entry)

    def close(self) -> None:
        self.ended.clear()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def client(make_app: AppFactory, told: Told) -> FlaskClient:
    return make_app(observers=[told]).test_client()


def post(client: FlaskClient, data: bytes = PNG, query: str = "") -> None:
    client.post(f"/model/predict{query}", data=data, content_type="image/png")


@pytest.mark.parametrize("sent", ["a", "7d-3F_x.y:z/1+2=@", "x" * 128])
def test_a_sane_id_is_kept(client: FlaskClient, sent: str) -> None:
    answer = client.get("/model/labels", headers={"X-Request-ID": sent})
    assert answer.headers.getlist("X-Request-ID") == [sent]


@pytest.mark.parametrize("sent", ["", " ", "x" * 129, "a b", "a,b", "é", 'a"b', "a\tb", "<script>", "%0d%0aX: y"])
def test_any_other_is_replaced(client: FlaskClient, sent: str) -> None:
    answer = client.get("/model/labels", headers={"X-Request-ID": sent})
    assert OURS.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.parametrize("sent", ["a\r\nX-Evil: 1", "a\n", "a\x00", "a\x1b[2J"])
def test_an_id_is_no_way_into_the_headers(client: FlaskClient, sent: str) -> None:
    answer = client.get("/model/labels", environ_base={"HTTP_X_REQUEST_ID": sent})
    assert OURS.fullmatch(answer.headers["X-Request-ID"])
    assert "X-Evil" not in answer.headers


def test_every_answer_has_an_id_of_its_own(client: FlaskClient) -> None:
    answers = [
        client.post("/model/predict", data=PNG, content_type="image/png"),
        client.post("/model/predict", data=b"junk", content_type="image/png"),
        client.get("/nothing"),
        client.delete("/model/predict"),
        client.get("/v2/models/other"),
        client.get("/health/live"),
        client.get("/app"),
        client.get("/metrics"),
        client.options("/model/predict"),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 405, 404, 200, 308, 200, 200]
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == len(answers)


def test_a_fault_and_a_refusal_have_one(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, make_app: AppFactory
) -> None:
    def fail(_service: Service, _pictures: Sequence[object], _top_k: int = 1) -> None:
        raise ZeroDivisionError

    guarded = make_app(api_keys=("key",)).test_client().get("/model/labels", headers={"X-Request-ID": "mine"})
    assert_error(guarded, 401, "unauthorized")
    assert guarded.headers["X-Request-ID"] == "mine"
    monkeypatch.setattr(Service, "read", fail)
    failed = client.post("/model/predict", data=PNG, content_type="image/png", headers={"X-Request-ID": "mine"})
    assert_error(failed, 500, "internal_error")
    assert failed.headers["X-Request-ID"] == "mine"


def test_processes_have_ids_of_their_own() -> None:
    reader, writer = os.pipe()
    mine = journal.new_id()
    child = os.fork()
    if child == 0:
        os.write(writer, journal.new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 100).decode()
    assert OURS.fullmatch(theirs)
    assert theirs[:16] != mine[:16]


def test_an_entry_knows_what_happened(client: FlaskClient, told: Told) -> None:
    assert is_quick(PNG)
    post(client)
    post(client, query="?top_k=2")
    for entry in told.ended:
        assert (entry.route, entry.status, entry.code, entry.images) == ("/model/predict", 200, "", 1)
        assert list(dict(entry.watch.laps)) == ["queue", "decode", "infer", "respond"]
        assert entry.predictions[0][0] == 3
        assert entry.bytes_in == len(PNG)
    assert told.begun == told.ended
    assert len(told.ended) == 2


def test_what_failed_on_the_way(client: FlaskClient, told: Told) -> None:
    post(client, b"\x89PNG junk")
    client.get("/nothing")
    client.get("/model/labels")
    bad, unknown, labels = told.ended
    assert (bad.status, bad.code, bad.images, bad.predictions) == (400, "invalid_image", 1, ())
    assert list(bad.watch.seconds()) == ["queue", "decode", "respond"]
    assert (unknown.route, unknown.status, unknown.code) == ("unmatched", 404, "not_found")
    assert (labels.route, labels.code, list(labels.watch.seconds())) == ("/model/labels", "", ["queue", "respond"])


def test_a_wait_for_the_turn_is_queueing(make_app: AppFactory, told: Told) -> None:
    app = make_app(observers=[told], max_wait_s=0.05)
    service: Service = app.extensions["digit-service"]
    with service.gate.turn(), service.gate.turn():
        post(app.test_client(), b"\x89PNG junk")
    (entry,) = told.ended
    assert (entry.status, entry.code) == (503, "overloaded")
    assert entry.watch.ended - entry.watch.started >= 0.05
    assert entry.watch.seconds()["queue"] > entry.watch.seconds()["decode"]


def test_tensors_are_told_too(client: FlaskClient, told: Told) -> None:
    tensor = {"name": "digits", "datatype": "UINT8", "shape": [2, 28, 28], "data": [0] * 2 * 28 * 28}
    assert client.post("/v2/models/bands/infer", json={"inputs": [tensor]}).status_code == 200
    (entry,) = told.ended
    assert (entry.route, entry.images, len(entry.predictions)) == ("/v2/models/<name>/infer", 2, 2)
    assert [phase for phase, _ in entry.watch.laps] == ["queue", "decode", "queue", "infer", "respond"]


def test_the_time_before_a_thread_was_free_is_queueing(client: FlaskClient, told: Told) -> None:
    journal.arrive(perf_counter() - 5)
    post(client)
    post(client)
    waited, next_one = told.ended
    assert waited.watch.seconds()["queue"] >= 5
    assert next_one.watch.seconds()["queue"] < 5


def test_what_is_logged_of_a_request_bears_its_id(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    class Handler(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            seen.append(journal.current_id())

    handler = Handler()
    logging.getLogger("api.errors").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO):
            answer = client.post("/model/predict", data=b"junk", content_type="image/png")
    finally:
        logging.getLogger("api.errors").removeHandler(handler)
    assert seen == [answer.headers["X-Request-ID"]]
    journal.close_entry()
    assert journal.current_id() == ""


@pytest.mark.parametrize(
    ("environ", "size"),
    [
        ({}, 0),
        ({"CONTENT_LENGTH": "12"}, 12),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, None),
        ({"CONTENT_LENGTH": "x"}, None),
    ],
)
def test_size_of_a_body(environ: dict[str, str], size: int | None) -> None:
    assert journal.open_entry(environ).bytes_in == size
