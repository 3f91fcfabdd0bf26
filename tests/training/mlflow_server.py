"""A real MLflow server for tests: its own REST interface, SQLite store, artifacts and registry.

Its code comes with mlflow-skinny; what that lacks lies in an environment in the user's cache, made once, behind which
are the packages that mlflow-skinny lies among.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest
import requests

from tests.e2e.conftest import free_port
from training.data import cache_dir

REQUIREMENTS = Path(__file__).with_name("requirements-mlflow-server.txt")
OWN_PACKAGES = Path(mlflow.__file__).resolve().parents[1]
STAMP = ".complete"
INSTALL_S, START_S = 120, 120


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server that keeps what it is told in a folder."""
    port = free_port()
    environment = os.environ | {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"{folder}/artifacts",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [environment_python(), "-m", "flask", "--app", "mlflow.server", "run", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/health", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    pytest.fail(f"MLflow's server does not answer:\n{log.read_text()[-2000:]}")


def environment_python() -> str:
    """The interpreter of the server's environment, which is made where there is none."""
    parts = (REQUIREMENTS.read_bytes(), sys.version.encode(), str(OWN_PACKAGES).encode())
    folder = cache_dir() / f"mlflow-server-{hashlib.sha256(b''.join(parts)).hexdigest()[:12]}"
    if not (folder / STAMP).exists():
        make_environment(folder)
    return str(folder / "bin" / "python")


def make_environment(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    run(uv, "venv", "--quiet", "--python", sys.executable, folder)
    own = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    Path(own, "project.pth").write_text(f"{OWN_PACKAGES}\n")
    run(uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--requirement", REQUIREMENTS)
    (folder / STAMP).touch()


def run(*command: object) -> None:
    words = [str(word) for word in command]
    made = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if made.returncode != 0:
        pytest.skip(f"NOT RUN: MLflow's server cannot be installed: {made.stderr.strip()[-500:]}")
