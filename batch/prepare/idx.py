"""Files of IDX, MNIST's own form (http://yann.lecun.com/exdb/mnist/), written piece by piece."""

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model.description import IMAGE_SIZE

UINT8 = 8
"""IDX's code of the type."""


class IdxWriter:
    """Writes a file of `uint8` values whose number shows only at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        """Create the file for items of a shape: `(28, 28)` for pictures, `()` for labels."""
        self._count = 0
        self._shape = shape
        self._stream = path.open("wb")
        self._write_header()

    def append(self, items: NDArray[np.uint8]) -> None:
        """Write items (N, *shape) uint8."""
        self._stream.write(np.ascontiguousarray(items, np.uint8).reshape(len(items), *self._shape).tobytes())
        self._count += len(items)

    def _write_header(self) -> None:
        sizes = (self._count, *self._shape)
        self._stream.write(bytes([0, 0, UINT8, len(sizes)]) + np.array(sizes, ">u4").tobytes())

    def close(self) -> None:
        """Say in the header how many items there are, and close the file."""
        with self._stream:
            self._stream.seek(0)
            self._write_header()


class DigitsWriter:
    """Writes the two files of one half of a data set: pictures and labels; a context manager."""

    def __init__(self, folder: Path, start: str) -> None:
        """Create the files in a folder, under names that begin as MNIST's: `train` or `t10k`."""
        self._images = IdxWriter(folder / f"{start}-images-idx3-ubyte", (IMAGE_SIZE, IMAGE_SIZE))
        self._labels = IdxWriter(folder / f"{start}-labels-idx1-ubyte", ())

    def append(self, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
        """Write pictures (N, 28, 28) uint8 and their labels (N,) uint8."""
        self._images.append(images)
        self._labels.append(labels)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._images.close()
        self._labels.close()
