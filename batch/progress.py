"""How far a job is, on standard error: pictures, pictures a second, time left."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from batch.sources import Source
from core.errors import StorageError

SELDOM_S = 10
"""Between two lines, where nobody watches a bar but a log grows."""


@contextmanager
def progress(source: Source, count: int | None) -> Iterator["tqdm[Any]"]:
    """Show a bar; a number that is not known is counted meanwhile, and the time left is told once that has ended."""
    interval = 0.2 if sys.stderr.isatty() else SELDOM_S
    with tqdm(
        total=count, unit=" images", smoothing=0, mininterval=interval, maxinterval=interval, dynamic_ncols=True
    ) as bar:
        if count is None:
            threading.Thread(target=_count, args=(source, bar), daemon=True).start()
        yield bar


def _count(source: Source, bar: "tqdm[Any]") -> None:
    try:
        bar.total = sum(1 for _ in source.entries())
    except StorageError:
        bar.total = None  # whoever lists them for the work says what is wrong


def advance(bar: "tqdm[Any]", pictures: int, at_once: bool = False) -> None:
    """Count pictures as done; those that were done before count for no speed."""
    if at_once:
        bar.initial += pictures
    bar.update(pictures)
