"""The image, really built and run. Needs a Docker engine with the base image, or a registry to pull it from."""

import contextlib
import functools
import http.server
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from packaging.utils import canonicalize_name
from packaging.version import Version

from core.integrity import CHECKSUMS_NAME, read_verified, write_checksums
from core.storage import open_folder
from tests.contract import assert_error, assert_predictions
from tests.deploy.manifests import KUBERNETES, docker_options, find, needs_kustomize, pod_of
from tests.deploy.manifests import build as build_manifests
from tests.e2e.conftest import ROOT, free_port
from tests.test_locks import in_the_image
from tests.training.conftest import SMALL_RUN, write_manifest, write_mnist

pytestmark = [pytest.mark.e2e, pytest.mark.container, pytest.mark.alone, pytest.mark.timeout(1500)]

HARDENED = ["--read-only", "--tmpfs", "/tmp", "--user", "12345:0", "--cap-drop", "ALL"]  # noqa: S108
BASE_IMAGE = "python:3.11-slim-bookworm"
STOP_S = 10
"""In which the server ends, all that it has accepted answered."""


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
    built = build("max-pytorch-mnist", ROOT)
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


@needs_kustomize()
@pytest.mark.parametrize(("kind", "overlay"), [("Deployment", "openshift"), ("InferenceService", "kserve")])
def test_the_container_bears_what_a_cluster_imposes(image: str, kind: str, overlay: str) -> None:
    """As any user of OpenShift's range, with a pod's limits and without its privileges: ready, asked, and stopped."""
    pod = pod_of(find(build_manifests(KUBERNETES / overlay), kind))
    user = random.randrange(1_000_000_000, 2_000_000_000)
    (container,) = pod["containers"]
    with running(image, *docker_options(pod, user)) as (name, url):
        for probe in (container["startupProbe"], container["readinessProbe"], container["livenessProbe"]):
            assert requests.get(url + probe["httpGet"]["path"], timeout=probe["timeoutSeconds"]).ok
        picture = {"image": (ROOT / "samples" / "7.png").read_bytes()}
        answer = requests.post(f"{url}/model/predict", files=picture, timeout=30)
        assert assert_predictions(answer, 1)[0]["prediction"] == 7
        whole_upload = {"image": bytes(10 * 2**20 - 1000)}
        assert_error(requests.post(f"{url}/model/predict", files=whole_upload, timeout=30), 400, "invalid_image")
        status = dict(line.split(":", 1) for line in docker("exec", name, "cat", "/proc/1/status").stdout.splitlines())
        assert set(status["Uid"].split()) == {str(user)}
        assert (int(status["CapBnd"], 16), int(status["CapEff"], 16)) == (0, 0)
        assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
        assert docker("exec", name, "sh", "-c", "touch /opt/app/x").returncode != 0
        workers = docker("exec", name, "sh", "-c", "cat /proc/[0-9]*/stat").stdout.count(" (python) ") - 1
        assert workers == int(container["resources"]["limits"]["cpu"])
        began = time.monotonic()
        assert docker("stop", "--time", "30", name).returncode == 0
        assert time.monotonic() - began < STOP_S
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"


def test_image_is_a_good_citizen(image: str) -> None:
    """It has a health check, an exec-form command and no root user, and holds nothing but what it needs."""
    template = "{{json .Config.Healthcheck.Test}} {{json .Config.Cmd}} {{.Config.User}}"
    inspected = docker("inspect", "--format", template, image).stdout
    assert "/health/ready" in inspected
    assert '["python","app.py"] 1001:0' in inspected
    files = docker("run", "--rm", image, "ls", "-A").stdout.split()
    code = {"api", "app.py", "batch", "config.py", "core", "gunicorn.conf.py", "model", "training", "install.sh"}
    code |= {"requirements-batch.lock", "requirements-train.lock"}
    data = {"assets", "samples", "sha512sums.txt", "web", "LICENSE", "MODEL_CARD.md"}
    assert {file for file in files if file != "__pycache__"} == code | data


def test_image_holds_what_is_locked_and_nothing_that_builds(image: str) -> None:
    listed = json.loads(docker("run", "--rm", image, "python", "-m", "pip", "list", "--format", "json").stdout)
    versions = {canonicalize_name(package["name"]): package["version"] for package in listed}
    for package, version in in_the_image().items():
        assert Version(versions[canonicalize_name(package)]).public == version, package
    compilers = docker("run", "--rm", image, "sh", "-c", "command -v cc gcc g++ clang make ld")
    assert compilers.stdout == ""


@needs_kustomize()
def test_the_container_trains_in_object_storage_as_the_job_does(image: str, bucket: str, tmp_path: Path) -> None:
    """As any user, with the limits and without the privileges of the Job's pod; the store is this machine's."""
    write_manifest(write_mnist(tmp_path / "data"))
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            open_folder(f"{bucket}/data").write(str(path.relative_to(tmp_path / "data")), path.read_bytes())
    pod = pod_of(find(build_manifests(KUBERNETES / "training"), "Job"))
    variables = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION")
    options = [word for name in variables for word in ("--env", name)]
    options += ["--rm", "--network", "host", *docker_options(pod, random.randrange(1_000_000_000, 2_000_000_000))]
    places = {"$(DATA)": f"{bucket}/data", "$(OUTPUT)": f"{bucket}/models"}
    (container,) = pod["containers"]
    words = [option + places.get(value, value) for option, value in map(split, container["command"])]
    trained = docker("run", *options, image, *words, *SMALL_RUN, "--max-test-error", "100", timeout_s=300)
    assert trained.returncode == 0, trained.stderr
    output = open_folder(f"{bucket}/models")
    for entry in output.entries():
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / entry.name).write_bytes(output.read(entry.name))
    assert "my-conv-net.pt" in read_verified(tmp_path / "models")
    lines = output.read(".training/my-conv-net/status.jsonl").splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["started", *["running"] * 3, "finished"]


def split(word: str) -> tuple[str, str]:
    """`--option=value` as two parts, the first with the sign."""
    option, sign, value = word.rpartition("=")
    return option + sign, value


def compose() -> list[str]:
    """The command: Docker's plugin, or the program of its own that Debian has."""
    if docker("compose", "version").returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip("NOT RUN: neither docker compose nor docker-compose is there, so deploy/compose.yaml was not tried")
    return ["docker-compose"]


def test_compose_serves_with_its_settings(image: str) -> None:
    port = free_port()
    environ = os.environ | {"PORT": str(port), "WORKERS": "1", "API_KEYS": "secret"}
    command = [*compose(), "--file", "deploy/compose.yaml", "--project-name", f"test{uuid.uuid4().hex[:8]}"]
    up = [*command, "up", "--detach", "--no-build"]
    started = subprocess.run(up, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    try:
        assert started.returncode == 0, started.stderr
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(image, url)
        picture = {"image": (ROOT / "samples" / "7.png").read_bytes()}
        ask = f"{url}/model/predict"
        assert requests.post(ask, files=picture, timeout=30).status_code == 401
        answer = requests.post(ask, files=picture, headers={"X-API-Key": "secret"}, timeout=30)
        assert assert_predictions(answer, 1)[0]["prediction"] == 7
    finally:
        subprocess.run([*command, "down"], cwd=ROOT, env=environ, capture_output=True, timeout=60, check=False)


def build(tag: str, tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = [word for argument in arguments for word in ("--build-arg", argument)]
    return docker("build", "--network", "host", "--tag", tag, *options, str(tree), timeout_s=1200)


def copy_of_the_project(tree: Path) -> Path:
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__"))
    return tree


def test_custom_assets(image: str, tmp_path: Path) -> None:
    """`use_pre_trained_model=false` serves what lies in `custom_assets/`, and refuses it where a checksum is wrong."""
    tree = copy_of_the_project(tmp_path / "tree")
    custom = tree / "custom_assets"
    shutil.move(tree / "assets", custom)
    write_checksums_inside(custom)
    (tree / "assets").mkdir()
    built = build(f"{image}-custom", tree, "use_pre_trained_model=false")
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    with running(f"{image}-custom") as (_, url):
        assert requests.get(f"{url}/model/metadata", timeout=10).json()["id"] == "digit-net"
    (custom / "digit-net.json").write_text("{}")
    spoilt = build(f"{image}-custom", tree, "use_pre_trained_model=false")
    assert spoilt.returncode != 0
    assert "digit-net.json: FAILED" in spoilt.stdout + spoilt.stderr


def write_checksums_inside(assets_dir: Path) -> None:
    (assets_dir / CHECKSUMS_NAME).touch()
    write_checksums(assets_dir)


def test_weights_from_a_bucket(image: str, tmp_path: Path) -> None:
    """`model_bucket` fetches an archive of the weights, and what is not in `sha512sums.txt` stops the build."""
    tree, bucket = copy_of_the_project(tmp_path / "tree"), tmp_path / "bucket"
    bucket.mkdir()
    pack(tree / "assets", bucket / "good.tar.gz")
    (tree / "assets" / "digit-net.pt").write_bytes(b"other weights")
    pack(tree / "assets", bucket / "bad.tar.gz")
    with hosting(bucket) as url:
        built = build(f"{image}-bucket", tree, f"model_bucket={url}", "model_file=good.tar.gz")
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
        spoilt = build(f"{image}-bucket", tree, f"model_bucket={url}", "model_file=bad.tar.gz")
    assert spoilt.returncode != 0
    assert "digit-net.pt: FAILED" in spoilt.stdout + spoilt.stderr
    (first, *_) = (ROOT / CHECKSUMS_NAME).read_text().splitlines()
    assert first in docker("run", "--rm", f"{image}-bucket", "sha512sum", first.split()[1]).stdout


def pack(folder: Path, archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        for path in folder.iterdir():
            tar.add(path, path.name)


@contextlib.contextmanager
def hosting(folder: Path) -> Iterator[str]:
    """A folder served over HTTP on loopback."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
