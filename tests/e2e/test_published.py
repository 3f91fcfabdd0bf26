"""A model is published into a real object store, and a live server fetches, verifies, keeps and serves it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from tests.contract import assert_predictions
from tests.e2e.conftest import ROOT, Serve, Server
from training import __main__ as training

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

Refused = Callable[..., tuple[int, list[str]]]

NOBODY = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


@pytest.fixture
def published(bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The settings that `publish` prints, with the shipped model in a bucket."""
    monkeypatch.chdir(ROOT)
    assert training.main(["publish", f"{bucket}/models"]) == 0
    return dict(line.split("=") for line in capsys.readouterr().out.splitlines())


@pytest.fixture
def also(tmp_path: Path) -> dict[str, str]:
    """What a server has in its environment beside settings: a cache of its own."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def assert_serves(server: Server, place: str) -> None:
    answer = requests.post(
        f"{server.url}/model/predict", files={"image": Path("samples/7.png").read_bytes()}, timeout=30
    )
    assert assert_predictions(answer, 1)[0]["prediction"] == 7
    metadata = requests.get(f"{server.url}/model/metadata", timeout=30).json()
    assert place.endswith(f"/{metadata['id']}/{metadata['version']}")


def test_it_is_served_and_then_without_the_store(serve: Serve, published: dict[str, str], also: dict[str, str]) -> None:
    place = published["ASSETS_DIR"]
    with serve(workers=2, also=also, **published) as server:
        assert_serves(server, place)
        assert server.wait_for_line(f"{place}: fetched 5 files", 1)
        assert_nothing_of_the_fetching_stays(server)
        server.process.send_signal(signal.SIGHUP)
        assert server.wait_for_line("reloaded: 2 new workers are ready", 1)
        assert_serves(server, place)
        assert server.log.count("fetched") == 1
    with serve(workers=1, also=also | NOBODY, **published) as server:
        assert server.wait_for_line(f"{place}: not asked, as its files are in the cache", 1)
        assert_serves(server, place)


def test_a_batch_is_scored_with_it(published: dict[str, str], also: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "scores"
    command = [sys.executable, "-m", "batch", "score", "samples", str(target), "--workers", "1", "--format", "csv"]
    environment = os.environ | published | also
    refused = subprocess.run(
        command, cwd=ROOT, env=environment | {"ASSETS_SHA512": "0" * 128}, capture_output=True, text=True, timeout=60
    )
    assert refused.returncode == 1
    assert "its SHA-512 is not ASSETS_SHA512" in refused.stderr
    assert not target.exists()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    summary = json.loads((target / "_summary.json").read_text())
    assert summary["complete"]
    assert summary["labels"]["7"] >= 1
    assert list((tmp_path / "cache").rglob("*.onnx"))


def assert_nothing_of_the_fetching_stays(server: Server) -> None:
    """No thread in the process that forks, no process beside the workers, and no library of the storage in any."""
    master = psutil.Process(server.process.pid)
    workers = master.children(recursive=True)
    assert len(workers) == 2
    assert master.num_threads() == 1
    for process in (master, *workers):
        assert not [each.path for each in process.memory_maps() if "aiohttp" in each.path]
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in server.log


@pytest.mark.parametrize(
    ("pin", "environment", "expected"),
    [
        ("0" * 128, {}, "sha512sums.txt: its SHA-512 is not ASSETS_SHA512"),
        (None, NOBODY, "the storage cannot be reached: check AWS_ENDPOINT_URL"),
    ],
    ids=["another pin", "nobody answers, and nothing is in the cache"],
)
def test_what_stops_the_start(
    refused: Refused,
    published: dict[str, str],
    also: dict[str, str],
    pin: str | None,
    environment: dict[str, str],
    expected: str,
) -> None:
    settings = published | ({"ASSETS_SHA512": pin} if pin else {})
    status, lines = refused(**settings, also=also | environment)
    assert status == 1
    assert len(lines) == 1, lines
    assert lines[0].startswith("the server cannot start: ")
    assert expected in lines[0]
    assert not Path(also["XDG_CACHE_HOME"], "max-pytorch-mnist").exists()
