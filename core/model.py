"""The model wrapper: from pictures to calibrated predictions, in the three phases of the MAX template method."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.allowance import Allowance
from core.engine import Digits, Engine, Logits
from core.errors import RequestError, TooManyImages
from core.image import CanonicalDigit, read_digit
from core.stopwatch import Stopwatch

READING_S = 1.7
"""Of computing time for the pictures of one request; photos take about 0.03 s each, a thousand small digits less."""

BATCH = 32
"""Digits that the network sees at once: engines keep the memory of the largest batch for good, 90 KiB a digit."""

LONGEST_NAME = 80
"""Characters of a client's file name that an error message repeats."""


class Picture(NamedTuple):
    """An encoded picture as it was sent; the name is the client's and may be empty."""

    data: bytes
    name: str = ""


class Prediction(NamedTuple):
    """A label id, 0 to 9, and its calibrated probability, 0 to 1."""

    label_id: int
    probability: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one picture: predictions, most probable first, and the canonical digit that the network saw."""

    predictions: tuple[Prediction, ...]
    digit: CanonicalDigit


class ModelWrapper:
    """Reads pictures of digits with one engine; safe to share between threads."""

    def __init__(self, engine: Engine, temperature: float, max_image_pixels: int) -> None:
        """Take what the three phases need.

        Args:
            engine: Runs the network.
            temperature: Divides the logits, fitted on validation data so that probabilities are calibrated.
            max_image_pixels: Largest picture that is decoded, width times height.
        """
        self.engine = engine
        self.temperature = temperature
        self._max_image_pixels = max_image_pixels

    def read(self, pictures: Sequence[Picture], top_k: int = 1, watch: Stopwatch | None = None) -> list[Reading]:
        """Read pictures as one batch.

        Args:
            pictures: At least one.
            top_k: Predictions for each, 1 to 10.
            watch: Is told when the phases `decode` and `infer` end.

        Returns:
            One reading a picture, in their order.

        Raises:
            TooManyImages: Reading them takes longer than one request may.
            RequestError: Of the class of the first picture that cannot be read; the message names every such picture.
        """
        watch = watch or Stopwatch()
        try:
            digits = self.pre_process(pictures)
        finally:
            watch.lap("decode")
        logits = self.predict(np.array([digit.pixels for digit in digits]))
        predictions = self.post_process(logits, top_k)
        watch.lap("infer")
        return [Reading(*reading) for reading in zip(predictions, digits, strict=True)]

    def pre_process(self, pictures: Sequence[Picture]) -> list[CanonicalDigit]:
        """Turn pictures into canonical digits, one after the other; raises as `read` does."""
        allowance = Allowance(READING_S if len(pictures) > 1 else inf)
        digits: list[CanonicalDigit] = []
        failures: list[tuple[str, type[RequestError]]] = []
        for position, picture in enumerate(pictures, start=1):
            try:
                digits.append(read_digit(picture.data, self._max_image_pixels, allowance))
            except TooManyImages:
                raise TooManyImages(
                    f"the first {position - 1} of {len(pictures)} images took the computing time that one request may "
                    "have: send fewer, or smaller ones, in a request"
                ) from None
            except RequestError as exc:
                # not the error itself: its traceback holds the picture until the collector finds the circle
                failures.append((f"image {position}{_quoted(picture.name)}: {exc}", type(exc)))
        if failures:
            raise _joined(failures)
        return digits

    def predict(self, digits: Digits) -> Logits:
        """Return the logits (N, 10) float32 of canonical digits (N, 28, 28) uint8."""
        parts = [self.engine.logits(digits[start : start + BATCH]) for start in range(0, max(1, len(digits)), BATCH)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def post_process(self, logits: Logits, top_k: int = 1) -> list[tuple[Prediction, ...]]:
        """Return the `top_k` predictions for each row of logits (N, 10), most probable first."""
        return [most_probable(row, top_k) for row in softmax(logits, self.temperature).tolist()]


def most_probable(probabilities: Sequence[float], top_k: int) -> tuple[Prediction, ...]:
    """Return the `top_k` most probable labels, the first of equals first; ten numbers cost NumPy more than Python."""
    ranked = sorted(range(len(probabilities)), key=probabilities.__getitem__, reverse=True)
    return tuple(Prediction(label_id, probabilities[label_id]) for label_id in ranked[:top_k])


def softmax(logits: Logits, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities (N, 10) float64 of logits (N, 10), each row summing to 1.

    The temperature is that of Guo et al., 2017, "On Calibration of Modern Neural Networks".
    """
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _quoted(name: str) -> str:
    """The client's file name for a message, cut to a bounded length and with odd characters escaped."""
    return f" ({name[:LONGEST_NAME]!r})" if name else ""


def _joined(failures: list[tuple[str, type[RequestError]]]) -> RequestError:
    """One error of the first failure's class that names them all."""
    return failures[0][1]("; ".join(message for message, _ in failures))
