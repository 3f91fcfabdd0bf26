"""How bulk scoring grows: pictures a second, the engine's overhead, and memory, against loops without it.

    python -m benchmarks.scale [--counts 1000 10000 70000] [--rounds 3] [--bucket s3://BUCKET/PREFIX] [--python FILE]
        [--output FOLDER]

Every measurement is a command from its start to its end: listing, reading, the network, writing. Commands of a round
are interleaved, so that a slow spell of the machine falls on all alike, and the median round counts. The pictures are
MNIST's training digits as PNG files, again from the first when they run out. Memory is measured in runs of its own.
`--python` runs the commands in another environment: that of `make score` lacks pandas, which pyarrow imports if it can.
Writes `benchmarks/results/scale.json` and `docs/scale.md`; leave the machine alone meanwhile.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess  # nosec B404 # the commands that are measured are ours
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median

import psutil

from batch.sources import open_source
from benchmarks.scale_page import APART, PLAIN, page
from core.integrity import write_atomically
from core.prepared import RAW
from core.storage import open_folder
from training.data import find_data

ROOT = Path(__file__).resolve().parents[1]
DIGITS = "train-images-idx3-ubyte"
READ_AT_ONCE = 1000
UPLOADS = 16
"""Objects that are written to a bucket at the same time."""

LOOK_S = 0.1
"""Between two looks at the memory of all processes."""


@dataclass(frozen=True)
class Way:
    """A way to score.

    Attributes:
        name: How it is called.
        workers: Its processes.
        command: Without source and target.
        apart: So many of this command run side by side and know nothing of each other; each takes its share.
    """

    name: str
    workers: int
    command: tuple[str, ...]
    apart: int = 1


def loop(name: str, workers: int) -> Way:
    """One of the loops that are compared with."""
    return Way(name, max(1, workers), ("-m", "benchmarks.scale_loops", str(workers)))


def batch(workers: int) -> Way:
    """Bulk scoring."""
    return Way("batch score", workers, ("-m", "batch", "score", "--workers", str(workers)))


SINGLE = loop(PLAIN, 0)
WAYS = (
    SINGLE,
    replace(SINGLE, name=APART, workers=2, apart=2),
    loop("concurrent.futures", 1),
    loop("concurrent.futures", 2),
    batch(1),
    batch(2),
)


@dataclass(frozen=True)
class Figure:
    """What one way took.

    Attributes:
        name: Of the way.
        workers: Its processes.
        count: Pictures.
        place: `folder` or `bucket`.
        seconds: From the command's start to its end, median of the rounds.
        peak_mb: Most memory of all processes together, shared pages counted once; None where it was not measured.
    """

    name: str
    workers: int
    count: int
    place: str
    seconds: float
    peak_mb: float | None = None


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="Measure bulk scoring.")
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[1000, 10_000, 70_000], help="of pictures (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="each runs every command once (%(default)s)")
    parser.add_argument("--bucket", help="prefix in object storage to measure as well; what lies there is left")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter that runs the commands (default: this one)"
    )
    parser.add_argument("--output", type=Path, default=ROOT, help="project's folder, or another to leave that alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale-") as work:
        bench = Bench(Path(work), options.rounds, options.python)
        figures = list(measure(bench, sorted(options.counts), options.bucket))
    facts = {
        "machine": f"{processor()}, {os.cpu_count()} CPUs, {psutil.virtual_memory().total / 1e9:.0f} GB",
        "python": platform.python_version(),
        "rounds": options.rounds,
        "figures": [asdict(figure) for figure in figures],
    }
    for path, text in {
        "benchmarks/results/scale.json": json.dumps(facts, indent=2) + "\n",
        "docs/scale.md": page(facts),
    }.items():
        (options.output / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.output / path, text.encode())
        print(f"wrote {options.output / path}")


def processor() -> str:
    """What this machine's processor is called."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


@dataclass(frozen=True)
class Bench:
    """How to measure.

    Attributes:
        work: Folder for pictures and results.
        rounds: Each runs every command once.
        python: Interpreter that runs the commands.
    """

    work: Path
    rounds: int
    python: str


def measure(bench: Bench, counts: Sequence[int], bucket: str | None) -> Iterator[Figure]:
    """Yield the figures of every number of pictures, first the times, then the memory."""
    for count in counts:
        source = bench.work / f"pictures-{count}"
        write_pictures(source, count)
        ways = WAYS if count == max(counts) else (SINGLE, batch(1), batch(2))
        yield from timed(bench, ways, str(source), count)
        if bucket:
            prefix = f"{bucket.rstrip('/')}/pictures-{count}"
            upload(source, prefix)
            yield from timed(bench, (batch(1), batch(2)), prefix, count)
        shutil.rmtree(source)


def timed(bench: Bench, ways: Sequence[Way], source: str, count: int) -> Iterator[Figure]:
    """Yield each way's figure of one source."""
    seconds: dict[Way, list[float]] = {way: [] for way in ways}
    for _ in range(bench.rounds):
        for way in ways:
            seconds[way].append(run(bench, way, source)[0])
    place = "bucket" if "://" in source else "folder"
    for way in ways:
        _, peak_mb = run(bench, way, source, watch=True)
        figure = Figure(way.name, way.workers, count, place, round(median(seconds[way]), 2), round(peak_mb))
        print(f"{way.name}, {way.workers} workers, {count:,} from a {place}: {figure.seconds} s, {figure.peak_mb} MB")
        yield figure


def run(bench: Bench, way: Way, source: str, watch: bool = False) -> tuple[float, float]:
    """Run a command; returns its seconds, and the most memory that its processes took in MB where that is watched."""
    start, peak, target = time.perf_counter(), 0.0, bench.work / "scores"
    command = [bench.python, *way.command, source, str(target)]
    shares = [[str(share), str(way.apart)] for share in range(way.apart)] if way.apart > 1 else [[]]
    running = [
        subprocess.Popen([*command, *share], cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603  # nosec B603 # our own
        for share in shares
    ]
    while watch and any(process.poll() is None for process in running):
        peak = max(peak, sum(memory_mb(process.pid) for process in running))
        time.sleep(LOOK_S)
    statuses = [process.wait() for process in running]
    if any(statuses):
        raise SystemExit(f"{' '.join(command)}: failed")
    seconds = time.perf_counter() - start
    shutil.rmtree(target)
    return seconds, peak


def memory_mb(pid: int) -> float:
    """Memory of a process and all below it, pages that they share counted once (proportional set size)."""
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it has ended meanwhile
    return total / 1e6


def write_pictures(folder: Path, count: int) -> None:
    """Write so many of MNIST's training digits as PNG files."""
    folder.mkdir()
    given = os.environ.get("MNIST_DIR")
    source = open_source(str(find_data(Path(given) if given else None) / RAW / DIGITS))
    written = 0
    while written < count:
        entries = iter(source.entries())
        while written < count and (some := list(islice(entries, min(READ_AT_ONCE, count - written)))):
            for data in source.read_listed(some):
                if not isinstance(data, bytes):
                    raise data
                (folder / f"{written:06}.png").write_bytes(data)
                written += 1


def upload(folder: Path, prefix: str) -> None:
    """Copy a folder's files to object storage, but for those that are there."""
    target = open_folder(prefix)
    there = {entry.name for entry in target.entries()}
    missing = [path for path in folder.iterdir() if path.name not in there]
    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(lambda path: target.write(path.name, path.read_bytes()), missing))


if __name__ == "__main__":
    main()
