"""A live server: the one of the project, started as a user starts it, or the one that `SMOKE_URL` names."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, sync_playwright

from config import Settings
from tests.e2e.hostile import Target
from tests.e2e.visit import Visit, visiting

ROOT = Path(__file__).parents[2]
START_S = 60
STOP_S = 40

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]

Serve = Callable[..., "contextlib.AbstractContextManager[Server]"]


class Server:
    """A server in a process of its own, and the log that it writes."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, probe: str) -> None:
        """Poll `/health/live` or `/health/ready` until it answers 200."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the server ended while starting:\n{self.log}"
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/health/{probe}", timeout=5).ok:
                    return
            time.sleep(0.05)
        pytest.fail(f"not {probe} within {START_S} s:\n{self.log}")

    def wait_for_line(self, part: str, count: int) -> list[str]:
        """Wait until so many lines of the log hold a text; returns them, fewer if that takes too long."""
        deadline = time.monotonic() + START_S
        while len(lines := [line for line in self.log.splitlines() if part in line]) < count:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return lines

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**settings: object) -> dict[str, str]:
    """The environment of a server: this process's less its settings, and those given."""
    names = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    return inherited | {"HOST": "127.0.0.1"} | {name.upper(): str(value) for name, value in settings.items()}


def start(log: Path, *, also: dict[str, str] | None = None, open_files: int | None = None, **settings: Any) -> Server:
    """Start a server with settings of its own, perhaps with more in its environment, and with few open files."""
    port = free_port()
    command = [sys.executable, "app.py"]
    if open_files is not None:
        command = ["prlimit", f"--nofile={open_files}", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(port=port, **settings) | (also or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Server(process, f"http://127.0.0.1:{port}", log)


@contextlib.contextmanager
def serving(probe: str | None = "ready", **settings: Any) -> Iterator[Server]:
    """A server as `start` starts it, ready (or at least live, or just started) and stopped at the end."""
    with tempfile.TemporaryDirectory() as folder:
        server = start(Path(folder) / "log", **settings)
        try:
            if probe is not None:
                server.wait_for(probe)
            yield server
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.stop()
            server.process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("NOT RUN: no Chromium on this machine (Debian: apt-get install chromium), so no page was looked at")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    with visiting(browser, url) as visit:
        yield visit


@pytest.fixture
def serve() -> Serve:
    return serving


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """Starts a server that must not come up; returns its exit status and the lines that it wrote."""

    def run(**settings: Any) -> tuple[int, list[str]]:
        server = start(tmp_path / "log", **settings)
        status = server.process.wait(START_S)
        return status, server.log.splitlines()

    return run


NAMED = os.environ.get("SMOKE_URL")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks a live server with each engine, but for tests of which one tells all."""
    if "url" in metafunc.fixturenames:
        engines = ["onnx"] if metafunc.definition.get_closest_marker("one_engine") else ["onnx", "torch"]
        metafunc.parametrize("url", ["named"] if NAMED else engines, indirect=True, scope="session")


@pytest.fixture(scope="session")
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of the named server, or of one with the default settings for each engine."""
    if NAMED:
        yield NAMED.rstrip("/")
        return
    with serving(engine=request.param) as server:
        yield server.url


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    """A server with one worker, for hostile requests; one for all of them, so that each meets what others left."""
    with serving(workers=1) as server:
        target = Target(server)
        yield target
        target.assert_at_rest()
