"""The targets of the service, each checked on one run's results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from benchmarks.servers.growth import BY_CONNECTIONS, BY_IMAGES

Results = Mapping[str, Any]
"""As `results.collect` makes them."""

OURS = "ours-onnx"
"""The default: on a CPU `ENGINE=auto` means ONNX Runtime."""

FLOOR = "floor-parses-the-upload"

AT = ("8", "32")
"""Connections at which servers are compared."""

TIMES = {
    "litserve-torch": 5.0,
    "bentoml-torch": 10.0,
    "fastapi-uvicorn-torch": 1.8,
    "reference-under-gunicorn-torch": 2.0,
}
"""How many times a peer's throughput ours shall be at least, each peer as its documentation has it."""

OF_FLOOR = 0.65
P99_OF_P50 = 4.0
PSS_MB = 150.0
READY_S = 2.5

MANY_IMAGES = 5.0
"""How many times as many images a second the largest requests shall bring as single ones."""

KEPT = 0.8
"""What must be left of a curve's best throughput at every later place for growth to count as linear; the rest is the
machine's moods."""

P99_KEPT = 0.5
"""The same for the 99th percentile, which a few hundred large requests fix much less well."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target: what is wanted, what was found, and whether that will do; None where it could not be measured."""

    wanted: str
    found: str
    met: bool | None


def check(results: Results) -> list[Verdict]:
    """Check every target."""
    return [*_ratios(results), *_own(results), *_growth(results)]


def ratio(results: Results, key: str, connections: str) -> float | None:
    """Return how many times a server's throughput ours is; None where either was not measured."""
    ours, other = (_figure(results, name, connections, "rate") for name in (OURS, key))
    return ours / other if ours is not None and other else None


def kept(values: Sequence[float]) -> float:
    """Return the least that is left anywhere of the best before: 1 for a curve that never falls."""
    bests = accumulate(values, max)
    return min((value / best if best else 0.0 for value, best in zip(values, bests, strict=True)), default=1.0)


def _ratios(results: Results) -> Iterator[Verdict]:
    for key, times in TIMES.items():
        for connections in AT:
            yield _at_least(
                f"{times:g} times {key}, {connections} connections", ratio(results, key, connections), times
            )
    for key, summary in results["servers"].items():
        if summary["engine"] == "onnx" and not key.startswith("ours"):
            for connections in AT:
                yield _at_least(f"ahead of {key}, {connections} connections", ratio(results, key, connections), 1.0)
    for connections in AT:
        of_floor = ratio(results, FLOOR, connections)
        yield _at_least(
            f"{OF_FLOOR:g} of the floor that parses the upload, {connections} connections", of_floor, OF_FLOOR
        )


def _own(results: Results) -> Iterator[Verdict]:
    p50, p99 = (_figure(results, OURS, "8", name) for name in ("p50_ms", "p99_ms"))
    spread = p99 / p50 if p50 and p99 is not None else None
    yield _at_most(f"p99 at most {P99_OF_P50:g} times p50, 8 connections", spread, P99_OF_P50)
    for key, summary in results["servers"].items():
        if key.startswith("ours"):
            yield _at_most(f"no failed request, {key}", failures(summary), 0)
    ours = results["servers"].get(OURS, {})
    yield _at_most(f"at most {PSS_MB:g} MB PSS a worker with ONNX", ours.get("pss_worker_mb"), PSS_MB, " MB")
    yield _at_most(f"ready at most {READY_S:g} s after the start", ours.get("start_s"), READY_S, " s")


def failures(summary: Mapping[str, Any]) -> int | None:
    """Return how many requests of a server failed, a broken round counting as one; None where it was not measured."""
    if "loads" not in summary:
        return None
    failed: int = sum(load["failed"] for load in summary["loads"].values())
    return failed + len(summary["failed"])


def _growth(results: Results) -> Iterator[Verdict]:
    curves = results["growth"]["curves"]
    for name, places in curves.items():
        rates = [place["rate"] * (1 if name.startswith(BY_CONNECTIONS) else place["x"]) for place in places]
        yield _at_least(f"growth with {name}: throughput keeps {KEPT:g} of its best", kept(rates), KEPT)
        waits = [place["x"] / place["p99_ms"] for place in places if place["p99_ms"]]
        yield _at_least(f"growth with {name}: p99 no worse than linear, {P99_KEPT:g}", kept(waits), P99_KEPT)
    if curves:
        failed = sum(place["failed"] for places in curves.values() for place in places)
        yield _at_most("growth: no failed request", failed + len(results["growth"]["failed"]), 0)
    images = [place["rate"] * place["x"] for place in curves.get(BY_IMAGES, [])]
    times = images[-1] / images[0] if images and images[0] else None
    yield _at_least(f"{MANY_IMAGES:g} times the images a second in the largest requests", times, MANY_IMAGES)


def _figure(results: Results, key: str, connections: str, name: str) -> float | None:
    found: float | None = results["servers"].get(key, {}).get("loads", {}).get(connections, {}).get(name)
    return found


def _at_least(wanted: str, found: float | None, least: float) -> Verdict:
    if found is None:
        return Verdict(wanted, "not measured", None)
    return Verdict(wanted, f"{found:.2f}", found >= least)


def _at_most(wanted: str, found: float | None, most: float, unit: str = "") -> Verdict:
    if found is None:
        return Verdict(wanted, "not measured", None)
    return Verdict(wanted, f"{found:.3g}{unit}", found <= most)
