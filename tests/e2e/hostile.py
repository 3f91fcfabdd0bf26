"""Bytes straight into a server's socket, and what they cost its only worker."""

import json
import os
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.conftest import Server

SEVEN = (Path(__file__).parents[2] / "samples" / "7.png").read_bytes()
MOST_CPU_S = 2.0
MOST_MEMORY = 64 * 2**20
TIMEOUT_S = 30

_HEAD = re.compile(rb"HTTP/1\.\d (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_LENGTH = re.compile(rb"(?:^|\n)content-length: (\d+)\r", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


@dataclass(frozen=True)
class Case:
    """A request, and how it is answered.

    Attributes:
        sent: all of it.
        status: of the answer.
        code: of the error; none for an answer that is no error, or an error below `/v2`.
        closes: whether the server must close the connection, as where the next request starts is not known.
        ends: whether the client says that it will send no more.
    """

    sent: bytes = field(repr=False)
    status: int
    code: str | None = None
    closes: bool = False
    ends: bool = False


def request(head: bytes = b"", body: bytes = b"", first: bytes = b"POST /model/predict") -> bytes:
    """A request with a length and a host; further lines of the head end with a line break each."""
    return b"%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n" % (first, len(body), head) + body


GOOD = request(b"Content-Type: image/png\r\n", SEVEN)


class Target:
    """A server with one worker, whose process is watched."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        host, port = server.url.removeprefix("http://").split(":")
        self._address = host, int(port)
        self._worker = self._find_worker()
        for _ in range(20):
            self.assert_serving()
        self._idle = self._memory("VmRSS")

    def ask(self, sent: bytes, ends: bool = False) -> tuple[list[Answer], bool]:
        """Send bytes; returns the answers and, once there is one, whether the server closed the connection."""
        with socket.create_connection(self._address, TIMEOUT_S) as client:
            try:
                client.sendall(sent)
                if ends:
                    client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused before all was sent
            data, closed = b"", False
            while not closed:
                try:
                    chunk = client.recv(65536)
                except ConnectionResetError:
                    chunk = b""
                except TimeoutError:
                    break
                data, closed = data + chunk, not chunk
                if _answers(data):
                    client.settimeout(0.05)
            return _answers(data), closed

    def assert_withstands(self, case: Case) -> Any:
        """Send a hostile request: it is answered as it should be, at a bounded cost, and others are served; returns the
        JSON of the answer."""
        Path(f"/proc/{self._worker}/clear_refs").write_text("5")  # forget the peak of memory
        cpu, memory = self._cpu_s(), self._memory("VmRSS")
        answers, closed = self.ask(case.sent, case.ends)
        self.assert_serving()
        assert self._cpu_s() - cpu <= MOST_CPU_S
        assert self._memory("VmHWM") - memory <= MOST_MEMORY
        assert [answer.status for answer in answers] == [case.status]
        assert closed or not case.closes
        return _assert_shape(answers[0], case.code)

    def assert_at_rest(self) -> None:
        """Whatever it met, the worker holds little more than before."""
        assert self._memory("VmRSS") - self._idle <= MOST_MEMORY

    def assert_serving(self) -> None:
        answers, _ = self.ask(GOOD, ends=True)
        assert [answer.status for answer in answers] == [200]
        assert self._find_worker() == self._worker

    def _find_worker(self) -> int:
        parent = self.server.process.pid
        (worker,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return int(worker)

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self._worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self, name: str) -> int:
        """Bytes, by the system's count."""
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{self._worker}/status").read_text())
        assert found
        return int(found[1]) * 1024


def _answers(data: bytes) -> list[Answer]:
    """The answers that are complete."""
    answers = []
    while found := _HEAD.match(data):
        length = _LENGTH.search(found[2])
        end = found.end() + (int(length[1]) if length else 0)
        if len(data) < end:
            break
        if found[1] != b"100":
            answers.append(Answer(int(found[1]), data[found.end() : end]))
        data = data[end:]
    return answers


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def _assert_shape(answer: Answer, code: str | None) -> Any:
    body = json.loads(answer.body, parse_constant=_refuse_constant)
    if answer.status >= 400:
        assert len(answer.body) < 50_000
        shape = {"status", "code", "message"} if code else {"error"}
        assert set(body) == shape
        assert body.get("code") == code
        assert body["message" if code else "error"]
    return body
