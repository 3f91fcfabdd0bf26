"""The image, really built and run. Needs a Docker engine with the base image, or a registry to pull it from."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.contract import assert_predictions
from tests.e2e.conftest import ROOT, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.container, pytest.mark.timeout(1500)]

HARDENED = ["--read-only", "--tmpfs", "/tmp", "--user", "12345:0", "--cap-drop", "ALL"]  # noqa: S108
BASE_IMAGE = "python:3.11-slim-bookworm"


def docker(*arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout_s, check=False)


def has_engine() -> bool:
    if shutil.which("docker") is None or docker("info", timeout_s=20).returncode != 0:
        return False
    return docker("image", "inspect", BASE_IMAGE).returncode == 0 or docker("pull", BASE_IMAGE).returncode == 0


@pytest.fixture(scope="module")
def image() -> str:
    """The image built from this tree; layers that have not changed come from the engine's cache."""
    if not has_engine():
        pytest.skip(f"NOT RUN: no Docker engine with {BASE_IMAGE} answers, so the image was neither built nor run")
    built = docker("build", "--network", "host", "--tag", "max-pytorch-mnist", str(ROOT), timeout_s=1200)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return "max-pytorch-mnist"


@contextlib.contextmanager
def running(image: str, *options: str) -> Iterator[tuple[str, str]]:
    """A ready container: its name, and its address on this machine."""
    name, port = f"test-{uuid.uuid4().hex[:12]}", free_port()
    started = docker("run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:5000", *options, image)
    assert started.returncode == 0, started.stderr
    try:
        wait_until_ready(name, f"http://127.0.0.1:{port}")
        yield name, f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "--force", name)


def wait_until_ready(name: str, url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/health/ready", timeout=5).ok:
                return
        time.sleep(0.2)
    logs = docker("logs", name)
    pytest.fail(f"the container is not ready:\n{logs.stdout}{logs.stderr}")


def test_contract_in_the_hardened_container(image: str) -> None:
    with running(image, *HARDENED) as (_, url):
        smoke = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "tests/e2e/test_contract.py"],
            cwd=ROOT,
            env=os.environ | {"SMOKE_URL": url},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert smoke.returncode == 0, smoke.stdout[-3000:]


def test_plain_container_reads_a_digit(image: str) -> None:
    with running(image) as (_, url):
        picture = {"image": (ROOT / "samples" / "7.png").read_bytes()}
        answer = requests.post(f"{url}/model/predict", files=picture, timeout=30)
    assert assert_predictions(answer, 1)[0]["prediction"] == 7


def test_container_runs_without_privileges_and_stops_cleanly(image: str) -> None:
    with running(image, *HARDENED) as (name, _):
        assert docker("exec", name, "id", "-u").stdout.strip() == "12345"
        assert docker("exec", name, "sh", "-c", "touch /opt/app/x").returncode != 0
        assert docker("stop", "--time", "30", name).returncode == 0
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"


def test_image_is_a_good_citizen(image: str) -> None:
    """It has a health check, an exec-form command and no root user, and holds nothing but what it needs."""
    template = "{{json .Config.Healthcheck.Test}} {{json .Config.Cmd}} {{.Config.User}}"
    inspected = docker("inspect", "--format", template, image).stdout
    assert "/health/ready" in inspected
    assert '["python","app.py"] 1001:0' in inspected
    files = docker("run", "--rm", image, "ls", "-A").stdout.split()
    wanted = {"api", "app.py", "assets", "config.py", "core", "gunicorn.conf.py", "model", "requirements.txt"}
    assert {file for file in files if file != "__pycache__"} == wanted | {"sha512sums.txt"}


def test_custom_assets(image: str, tmp_path: Path) -> None:
    """`use_pre_trained_model=false` serves what lies in `custom_assets/`, and refuses it where a checksum is wrong."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__"))
    custom = tree / "custom_assets"
    shutil.move(tree / "assets", custom)
    sums = (ROOT / "sha512sums.txt").read_text().replace("  assets/", "  ")
    (custom / "sha512sums.txt").write_text(sums)
    (tree / "assets").mkdir()
    options = ["--network", "host", "--build-arg", "use_pre_trained_model=false", "--tag", f"{image}-custom", str(tree)]
    built = docker("build", *options, timeout_s=1200)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    with running(f"{image}-custom") as (_, url):
        assert requests.get(f"{url}/model/metadata", timeout=10).json()["id"] == "digit-net"
    (custom / "digit-net.json").write_text("{}")
    spoilt = docker("build", *options, timeout_s=1200)
    assert spoilt.returncode != 0
    assert "digit-net.json: FAILED" in spoilt.stdout + spoilt.stderr
