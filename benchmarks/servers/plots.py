"""The benchmark's two plots: the servers side by side, and how ours grows."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.servers.growth import BY_IMAGES, BY_PIXELS, WORKERS, curve_by_connections
from benchmarks.servers.targets import AT, Results
from training.report.style import BLUE, GREEN, GREY, ORANGE, STYLE, new_figure, to_png

COLOURS = {"onnx": BLUE, "torch": ORANGE, "": GREY}
LABELS = {"onnx": "ONNX Runtime", "torch": "PyTorch eager", "": "no network"}


def draw_plots(results: Results) -> dict[str, bytes]:
    """Return each plot's PNG file by its name."""
    with mpl.rc_context(STYLE):
        drawn = {"benchmark.png": to_png(draw_servers(results))}
        if results["growth"]["curves"]:
            drawn["benchmark-growth.png"] = to_png(draw_growth(results["growth"]["curves"]))
        return drawn


def draw_servers(results: Results) -> Figure:
    """Draw every server's requests a second as bars, a panel for each number of connections."""
    measured = [summary for summary in results["servers"].values() if "loads" in summary]
    figure = new_figure(10, 1.2 + 0.27 * len(measured))
    panels = figure.subplots(1, len(AT), sharey=True)
    for axes, count in zip(panels, AT, strict=True):
        _draw_bars(axes, measured, count)
    panels[0].set_yticks(range(len(measured)), [summary["title"] for summary in measured])
    panels[0].invert_yaxis()
    handles = [mpl.patches.Patch(color=COLOURS[engine], label=LABELS[engine]) for engine in COLOURS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_bars(axes: Axes, measured: Sequence[Mapping[str, Any]], count: str) -> None:
    rates = [summary["loads"][count]["rate"] for summary in measured]
    bars = axes.barh(range(len(rates)), rates, color=[COLOURS[summary["engine"]] for summary in measured])
    axes.bar_label(bars, [f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.grid(axis="x")
    axes.set(title=f"Requests a second, {count} connections", xlabel="requests/s")


def draw_growth(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw throughput above and latency below, against connections, images a request and pixels an image."""
    figure = new_figure(11, 6.4)
    panels = figure.subplots(2, 3, sharex="col")
    for workers, colour in zip(WORKERS, (GREY, BLUE), strict=True):
        places = curves[curve_by_connections(workers)]
        name = f"{workers} worker{'s' if workers > 1 else ''}"
        _draw_line(panels[0, 0], places, [place["rate"] for place in places], colour, name)
        _draw_line(panels[1, 0], places, [place["p99_ms"] for place in places], colour, f"p99, {name}")
    images, pixels = curves[BY_IMAGES], curves[BY_PIXELS]
    _draw_line(panels[0, 1], images, [place["rate"] * place["x"] for place in images], BLUE, "2 workers")
    _draw_line(panels[0, 2], pixels, [place["rate"] for place in pixels], BLUE, "2 workers")
    for axes, places in ((panels[1, 1], images), (panels[1, 2], pixels)):
        _draw_line(axes, places, [place["p99_ms"] for place in places], BLUE, "p99")
        _draw_line(axes, places, [place["p50_ms"] for place in places], GREEN, "p50")
    _name_axes(panels)
    return figure


def _draw_line(axes: Axes, places: Sequence[Mapping[str, Any]], values: list[float], colour: str, name: str) -> None:
    axes.plot([place["x"] for place in places], values, marker="o", markersize=4, color=colour, label=name)


def _name_axes(panels: Any) -> None:
    titles = ("Requests a second", "Images a second", "Requests a second")
    labels = ("connections", "images a request", "pixels an image")
    for above, below, title, label in zip(*panels, titles, labels, strict=True):
        above.set_title(title)
        below.set(title="Latency, ms", xlabel=label, yscale="log")
        for axes in (above, below):
            axes.grid()
            axes.legend()
    for above in panels[0, :2]:
        above.set_ylim(bottom=0)
        above.set_xscale("log", base=2)
        above.xaxis.set_major_formatter("{x:,.0f}")
    panels[0, 2].set(xscale="log", yscale="log")
