"""The entry points of a model deployment in Oracle's Data Science service: `load_model` and `predict`.

Beside this file lie the service's own `core` and `model`, without its web server, and the weights with their checksums:
a picture is read here as it is there.
"""

import sys
from base64 import b64decode
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import numpy as np

from core.checkpoint import take_checkpoint
from core.engine import Digits, Logits, load_engine
from core.errors import InvalidImage, InvalidTensor, MissingImage, RequestError
from core.integrity import read_verified
from core.model import ModelWrapper, Picture, softmax
from model.description import IMAGE_SIZE

MAX_IMAGE_PIXELS = 50_000_000
"""Largest picture that is decoded, width times height: what the service allows by default."""


@cache
def load_model() -> ModelWrapper:
    """Return the model, loaded once.

    Raises:
        IntegrityError: A file in `assets` does not have the SHA-512 that is listed.
        CheckpointError: The graph was exported from other weights.
    """
    (weights,) = (HERE / "assets").glob("*.pt")
    checkpoint = take_checkpoint(read_verified(weights.parent), weights.parent, weights.stem)
    engine = load_engine(checkpoint, "cpu", engine="onnx")
    return ModelWrapper(engine, checkpoint.description.temperature, MAX_IMAGE_PIXELS)


def predict(data: Any, model: ModelWrapper = load_model()) -> dict[str, Any]:  # noqa: B008 - Oracle's form: fails at start
    """Read pictures or digits.

    Args:
        data: `{"images": [...]}`, each a PNG, JPEG, BMP, GIF, WebP or TIFF file in base64, or `{"digits": [...]}` of
            shape [N, 28, 28], whole numbers from 0 to 255, light ink on black.
        model: What `load_model` returned.

    Returns:
        `prediction` [N], `probability` [N] and `probabilities` [N, 10]; or `error`, with a `code` and a `message`.
    """
    try:
        return post_inference(model.predict(pre_inference(data, model)), model)
    except RequestError as exc:
        return {"error": {"code": exc.code, "message": str(exc)}}


def pre_inference(data: Any, model: ModelWrapper) -> Digits:
    """Return canonical digits (N, 28, 28) uint8.

    Raises:
        RequestError: The data are not of the form that `predict` takes, or a picture cannot be read.
    """
    if isinstance(data, dict) and list(data) == ["digits"]:
        return _digits(data["digits"])
    if not isinstance(data, dict) or list(data) != ["images"]:
        raise MissingImage('expected {"images": [BASE64, ...]} or {"digits": [[[0, ...], ...], ...]}')
    images = data["images"]
    if not isinstance(images, list) or not images:
        raise MissingImage("images: expected a list of at least one picture in base64")
    pictures = [_picture(image, position) for position, image in enumerate(images, start=1)]
    return np.array([digit.pixels for digit in model.pre_process(pictures)])


def post_inference(logits: Logits, model: ModelWrapper) -> dict[str, Any]:
    """Return what `predict` does, from logits (N, 10)."""
    probabilities = softmax(logits, model.temperature)
    return {
        "prediction": probabilities.argmax(axis=1).tolist(),
        "probability": probabilities.max(axis=1).tolist(),
        "probabilities": probabilities.tolist(),
    }


def _picture(image: Any, position: int) -> Picture:
    try:
        return Picture(b64decode(image, validate=True))
    except (TypeError, ValueError) as exc:
        raise InvalidImage(f"image {position}: not base64") from exc


def _digits(values: Any) -> Digits:
    expected = f"digits: expected whole numbers from 0 to 255 of shape [N, {IMAGE_SIZE}, {IMAGE_SIZE}], N at least 1"
    try:
        digits = np.array(values)
    except ValueError as exc:
        raise InvalidTensor(expected) from exc
    if digits.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE) or not digits.size or digits.dtype.kind not in "iu":
        raise InvalidTensor(expected)
    if digits.min() < 0 or digits.max() > np.iinfo(np.uint8).max:
        raise InvalidTensor(expected)
    return digits.astype(np.uint8)
