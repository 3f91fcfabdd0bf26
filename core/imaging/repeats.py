"""The picture as it was before it was enlarged by repeating its pixels, as pixel art and plots of arrays are.

The steps between such blocks are no edges of strokes; between the pixels of the small picture the search draws them
smoothly. Only NumPy is imported here.
"""

import numpy as np
from numpy.typing import NDArray

from core.imaging.arrays import Pixels

LEAST_BLOCK = 2
"""Times that a pixel is repeated, at least, for a picture to be enlarged; on average, as 8 pixels may become 20."""

LEAST_STEPS = 4
"""Places at which the picture changes, on each axis, for the size of its blocks to be told."""

LANES = 16
"""Lines that are looked at first: a photo changes at nearly every pixel of each, so that it costs no time."""

BAND_BYTES = 2**20
"""Of the picture that are compared at a time."""

SQUARE = 0.1
"""Width and height of a block differ by at most this share."""


def without_repeats(pixels: Pixels) -> Pixels:
    """Return the small picture that was enlarged into (H, W) or (H, W, 3) uint8; the same picture where none was."""
    rows, columns = _block(pixels), _block(pixels.swapaxes(0, 1))
    if min(rows, columns) < LEAST_BLOCK or abs(rows - columns) > SQUARE * max(rows, columns):
        return pixels
    return np.ascontiguousarray(pixels[_middles(len(pixels), rows)][:, _middles(pixels.shape[1], columns)])


def _middles(length: int, block: float) -> NDArray[np.intp]:
    """Return where the middles of blocks lie on an axis."""
    return ((np.arange(round(length / block)) + 0.5) * block).astype(np.intp)


def _block(pixels: Pixels) -> float:
    """Return how many times each row is repeated, 1.0 where blocks of one size do not explain its changes."""
    if min(pixels.shape[:2]) < LEAST_BLOCK * LEAST_STEPS:
        return 1.0
    lanes = pixels[:, :: max(1, pixels.shape[1] // LANES)]
    if _block_of(_steps(lanes), len(pixels)) < LEAST_BLOCK:
        return 1.0
    return _block_of(_steps(pixels), len(pixels))


def _steps(pixels: Pixels) -> NDArray[np.intp]:
    """Return the rows that differ from the row above; found in bands, as a comparison is as large as its operands."""
    rows = max(1, BAND_BYTES * len(pixels) // pixels.size)
    bands = (pixels[top : top + rows + 1] for top in range(0, len(pixels) - 1, rows))
    return np.flatnonzero(np.concatenate([_changes(band) for band in bands])) + 1


def _changes(pixels: Pixels) -> NDArray[np.bool_]:
    """Return for each row but the first whether it differs from the one above."""
    changes: NDArray[np.bool_] = (pixels[1:] != pixels[:-1]).reshape(len(pixels) - 1, -1).any(axis=1)
    return changes


def _block_of(steps: NDArray[np.intp], length: int) -> float:
    """Return the size of the blocks whose borders are at these places of an axis, and its ends; 1.0 for none."""
    if len(steps) < LEAST_STEPS:
        return 1.0
    borders = np.concatenate([[0], steps, [length]])
    runs = np.diff(borders)
    least = int(runs.min())
    if least < LEAST_BLOCK:
        return 1.0
    block = float(length / np.round(runs / (runs[runs < 1.5 * least].mean())).sum())
    return block if np.abs(borders / block - np.round(borders / block)).max() * block <= 1 else 1.0
