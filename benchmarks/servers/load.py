"""One load on one server by wrk (https://github.com/wg/wrk), and what wrk says of it."""

import json
import os
import shutil
import subprocess  # nosec B404 # each call is looked at by itself
import tempfile
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("post.lua")

TIMEOUT_S = 10
"""After which wrk counts an answer as missing."""

GRACE_S = 30
"""Beyond the measured seconds, for wrk to begin and to end."""


class LoadFailed(Exception):
    """Wrk is missing or broke off."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: a body and its content type; GET where there is no body."""

    body: bytes = b""
    content_type: str = ""

    @property
    def method(self) -> str:
        """POST or GET."""
        return "POST" if self.body else "GET"

    @property
    def headers(self) -> dict[str, str]:
        """Beside those that every client adds."""
        return {"Content-Type": self.content_type} if self.body else {}


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw in one run."""

    connections: int
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    bad_status: int
    socket_errors: int

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return (self.requests - self.bad_status) / self.seconds

    @property
    def failures(self) -> int:
        """Requests without a right answer."""
        return self.bad_status + self.socket_errors


def wrk_path() -> str:
    """Return where wrk is.

    Raises:
        LoadFailed: It is not installed.
    """
    path = shutil.which("wrk")
    if path is None:
        raise LoadFailed("wrk is not installed: `apt-get install wrk`")
    return path


def run_wrk(url: str, request: Request, connections: int, seconds: float) -> Load:
    """Load a server.

    Args:
        url: Where to.
        request: What to send, again and again.
        connections: Kept open, each with one request under way.
        seconds: A whole number of them; wrk takes no other.

    Raises:
        LoadFailed: Wrk is missing, broke off or said nothing that can be read.
    """
    command = [wrk_path(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT_S}s"]
    with tempfile.NamedTemporaryFile() as body:
        Path(body.name).write_bytes(request.body)
        sent = {"BENCH_METHOD": request.method, "BENCH_BODY": body.name, "BENCH_TYPE": request.content_type}
        output = _run([*command, "-s", str(SCRIPT), url], sent, seconds + GRACE_S)
    return parse_wrk(output, connections)


def _run(command: list[str], sent: dict[str, str], timeout_s: float) -> str:
    try:
        return subprocess.run(  # noqa: S603  our own arguments  # nosec B603
            command, env=os.environ | sent, capture_output=True, text=True, timeout=timeout_s, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as exc:
        raise LoadFailed(f"wrk broke off: {exc}") from exc


def parse_wrk(output: str, connections: int) -> Load:
    """Read the line of JSON that the script writes at the end.

    Raises:
        LoadFailed: There is none.
    """
    try:
        figures = json.loads(output.strip().splitlines()[-1])
        return Load(
            connections,
            figures["requests"],
            figures["duration_us"] / 1e6,
            figures["p50_us"] / 1e3,
            figures["p99_us"] / 1e3,
            figures["bad_status"],
            figures["socket_errors"],
        )
    except (IndexError, KeyError, TypeError, ValueError) as exc:
        raise LoadFailed(f"wrk said nothing that can be read: {output[-200:]!r}") from exc
