"""The command-line client against a live server, and against what is none."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import DigitClient, ReadingFailed
from tests.e2e.conftest import ROOT, Serve, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

SAMPLES = ROOT / "samples"


def run(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "client", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, timeout=60, env=environment, check=False)


def test_pictures_are_read_one_a_line(url: str) -> None:
    ran = run(SAMPLES / "7.png", SAMPLES / "8-chalkboard.jpg", "--url", url)
    assert ran.returncode == 0, ran.stderr
    seven, eight = ran.stdout.decode().splitlines()
    assert seven.split()[1:] == ["7", "100.00%"]
    assert eight.startswith(f"{SAMPLES / '8-chalkboard.jpg'}  8  ")


def test_standard_input_and_json(url: str) -> None:
    ran = run("-", "--json", "--top-k", "2", "--url", url, stdin=(SAMPLES / "4.png").read_bytes())
    entry = json.loads(ran.stdout)
    assert (entry["picture"], entry["prediction"], len(entry["top_k"])) == ("-", 4, 2)


def test_a_bad_picture_spoils_the_status_and_not_the_others(url: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    ran = run("README.md", missing, SAMPLES / "7.png", "--url", url)
    assert ran.returncode == 1
    text, absent, seven = ran.stdout.decode().splitlines()
    assert "image 1 ('README.md'): not a readable PNG" in text
    assert "No such file" in absent
    assert "  7  " in seven


def test_several_labels(url: str) -> None:
    (line,) = run(SAMPLES / "9.png", "--top-k", "3", "--url", url).stdout.decode().splitlines()
    assert line.count("%") == 3


def test_nobody_there() -> None:
    ran = run(SAMPLES / "7.png", "--url", f"http://127.0.0.1:{free_port()}")
    assert ran.returncode == 1
    assert b"is it running?" in ran.stdout


def test_key(serve: Serve) -> None:
    with serve(workers=1, api_keys="secret") as server:
        refused = run(SAMPLES / "7.png", "--json", "--url", server.url)
        assert json.loads(refused.stdout)["code"] == "unauthorized"
        assert run(SAMPLES / "7.png", "--url", server.url, API_KEY="secret").returncode == 0


class Busy(http.server.BaseHTTPRequestHandler):
    """A server that is busy twice, and then answers; and one that is no such service at another path."""

    asked = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Busy.asked += 1
        self.send_response(503 if Busy.asked < 3 else 200)
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(
            b"<html>" if "other" in self.path else b'{"predictions": [{"prediction": 3, "probability": 1.0}]}'
        )

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def busy() -> Iterator[str]:
    Busy.asked = 0
    with http.server.HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_busy_server_is_asked_again(busy: str) -> None:
    with DigitClient(busy) as client:
        assert client.read(b"")["prediction"] == 3
    assert Busy.asked == 3


def test_another_service(busy: str) -> None:
    with DigitClient(f"{busy}/other") as client, pytest.raises(ReadingFailed, match="not this service"):
        client.read(b"")
