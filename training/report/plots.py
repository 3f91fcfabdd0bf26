"""The plots of the report, each a PNG file in `docs/`."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from training.data import Digits
from training.report.figures import Figures
from training.report.galleries import draw_misread, draw_seen
from training.report.measure import Readings
from training.report.sources import Epoch
from training.report.style import BLUE, GREEN, GREY, INK, ORANGE, STYLE, new_figure, to_png

LEAST_BAR = 0.2
"""A bar of a reliability diagram that is shorter than this has no room for a number of five digits."""


def draw_plots(
    figures: Figures, readings: dict[str, Readings], digits: Digits, history: Sequence[Epoch]
) -> dict[str, bytes]:
    """Return every plot's PNG file by its name."""
    with mpl.rc_context(STYLE):
        drawn = {
            "confusion.png": draw_confusion(figures),
            "reliability.png": draw_reliability(figures),
            "robustness.png": draw_robustness(figures),
            "nondigits.png": draw_nondigits(figures),
            "loss.png": draw_loss(history),
            "misread.png": draw_misread(figures, digits),
            "seen.png": draw_seen(readings, digits),
        }
        return {name: to_png(figure) for name, figure in drawn.items()}


def draw_confusion(figures: Figures) -> Figure:
    """Draw how often each digit was taken for each other: counts, the right ones greyed."""
    counts = np.array(figures["confusion"])
    wrong = counts * (1 - np.eye(10, dtype=int))
    figure = new_figure(5.6, 5.6)
    axes = figure.add_subplot()
    axes.imshow(wrong, cmap="Blues", vmin=0, vmax=max(4, int(wrong.max() * 1.6)))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = GREY if row == column else INK
            weight = "normal" if row == column else "bold"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, weight=weight, size=8.5)
    axes.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="written")
    axes.set_xticks(np.arange(9) + 0.5, minor=True)
    axes.set_yticks(np.arange(9) + 0.5, minor=True)
    axes.grid(which="minor")
    axes.tick_params(which="both", length=0)
    axes.set_title(f"Which digits are taken for which: {wrong.sum()} of {figures['images']:,} {figures['set']} digits")
    return figure


def draw_reliability(figures: Figures) -> Figure:
    """Draw how often answers of each confidence are right, clean and under all made conditions."""
    figure = new_figure(8.4, 4.6)
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"clean": f"{figures['set']} digits as they are", "made": "under all made conditions together"}
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        _reliability_panel(axes, figures["reliability"][name], title)
    panels[0].set_ylabel("share read rightly")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _reliability_panel(axes: Axes, bins: Figures, title: str) -> None:
    count, confidence, accuracy = (np.array(bins[key]) for key in ("count", "confidence", "accuracy"))
    places = (np.arange(len(count)) + 0.5) / len(count)
    axes.bar(places, accuracy, 0.9 / len(count), color=BLUE, label="share read rightly, and number of answers")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
    filled = count > 0
    axes.plot(confidence[filled], accuracy[filled], "o", color=ORANGE, clip_on=False, label="mean probability")
    for place, number, height in zip(places[filled], count[filled], accuracy[filled], strict=True):
        inside = height > LEAST_BAR
        at, colour = (0.02, "white") if inside else (height + 0.04, INK)
        axes.text(place, at, f"{number:,}", rotation=90, ha="center", va="bottom", size=7.5, color=colour)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability answered")
    axes.set_title(f"{title}\nexpected calibration error {bins['calibration_error_percent']:.2f} %")
    axes.grid(axis="y")


def draw_robustness(figures: Figures) -> Figure:
    """Draw the error under each condition, worst on top, with its 95 % interval."""
    conditions = sorted(figures["conditions"].items(), key=lambda item: item[1]["error_percent"])
    errors = np.array([condition["error_percent"] for _, condition in conditions])
    intervals = np.array([condition["interval_percent"] for _, condition in conditions])
    figure = new_figure(7.6, 0.27 * len(conditions) + 1.3)
    axes = figure.add_subplot()
    places = np.arange(len(conditions))
    colours = [GREEN if name == "clean" else BLUE for name, _ in conditions]
    axes.barh(places, errors, 0.7, color=colours)
    axes.errorbar(errors, places, xerr=np.abs(intervals.T - errors), fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    for place, (_, condition) in zip(places, conditions, strict=True):
        text = f"{condition['errors']:,}" + (f" ({condition['rejected']:,} rejected)" if condition["rejected"] else "")
        axes.annotate(
            text,
            (condition["interval_percent"][1], place),
            (5, 0),
            textcoords="offset points",
            va="center",
            size=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},  # the line of the mean runs behind it
        )
    axes.set_yticks(places, [name.replace("_", " ") for name, _ in conditions])
    mean = figures["robustness"]["mean_error_percent"]
    axes.axvline(mean, color=ORANGE, linestyle="--", linewidth=1)
    axes.annotate(
        f"mean {mean:.2f} %", (mean, -0.9), (4, 0), textcoords="offset points", color=ORANGE, size=8, va="center"
    )
    axes.set(
        ylim=(-1.4, len(conditions) - 0.4),
        xlim=(0, intervals.max() * 1.15),
        xlabel=f"misread or rejected, % of the {figures['set']} digits",
    )
    axes.set_title(
        f"Misread of {figures['images']:,} {figures['set']} digits under each condition, with 95 % intervals"
    )
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    return figure


def draw_nondigits(figures: Figures) -> Figure:
    """Draw the probabilities of digits and of each kind of non-digit."""
    nondigits = figures["nondigits"]
    names = ["digits", *nondigits["kinds"]]
    figure = new_figure(7.6, 0.95 * len(names) + 0.8)
    panels = figure.subplots(len(names), 1, sharex=True)
    for axes, name in zip(panels, names, strict=True):
        note = f"{figures['set']} digits" if name == "digits" else _note(name, nondigits["kinds"][name])
        _histogram_panel(axes, nondigits["histogram"][name], BLUE if name == "digits" else ORANGE, note)
        axes.axvline(nondigits["threshold"], color=GREY, linestyle="--", linewidth=1)
    panels[0].set_title("What probability digits and pictures of no digit get")
    panels[-1].set_xlabel("probability answered; a rejected picture counts as 0")
    return figure


def _histogram_panel(axes: Axes, counts: list[int], colour: str, note: str) -> None:
    places = (np.arange(len(counts)) + 0.5) / len(counts)
    axes.bar(places, np.array(counts) / sum(counts), 0.92 / len(counts), color=colour)
    axes.set(xlim=(0, 1), ylim=(0, 1), yticks=[0, 0.5, 1], yticklabels=["0", "half", "all"])
    axes.grid(axis="y")
    axes.text(0.02, 0.9, note, transform=axes.transAxes, va="top", backgroundcolor="white")


def _note(name: str, kind: Figures) -> str:
    sure = f"{kind['sure']} of {kind['images']} above 0.9"
    return f"{name.replace('_', ' ')}: {sure}, area under the ROC {kind['roc_area']:.3f}"


def draw_loss(history: Sequence[Epoch]) -> Figure:
    """Draw loss and validation errors by epoch."""
    epochs = range(1, len(history) + 1)
    figure = new_figure(7.6, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    above.plot(epochs, [epoch.loss for epoch in history], color=ORANGE, label="training (augmented digits)")
    above.plot(epochs, [epoch.validation_loss for epoch in history], color=BLUE, label="validation (averaged weights)")
    above.set(ylabel="loss, nats", title="How the training went")
    above.legend()
    below.plot(epochs, [epoch.validation_errors for epoch in history], color=BLUE)
    below.set(ylabel="validation\ndigits misread", xlabel="epoch", xlim=(1, max(2, len(history))))
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (above, below):
        _logarithmic(axes)
    return figure


def _logarithmic(axes: Axes) -> None:
    """A logarithmic scale with plain numbers at 1, 2 and 5."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid()
