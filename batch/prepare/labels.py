"""What digit a picture shows: from the folder that it lies in, or from a file."""

import csv
import gzip
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath

from batch.sources import Source
from batch.sources.idx import IdxSource
from core.errors import StorageError
from core.storage import open_folder
from model.description import LABELS

COLUMNS = ("key", "label")

GZIP, IDX1, IDX1_HEADER_BYTES = b"\x1f\x8b", b"\x00\x00\x08\x01", 8
"""How files of gzip, and of IDX with bytes in one dimension, begin."""

LabelOf = Callable[[str], int | None]
"""Gives the label of a picture by its key, or None where it has none."""


def label_of_folder(key: str) -> int | None:
    """Return the label that the nearest folder with a digit for its name gives, such as 7 of `scans/7/a.png`."""
    folders = reversed(PurePosixPath(key).parent.parts)
    return next((LABELS.index(folder) for folder in folders if folder in LABELS), None)


def labels_beside(source: Source) -> LabelOf:
    """Return the labels that the place of pictures gives: in the file beside an IDX file, else by their folders.

    Raises:
        StorageError: The file beside cannot be read.
    """
    if not isinstance(source, IdxSource):
        return label_of_folder
    name = source.name.replace("images-idx3", "labels-idx1")
    if name == source.name or not source.folder.exists(name):
        return lambda _key: None
    return _labels_in(source.folder.read(name), source.folder.place(name))


def read_labels(place: str) -> LabelOf:
    """Return the labels in a file: a CSV file of a header `key,label` and a line a picture, or MNIST's form, IDX.

    Args:
        place: Its path, or its URL in object storage.

    Raises:
        StorageError: The file cannot be read, or is of neither form; the message names the line.
    """
    parent, _, name = place.rpartition("/")
    return _labels_in(open_folder(parent or ("/" if place.startswith("/") else ".")).read(name), place)


def _labels_in(data: bytes, place: str) -> LabelOf:
    try:
        if data.startswith(GZIP):
            data = gzip.decompress(data)
        return _idx(data) if data.startswith(IDX1) else _csv(data.decode("utf-8-sig"), place).get
    except (UnicodeDecodeError, csv.Error, EOFError, OSError, zlib.error) as exc:
        raise StorageError(f"{place}: neither a CSV file in UTF-8 nor an IDX file of labels ({exc})") from exc


def _idx(data: bytes) -> LabelOf:
    """Return the labels of pictures whose keys are their places in an IDX file."""
    labels = data[IDX1_HEADER_BYTES:]

    def label_of(key: str) -> int | None:
        place = int(key) if key.isdecimal() else len(labels)
        return labels[place] if place < len(labels) and labels[place] < len(LABELS) else None

    return label_of


def _csv(text: str, place: str) -> dict[str, int]:
    rows = csv.reader(text.splitlines(keepends=True), strict=True)
    if tuple(next(rows, ())) != COLUMNS:
        raise StorageError(f"{place}: its first line is not {','.join(COLUMNS)}: write this header")
    labels: dict[str, int] = {}
    for row in filter(None, rows):
        where = f"{place}, line {rows.line_num}"
        if len(row) != len(COLUMNS) or row[1].strip() not in LABELS:
            raise StorageError(f"{where}: expected a picture's key and a digit, 0 to 9: mend it")
        label = LABELS.index(row[1].strip())
        if labels.setdefault(row[0], label) != label:
            raise StorageError(f"{where}: gives {row[0]} another label than a line before: keep one of them")
    return labels
