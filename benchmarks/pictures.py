"""How long `core.image` takes to read a picture, on one core.

    python benchmarks/pictures.py [--rounds 30]

Times are medians over interleaved rounds, so that a slow spell of the machine falls on all kinds alike.
"""

import argparse
import sys
import time
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script's own folder is on Python's path, the project's is not

from core.image import read_digit  # noqa: E402
from samples import scenes  # noqa: E402
from samples.strokes import draw_digit, to_mnist_form  # noqa: E402

MOST_PIXELS = 50_000_000
BURST = 50
"""Readings of a small picture between two looks at the clock, which would otherwise be felt."""

LIMITS_MS = {"28x28 PNG, as MNIST has it": 0.060, "photo, 12 megapixels, JPEG": 150.0}
"""What the project promises of the median."""

ROW = "{:30}{:>10}{:>12}{:>16}{:>12}"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file of the kind."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A page of ruled paper with one digit on it, in uneven light."""
    page = scenes.rule_lines(scenes.paper(size, rng), size[1] / 16)
    ink = draw_digit(4, rng, height=size[1] // 3)
    page = scenes.write_on(page, ink, (0.45, 0.5), scenes.INKS["blue"], rng, patchy=0.1)
    return scenes.photograph(scenes.shade(page, rng), rng)


def pictures() -> dict[str, bytes]:
    """What people send, from the least to the most."""
    rng = np.random.default_rng(1)
    digit = to_mnist_form(draw_digit(4, rng))
    drawing = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
    large = photo((4000, 3000), rng)
    return {
        "28x28 PNG, as MNIST has it": encoded(Image.fromarray(digit), "PNG"),
        "28x28 PNG, dark on light": encoded(Image.fromarray(255 - digit), "PNG"),
        "drawing, 280x280, PNG": encoded(drawing, "PNG"),
        "photo, 0.5 megapixels, JPEG": encoded(photo((800, 600), rng), "JPEG", quality=90),
        "photo, 12 megapixels, JPEG": encoded(large, "JPEG", quality=90),
        "photo, 12 megapixels, PNG": encoded(large, "PNG"),
    }


def milliseconds(data: bytes) -> float:
    """One reading's time, averaged over a burst if the file is small."""
    repeats = BURST if len(data) < 10_000 else 1
    start = time.perf_counter()
    for _ in range(repeats):
        read_digit(data, MOST_PIXELS)
    return (time.perf_counter() - start) / repeats * 1000


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="at least 2")
    rounds = max(2, parser.parse_args().rounds)
    cv2.setNumThreads(1)
    files = pictures()
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(rounds):
        for name, data in files.items():
            times[name].append(milliseconds(data))
    print(ROW.format("picture", "kB", "median ms", "9 of 10 below", "promised"))
    for name, taken in times.items():
        limit = f"{LIMITS_MS[name]:.3f}" if name in LIMITS_MS else ""
        figures = (f"{len(files[name]) / 1000:.1f}", f"{median(taken):.3f}", f"{quantiles(taken, n=10)[-1]:.3f}")
        print(ROW.format(name, *figures, limit))


if __name__ == "__main__":
    main()
