import math

import numpy as np
import pytest
from PIL import Image

from core import model
from core.engine import Digits, Engine, Logits
from core.errors import InvalidImage, NoInk, TooManyImages
from core.model import BATCH, ModelWrapper, Picture, Prediction, softmax
from tests.hand_set import band_pixels, band_png, encode


def test_read_runs_the_three_phases(wrapper: ModelWrapper) -> None:
    readings = wrapper.read([Picture(band_png(b7=255)), Picture(band_png(b2=255))], top_k=2)
    assert [[prediction.label_id for prediction in reading.predictions] for reading in readings] == [[7, 0], [2, 0]]
    assert np.array_equal(readings[0].digit.pixels, band_pixels(b7=255))


def test_probabilities_are_exact(wrapper: ModelWrapper) -> None:
    (reading,) = wrapper.read([Picture(band_png(b7=255, b2=51))], top_k=2)  # a fifth of white: a logit of 2
    total = math.exp(10) + math.exp(2) + 8
    assert [prediction.label_id for prediction in reading.predictions] == [7, 2]
    probabilities = [prediction.probability for prediction in reading.predictions]
    assert probabilities == pytest.approx([math.exp(10) / total, math.exp(2) / total], abs=1e-6)


def test_temperature_softens(engine: Engine) -> None:
    (reading,) = ModelWrapper(engine, 5.0, 1000).read([Picture(band_png(b7=255))])
    assert reading.predictions[0].probability == pytest.approx(math.exp(2) / (math.exp(2) + 9), abs=1e-6)


def test_failures_are_joined_under_the_first_class(wrapper: ModelWrapper) -> None:
    pictures = [Picture(band_png(), "blank.png"), Picture(band_png(b1=255), "good.png"), Picture(b"x", "bad.png")]
    with pytest.raises(NoInk) as caught:
        wrapper.read(pictures)
    assert str(caught.value).startswith("image 1 ('blank.png'): ")
    assert "; image 3 ('bad.png'): " in str(caught.value)
    assert "good.png" not in str(caught.value)


def test_a_picture_without_a_name(wrapper: ModelWrapper) -> None:
    with pytest.raises(InvalidImage, match=r"^image 1: "):
        wrapper.read([Picture(b"x")])


def test_ties_go_to_the_smaller_label(wrapper: ModelWrapper) -> None:
    predictions = wrapper.post_process(np.zeros((1, 10), np.float32), top_k=10)
    assert predictions == [tuple(Prediction(label_id, 0.1) for label_id in range(10))]


def test_softmax_sums_to_one_and_survives_large_logits() -> None:
    logits = np.array([[1e4, 0, -1e4] + [0] * 7, [0.5] * 10], np.float32)
    probabilities = softmax(logits)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1])
    assert probabilities[0, 0] == 1
    assert np.isfinite(probabilities).all()


def test_many_digits_are_predicted_in_batches(wrapper: ModelWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = np.stack([band_pixels(**{f"b{number % 10}": 255}) for number in range(2 * BATCH + 3)])
    whole = wrapper.engine.logits(digits)
    sizes: list[int] = []
    logits = wrapper.engine.logits

    def count(_: Engine, part: Digits) -> Logits:
        sizes.append(len(part))
        return logits(part)

    monkeypatch.setattr(type(wrapper.engine), "logits", count)
    assert np.allclose(wrapper.predict(digits), whole)
    assert sizes == [BATCH, BATCH, 3]


def test_pictures_that_take_too_long_together_are_too_many(
    wrapper: ModelWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "READING_S", 0.0)
    blank = encode(Image.new("L", (60, 60)))
    with pytest.raises(TooManyImages, match=r"the first 0 of 2 images .* send fewer"):
        wrapper.read([Picture(blank), Picture(blank)])
    with pytest.raises(NoInk):
        wrapper.read([Picture(blank)])
