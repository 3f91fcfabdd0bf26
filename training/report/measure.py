"""Every made picture through the full pipeline: bytes -> `core.image` -> network -> calibrated probability.

Making and decoding pictures takes nearly all the time and is shared among processes; the network then reads the
canonical digits in batches. No result depends on how many processes there are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.errors import RequestError
from core.image import read_digit
from core.model import ModelWrapper
from model.description import IMAGE_SIZE
from training.pictures import Pixels, generator
from training.processes import in_processes
from training.report.conditions import CONDITIONS
from training.report.nondigits import KINDS

MAX_PIXELS = 2**24
"""More than any made picture has."""

CHUNK = 200
"""Pictures that a process takes at once: a second or two of work."""

BATCH_SIZE = 1000
"""Canonical digits that the network reads at once; fixed, as it decides in which order floats are summed."""

Decoded = tuple[Pixels, NDArray[np.bool_]]
"""Canonical digits (N, 28, 28), black where the picture was rejected, and which of them (N,) were read."""

REJECTED = -1
"""Stands for the label of a picture that is answered with an error instead."""


@dataclass(frozen=True)
class Readings:
    """What came of the pictures of one condition, or one kind of non-digit, in their order.

    Attributes:
        seen: (N, 28, 28) uint8, the canonical digits; black where the picture was rejected.
        predictions: (N,) int64, 0 to 9, or `REJECTED`.
        probabilities: (N,) float64, calibrated; 0 where the picture was rejected.
    """

    seen: Pixels
    predictions: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @property
    def rejected(self) -> int:
        """How many pictures were answered with an error."""
        return int((self.predictions == REJECTED).sum())


@dataclass(frozen=True)
class Task:
    """A chunk of pictures to make and to decode.

    Attributes:
        name: Of a condition, if there are digits, or else of a kind of non-digit.
        positions: Of the pictures in their set.
        digits: (N, 28, 28) uint8, one for each position; None for non-digits.
    """

    name: str
    positions: tuple[int, ...]
    digits: Pixels | None

    def pictures(self) -> Iterator[bytes]:
        """Make the pictures, one by one."""
        for index, position in enumerate(self.positions):
            rng = generator(self.name, position)
            if self.digits is None:
                yield KINDS[self.name].make(rng)
            else:
                yield CONDITIONS[self.name].make(self.digits[index], rng)


def decode(task: Task) -> Decoded:
    """Make and decode the pictures of a task."""
    digits = [_read(picture) for picture in task.pictures()]
    blank = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    seen = np.stack([blank if digit is None else digit for digit in digits])
    return seen, np.array([digit is not None for digit in digits])


def _read(picture: bytes) -> Pixels | None:
    try:
        return read_digit(picture, MAX_PIXELS).pixels
    except RequestError:
        return None


def measure(
    wrapper: ModelWrapper, digits: Pixels, names: Iterable[str], kinds: dict[str, int], workers: int
) -> dict[str, Readings]:
    """Read all digits under each condition, and all non-digits.

    Args:
        wrapper: What serves, with the weights in question.
        digits: (N, 28, 28) uint8, in MNIST's form.
        names: Of conditions.
        kinds: How many non-digits to make, by kind.
        workers: Processes that make and decode pictures.

    Returns:
        Readings by name of condition or kind.
    """
    tasks = [Task(name, part, digits[part[0] : part[-1] + 1]) for name in names for part in _parts(len(digits))]
    tasks += [Task(kind, part, None) for kind, count in kinds.items() for part in _parts(count)]
    decoded = zip((task.name for task in tasks), _decode_all(tasks, workers), strict=True)
    return {
        name: _readings(wrapper, [result for _, result in parts])  # while the next pictures are being decoded
        for name, parts in groupby(decoded, key=itemgetter(0))
    }


def _parts(count: int) -> list[tuple[int, ...]]:
    return [tuple(range(first, min(first + CHUNK, count))) for first in range(0, count, CHUNK)]


def _decode_all(tasks: list[Task], workers: int) -> Iterator[Decoded]:
    """Decode tasks, here or in processes of their own, give the results in order, and show the progress."""
    with tqdm(total=sum(len(task.positions) for task in tasks), unit=" pictures", smoothing=0.05) as bar:
        for decoded in in_processes(decode, tasks, workers):
            bar.update(len(decoded[1]))
            yield decoded


def _readings(wrapper: ModelWrapper, decoded: list[Decoded]) -> Readings:
    seen, read = (np.concatenate(parts) for parts in zip(*decoded, strict=True))
    batches = range(0, len(seen), BATCH_SIZE)
    answers = [wrapper.post_process(wrapper.predict(seen[first : first + BATCH_SIZE])) for first in batches]
    best = [predictions[0] for batch in answers for predictions in batch]
    labels = np.array([prediction.label_id for prediction in best])
    probabilities = np.array([prediction.probability for prediction in best])
    return Readings(seen, np.where(read, labels, REJECTED), np.where(read, probabilities, 0.0))
