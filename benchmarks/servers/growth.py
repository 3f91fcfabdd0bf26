"""How our own server grows: with connections, with images a request, with the size of an image, with workers."""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.pictures import encoded, photo
from benchmarks.servers.catalogue import OURS, multipart
from benchmarks.servers.load import Load, LoadFailed, Request
from benchmarks.servers.processes import ServerFailed
from benchmarks.servers.rounds import WARM_UP_S, summarise_loads, why
from benchmarks.servers.serving import SAMPLE, Running, Setup, serving

logger = logging.getLogger(__name__)

WORKERS = (1, 2)
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
IMAGES = (1, 4, 16, 64, 256)
SIZES = ((280, 280), (800, 600), (1600, 1200), (4000, 3000))
"""Of photographs, width and height; the last has 12 megapixels."""

BUSY = 8
"""Connections while images grow in number or in size: enough to keep two workers busy."""

BY_CONNECTIONS, BY_IMAGES, BY_PIXELS = "connections", "images", "pixels"


@dataclass(frozen=True, slots=True)
class Point:
    """One load of a curve.

    Attributes:
        curve: Its name.
        x: Where it stands: connections, images a request or pixels an image.
        connections: Kept open.
        request: Sent again and again.
    """

    curve: str
    x: int
    connections: int
    request: Request


@dataclass(slots=True)
class Growth:
    """The loads of all rounds by curve and place, and the reason of each round that failed."""

    loads: dict[str, dict[int, list[Load]]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def add(self, point: Point, load: Load) -> None:
        """Keep what was measured at a point."""
        self.loads.setdefault(point.curve, {}).setdefault(point.x, []).append(load)


def curve_by_connections(workers: int) -> str:
    """Return the name of the curve for so many workers."""
    return f"{BY_CONNECTIONS}, {workers} worker{'s' if workers > 1 else ''}"


def points(workers: int) -> list[Point]:
    """Return the loads for a server with so many workers; images grow only at the most of them."""
    sample = SAMPLE.read_bytes()
    found = [Point(curve_by_connections(workers), count, count, multipart(sample)) for count in CONNECTIONS]
    if workers < max(WORKERS):
        return found
    found += [Point(BY_IMAGES, count, BUSY, multipart(sample, count)) for count in IMAGES]
    return found + [Point(BY_PIXELS, pixels, BUSY, multipart(data)) for pixels, data in pictures()]


def pictures() -> list[tuple[int, bytes]]:
    """Return the sample and photographs of a page, each with its number of pixels."""
    sample = SAMPLE.read_bytes()
    with Image.open(io.BytesIO(sample)) as image:
        found = [(image.width * image.height, sample)]
    rng = np.random.default_rng(1)
    return found + [
        (width * height, encoded(photo((width, height), rng), "JPEG", quality=90)) for width, height in SIZES
    ]


def run_round(growth: Growth, work: Sequence[tuple[int, Sequence[Point]]], setup: Setup, seconds: float) -> None:
    """Measure every point once.

    Args:
        growth: Of the rounds before; the new one is added.
        work: Numbers of workers, and the points to measure with each.
        setup: Weights and environments.
        seconds: Of each load.
    """
    for workers, each in work:
        try:
            with serving(OURS[0], setup, workers) as running:
                _load(running, each, growth, seconds)
        except (ServerFailed, LoadFailed) as exc:
            growth.reasons.append(why(exc))
            logger.warning("growth, %d workers: %s", workers, growth.reasons[-1])


def _load(running: Running, each: Sequence[Point], growth: Growth, seconds: float) -> None:
    running.load(BUSY, WARM_UP_S)
    for point in each:
        growth.add(point, running.load(point.connections, seconds, point.request))
    running.check()


def summarise(growth: Growth) -> dict[str, Any]:
    """Return the medians of every curve's points, in a form that fits into JSON."""
    curves = {
        curve: [{"x": x} | summarise_loads(loads) for x, loads in sorted(places.items())]
        for curve, places in growth.loads.items()
    }
    return {"curves": curves, "failed": growth.reasons}
