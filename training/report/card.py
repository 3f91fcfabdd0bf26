"""`MODEL_CARD.md`, in the form of Hugging Face's model cards: a YAML head with a model index, then text and tables.

Form: https://huggingface.co/docs/hub/model-cards and https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

from pathlib import Path

from training.report.figures import Figures
from training.report.sources import Metrics, NetworkTimes, TrainingRecord
from training.report.tables import (
    condition_table,
    confusion_sentence,
    network_table,
    nondigit_table,
    rate_text,
    target_table,
)

TEMPLATE = Path(__file__).with_name("card.md")
"""The page's text, with the names of figures in braces."""

QUANTISED = """
Afterwards the weights were rounded to whole numbers of seven bits, and what passes between convolutions to bytes
(`training/quantise.py`). Their sums are exact, so what the convolutions tell the classifier is the same to the last bit
in PyTorch and in ONNX Runtime.
"""


def model_card(figures: Figures, own: Metrics, record: TrainingRecord, times: NetworkTimes) -> str:
    """Return the text of the card; it holds nothing that its sources do not.

    Args:
        figures: Of the report.
        own: Of the weights' description.
        record: How the weights were trained.
        times: Time a digit.
    """
    values = _head(figures) | _accuracy(figures) | _tables(figures) | _training(own, record, times)
    return TEMPLATE.read_text(encoding="utf-8").format(**values)


def _head(figures: Figures) -> Figures:
    weights, clean = figures["weights"], figures["conditions"]["clean"]
    error = clean["errors"] / clean["images"]
    return {
        "name": weights["name"],
        "architecture": weights["architecture"],
        "temperature": weights["temperature"],
        "digest": weights["sha512"][:12],
        "parameters": figures["networks"][0]["parameters"],
        "accuracy": 1 - error,
        "error": error,
        "calibration": clean["calibration_error_percent"] / 100,
        "made_accuracy": 1 - figures["robustness"]["mean_error_percent"] / 100,
    }


def _accuracy(figures: Figures) -> Figures:
    clean, robustness, bins = figures["conditions"]["clean"], figures["robustness"], figures["reliability"]
    return {
        "clean": rate_text(clean),
        "images": clean["images"],
        "confusion": confusion_sentence(figures["confusion"]),
        "made": robustness["conditions"],
        "mean": robustness["mean_error_percent"],
        "worst": robustness["worst"].replace("_", " "),
        "worst_error": robustness["worst_error_percent"],
        "clean_calibration_percent": clean["calibration_error_percent"],
        "made_calibration_percent": bins["made"]["calibration_error_percent"],
        "nondigit_images": figures["nondigits"]["all"]["images"],
    }


def _tables(figures: Figures) -> Figures:
    return {
        "targets": target_table(figures),
        "conditions": condition_table(figures),
        "nondigits": nondigit_table(figures),
        "networks": network_table(figures),
    }


def _training(own: Metrics, record: TrainingRecord, times: NetworkTimes) -> Figures:
    return (
        own.model_dump()
        | record.recipe.model_dump()
        | {
            "quantised": QUANTISED if record.recipe.quantised else "",
            "commit": _commit(record.commit),
            "onnxruntime": times.versions.get("onnxruntime", ""),
            "cpu": times.cpu,
        }
    )


def _commit(commit: str | None) -> str:
    if commit is None:
        return ""
    changed = " with changes" if commit.endswith("-dirty") else ""
    return f", at commit `{commit[:12]}`{changed}"
