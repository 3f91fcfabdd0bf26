"""All figures of the report, as they stand in `docs/report.json`: plain numbers, rounded, the same in every run."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.report.conditions import CONDITIONS
from training.report.measure import REJECTED, Readings
from training.report.nondigits import KINDS
from training.report.sources import NetworkTimes, TrainedNetwork
from training.report.statistics import SURE, calibration_error, reliability, roc_area, wilson_interval

Figures = dict[str, Any]
Labels = NDArray[np.int64]

DECIMALS = 4
"""Of percentages and probabilities: a single digit of 10,000 shows, the last bits of a float do not."""


def build_figures(
    readings: dict[str, Readings], labels: Labels, networks: Sequence[TrainedNetwork], times: NetworkTimes
) -> Figures:
    """Return all figures but the targets.

    Args:
        readings: Of every condition and every kind of non-digit.
        labels: (N,), of the digits.
        networks: Of the table, the measured one first.
        times: Time a digit.
    """
    conditions = {name: _condition(name, readings[name], labels) for name in CONDITIONS}
    clean = readings["clean"]
    return {
        "images": len(labels),
        "conditions": conditions,
        "robustness": _robustness(conditions),
        "confusion": _confusion(clean, labels),
        "misread": [_misreading(clean, labels, index) for index in _wrong(clean, labels)],
        "reliability": _reliability(readings, labels),
        "nondigits": _nondigits(readings, clean),
        "networks": _networks(networks, times),
    }


def to_json(figures: Figures) -> bytes:
    """Return the bytes of the file: keys sorted, each list of numbers on one line."""
    text = json.dumps(figures, indent=2, sort_keys=True)
    return (re.sub(r"\[[\d\s.,-]*\]", lambda numbers: " ".join(numbers[0].split()), text) + "\n").encode()


def rate(errors: int, count: int) -> Figures:
    """Return a count of errors as a percentage with its 95 % interval."""
    low, high = wilson_interval(errors, count)
    return {
        "errors": errors,
        "images": count,
        "error_percent": _percent(errors / count),
        "interval_percent": [_percent(low), _percent(high)],
    }


def _condition(name: str, readings: Readings, labels: Labels) -> Figures:
    wrong = _wrong(readings, labels)
    answered = readings.predictions != REJECTED
    bins = reliability(readings.probabilities[answered], (readings.predictions == labels)[answered])
    return rate(len(wrong), len(labels)) | {
        "strength": CONDITIONS[name].strength,
        "rejected": readings.rejected,
        "mean_confidence": _round(readings.probabilities[answered].mean() if answered.any() else 0),
        "calibration_error_percent": _percent(calibration_error(bins)),
        "misread": wrong,
    }


def _wrong(readings: Readings, labels: Labels) -> list[int]:
    indices: list[int] = np.flatnonzero(readings.predictions != labels).tolist()
    return indices


def _robustness(conditions: Figures) -> Figures:
    """Mean and worst over the made conditions; the clean one, which is better than most, is left out."""
    errors = {name: condition["error_percent"] for name, condition in conditions.items() if name != "clean"}
    worst = max(errors, key=lambda name: errors[name])
    return {
        "conditions": len(errors),
        "mean_error_percent": _round(sum(errors.values()) / len(errors)),
        "worst": worst,
        "worst_error_percent": errors[worst],
    }


def _confusion(readings: Readings, labels: Labels) -> list[list[int]]:
    """Counts by label (row) and prediction (column)."""
    counts = np.zeros((10, 10), int)
    answered = readings.predictions != REJECTED
    np.add.at(counts, (labels[answered], readings.predictions[answered]), 1)
    rows: list[list[int]] = counts.tolist()
    return rows


def _misreading(readings: Readings, labels: Labels, index: int) -> Figures:
    return {
        "index": index,
        "label": int(labels[index]),
        "prediction": int(readings.predictions[index]),
        "probability": _round(readings.probabilities[index]),
    }


def _reliability(readings: dict[str, Readings], labels: Labels) -> Figures:
    """Bins of the clean digits, and of those under all made conditions together."""
    made = [readings[name] for name in CONDITIONS if name != "clean"]
    return {"clean": _bins([readings["clean"]], labels), "made": _bins(made, labels)}


def _bins(parts: list[Readings], labels: Labels) -> Figures:
    predictions = np.concatenate([part.predictions for part in parts])
    probabilities = np.concatenate([part.probabilities for part in parts])
    right = predictions == np.tile(labels, len(parts))
    answered = predictions != REJECTED
    bins = reliability(probabilities[answered], right[answered])
    return {
        "calibration_error_percent": _percent(calibration_error(bins)),
        "count": [bar.count for bar in bins],
        "confidence": [_round(bar.confidence) for bar in bins],
        "accuracy": [_round(bar.accuracy) for bar in bins],
    }


def _nondigits(readings: dict[str, Readings], clean: Readings) -> Figures:
    kinds = {name: _kind(readings[name].probabilities, clean) | {"content": KINDS[name].content} for name in KINDS}
    everything = np.concatenate([readings[name].probabilities for name in KINDS])
    histogram = {name: _histogram(readings[name].probabilities) for name in KINDS}
    return {
        "all": _kind(everything, clean),
        "kinds": kinds,
        "histogram": histogram | {"digits": _histogram(clean.probabilities)},
        "threshold": SURE,
    }


def _kind(probabilities: NDArray[np.float64], clean: Readings) -> Figures:
    sure = int((probabilities > SURE).sum())
    low, high = wilson_interval(sure, len(probabilities))
    return {
        "images": len(probabilities),
        "rejected": int((probabilities == 0).sum()),
        "sure": sure,
        "sure_percent": _percent(sure / len(probabilities)),
        "interval_percent": [_percent(low), _percent(high)],
        "mean_probability": _round(probabilities.mean()),
        "roc_area": _round(roc_area(clean.probabilities, probabilities)),
    }


def _histogram(probabilities: NDArray[np.float64]) -> list[int]:
    """Counts in 20 bins from 0 to 1."""
    counts: list[int] = np.histogram(probabilities, bins=20, range=(0, 1))[0].tolist()
    return counts


def _networks(networks: Sequence[TrainedNetwork], times: NetworkTimes) -> list[Figures]:
    return [
        rate(network.metrics.test_errors, network.metrics.test_images)
        | {"architecture": network.architecture, "bytes": network.bytes, "parameters": network.metrics.parameters}
        | {"microseconds": round(times.networks[network.architecture].microseconds, 1)}
        for network in networks
    ]


def _percent(share: float) -> float:
    return _round(100 * share)


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
