"""How the server starts, refuses to start, logs and stops."""

import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import torch

from model.networks import MyConvNet
from tests.conftest import write_checkpoint
from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, STOP_S, Serve, Server

pytestmark = pytest.mark.e2e

Refused = Callable[..., tuple[int, list[str]]]

SEVEN = ROOT / "samples" / "7.png"
REFERENCE = {"architecture": "MyConvNet", "mean": 0.5, "std": 0.5}


def post(server: Server, **headers: str) -> requests.Response:
    files = {"image": SEVEN.read_bytes()}
    return requests.post(f"{server.url}/model/predict", files=files, headers=headers, timeout=30)


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """A copy of the shipped assets and their checksums that a test may spoil."""
    shutil.copytree(ROOT / "assets", tmp_path / "assets")
    shutil.copy(ROOT / "sha512sums.txt", tmp_path)
    return tmp_path / "assets"


def assert_refused(refused: Refused, *mentions: str, **settings: object) -> None:
    """The server ends at once, and the one line that says why names what the test expects."""
    status, lines = refused(**settings)
    reasons = [line for line in lines if line.startswith("the server cannot start: ")]
    assert status != 0
    assert len(reasons) == 1, lines
    assert not [line for line in lines if "Traceback" in line], lines
    for mention in mentions:
        assert mention in reasons[0]


def test_one_byte_changed_in_the_weights(refused: Refused, assets: Path) -> None:
    weights = assets / "digit-net.pt"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert_refused(refused, "digit-net.pt", "sha512sums.txt", assets_dir=assets)


def test_weights_missing(refused: Refused, assets: Path) -> None:
    (assets / "digit-net.pt").unlink()
    assert_refused(refused, "digit-net.pt", assets_dir=assets)


def test_file_that_is_not_listed(refused: Refused, assets: Path) -> None:
    (assets / "extra.pt").write_bytes(b"x")
    assert_refused(refused, "extra.pt", assets_dir=assets)


def test_malformed_checksums(refused: Refused, assets: Path) -> None:
    with (assets.parent / "sha512sums.txt").open("a") as checksums:
        checksums.write("no checksum\n")
    assert_refused(refused, "sha512sums.txt", "line", assets_dir=assets)


def test_unknown_model(refused: Refused) -> None:
    assert_refused(refused, "other.pt", "digit-net", model_name="other")


def test_weights_of_another_architecture(refused: Refused, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "mine", "mine", MyConvNet(), {"architecture": "DigitNet", "mean": 0.5, "std": 0.5})
    status, lines = refused(assets_dir=tmp_path / "mine", model_name="mine", workers=2)
    reasons = {line for line in lines if line.startswith("the server cannot start: ")}
    assert status != 0
    assert len(reasons) == 1, lines
    assert "mine.pt: does not fit DigitNet" in reasons.pop()
    assert not [line for line in lines if "Traceback" in line], lines


def test_bad_setting(refused: Refused) -> None:
    assert_refused(refused, "WORKERS='many'", "integer", workers="many")


@pytest.mark.skipif(torch.cuda.is_available(), reason="NOT RUN: this machine has a CUDA device")
def test_cuda_that_is_not_there(refused: Refused) -> None:
    assert_refused(refused, "DEVICE='cuda'", device="cuda", workers=1)


def test_start_is_logged_with_what_is_served(serve: Serve) -> None:
    with serve(workers=2) as server:
        metadata = requests.get(f"{server.url}/model/metadata", timeout=30).json()
        lines = server.wait_for_line(" app: serving ", 2)
    assert len(lines) == 2
    facts = dict(re.findall(r"(\w+)=(\S+)", lines[0]))
    assert facts["weights"] == metadata["version"]
    assert (facts["engine"], facts["device"]) == (metadata["engine"], metadata["device"])
    assert (facts["workers"], facts["model"]) == ("2", "digit-net")


def test_json_log(serve: Serve) -> None:
    with serve(workers=1, log_format="json") as server:
        assert_predictions(post(server), 1)
        requests.get(f"{server.url}/health/live", timeout=30)
        server.stop()
        records = [json.loads(line) for line in server.log.splitlines()]
    (start,) = [record for record in records if record["message"].startswith("serving ")]
    assert (start["workers"], start["engine"], start["model"]) == (1, "onnx", "digit-net")
    access = [record for record in records if record["logger"] == "gunicorn.access"]
    assert [(record["path"], record["status"]) for record in access] == [("/model/predict", "200")]


def test_text_log_has_a_line_a_request_and_no_traceback_for_a_client_mistake(serve: Serve) -> None:
    with serve(workers=1) as server:
        requests.post(f"{server.url}/model/predict", files={"image": b"junk"}, timeout=30)
        server.stop()
        log = server.log
    assert '"POST /model/predict HTTP/1.1" 400' in log
    assert "invalid_image: image 1" in log
    assert "Traceback" not in log


def test_limits_and_keys_are_those_of_the_settings(serve: Serve) -> None:
    settings = {"max_upload_bytes": 2000, "max_images": 2, "max_image_pixels": 784, "api_keys": "one,two"}
    with serve(workers=1, **settings) as server:
        key = {"X-API-Key": "two"}
        assert_error(post(server), 401, "unauthorized")
        assert_predictions(post(server, **key), 1)
        ask = f"{server.url}/model/predict"
        large = requests.post(ask, data=bytes(2001), headers=key | {"Content-Type": "image/png"}, timeout=30)
        assert_error(large, 413, "body_too_large", "2,000")
        many = requests.post(ask, files=[("image", b"x")] * 3, headers=key, timeout=30)
        assert_error(many, 413, "too_many_images", "at most 2")
        assert "one" not in server.log.replace("none", "")


def test_other_origins(serve: Serve) -> None:
    with serve(workers=1, cors_enable="true", cors_origins="https://page.example") as server:
        answer = requests.options(
            f"{server.url}/model/predict",
            headers={"Origin": "https://page.example", "Access-Control-Request-Method": "POST"},
            timeout=30,
        )
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example"


def test_another_checkpoint_is_served_by_its_name(serve: Serve, tmp_path: Path) -> None:
    torch.manual_seed(0)
    write_checkpoint(tmp_path / "mine", "mnist-classifier", MyConvNet(), REFERENCE)
    # An untrained network never reads the canary, so this server is alive but not ready.
    with serve("live", assets_dir=tmp_path / "mine", model_name="mnist-classifier") as server:
        metadata = requests.get(f"{server.url}/model/metadata", timeout=30).json()
        assert (metadata["id"], metadata["architecture"]) == ("mnist-classifier", "MyConvNet")
        assert_predictions(post(server), 1)


def test_sigterm_drains(serve: Serve) -> None:
    """Every request that was accepted is answered, and the exit is clean."""
    with serve(workers=2) as server, ThreadPoolExecutor(8) as pool:
        picture = {"image": (ROOT / "samples" / "7.png").read_bytes()}
        answers: list[int] = []
        stopping = threading.Event()

        def ask() -> None:
            while not stopping.is_set():
                try:
                    answer = requests.post(f"{server.url}/model/predict", files=picture, timeout=30)
                except requests.ConnectionError as exc:
                    assert "refused" in str(exc) or "reset" in str(exc)  # noqa: PT017  only before a request is accepted
                    return
                answers.append(answer.status_code)

        asking = [pool.submit(ask) for _ in range(8)]
        while len(answers) < 100:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(STOP_S)
        stopping.set()
        for future in asking:
            future.result()
    assert status == 0
    assert set(answers) == {200}


def test_debug_serves_with_the_reloader(serve: Serve) -> None:
    with serve(debug="true") as server:
        assert_predictions(post(server), 1)
        assert "Restarting with" in server.log
        for path in (
            "console",
            "nowhere?__debugger__=yes&cmd=resource&f=debugger.js",
            "nowhere?__debugger__=yes&cmd=printpin",
        ):
            assert_error(requests.get(f"{server.url}/{path}", timeout=30), 404, "not_found")
        assert "Debugger PIN" not in server.log


def test_debug_is_refused_where_others_could_reach_it(refused: Refused) -> None:
    assert_refused(refused, "HOST is '0.0.0.0'", "HOST=127.0.0.1", "DEBUG_ANYWHERE=true", debug="true", host="")
