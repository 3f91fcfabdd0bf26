"""A real object store for tests, and a door to it that can be made to fail."""

import fcntl
import os
import shutil
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.storage import Folder, open_folder

SHARED = Path(__file__).parents[2] / "shared" / "object-store"
DEBIANS_PYTHON = "/usr/bin/python3"
PORTS = 5
START_S, INSTALL_S = 60, 240

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The standard variables of a store that runs on this machine, for the whole run of the tests."""
    if not SHARED.is_dir():
        pytest.skip("NOT RUN: no object store beside the checkout (../shared/object-store)")
    _install()
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # one store for all that run side by side
    state, users = shared / "object-store", shared / "object-store-users"
    users.mkdir(exist_ok=True)
    me = users / str(os.getpid())
    with _locked(shared):
        port = shared / "object-store-port"
        if not port.exists():
            port.write_text(str(_free_ports()))
        me.touch()
        environment = os.environ | {"OBJECT_STORE_PORT": port.read_text()}
        started = _run(START_S, SHARED / "start.sh", state, env=environment)  # only what is not running
    yield dict(line.removeprefix("export ").split("=", 1) for line in started.splitlines())
    with _locked(shared):
        me.unlink()
        if not any(users.iterdir()):
            _run(START_S, SHARED / "stop.sh", state, env=environment)
            shutil.rmtree(state, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "object-store.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install() -> None:
    if subprocess.run([DEBIANS_PYTHON, "-c", "import swift"], check=False, capture_output=True).returncode == 0:
        return
    if os.geteuid() != 0:
        pytest.skip(f"NOT RUN: the object store is not installed: {SHARED / 'install.sh'} as root")
    _run(INSTALL_S, SHARED / "install.sh")


def _run(limit_s: float, *command: object, env: dict[str, str] | None = None) -> str:
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=env, timeout=limit_s).stdout


def _free_ports() -> int:
    """The first of as many ports in a row as the store takes."""
    for first in range(18090, 28090, PORTS):
        if all(_is_free(port) for port in range(first, first + PORTS)):
            return first
    raise AssertionError("no ports are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def bucket(object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new bucket; this process finds the store by its variables."""
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    name = f"test-{uuid.uuid4().hex[:12]}"
    S3FileSystem().call_s3("create_bucket", Bucket=name)
    return f"s3://{name}"


@pytest.fixture
def folder(bucket: str) -> Folder:
    """A prefix in a new bucket."""
    return open_folder(f"{bucket}/some/folder")


class Door(ThreadingHTTPServer):
    """Passes requests on to the store; `fail` says of each, by method and path, what to do instead.

    Attributes:
        fail: Returns `drop` to close the connection half-way through the body of the answer, `busy` to answer 503 as
            S3 does when it throttles, or None.
        asked: Method and path of each request.
    """

    daemon_threads = True

    def __init__(self, store: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.store = store.removeprefix("http://")
        self.fail: Callable[[str, str], str | None] = lambda _method, _path: None
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Passage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path))
        what = self.server.fail(self.command, self.path)
        if what == "busy":
            self._answer(503, [("Content-Type", "application/xml")], SLOW_DOWN, len(SLOW_DOWN))
            return
        connection = HTTPConnection(self.server.store, timeout=30)
        headers = dict(self.headers.items())
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        self._hand_on(answer, data, cut=what == "drop")

    def _hand_on(self, answer: HTTPResponse, data: bytes, cut: bool) -> None:
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        length = int(answer.getheader("Content-Length") or len(data))
        self._answer(answer.status, kept, data[: len(data) // 2] if cut else data, length)
        if cut:
            self.close_connection = True

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, length: int) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - the names that the base class calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


@pytest.fixture
def door(object_store: dict[str, str], bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:  # noqa: ARG001 - made through the front
    """A door to the store by which this process goes from now on."""
    with opened(object_store["AWS_ENDPOINT_URL"]) as door:
        monkeypatch.setenv("AWS_ENDPOINT_URL", door.url)
        from s3fs import S3FileSystem

        S3FileSystem.clear_instance_cache()
        yield door


@contextmanager
def opened(store: str) -> Iterator[Door]:
    """Open a door to a store."""
    with Door(store) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        try:
            yield door
        finally:
            door.shutdown()
