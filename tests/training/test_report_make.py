"""`make_report` from weights to files, on a small data set drawn by the tests and with few conditions."""

import io
import json
import re
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.integrity import write_checksums
from model.description import Description
from model.networks import NETWORKS
from tests.training.conftest import TEST_IMAGES
from tests.training.test_report_sources import times
from training.data import load_training
from training.report import ReportJob, conditions, galleries, make, make_report, nondigits
from training.report.targets import Target, TargetsMissed, judge, lines, refuse_missed

KEPT = ("clean", "inverted", "jpeg_quality_30", "eight_by_eight")
KIND, PICTURES = "textures", 12
SAMPLE_PAIRS = galleries.sample_pairs
METRICS = {
    "test_errors": 8,
    "test_images": 100,
    "parameters": 3792,
    "training_images": 400,
    "validation_images": 60,
    "validation_errors": 5,
    "epochs": 2,
    "batch_size": 32,
    "seed": 7,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "torch": "2",
}


@pytest.fixture(autouse=True)
def few_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in conditions.CONDITIONS if name not in KEPT]:
        monkeypatch.delitem(conditions.CONDITIONS, name)
    for name in [name for name in nondigits.KINDS if name != KIND]:
        monkeypatch.delitem(nondigits.KINDS, name)
    monkeypatch.setattr(galleries, "MOST_MISREAD", 9)  # untrained weights misread nearly all
    monkeypatch.setattr(galleries, "sample_pairs", list)  # tested on their own
    few = nondigits.Kind(PICTURES, "surfaces", nondigits.KINDS[KIND].make)
    monkeypatch.setitem(nondigits.KINDS, KIND, few)


@pytest.fixture
def job(mnist: Path, tmp_path: Path) -> ReportJob:
    """A report on weights that were never trained."""
    root = tmp_path / "project"
    assets = root / "assets"
    (root / "benchmarks" / "results").mkdir(parents=True)
    assets.mkdir()
    (root / "benchmarks" / "results" / "networks.json").write_text(json.dumps(times()))
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(NETWORKS["MyConvNet"]().state_dict(), buffer)
    (assets / "bars.pt").write_bytes(buffer.getvalue())
    description = Description(architecture="MyConvNet", mean=0.5, std=0.5, metrics=METRICS)
    (assets / "bars.json").write_text(description.model_dump_json())
    (assets / "bars.training.json").write_text(json.dumps(record()))
    (assets / "sha512sums.txt").touch()
    write_checksums(assets)
    return ReportJob(assets, "bars", mnist, root, workers=1)


def record() -> dict[str, Any]:
    history = [{"loss": 1.0, "validation_loss": 0.9, "validation_errors": 9}] * 2
    ancestor = {"architecture": "KerasDeepNet", "metrics": METRICS | {"test_errors": 3}, "bytes": 1_700_000}
    return {
        "commit": "0123456789abcdef",
        "recipe": {"synthetic": 10, "epochs": 2},
        "history": history,
        "ancestors": [ancestor],
    }


def written(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*(root / "docs").iterdir(), root / "MODEL_CARD.md"]}


def made(job: ReportJob) -> dict[str, bytes]:
    """Every file of a report that misses its targets, as untrained weights do."""
    with pytest.raises(TargetsMissed, match="targets missed: test error, %"):
        make_report(job)
    return {path.name: path.read_bytes() for path in [*(job.root / "docs").iterdir(), job.root / "MODEL_CARD.md"]}


def test_the_same_weights_give_the_same_files_with_any_number_of_processes(job: ReportJob) -> None:
    files = made(job)
    check_figures(json.loads(files["report.json"]))
    check_card(files["MODEL_CARD.md"].decode(), json.loads(files["report.json"]), job.root)
    plots = [data for name, data in files.items() if name.endswith(".png")]
    assert len(plots) == len(files) - 2 == 7
    assert all(Image.open(io.BytesIO(plot)).width > 500 for plot in plots)
    again = made(replace(job, workers=2))
    assert {name for name in files if files[name] != again[name]} == set()


def check_figures(figures: dict[str, Any]) -> None:
    clean = figures["conditions"]["clean"]
    assert set(figures["conditions"]) == set(KEPT)
    assert (clean["images"], clean["errors"]) == (TEST_IMAGES, len(clean["misread"]))
    assert clean["interval_percent"][0] < clean["error_percent"] < clean["interval_percent"][1]
    assert sum(map(sum, figures["confusion"])) == TEST_IMAGES - clean["rejected"]
    assert [row["index"] for row in figures["misread"]] == clean["misread"]
    assert figures["nondigits"]["all"]["images"] == PICTURES
    assert [row["architecture"] for row in figures["networks"]] == ["MyConvNet", "KerasDeepNet"]


def check_card(card: str, figures: dict[str, Any], root: Path) -> None:
    """The head is in the hub's form, every number is filled in, and counts stand beside percentages."""
    _, head, text = card.split("---\n", 2)
    assert re.search(r"^license: apache-2.0$", head, re.MULTILINE)
    assert re.search(r"^model-index:\n- name: bars\n  results:\n  - task:$", head, re.MULTILINE)
    accuracy = 1 - figures["conditions"]["clean"]["errors"] / TEST_IMAGES
    assert f"type: accuracy\n      value: {accuracy:.4f}\n" in head
    assert "| `KerasDeepNet` | 3,792 | 1,700,000 | 3 of 100 | 3.00 | 1.03 to 8.45 | 10.0 | 1.00 |" in text
    assert "at commit `0123456789ab`" in text
    assert not re.search(r"[{}]", text)
    for name in re.findall(r"!\[[^]]*]\(([^)]+)\)", text):
        assert (root / name).is_file(), name


def test_a_quick_look_leaves_the_committed_report_alone(
    job: ReportJob, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(make, "load_training", partial(load_training, validation_images=60))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with caplog.at_level("INFO"), pytest.raises(TargetsMissed):
        make_report(replace(job, limit=10))
    assert not (job.root / "docs").exists()
    assert not (job.root / "MODEL_CARD.md").exists()
    place = Path(caplog.messages[-1].removeprefix("figures and plots: "))
    figures = json.loads((place / "report.json").read_text())
    assert (figures["set"], figures["images"]) == ("validation", 10)


def test_the_strip_shows_every_sample_that_has_to_be_converted() -> None:
    pairs = {name: (sent.shape, seen.shape) for name, sent, seen in SAMPLE_PAIRS()}
    assert {"7-photo-ruled.jpg", "1-sixteen-bit.png", "4-transparent-dark-ink.png"} <= set(pairs)
    assert "7.png" not in pairs
    assert all(max(sent[:2]) <= galleries.THUMBNAIL and seen == (28, 28) for sent, seen in pairs.values())


def test_targets_are_limits_on_either_side() -> None:
    least, most = Target("area", 0.98, True, ("a", "b")), Target("error", 0.2, False, ("c",))
    assert [target.judge({"a": {"b": 0.98}, "c": 0.2})["met"] for target in (least, most)] == [True, True]
    missed = [target.judge({"a": {"b": 0.97}, "c": 0.21}) for target in (least, most)]
    assert lines(missed) == ["MISSED  area: 0.97 (at least 0.98)", "MISSED  error: 0.21 (at most 0.2)"]
    with pytest.raises(TargetsMissed, match="2 of 2 targets missed: area; error"):
        refuse_missed(missed)
    refuse_missed([])


def test_every_target_finds_its_figure() -> None:
    condition, everything = {"error_percent": 0.1, "calibration_error_percent": 0.1}, {"roc_area": 1, "sure_percent": 1}
    robustness = {"mean_error_percent": 1.0, "worst_error_percent": 4.1}
    figures = {"conditions": {"clean": condition}, "robustness": robustness, "nondigits": {"all": everything}}
    assert [row["met"] for row in judge(figures)] == [True, True, True, False, True, True]
