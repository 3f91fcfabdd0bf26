"""What bulk scoring is compared with: the loops that one writes without it.

    python -m benchmarks.scale_loops WORKERS SRC DST [SHARE OF]

With 0 workers a plain loop in one process, else `concurrent.futures`; with `0 2` and `1 2` at the end each of two
commands takes its half. All list, read 256 pictures at a time, ask the same `ModelWrapper` and write the same columns
as Parquet; none survives a bad picture or goes on where it stopped.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import chain
from pathlib import Path

import pyarrow.parquet as pq

from batch.shards import table
from config import load_settings
from core.checkpoint import load_checkpoint
from core.engine import load_engine
from core.model import ModelWrapper, Picture

GROUP = 256
"""Pictures that are read as one batch."""

PART = 4096
"""Pictures in one task, and one file, of the parallel loop."""


@cache
def load() -> ModelWrapper:
    """The model, loaded once a process."""
    settings = load_settings()
    checkpoint = load_checkpoint(settings.assets_dir, settings.model_name)
    engine = load_engine(checkpoint, settings.device, engine=settings.engine)
    return ModelWrapper(engine, checkpoint.description.temperature, settings.max_image_pixels)


def score(target: Path, paths: Sequence[Path]) -> None:
    """Read the digits in some files and write them as one Parquet file, named after the first."""
    wrapper = load()
    groups = (paths[start : start + GROUP] for start in range(0, len(paths), GROUP))
    read = (wrapper.read([Picture(path.read_bytes()) for path in group], top_k=10) for group in groups)
    readings = list(chain.from_iterable(read))
    probabilities = [[probability for _, probability in sorted(reading.predictions)] for reading in readings]
    adjustments = [reading.digit.adjustments for reading in readings]
    rows = table([path.name for path in paths], probabilities, adjustments, [None] * len(paths))
    pq.write_table(rows, target / f"{paths[0].stem}.parquet", compression="zstd")


def main() -> None:
    """Score a folder."""
    workers, source, target = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    target.mkdir(parents=True, exist_ok=True)
    share, of = map(int, sys.argv[4:] or (0, 1))
    paths = sorted(source.iterdir())[share::of]
    if not workers:
        score(target, paths)
        return
    with ProcessPoolExecutor(workers) as pool:
        parts = [paths[start : start + PART] for start in range(0, len(paths), PART)]
        list(pool.map(partial(score, target), parts))


if __name__ == "__main__":
    main()
