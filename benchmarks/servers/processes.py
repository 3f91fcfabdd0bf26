"""A server as a process with everything that it starts: begun, found ready, weighed, and ended without a trace.

Linux only: `/proc` tells which process has which children and what memory they share.
"""

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess  # nosec B404 # each call is looked at by itself
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from benchmarks.servers.load import Request

POLL_S = 0.02
"""Between two questions to a server that is starting; the time to the first answer is exact to it."""

ANSWER_S = 10
"""Seconds that one answer may take."""

STOP_S = 5
"""Seconds between the polite signal and the last one."""

LOG_LINES = 8
"""Last lines of a failed server's log that its reason repeats."""

PR_SET_CHILD_SUBREAPER = 36
"""Of `linux/prctl.h`: a descendant whose parent ends becomes this process's child, so that none is ever lost."""


class ServerFailed(Exception):
    """A server did not start, or does not answer as it should; the message is the reason that the report shows."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str, request: Request) -> tuple[int, bytes]:
    """Send a request once and return the answer's status and body.

    Raises:
        OSError: There is no server, or it does not answer in time.
        http.client.HTTPException: What it answers is no HTTP.
    """
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=ANSWER_S)
    with contextlib.closing(connection):
        connection.request(request.method, f"/{path}", request.body or None, request.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


class ServerProcess:
    """A server and every process that it starts; leaving the `with` block ends them all."""

    def __init__(self, command: list[str], environ: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Start it.

        Args:
            command: Program and arguments.
            environ: The whole environment.
            cwd: Its working folder.
            log: File for what it prints.
        """
        _adopt_orphans(True)
        self._strangers = set(descendants(os.getpid()))
        self._log = log
        self.started = time.monotonic()
        with log.open("wb") as output:
            self._root = subprocess.Popen(  # noqa: S603  commands are of the catalogue  # nosec B603
                command,
                env=environ,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until(self, url: str, request: Request, limit_s: float) -> tuple[float, bytes]:
        """Return the seconds from the start to the first answer with status 200, and that answer.

        Raises:
            ServerFailed: It ended, or did not answer so in time.
        """
        last = "no answer"
        while (waited := time.monotonic() - self.started) < limit_s:
            if self._root.poll() is not None:
                raise ServerFailed(f"ended with status {self._root.returncode}: {self.last_lines()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, answer = ask(url, request)
                if status == http.HTTPStatus.OK:
                    return time.monotonic() - self.started, answer
                last = f"{status} {answer[:200].decode(errors='replace')}"
            time.sleep(POLL_S)
        raise ServerFailed(f"not ready after {waited:.0f} s ({last}): {self.last_lines()}")

    def last_lines(self) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").strip().splitlines()[-LOG_LINES:])

    def family(self) -> set[int]:
        """Ids of all its processes, also of those whose parent has ended."""
        return set(descendants(os.getpid())) - self._strangers

    def pss_mb(self) -> list[float]:
        """Memory of each of its processes in MB, largest first; shared pages are divided among those who share."""
        return sorted((size for pid in self.family() if (size := _pss_mb(pid))), reverse=True)

    def stop(self) -> None:
        """End it: the first process politely, then whatever is left."""
        self._root.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._root.wait(STOP_S)
        while left := self._remaining():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_S)
        _adopt_orphans(False)

    def _remaining(self) -> set[int]:
        """Its living processes; the dead among them are buried on the way."""
        self._root.poll()
        for pid in self.family() - {self._root.pid}:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return self.family()


def _adopt_orphans(adopt: bool) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


def descendants(root: int) -> Iterator[int]:
    """Yield the ids of all processes below one."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()  # the name may hold spaces
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    unseen = [root]
    while unseen:
        found = children.get(unseen.pop(), [])
        yield from found
        unseen += found


def _pss_mb(pid: int) -> float:
    """0 for a process that has just ended."""
    with contextlib.suppress(OSError, StopIteration):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
        return int(line.split()[1]) * 1024 / 1e6
    return 0.0
