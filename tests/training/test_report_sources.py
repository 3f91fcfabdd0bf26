"""`training.report.sources`: what a report is made from is read strictly."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import IntegrityError
from core.integrity import write_checksums
from model.description import Description
from model.networks import NETWORKS
from training.report.make import TIMES
from training.report.sources import SourceError, read_metrics, read_record, read_times

ROOT = Path(__file__).parents[2]


def write_record(assets: Path, record: dict[str, Any]) -> None:
    assets.mkdir(exist_ok=True)
    (assets / "net.training.json").write_text(json.dumps(record))
    (assets / "sha512sums.txt").touch()
    write_checksums(assets)


def times(**changes: int) -> dict[str, Any]:
    parameters = {name: sum(tensor.numel() for tensor in build().parameters()) for name, build in NETWORKS.items()}
    networks = {name: {"microseconds": 10.0, "parameters": count} for name, count in (parameters | changes).items()}
    return {"cpu": "a CPU", "versions": {"onnxruntime": "1"}, "networks": networks}


def test_a_missing_record_says_who_writes_it(tmp_path: Path) -> None:
    (tmp_path / "other.pt").write_bytes(b"weights")
    (tmp_path / "sha512sums.txt").touch()
    write_checksums(tmp_path)
    with pytest.raises(SourceError, match=r"net\.training\.json: not found; .*training train"):
        read_record(tmp_path, "net")


def test_a_malformed_record_names_the_field(tmp_path: Path) -> None:
    write_record(tmp_path, {"recipe": {}, "history": [{"loss": 1}]})
    with pytest.raises(SourceError, match=r"net\.training\.json: not usable: history\.0\.validation_loss"):
        read_record(tmp_path, "net")


def test_a_description_without_figures_is_refused() -> None:
    with pytest.raises(SourceError, match="the description of the weights: test_errors: Field required in metrics"):
        read_metrics(Description(architecture="MyConvNet", mean=0.5, std=0.5))


def test_a_changed_record_is_refused(tmp_path: Path) -> None:
    write_record(tmp_path, {})
    (tmp_path / "net.training.json").write_text("{ }")
    with pytest.raises(IntegrityError, match="SHA-512 differs"):
        read_record(tmp_path, "net")


def test_missing_times_say_who_writes_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read .* run `python benchmarks/networks\.py`"):
        read_times(tmp_path / "networks.json")


def test_times_of_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "networks.json"
    path.write_text(json.dumps(times()))
    assert read_times(path).networks["MyConvNet"].microseconds == 10
    path.write_text(json.dumps(times(MyConvNet=3)))
    with pytest.raises(SourceError, match="measured with other networks"):
        read_times(path)


def test_the_committed_times_are_those_of_the_networks_as_they_are() -> None:
    assert all(time.microseconds > 0 for time in read_times(ROOT / TIMES).networks.values())
