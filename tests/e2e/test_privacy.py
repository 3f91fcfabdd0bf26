"""What becomes of an uploaded picture: nothing on any disk, nothing in the log."""

import base64
import io
import os
import resource
from pathlib import Path

import pytest
import requests
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, Serve, Server
from tests.e2e.wire import exchange, workers

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

LARGE = 9 * 2**20
"""Bytes of an upload that Werkzeug, left to itself, puts into a file."""

IMAGE_DESCRIPTION = 270
"""TIFF's number of the tag."""

MOST_WRITTEN = 10_000
"""Bytes that a server may write meanwhile: its threads and its processes wake each other with a few."""

CHUNKED = b"POST /model/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"


def seven_with(secret: bytes, size: int = 0) -> bytes:
    """A picture of a seven that bears a secret, made as large as wanted."""
    info = PngInfo()
    info.add(b"seCr", secret + bytes(size))
    buffer = io.BytesIO()
    Image.open(ROOT / "samples" / "7.png").resize((280, 280)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def scan_with(secret: bytes) -> bytes:
    """A TIFF of a one that bears a secret in its description, which Pillow writes to its log if it is let."""
    buffer = io.BytesIO()
    Image.open(ROOT / "samples" / "1-scan.tiff").save(buffer, "TIFF", tiffinfo={IMAGE_DESCRIPTION: secret.decode()})
    return buffer.getvalue()


def send_in_every_way(server: Server, picture: bytes) -> list[requests.Response]:
    url = f"{server.url}/model/predict"
    png = {"Content-Type": "image/png"}
    pieces = [picture[start : start + 2**20] for start in range(0, len(picture), 2**20)]
    return [
        requests.post(url, files={"image": ("7.png", picture)}, timeout=60),
        requests.post(url, data=picture, headers=png, timeout=60),
        requests.post(url, data=iter(pieces), headers=png, timeout=60),
    ]


def written(pid: int) -> int:
    """Bytes that a process has given to `write` and its like; what it sends through a socket does not count."""
    counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(counts["wchar"])


def test_large_uploads_are_read_where_not_a_byte_can_be_written(serve: Serve) -> None:
    """As on a full disk, or without a temporary folder that can be written: no worker may make a file longer."""
    with serve(workers=2, log_level="critical") as server:
        before = {pid: written(pid) for pid in workers(server)}
        for pid in before:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        for answer in send_in_every_way(server, seven_with(b"", LARGE)):
            assert assert_predictions(answer, 1)[0]["prediction"] == 7
        nothing = requests.post(f"{server.url}/model/predict", files={"other": bytes(LARGE)}, timeout=60)
        assert_error(nothing, 400, "missing_image")
        assert workers(server) == list(before)
        assert sum(written(pid) - count for pid, count in before.items()) < MOST_WRITTEN


def test_no_picture_is_ever_logged(serve: Serve) -> None:
    """Neither one that is read nor one that is refused, nor the bytes of a request that is no HTTP."""
    secret = os.urandom(12).hex().encode()
    with serve(workers=1, log_level="debug") as server:
        for answer in [*send_in_every_way(server, seven_with(secret)), *send_in_every_way(server, scan_with(secret))]:
            assert_predictions(answer, 1)
        for answer in send_in_every_way(server, secret):
            assert_error(answer, 400, "invalid_image")
        for broken in (secret + b"\r\n\r\n", CHUNKED + b"no length: " + secret + b"\r\n"):
            assert exchange(server, broken).startswith(b"HTTP/1.1 400 ")
        server.stop()
        log = server.log.encode()
    assert b"/model/predict" in log
    for trace in (secret, base64.b64encode(secret), b"IHDR"):
        assert trace not in log
