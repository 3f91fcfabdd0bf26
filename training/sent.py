"""Training digits as they come back from pictures that people send: enlarged or shrunk, inked, lit, read again.

`core.image` brings a picture into MNIST's form, but not to the last pixel: a threshold takes more or less of an edge,
small gaps close, faint ends are lost. A network that was shown such digits misreads fewer pictures. The pictures are
not those of the report's conditions, which are made of test digits by code of their own.
"""

import logging
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core.errors import RequestError
from core.image import read_digit
from training.data import Digits
from training.pictures import Pixels, crop, enlarge, jpeg, png, square
from training.processes import in_processes

CHUNK = 500
"""Digits that a process takes at once: a few seconds of work."""

SMALL_SHARE = 0.12
"""Of the pictures: as small as icons."""

SMALL = (7, 17)
"""Least side of their digits, and one more than the largest, in pixels."""

LARGE = (48, 150)
"""The same of the other pictures: large enough for any stroke, and small enough to be read in 10 ms."""

LEAST_CONTRAST = 80
"""Between pen and paper, of 255."""

MAX_PIXELS = LARGE[1] ** 2

LEAST_LIKENESS = 0.7
"""Correlation, both blurred by a pixel, of a digit with what was read; below it something else was taken for its ink,
as is one time in a hundred."""

logger = logging.getLogger(__name__)

Ink = NDArray[np.float32]
"""A digit of any size (H, W), 0 for paper to 255 for full ink."""


@dataclass(frozen=True)
class _Task:
    """Digits (N, 28, 28) uint8 to send, the position of the first of them, and the seed."""

    digits: Pixels
    first: int
    seed: int


def send_digits(digits: Digits, seed: int, workers: int) -> Tensor:
    """Return the digits (N, 28, 28) uint8, each as `core.image` reads it from a picture that shows it.

    One that is faint, rejected, or not found in its picture stays as it was.

    Args:
        digits: In MNIST's form.
        seed: The same one sends the same pictures, however many workers there are.
        workers: Processes that share the work.
    """
    images = digits.images.numpy()
    if len(images):
        logger.info("making pictures of %d digits, and reading them again", len(images))
    tasks = [_Task(images[first : first + CHUNK], first, seed) for first in range(0, len(images), CHUNK)]
    sent = tqdm(in_processes(_send_all, tasks, workers), desc="pictures", total=len(tasks), leave=False, disable=None)
    return torch.from_numpy(np.concatenate([images[:0], *sent]))


def _send_all(task: _Task) -> Pixels:
    numbered = enumerate(task.digits, task.first)
    return np.stack([_send(digit, np.random.default_rng([task.seed, position])) for position, digit in numbered])


def _send(digit: Pixels, rng: np.random.Generator) -> Pixels:
    if int(np.ptp(digit)) < LEAST_CONTRAST:
        return digit  # nothing in it could be drawn anew
    try:
        read = read_digit(_picture(digit, rng), MAX_PIXELS).pixels
    except RequestError:
        return digit
    return read if _likeness(read, digit) >= LEAST_LIKENESS else digit


def _likeness(read: Pixels, digit: Pixels) -> float:
    blurred = [cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 1).ravel() for pixels in (read, digit)]
    return float(np.corrcoef(*blurred)[0, 1])


def _picture(digit: Pixels, rng: np.random.Generator) -> bytes:
    """A picture file that shows a digit on some paper, dark on light or, now and then, light on dark."""
    small = rng.random() < SMALL_SHARE
    grey = _on_paper(_shrunk(digit, rng) if small else _enlarged(digit, rng), rng)
    if not small and rng.random() < 0.5:
        grey = _in_a_room(grey, rng)
    if rng.random() < 0.25:
        grey = 255 - grey
    pixels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return png(pixels) if small or rng.random() < 0.6 else jpeg(pixels, int(rng.integers(30, 95)))


def _shrunk(digit: Pixels, rng: np.random.Generator) -> Ink:
    """The ink in a square of few pixels, some room around it or none."""
    side = int(rng.integers(*SMALL))
    few = cv2.resize(square(crop(digit)), (side, side), interpolation=cv2.INTER_AREA)
    return np.pad(few, int(rng.integers(0, 4))).astype(np.float32)


def _enlarged(digit: Pixels, rng: np.random.Generator) -> Ink:
    """The digit drawn large: half of them with the edges of a pen, broader or finer, and some out of focus."""
    side = int(rng.integers(*LARGE))
    ink = enlarge(digit, side).astype(np.float32)
    if rng.random() < 0.5:
        ink = np.clip((ink - rng.uniform(90, 160)) * rng.uniform(1, 6) + 128, 0, 255).astype(np.float32)
    if rng.random() < 0.4:
        ink = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.2, 1.1) * side / len(digit)).astype(np.float32)
    return ink


def _on_paper(ink: Ink, rng: np.random.Generator) -> Ink:
    paper = rng.uniform(150, 255)
    pen = rng.uniform(0, min(100, paper - LEAST_CONTRAST))
    return np.asarray(paper + (pen - paper) * (ink / 255), np.float32)


def _in_a_room(grey: Ink, rng: np.random.Generator) -> Ink:
    """Light that falls off to one side by up to a third, and a sensor's noise."""
    down, across = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]] / len(grey)
    angle = rng.uniform(0, 2 * np.pi)
    way = across * np.cos(angle) + down * np.sin(angle)
    lit = grey * (1 - rng.uniform(0, 0.35) * (way - way.min()))
    return np.asarray(lit + rng.normal(0, rng.uniform(0, 8), grey.shape), np.float32)
