"""A real nginx with the shipped configuration, as an unprivileged user, and servers that it can be put in front of."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, free_port

FOLDER = ROOT / "deploy" / "nginx"
TEMPLATE = (FOLDER / "nginx.conf.template").read_text()
TLS_FOLDER = "/etc/nginx/tls"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
NOBODY = 65534
START_S = 20


def needs_nginx() -> pytest.MarkDecorator:
    reason = (
        "NOT RUN: no nginx on this machine (Debian: apt-get install nginx-light), so its configuration was not tried"
    )
    return pytest.mark.skipif(NGINX is None, reason=reason)


def render(variables: Mapping[str, object]) -> str:
    """The configuration as the image's entry point makes it: only `${NAME}` is replaced, and each has a value."""
    return re.sub(r"\$\{(\w+)\}", lambda found: str(variables[found[1]]), TEMPLATE)


class Proxy:
    """An nginx that runs."""

    def __init__(self, port: int, folder: Path) -> None:
        self.address = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder

    @property
    def access_log(self) -> str:
        return (self.folder / "access.log").read_text()


@contextlib.contextmanager
def proxying(
    upstream: str, changes: Mapping[str, str] | None = None, tls: Path | None = None, connections: int = 64
) -> Iterator[Proxy]:
    """nginx in front of `HOST:PORT`.

    Args:
        upstream: The service.
        changes: Texts of the configuration that a test needs otherwise, such as a time limit.
        tls: A folder with what HTTPS needs.
        connections: Requests that one address may have in hand.
    """
    port = free_port()
    variables = {"LISTEN_PORT": f"127.0.0.1:{port}", "UPSTREAM": upstream}
    variables |= {"MAX_UPLOAD_BYTES": str(10 * 2**20), "CONNECTIONS_PER_ADDRESS": str(connections)}
    config = render(variables)
    for text, other in ({TLS_FOLDER: str(tls or "/nonexistent")} | dict(changes or {})).items():
        assert text in config
        config = config.replace(text, other)
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        (folder / "nginx.conf").write_text(config)
        with _running(folder, port):
            yield Proxy(port, folder)


@contextlib.contextmanager
def _running(folder: Path, port: int) -> Iterator[None]:
    assert NGINX is not None
    log, errors = folder / "access.log", folder / "error.log"
    with log.open("wb") as output, errors.open("wb") as error_output:
        user = {}
        if os.geteuid() == 0:
            user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in (folder, log, errors):
                os.chown(path, NOBODY, NOBODY)
        command = [NGINX, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
        process = subprocess.Popen(command, stdout=output, stderr=error_output, **user)  # type: ignore[call-overload]
    try:
        _wait_until_it_listens(port, process, errors)
        yield
    finally:
        process.terminate()
        process.wait(START_S)


def _wait_until_it_listens(port: int, process: "subprocess.Popen[bytes]", errors: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, errors.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail(f"nginx does not listen:\n{errors.read_text()}")


class Recorder(BaseHTTPRequestHandler):
    """Answers every request and keeps its headers."""

    protocol_version = "HTTP/1.1"
    seen: list[dict[str, str]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append(dict(self.headers))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("X-Request-ID", "the service's own")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815  the base class has this name

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def recording() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A service that answers anything: its address, and the headers of the requests that it got."""
    handler = type("OwnRecorder", (Recorder,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", handler.seen  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def accepting(handle: Callable[[socket.socket, int], None]) -> Iterator[str]:
    """A service of raw sockets, in a thread: each connection and its number go to a function. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                for number in range(100):
                    connection, _ = listener.accept()
                    with connection:
                        handle(connection, number)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
