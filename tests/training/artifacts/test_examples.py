"""`docs/export.md`: its examples run, one after the other, and read the sevens that they name."""

import re
import shutil
import sys
import warnings
from pathlib import Path

import pytest

from tests.training.artifacts.conftest import ROOT
from training.artifacts.write import FORMATS

DOCUMENT = (ROOT / "docs" / "export.md").read_text()
EXAMPLES = re.findall(r"```python\n(.+?)```", DOCUMENT, re.DOTALL)


def test_examples_run(
    exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(exports, tmp_path / "exports")
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "score", raising=False)
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's of its own type hints
        for example in EXAMPLES:
            exec(example, names)  # noqa: S102 - ours
    assert capsys.readouterr().out == "[7]\n" * (len(EXAMPLES) - 1)
    assert len(EXAMPLES) == 6


def test_every_format_is_described() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)) == set(FORMATS)
