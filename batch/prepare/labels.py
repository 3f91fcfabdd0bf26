"""What digit a picture shows: from the folder that it lies in, or from a CSV file."""

import csv
from collections.abc import Callable
from pathlib import PurePosixPath

from core.errors import StorageError
from core.storage import open_folder
from model.description import LABELS

COLUMNS = ("key", "label")

LabelOf = Callable[[str], int | None]
"""Gives the label of a picture by its key, or None where it has none."""


def label_of_folder(key: str) -> int | None:
    """Return the label that the nearest folder with a digit for its name gives, such as 7 of `scans/7/a.png`."""
    folders = reversed(PurePosixPath(key).parent.parts)
    return next((LABELS.index(folder) for folder in folders if folder in LABELS), None)


def read_labels(place: str) -> LabelOf:
    """Return the labels that a CSV file gives, of a header `key,label` and a line a picture.

    Args:
        place: Its path, or its URL in object storage.

    Raises:
        StorageError: The file cannot be read, or is not of this form; the message names the line.
    """
    parent, _, name = place.rpartition("/")
    data = open_folder(parent or ("/" if place.startswith("/") else ".")).read(name)
    try:
        return _parse(data.decode("utf-8-sig"), place).get
    except (UnicodeDecodeError, csv.Error) as exc:
        raise StorageError(f"{place}: no CSV file in UTF-8 ({exc}): save it as one") from exc


def _parse(text: str, place: str) -> dict[str, int]:
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
