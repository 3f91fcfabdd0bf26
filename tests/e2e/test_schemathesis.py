"""Schemathesis over `/swagger.json`: every check that it has, against a live server.

A longer run, against a server of your own:

    .venv/bin/schemathesis --config-file tests/e2e/schemathesis.toml run -c all -n 1000 http://127.0.0.1:5000/swagger.json
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import ROOT, Serve

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")


def run(url: str, folder: Path, *options: str, config: Path = CONFIG) -> str:
    """Run all checks in a folder without traces of earlier runs; returns the report of one without a failure."""
    command = [str(SCHEMATHESIS), "--config-file", str(config), "run", f"{url}/swagger.json", "-c", "all", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_all_tested(report: str, url: str) -> None:
    paths = requests.get(f"{url}/swagger.json", timeout=30).json()["paths"]
    operations = sum(method in ("get", "post") for path in paths.values() for method in path)
    assert f"Selected: {operations}/{operations}\n  Tested: {operations}\n" in report
    assert int(re.findall(r"(\d+) generated", report)[0]) > 400


def test_every_operation(url: str, tmp_path: Path) -> None:
    assert_all_tested(run(url, tmp_path, "--max-examples", "30"), url)


def test_inference_refuses_what_the_description_does_not_allow(url: str, tmp_path: Path) -> None:
    """With the name of the model that is served, so that requests get as far as their bodies."""
    served = tmp_path / "schemathesis.toml"
    served.write_text(CONFIG.read_text() + '\n[parameters]\n"path.name" = "digit-net"\n')
    # No schema can say that there are as many values as the shape needs.
    unaccepted = ("--exclude-checks", "positive_data_acceptance")
    only = ("--mode", "negative", "--include-path", "/v2/models/{name}/infer")
    report = run(url, tmp_path, *only, *unaccepted, "--max-examples", "60", config=served)
    assert int(re.findall(r"(\d+) generated", report)[0]) > 100


def test_with_keys(serve: Serve, tmp_path: Path) -> None:
    with serve(workers=1, api_keys="secret-of-the-test") as server:
        report = run(server.url, tmp_path, "--header", "X-API-Key: secret-of-the-test", "--max-examples", "5")
        assert_all_tested(report, server.url)
