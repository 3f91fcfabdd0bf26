"""`docs/benchmark.md`: the results as tables, ratios first."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.servers.commands import WORKERS
from benchmarks.servers.growth import BUSY
from benchmarks.servers.rounds import CONNECTIONS
from benchmarks.servers.targets import AT, OURS, Results, failures, ratio

TEMPLATE = Path(__file__).with_name("report.md")

MET = {True: "yes", False: "**no**", None: "not measured"}


def render(results: Results) -> str:
    """Return the document in Markdown."""
    return Template(TEMPLATE.read_text()).substitute(
        weights=results["weights"],
        workers=WORKERS,
        rounds=results["rounds"],
        seconds=f"{results['seconds']:g}",
        machine="{cpu}, {cpus} CPUs, {memory_gb} GB".format(**results["machine"]),
        versions=", ".join(f"{name} {version}" for name, version in results["versions"].items()),
        ratios=ratio_table(results),
        figures=figure_table(results),
        missing=missing_list(results),
        targets=target_table(results),
        busy=BUSY,
        growth=growth_tables(results),
    )


def ratio_table(results: Results) -> str:
    """Return how many times each server's throughput ours is."""
    rows = [
        (
            summary["title"],
            summary["engine"],
            *(_number(ratio(results, key, count), ".2f") for count in AT),
            summary["note"],
        )
        for key, summary in results["servers"].items()
        if key != OURS
    ]
    return table(("server", "engine", *(f"{count} connections" for count in AT), "note"), rows)


def figure_table(results: Results) -> str:
    """Return every server's figures."""
    header = (
        "server",
        "engine",
        *(f"requests/s at {count}" for count in CONNECTIONS),
        *(f"p50 / p99 ms at {count}" for count in CONNECTIONS),
        "failed",
        "MB a worker",
        "start s",
    )
    return table(header, (_figure_row(summary) for summary in results["servers"].values()))


def _figure_row(summary: Mapping[str, Any]) -> tuple[str, ...]:
    loads = [summary.get("loads", {}).get(str(count), {}) for count in CONNECTIONS]
    return (
        summary["title"],
        summary["engine"],
        *(_number(load.get("rate"), ",.0f") for load in loads),
        *(f"{_number(load.get('p50_ms'), '.3g')} / {_number(load.get('p99_ms'), '.3g')}" for load in loads),
        _number(failures(summary), ",.0f"),
        _number(summary.get("pss_worker_mb"), ",.0f"),
        _number(summary.get("start_s"), ".1f"),
    )


def missing_list(results: Results) -> str:
    """Return every failure with its reason; none is dropped silently."""
    lines = [
        f"- {summary['title']} {summary['engine']}, {summary['rounds']} rounds measured: {reason}"
        for summary in results["servers"].values()
        for reason in summary["failed"]
    ]
    return (
        "\n".join(["What failed:", "", *lines])
        if lines
        else "Every server was installed, started and stayed up in all rounds."
    )


def target_table(results: Results) -> str:
    """Return every target beside what was found."""
    rows = [(target["wanted"], target["found"], MET[target["met"]]) for target in results["targets"]]
    return table(("target", "found", "met"), rows)


def growth_tables(results: Results) -> str:
    """Return a table for each curve."""
    return "\n\n".join(_growth_table(name, places) for name, places in results["growth"]["curves"].items())


def _growth_table(name: str, places: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"{place['x']:,}",
            f"{place['rate']:,.1f}",
            f"{place['p50_ms']:,.3g}",
            f"{place['p99_ms']:,.3g}",
            f"{place['failed']:,}",
        )
        for place in places
    ]
    return table((name, "requests/s", "p50 ms", "p99 ms", "failed"), rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
