"""The page `docs/scale.md`: figures of `benchmarks.scale`, and an estimate of a million and a billion pictures."""

from pathlib import Path
from string import Template
from typing import Any

from batch.batches import BATCHES, MOST

TEMPLATE = Path(__file__).with_suffix(".md")

Figures = list[dict[str, Any]]

PLAIN, APART = "plain loop", "plain loop, a half each"
"""What is compared with: one process, and two that know nothing of each other."""

LAMBDA_GB, LAMBDA_GB_S, LAMBDA_CALL = 1.769, 0.0000166667, 0.20e-6
"""Memory that comes with one whole virtual CPU; US dollars a GB-second and a call (x86, us-east-1)."""

S3_GET, S3_PUT, S3_LIST = 0.0004e-3, 0.005e-3, 0.005e-3
"""US dollars a request (S3 Standard, us-east-1)."""

AS_OF = "November 2026"
"""When those prices were looked up."""

AT_ONCE = 1000
"""Activations at the same time, an account's limit before one asks for more."""

START_S = 5.0
"""Of an activation on a machine that has not run it before; assumed."""

SLOWER = 2.0
"""How many times longer a virtual CPU, half a core, takes; assumed."""

FETCHES_A_S = 500
"""Objects that an activation reads in a second, 32 at once at 60 ms; assumed."""

PREFIX_GETS_A_S = 5500
"""Requests a second that S3 answers for one prefix before it throttles."""

LISTED_A_S = 10_000
"""Keys in a second, 1,000 a request, one request after the other; assumed."""

CALLS_OF_LITHOPS = 5
"""Objects that Lithops writes for an activation, and reads again."""


def page(facts: dict[str, Any]) -> str:
    """Return the page."""
    figures: Figures = facts["figures"]
    most = max(figure["count"] for figure in figures)
    one, two = (_of(figures, "batch score", workers, most)["seconds"] for workers in (1, 2))
    pool_one, pool_two = (_of(figures, "concurrent.futures", workers, most)["seconds"] for workers in (1, 2))
    plain, apart = _of(figures, PLAIN, 1, most)["seconds"], _of(figures, APART, 2, most)["seconds"]
    text = Template(TEMPLATE.read_text(encoding="utf-8"))
    return text.substitute(
        most=f"{most:,}",
        rounds=facts["rounds"],
        machine=facts["machine"],
        python=facts["python"],
        speed=_speed(figures, most),
        loop_times=f"{plain / two:.2f}",
        times=f"{one / two:.2f}",
        pool_times=f"{pool_one / pool_two:.2f}",
        apart_times=f"{plain / apart:.2f}",
        overhead=_overhead(figures),
        memory=_memory(figures),
        batch=f"{MOST:,}",
        gb=LAMBDA_GB,
        gb_s=f"{LAMBDA_GB_S:.10f}",
        slower=f"{SLOWER:g}",
        as_of=AS_OF,
        start=f"{START_S:g}",
        fetches=FETCHES_A_S,
        at_once=f"{AT_ONCE:,}",
        calls=CALLS_OF_LITHOPS,
        gets=f"{PREFIX_GETS_A_S:,}",
        listed=f"{LISTED_A_S:,}",
        counted=f"{BATCHES * MOST:,}",
        each=f"{one / most * 1000:.2f}",
        estimate=_cloud(one / most),
    )


def _of(figures: Figures, name: str, workers: int, count: int, place: str = "folder") -> dict[str, Any]:
    wanted = {"name": name, "workers": workers, "count": count, "place": place}
    return next(figure for figure in figures if wanted.items() <= figure.items())


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _speed(figures: Figures, most: int) -> str:
    plain = _of(figures, PLAIN, 1, most)
    rows = []
    for figure in (figure for figure in figures if figure["count"] == most):
        rate = most / figure["seconds"]
        share = plain["seconds"] / figure["seconds"] / figure["workers"]
        where = "" if figure["place"] == "folder" else ", from object storage"
        cells = [f"{figure['name']}{where}", str(figure["workers"]), f"{figure['seconds']:.1f}", f"{rate:,.0f}"]
        rows.append([*cells, f"{rate / figure['workers']:,.0f}", f"{share:.0%}"])
    return _table(["way", "workers", "seconds", "pictures a second", "each worker", "of the plain loop's"], rows)


def _overhead(figures: Figures) -> str:
    rows = []
    for count in sorted({figure["count"] for figure in figures}):
        plain = _of(figures, PLAIN, 1, count)["seconds"]
        one, two = (_of(figures, "batch score", workers, count)["seconds"] for workers in (1, 2))
        seconds = (f"{plain:.2f}", f"{one:.2f}", f"{one - plain:+.2f}", f"{two:.2f}", f"{two - plain / 2:+.2f}")
        rows.append([f"{count:,}", *seconds])
    head = ["pictures", "plain loop, s", "1 worker, s", "more, s", "2 workers, s", "more than half the loop's, s"]
    return _table(head, rows)


def _memory(figures: Figures) -> str:
    rows = []
    for count in sorted({figure["count"] for figure in figures}):
        ways = ((PLAIN, 1), ("batch score", 1), ("batch score", 2))
        rows.append([f"{count:,}", *(f"{_of(figures, *way, count)['peak_mb']:,.0f}" for way in ways)])
    return _table(["pictures", "plain loop, MB", "1 worker, MB", "2 workers, MB"], rows)


def _cloud(each: float) -> str:
    columns = [_estimate(count, each) for count in (10**6, 10**9)]
    return _table(["", "a million", "a billion"], [list(row) for row in zip(_ROWS, *columns, strict=True)])


_ROWS = (
    "activations",
    "seconds of one activation",
    "GB-seconds",
    "duration, one prefix",
    "duration, 100 prefixes at once",
    "Lambda",
    "S3 requests",
    "in all",
)


def _estimate(count: int, each: float) -> list[str]:
    activations = -(-count // MOST)
    seconds = START_S + min(count, MOST) * max(SLOWER * each, 1 / FETCHES_A_S)
    gb_s = activations * seconds * LAMBDA_GB
    computing = gb_s * LAMBDA_GB_S + activations * LAMBDA_CALL
    requests = count * S3_GET + activations * CALLS_OF_LITHOPS * S3_PUT + count / 1000 * S3_LIST
    durations = (_duration(count, activations, seconds, prefixes) for prefixes in (1, 100))
    money = (f"${amount:,.2f}" for amount in (computing, requests, computing + requests))
    return [f"{activations:,}", f"{seconds:.0f}", f"{gb_s:,.0f}", *map(_time, durations), *money]


def _duration(count: int, activations: int, seconds: float, prefixes: int) -> float:
    waves = -(-activations // AT_ONCE)
    return max(waves * seconds, count / (PREFIX_GETS_A_S * prefixes), count / (LISTED_A_S * prefixes))


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
