"""What the figures of a report must reach; `make report` fails where one is missed."""

from dataclasses import dataclass
from typing import Any

from training.errors import TrainingError


class TargetsMissed(TrainingError):
    """The report was written, and a figure in it misses its target."""


@dataclass(frozen=True, slots=True)
class Target:
    """One limit on one figure.

    Attributes:
        name: Of the figure, with its unit.
        limit: The least or most that it may be.
        at_least: Whether `limit` is the least; otherwise it is the most.
        place: Keys that lead to the figure in `report.json`.
    """

    name: str
    limit: float
    at_least: bool
    place: tuple[str, ...]

    def judge(self, figures: dict[str, Any]) -> dict[str, Any]:
        """Return the figure beside its limit, and whether the target is met."""
        value: Any = figures
        for key in self.place:
            value = value[key]
        met = value >= self.limit if self.at_least else value <= self.limit
        return {"name": self.name, "limit": self.limit, "at_least": self.at_least, "value": value, "met": met}


TARGETS = (
    Target("test error, %", 0.2, False, ("conditions", "clean", "error_percent")),
    Target("expected calibration error, clean, %", 0.3, False, ("conditions", "clean", "calibration_error_percent")),
    Target("mean error over the made conditions, %", 1.0, False, ("robustness", "mean_error_percent")),
    Target("error under the worst condition, %", 4.0, False, ("robustness", "worst_error_percent")),
    Target("area under the ROC, digits against non-digits", 0.98, True, ("nondigits", "all", "roc_area")),
    Target("non-digits with a probability above 0.9, %", 2.0, False, ("nondigits", "all", "sure_percent")),
)
"""The project's own, set before the weights were trained."""


def judge(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every target with its figure and whether it is met."""
    return [target.judge(figures) for target in TARGETS]


def lines(judged: list[dict[str, Any]]) -> list[str]:
    """Return one line a target for the terminal."""
    return [
        f"{'met   ' if row['met'] else 'MISSED'}  {row['name']}: {row['value']:g}"
        f" ({'at least' if row['at_least'] else 'at most'} {row['limit']:g})"
        for row in judged
    ]


def refuse_missed(judged: list[dict[str, Any]]) -> None:
    """Raise where a target is missed.

    Raises:
        TargetsMissed: Names every target that is missed.
    """
    missed = [row["name"] for row in judged if not row["met"]]
    if missed:
        raise TargetsMissed(f"{len(missed)} of {len(judged)} targets missed: {'; '.join(missed)}")
