import base64
import io
import math
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from api.service import current_service
from core.engine import Digits, Logits
from core.model import ModelWrapper
from tests.conftest import AppFactory
from tests.contract import assert_error, assert_predictions
from tests.hand_set import band_pixels, band_png, encode

P_FULL = math.exp(10) / (math.exp(10) + 9)
"""What the hand-set network says of one band fully lit: its logit is 10 and the other nine are 0."""


def upload(data: bytes, name: str = "digit.png") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def post(client: FlaskClient, query: str = "", /, **fields: Any) -> Any:
    return client.post(f"/model/predict{query}", data=fields, content_type="multipart/form-data")


@pytest.mark.parametrize("field", ["image", "file"])
def test_multipart_field(client: FlaskClient, field: str) -> None:
    entries = assert_predictions(post(client, "", **{field: upload(band_png(b7=255))}), 1)
    assert entries == [{"prediction": 7, "probability": pytest.approx(P_FULL, abs=1e-6)}]


@pytest.mark.parametrize("media_type", ["image/png", "image/*", "image/x-whatever; q=1"])
def test_raw_body(client: FlaskClient, media_type: str) -> None:
    answer = client.post("/model/predict", data=band_png(b3=255), content_type=media_type)
    assert assert_predictions(answer, 1)[0]["prediction"] == 3


def test_pictures_are_answered_in_the_order_sent_whatever_their_fields(client: FlaskClient) -> None:
    parts = [("image", 4), ("file", 1), ("image", 9), ("file", 0)]
    lines = [
        f'--B\r\nContent-Disposition: form-data; name="{field}"; filename="x.png"\r\n\r\n'.encode()
        + band_png(**{f"b{digit}": 255})
        + b"\r\n"
        for field, digit in parts
    ]
    body = b"".join(lines) + b"--B--\r\n"
    answer = client.post("/model/predict", data=body, content_type="multipart/form-data; boundary=B")
    assert [entry["prediction"] for entry in assert_predictions(answer, 4)] == [4, 1, 9, 0]


def test_several_pictures_are_one_batch(
    client: FlaskClient, wrapper: ModelWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, sizes = wrapper.engine.logits, []

    def counted(digits: Digits) -> Logits:
        sizes.append(len(digits))
        return logits(digits)

    monkeypatch.setattr(wrapper.engine, "logits", counted)
    assert_predictions(post(client, image=[upload(band_png(b4=255)) for _ in range(3)]), 3)
    assert sizes == [3]


def test_top_k(client: FlaskClient) -> None:
    answer = post(client, "?top_k=3", image=upload(band_png(b2=255, b5=128)))
    (entry,) = assert_predictions(answer, 1, frozenset({"top_k"}))
    total = math.exp(10) + math.exp(10 * 128 / 255) + 8
    expected = [math.exp(10) / total, math.exp(10 * 128 / 255) / total, 1 / total]
    assert [pair["prediction"] for pair in entry["top_k"]] == [2, 5, 0]
    assert [pair["probability"] for pair in entry["top_k"]] == pytest.approx(expected, abs=1e-6)
    assert entry["top_k"][0] == {"prediction": entry["prediction"], "probability": entry["probability"]}


def test_top_k_of_one_is_the_default(client: FlaskClient) -> None:
    assert_predictions(post(client, "?top_k=1", image=upload(band_png(b2=255))), 1)


@pytest.mark.parametrize("top_k", ["0", "11", "-1", "1.5", "many", "", " 3", "٣", "9" * 5000])
def test_bad_top_k(client: FlaskClient, top_k: str) -> None:
    answer = client.post(
        "/model/predict", query_string={"top_k": top_k}, data=band_png(b1=255), content_type="image/png"
    )
    message = assert_error(answer, 400, "invalid_parameter", "top_k", "1 to 10")
    assert len(message) < 200


@pytest.mark.parametrize("query", ["top_k=1&top_k=2", "explain=true&explain=true"])
def test_a_parameter_given_twice(client: FlaskClient, query: str) -> None:
    answer = client.post(f"/model/predict?{query}", data=band_png(b1=255), content_type="image/png")
    assert_error(answer, 400, "invalid_parameter", "2 times")


def test_explain_shows_what_the_network_saw(client: FlaskClient) -> None:
    answer = post(client, "?explain=true", image=upload(band_png(b6=255)))
    (entry,) = assert_predictions(answer, 1, frozenset({"seen", "adjustments"}))
    prefix, encoded = entry["seen"].split(",")
    assert prefix == "data:image/png;base64"
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    assert np.array_equal(seen, band_pixels(b6=255))
    assert entry["adjustments"] == []


def test_explain_false_is_the_default(client: FlaskClient) -> None:
    assert_predictions(post(client, "?explain=false", image=upload(band_png(b6=255))), 1)


@pytest.mark.parametrize("explain", ["1", "TRUE", "yes", ""])
def test_bad_explain(client: FlaskClient, explain: str) -> None:
    assert_error(
        post(client, f"?explain={explain}", image=upload(band_png(b1=255))), 400, "invalid_parameter", "explain"
    )


def test_no_body(client: FlaskClient) -> None:
    assert_error(client.post("/model/predict"), 400, "missing_image", "no body")


def test_unknown_field(client: FlaskClient) -> None:
    assert_error(post(client, picture=upload(band_png(b1=255))), 400, "missing_image", "'picture'", "'image'")


def test_text_in_the_image_field(client: FlaskClient) -> None:
    assert_error(post(client, image="digit.png"), 400, "missing_image", "holds text", "image=@FILE")


def test_browser_form_without_a_chosen_file(client: FlaskClient) -> None:
    assert_error(post(client, image=upload(b"", "")), 400, "missing_image")


def test_bad_boundary(client: FlaskClient) -> None:
    answer = client.post("/model/predict", data=b"--x\r\n", content_type="multipart/form-data; boundary=y")
    assert_error(answer, 400, "missing_image")


@pytest.mark.parametrize(
    ("data", "mention"),
    [(b"", "empty"), (b"just some text", "not a readable"), (band_png(b1=255)[:60], "not a readable")],
    ids=["empty", "text", "truncated"],
)
def test_unreadable_picture(client: FlaskClient, data: bytes, mention: str) -> None:
    assert_error(post(client, image=upload(data, "b.png")), 400, "invalid_image", "image 1 ('b.png'): ", mention)


def test_one_bad_picture_fails_the_request_and_every_bad_one_is_named(client: FlaskClient) -> None:
    pictures = [upload(band_png(b1=255), "a.png"), upload(b"junk", "b.png"), upload(b"", "c.png")]
    message = assert_error(post(client, image=pictures), 400, "invalid_image", "image 2 ('b.png')", "image 3 ('c.png')")
    assert "a.png" not in message


def test_blank_picture(client: FlaskClient) -> None:
    assert_error(post(client, image=upload(band_png())), 422, "no_ink", "image 1")


def test_too_many_pixels(client: FlaskClient) -> None:
    picture = encode(Image.new("1", (1001, 1000)))
    assert_error(post(client, image=upload(picture)), 413, "image_too_large", "1,000,000")


def test_too_many_pictures(client: FlaskClient) -> None:
    pictures = [upload(band_png(b1=255)) for _ in range(5)]
    assert_error(post(client, image=pictures), 413, "too_many_images", "5 images", "at most 4")


def test_far_too_many_parts(client: FlaskClient) -> None:
    answer = post(client, **{f"part{number}": "x" for number in range(500)})
    assert_error(answer, 413, "too_many_images", "more parts")


@pytest.mark.parametrize("media_type", ["image/png", "multipart/form-data; boundary=x"])
def test_body_too_large(client: FlaskClient, media_type: str) -> None:
    answer = client.post("/model/predict", data=b"x" * 100_001, content_type=media_type)
    assert_error(answer, 413, "body_too_large", "100,000 bytes")


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_unsupported_media_type(client: FlaskClient, media_type: str) -> None:
    answer = client.post("/model/predict", data=b"{}", content_type=media_type)
    assert_error(answer, 415, "unsupported_media_type", repr(media_type))


def test_hostile_file_name_is_cut_and_escaped(client: FlaskClient) -> None:
    message = assert_error(post(client, image=upload(b"junk", "\x1b[31m" + "n" * 10_000)), 400, "invalid_image")
    assert "\x1b" not in message
    assert len(message) < 300


def test_overload_is_refused_with_a_time_to_retry(make_app: AppFactory) -> None:
    app = make_app()
    with app.app_context():
        gate = current_service().gate
    with gate.turn(), gate.turn():
        answer = app.test_client().post(
            "/model/predict", data=encode(Image.fromarray(band_pixels(b1=255)), "BMP"), content_type="image/bmp"
        )
        quick = app.test_client().post("/model/predict", data=band_png(b1=255), content_type="image/png")
    assert_predictions(quick, 1)  # it is read sooner than its turn could be waited for
    assert_error(answer, 503, "overloaded")
    assert answer.headers["Retry-After"] == "1"
    after = app.test_client().post("/model/predict", data=band_png(b1=255), content_type="image/png")
    assert_predictions(after, 1)
