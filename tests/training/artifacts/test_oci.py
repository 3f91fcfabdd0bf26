"""The artifact for Oracle's Data Science service, in an environment with nothing but its declared packages."""

import ast
import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from core.checkpoint import Checkpoint
from core.engine import Digits
from core.model import ModelWrapper, Picture, softmax
from tests.training.artifacts.conftest import CLOSE, NAME, ROOT, Probabilities, assert_agree

PICTURES = sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in {".png", ".jpg", ".tiff", ".webp"})
TOGETHER = [path for path in PICTURES if path.suffix == ".png"]
"""Drawings in one request; a photo has one of its own, as a slow machine refuses many in one (`core.allowance`)."""

GROUPS = [TOGETHER, *([path] for path in PICTURES if path not in TOGETHER)]

PREDICT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import score
requests = json.load(open(sys.argv[2]))
json.dump([score.predict(request, score.load_model()) for request in requests], open(sys.argv[3], "w"))
assert not {"torch", "flask"} & set(sys.modules)
"""

REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "missing_image"),
    "a list": ([], "missing_image"),
    "text": ("digits", "missing_image"),
    "both": ({"images": [], "digits": []}, "missing_image"),
    "no pictures": ({"images": []}, "missing_image"),
    "a picture that is no list": ({"images": "AAAA"}, "missing_image"),
    "no base64": ({"images": ["***"]}, "invalid_image"),
    "a number": ({"images": [7]}, "invalid_image"),
    "no picture": ({"images": [base64.b64encode(b"what").decode()]}, "invalid_image"),
    "no digits": ({"digits": []}, "invalid_tensor"),
    "one digit without its own list": ({"digits": [[0] * 28] * 28}, "invalid_tensor"),
    "ragged": ({"digits": [[[0] * 28] * 27 + [[0]]]}, "invalid_tensor"),
    "fractions": ({"digits": [[[0.5] * 28] * 28]}, "invalid_tensor"),
    "too large": ({"digits": [[[256] * 28] * 28]}, "invalid_tensor"),
    "negative": ({"digits": [[[-1] * 28] * 28]}, "invalid_tensor"),
    "larger than any number of NumPy's": ({"digits": [[[2**80] * 28] * 28]}, "invalid_tensor"),
    "nulls": ({"digits": [[[None] * 28] * 28]}, "invalid_tensor"),
    "an object": ({"digits": {"a": 1}}, "invalid_tensor"),
}

Answers = list[dict[str, Any]]


@pytest.fixture(scope="module")
def artifact(exports: Path) -> Path:
    return exports / f"{NAME}-oci"


@pytest.fixture(scope="module")
def python(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with nothing but the packages that the artifact declares."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    uv, python = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    subprocess.run([str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python, "--requirement", artifact / "requirements.txt"]
    done = subprocess.run([*map(str, install)], check=False, capture_output=True, text=True, timeout=200)
    if done.returncode:
        pytest.skip(f"NOT RUN: the artifact's packages cannot be had: {done.stderr.strip()[-300:]}")
    return python


def run_bare(python: Path, script: str, *arguments: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script out of sight of this repository, and without leaving compiled files in the artifact."""
    words = [str(python), "-I", "-B", "-c", script, *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, env={}, check=False, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def requests(digits: Digits) -> list[Any]:
    images = [[base64.b64encode(path.read_bytes()).decode() for path in group] for group in GROUPS]
    pictures = [{"images": group} for group in images]
    return [{"digits": digits.tolist()}, *pictures, *(request for request, _ in REFUSED.values())]


@pytest.fixture(scope="module")
def answers(artifact: Path, python: Path, requests: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What the artifact answers to each request."""
    folder = tmp_path_factory.mktemp("oci")
    (folder / "requests.json").write_text(json.dumps(requests))
    done = run_bare(python, PREDICT, artifact, folder / "requests.json", folder / "answers.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found: Answers = json.loads((folder / "answers.json").read_text())
    return found


def test_agrees_with_the_service_on_digits(answers: Answers, expected: Probabilities) -> None:
    assert_agree(np.array(answers[0]["probabilities"]), expected)
    assert answers[0]["prediction"] == expected.argmax(axis=1).tolist()
    assert answers[0]["probability"] == pytest.approx(expected.max(axis=1).tolist(), abs=CLOSE)


def test_agrees_with_the_service_on_pictures(answers: Answers, service: ModelWrapper) -> None:
    assert len(TOGETHER) > 10
    assert len(GROUPS) > 10
    for group, answer in zip(GROUPS, answers[1:], strict=False):
        seen = np.array([digit.pixels for digit in service.pre_process([Picture(path.read_bytes()) for path in group])])
        probabilities = softmax(service.predict(seen), service.temperature)
        assert answer["prediction"] == [int(path.name[0]) for path in group]
        assert np.abs(np.array(answer["probabilities"]) - probabilities).max() <= CLOSE


def test_refuses_what_it_cannot_read_in_one_line(answers: Answers) -> None:
    for (name, (_, code)), answer in zip(REFUSED.items(), answers[1 + len(GROUPS) :], strict=True):
        assert answer.keys() == {"error"}, name
        assert answer["error"]["code"] == code, name
        assert answer["error"]["message"], name
        assert "\n" not in answer["error"]["message"], name


def test_schemas_describe_what_it_takes_and_gives(artifact: Path, requests: list[Any], answers: Answers) -> None:
    for file, bodies in (("input_schema.json", requests[:2]), ("output_schema.json", answers)):
        columns = {column["name"]: column for column in json.loads((artifact / file).read_text())["schema"]}
        for body in bodies:
            assert body.keys() <= columns.keys()
        for name, column in columns.items():
            body = next(body for body in bodies if name in body)
            for constraint in column["domain"]["constraints"]:
                assert eval(constraint["expression"].replace("$x", "x"), {"x": body[name]}), name  # noqa: S307 - ours


@pytest.mark.parametrize(
    ("file", "message"), [(f"{NAME}.pt", "its SHA-512 differs from"), (f"{NAME}.onnx", "its SHA-512 differs from")]
)
def test_does_not_start_with_other_weights(
    file: str, message: str, artifact: Path, python: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(artifact, tmp_path / "other")
    data = bytearray((other / "assets" / file).read_bytes())
    data[len(data) // 2] ^= 1
    (other / "assets" / file).write_bytes(data)
    done = run_bare(python, "import sys; sys.path.insert(0, sys.argv[1]); import score", other, cwd=tmp_path)
    assert done.returncode != 0
    assert f"{file}: {message}" in done.stderr


def test_lists_the_digest_of_the_state_dict(artifact: Path, checkpoint: Checkpoint) -> None:
    assert f"{checkpoint.sha512}  {NAME}.pt\n" in (artifact / "assets" / "sha512sums.txt").read_text()


def test_has_the_form_that_the_service_of_oracle_checks(artifact: Path) -> None:
    runtime = yaml.safe_load((artifact / "runtime.yaml").read_text())
    assert runtime["MODEL_ARTIFACT_VERSION"] == "3.0"
    environment = runtime["MODEL_DEPLOYMENT"]["INFERENCE_CONDA_ENV"]
    assert environment["INFERENCE_ENV_TYPE"] in {"published", "data_science"}
    assert environment["INFERENCE_ENV_PATH"].startswith("oci://")
    assert environment["INFERENCE_ENV_SLUG"]
    assert environment["INFERENCE_PYTHON_VERSION"] == "3.11"
    functions = {
        node.name: node.args
        for node in ast.parse((artifact / "score.py").read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert not functions["load_model"].args
    assert [argument.arg for argument in functions["predict"].args] == ["data", "model"]
    assert len(functions["predict"].defaults) == 1
