"""Keys on a live server: rotated without a failed request, never in the log, and never silently none."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, START_S, Serve, Server
from tests.e2e.wire import exchange, workers

pytestmark = pytest.mark.e2e

SEVEN = (ROOT / "samples" / "7.png").read_bytes()
OLD, NEW, KEPT = "old-key-3f9c1e7ab2", "new-key-81d04c6fe5", "kept-key-5a7e20b9d1"

BROKEN = [
    "X-API-Key: {key}\r\nno header",
    "X-API-Key: {key}\0",
    "X-API-Key:\r\n {key}",
    "X-API-Key {key}: 1",
    "Authorization Bearer {key}",
    "{key}",
    "!X-API-Key: {key}",
]
"""Lines with a key that are no HTTP, after the first line of a request or, where one begins so, in its place."""


def ask(server: Server, key: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(f"{server.url}/model/predict", files={"image": SEVEN}, headers=headers, timeout=30)


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_keys_are_rotated_without_a_restart_and_without_a_failed_request(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of the laboratory\n{OLD}\n")
    with serve(workers=2, api_keys=KEPT, api_keys_file=file) as server:
        assert [ask(server, key).status_code for key in (KEPT, OLD, NEW, "")] == [200, 200, 401, 401]
        statuses: list[int] = []
        over = threading.Event()

        def keep_asking() -> None:
            while not over.is_set():
                statuses.append(ask(server, KEPT).status_code)

        asking = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in asking:
            thread.start()
        before = set(workers(server))
        file.write_text(NEW)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(workers(server)) == 2 and not before & set(workers(server)))
        asked = len(statuses)
        wait_until(lambda: len(statuses) > asked + 50)
        over.set()
        for thread in asking:
            thread.join()
        assert set(statuses) == {200}
        for _ in range(10):
            assert_predictions(ask(server, NEW), 1)
            assert_error(ask(server, OLD), 401, "unauthorized")
        file.write_text("# nobody\n")
        server.process.send_signal(signal.SIGHUP)
        (reason,) = server.wait_for_line("not reloaded", 1)
        assert "holds no key" in reason
        assert [ask(server, key).status_code for key in (KEPT, NEW, "")] == [200, 200, 401]


@pytest.mark.parametrize("content", [None, "# nobody yet\n"])
def test_a_file_without_usable_keys_never_opens_the_door(
    refused: Callable[..., tuple[int, list[str]]], tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "keys").write_text(content)
    status, lines = refused(api_keys_file=tmp_path / "keys", api_keys=KEPT)
    assert status == 1
    (reason,) = [line for line in lines if line.startswith("the server cannot start: ")]
    assert f"API_KEYS_FILE='{tmp_path / 'keys'}'" in reason
    assert not [line for line in lines if KEPT in line or "Traceback" in line]


def test_no_key_is_ever_logged(serve: Serve, tmp_path: Path) -> None:
    """Not a good one and not a bad one, at the most talkative level, whatever else is wrong with the request."""
    (tmp_path / "keys").write_text(NEW)
    wrong = "wrong-key-77c2d80e4b"
    with serve(workers=1, api_keys=OLD, api_keys_file=tmp_path / "keys", log_level="debug") as server:
        for key in (OLD, NEW, wrong):
            for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"Basic {key}"}):
                for path in ("/model/labels", "/model/predict", "/nowhere", "/health/ready", "/"):
                    requests.get(f"{server.url}{path}", headers=headers, timeout=30)
                requests.post(f"{server.url}/model/predict", data=b"junk", headers=headers, timeout=30)
            requests.get(f"{server.url}/model/labels?api_key={key}", timeout=30)
            requests.get(f"{server.url}/nowhere?X-API-Key={key}", timeout=30)
            for line in BROKEN:
                head = "GET /model/labels HTTP/1.1\r\nHost: x\r\n" if line[0] != "!" else ""
                exchange(server, f"{head}{line.format(key=key)}\r\n\r\n".encode())
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line(" app: serving ", 2)
        server.stop()
        log = server.log
    assert "/model/predict" in log
    for key in (OLD, NEW, wrong):
        assert key not in log
        assert key[4:] not in log
