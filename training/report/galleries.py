"""Plots made of pictures: every misread test digit, and what the network saw of pictures as they are sent."""

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import samples
from core.image import read_digit
from training.data import Digits
from training.pictures import Pixels, generator
from training.report.conditions import CONDITIONS
from training.report.figures import Figures
from training.report.measure import MAX_PIXELS, REJECTED, Readings
from training.report.style import GREY, ORANGE, bare, new_figure

COLUMNS = 8

MOST_MISREAD = 160
"""Digits in the gallery: 20 rows are still looked at; weights that misread more have other worries."""

LEFT_OUT = ("clean", "scaled_up_10x", "scaled_up_40x")
"""Conditions that look like another one of the strip."""

PAIRS = 5
"""Pictures side by side in a row of the strip, each beside what was seen of it."""

THUMBNAIL = 112
"""Longest side of a sent picture in the strip, pixels."""

Pair = tuple[str, Pixels, Pixels]
"""Title, the sent picture, and the (28, 28) canonical digit."""


def draw_misread(figures: Figures, digits: Digits) -> Figure:
    """Draw every misread test digit with truth, prediction and probability, as the Keras tutorial ends."""
    misread = figures["misread"][:MOST_MISREAD]
    rows = max(1, -(-len(misread) // COLUMNS))
    figure = new_figure(8.4, 1.32 * rows + 0.6)
    places = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in places:
        bare(axes)
    for axes, row in zip(places, misread, strict=False):
        axes.imshow(digits.images[row["index"]].numpy(), cmap="gray_r", vmin=0, vmax=255)
        read = "rejected" if row["prediction"] == REJECTED else f"read {row['prediction']} ({row['probability']:.2f})"
        axes.set_title(f"{row['label']}, {read}", size=8, loc="center", pad=3)
        axes.set_xlabel(f"no. {row['index']}", size=6.5, color=GREY, labelpad=1)
    shown = f"the first {len(misread)} of " if len(misread) < len(figures["misread"]) else ""
    total = f"{shown}{len(figures['misread'])} of {figures['images']:,}"
    title = f"Every misread {figures['set']} digit ({total}): truth, prediction (probability)"
    figure.suptitle(title, x=0.01, ha="left", size=11)
    return figure


def draw_seen(readings: dict[str, Readings], digits: Digits) -> Figure:
    """Draw sent pictures, each beside the 28x28 that the network saw of it: conditions first, then the samples."""
    pairs = [*_condition_pairs(readings, digits), *sample_pairs()]
    rows = -(-len(pairs) // PAIRS)
    figure = new_figure(10.0, 1.12 * rows + 0.5)
    grid = figure.subplots(rows, 2 * PAIRS, squeeze=False)
    for axes in grid.flat:
        bare(axes)
    for index, pair in enumerate(pairs):
        row, column = divmod(index, PAIRS)
        _draw_pair(grid[row][2 * column], grid[row][2 * column + 1], pair)
    title = "What the network saw: each picture as it was sent, and the 28x28 pixels made of it"
    figure.suptitle(title, x=0.01, ha="left", size=11)
    return figure


def _draw_pair(left: Axes, right: Axes, pair: Pair) -> None:
    title, sent, seen = pair
    left.imshow(sent, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    left.set_title(title, size=6.5, loc="left", pad=2)
    right.imshow(seen, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    for axes in (left, right):
        axes.set_anchor("N")
        for spine in axes.spines.values():
            spine.set(visible=True, color=GREY if axes is left else ORANGE, linewidth=0.6)


def _condition_pairs(readings: dict[str, Readings], digits: Digits) -> list[Pair]:
    """One digit a condition: number 0 under the first one, 1 under the second and so on."""
    names = [name for name in CONDITIONS if name not in LEFT_OUT]
    return [_condition_pair(name, position % len(digits), readings, digits) for position, name in enumerate(names)]


def _condition_pair(name: str, position: int, readings: dict[str, Readings], digits: Digits) -> Pair:
    picture = CONDITIONS[name].make(digits.images[position].numpy(), generator(name, position))
    return name.replace("_", " "), _shown(picture), readings[name].seen[position]


def sample_pairs() -> list[Pair]:
    """Return the project's own sample pictures, but those that are in MNIST's form already."""
    folder = Path(samples.__file__).parent
    endings = {".png", ".jpg", ".gif", ".bmp", ".webp", ".tiff"}
    paths = sorted(path for path in folder.iterdir() if path.suffix in endings and len(path.stem) > 1)
    return [(path.name, _shown(path.read_bytes()), read_digit(path.read_bytes(), MAX_PIXELS).pixels) for path in paths]


def _shown(data: bytes) -> Pixels:
    """The picture as stored, (H, W) or (H, W, 3), at most a thumbnail; what is transparent is shown in mid-grey."""
    with Image.open(BytesIO(data)) as image:
        if image.mode.startswith("I;16"):
            return _shrink(Image.fromarray((np.asarray(image) // 257).astype(np.uint8)))
        coloured = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (150, 150, 150, 255))
        return _shrink(Image.alpha_composite(ground, coloured).convert("RGB"))


def _shrink(image: Image.Image) -> Pixels:
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(image)
