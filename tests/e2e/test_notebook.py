"""The notebook runs against a live server, and shows what it showed when it was committed."""

import json
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.e2e.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.filterwarnings("ignore")]

PATH = ROOT / "samples" / "demo.ipynb"
MOST_BYTES = 200_000


def printed(notebook: Any) -> list[str]:
    """What the cells print, their timings and numbers aside."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return ["".join(letter for letter in output["text"] if letter.isalpha()) for output in outputs if "text" in output]


def test_committed_with_its_outputs_and_small() -> None:
    notebook = nbformat.read(PATH, 4)  # type: ignore[no-untyped-call]
    assert all(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    assert PATH.stat().st_size < MOST_BYTES
    assert str(ROOT) not in json.dumps(notebook)


def test_runs(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_URL", url)
    shown = nbformat.read(PATH, 4)  # type: ignore[no-untyped-call]
    notebook = nbformat.read(PATH, 4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(PATH.parent)}}).execute()
    assert printed(notebook) == printed(shown)
