"""The model card's tables and sentences; a percentage never stands without its counts."""

from collections.abc import Iterable, Sequence

from training.report.figures import Figures

TEXT = ("Figure", "Condition", "What is done", "Kind", "Content", "Network", "Met")
"""Columns aligned to the left; the numbers of all others to the right."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    ruler = ["---" if title in TEXT else "---:" for title in header]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))


def rate_text(rate: Figures) -> str:
    """Return an error rate in words, such as `18 of 10,000 (0.18 %, 0.11 to 0.28 %)`."""
    low, high = rate["interval_percent"]
    counts = f"{rate['errors']:,} of {rate['images']:,}"
    return f"{counts} ({rate['error_percent']:.2f} %, {low:.2f} to {high:.2f} %)"


def target_table(figures: Figures) -> str:
    """Return every target beside what was measured."""
    rows = [
        (
            row["name"],
            f"{'at least' if row['at_least'] else 'at most'} {row['limit']:g}",
            f"{row['value']:g}",
            "yes" if row["met"] else "**no**",
        )
        for row in figures["targets"]
    ]
    return table(("Figure", "Target", "Measured", "Met"), rows)


def condition_table(figures: Figures) -> str:
    """Return the error under every condition."""
    rows = [
        (
            name.replace("_", " "),
            f"{row['errors']:,}",
            f"{row['error_percent']:.2f}",
            _interval(row),
            f"{row['rejected']:,}",
            f"{row['mean_confidence']:.4f}",
            f"{row['calibration_error_percent']:.2f}",
            row["strength"],
        )
        for name, row in figures["conditions"].items()
    ]
    count = figures["images"]
    header = (
        "Condition",
        f"Misread of {count:,}",
        "%",
        "95 % interval",
        "of them rejected",
        "Mean confidence",
        "ECE, %",
        "What is done",
    )
    return table(header, rows)


def nondigit_table(figures: Figures) -> str:
    """Return what probabilities each kind of non-digit gets."""
    kinds = figures["nondigits"]["kinds"] | {"all": figures["nondigits"]["all"] | {"content": ""}}
    rows = [
        (
            name.replace("_", " "),
            f"{row['images']:,}",
            f"{row['rejected']:,}",
            f"{row['sure']:,}",
            f"{row['sure_percent']:.2f}",
            _interval(row),
            f"{row['roc_area']:.4f}",
            row["content"].replace("|", "\\|"),
        )
        for name, row in kinds.items()
    ]
    header = ("Kind", "Pictures", "Rejected", "Above 0.9", "%", "95 % interval", "Area under the ROC", "Content")
    return table(header, rows)


def network_table(figures: Figures) -> str:
    """Return all networks: size, error and time."""
    shipped = figures["networks"][0]["microseconds"]
    rows = [
        (
            f"`{row['architecture']}`",
            f"{row['parameters']:,}",
            f"{row['bytes']:,}",
            f"{row['errors']:,} of {row['images']:,}",
            f"{row['error_percent']:.2f}",
            _interval(row),
            f"{row['microseconds']:.1f}",
            f"{row['microseconds'] / shipped:.2f}",
        )
        for row in figures["networks"]
    ]
    header = ("Network", "Parameters", "Bytes", "Misread", "%", "95 % interval", "Microseconds a digit", "Ratio")
    return table(header, rows)


def confusion_sentence(confusion: list[list[int]]) -> str:
    """Return the most frequent confusion in words."""
    count, label, prediction = max(
        (count, label, prediction)
        for label, row in enumerate(confusion)
        for prediction, count in enumerate(row)
        if label != prediction
    )
    if not count:
        return "No digit is taken for another."
    return f"The most frequent confusion is a {label} taken for a {prediction}, {count} times."


def _interval(row: Figures) -> str:
    low, high = row["interval_percent"]
    return f"{low:.2f} to {high:.2f}"
