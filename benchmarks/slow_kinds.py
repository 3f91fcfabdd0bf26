"""Slow clients of four kinds, some hundred of them, in a process of their own.

Each has an address of its own below 127.0.0.0/8, so that no limit by address helps against them.
"""

import asyncio
import contextlib
import multiprocessing
import resource
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized

DRIP_S = 1.0
"""Between two pieces that a slow client sends."""

GATHER_S = 10.0
"""In which the slow clients have to connect before they are measured."""

UPLOAD_BYTES = 8 * 2**20
"""That a dripped upload announces."""

AT_ONCE_BYTES = 64 * 2**10
"""Of which it sends so much at once: more than any server reads without giving the request to somebody."""

RECEIVE_BUFFER_BYTES = 4096
"""Of a client that does not read, so that little of an answer leaves the server."""

LARGE_ANSWER = b"GET /swaggerui/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
"""Asks for the largest answer that there is, 1 MB."""

DRIPPED_HEAD = b"POST /model/predict HTTP/1.1\r\nHost: x\r\n"
DRIPPED_BODY = DRIPPED_HEAD + b"Content-Type: image/png\r\nContent-Length: %d\r\n\r\n" % UPLOAD_BYTES

Address = tuple[str, int]


@dataclass(frozen=True)
class Kind:
    """A way to be slow: what is sent at first, what each `DRIP_S` thereafter, and whether answers are read."""

    opening: bytes
    drip: bytes
    reads: bool = True


KINDS = {
    "headers": Kind(DRIPPED_HEAD, b"X-Slow: 1\r\n"),
    "bodies": Kind(DRIPPED_BODY + bytes(AT_ONCE_BYTES), b"\0"),
    "idle": Kind(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", b""),
    "readers": Kind(LARGE_ANSWER * 8, LARGE_ANSWER, reads=False),
}


@contextlib.contextmanager
def slow_clients(address: Address, kind: str, count: int) -> Iterator[Callable[[], int]]:
    """Keep so many slow clients, in a process of their own; yields what tells how many are connected now."""
    spawn = multiprocessing.get_context("spawn")
    connected = spawn.Value("i", 0)
    process = spawn.Process(target=_run_slow_clients, args=(address, kind, count, connected), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + GATHER_S
        while connected.value < count and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(DRIP_S)  # now they are slow, no longer new
        yield lambda: int(connected.value)
    finally:
        process.terminate()
        process.join()


def _run_slow_clients(address: Address, kind: str, count: int, connected: "Synchronized[int]") -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_all_slow_clients(address, KINDS[kind], count, connected))


async def _all_slow_clients(address: Address, kind: Kind, count: int, connected: "Synchronized[int]") -> None:
    sources = (f"127.{1 + number // 250}.0.{1 + number % 250}" for number in range(count))
    await asyncio.gather(*(_slow_client(address, source, kind, connected) for source in sources))


async def _slow_client(address: Address, source: str, kind: Kind, connected: "Synchronized[int]") -> None:
    """Connect, be slow until the server has enough of it, and begin again; until the process is ended."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not kind.reads:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            client.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(client, address)
            connected.value += 1
            try:
                await _dawdle(client, kind)
            finally:
                connected.value -= 1
        await asyncio.sleep(DRIP_S)


async def _dawdle(client: socket.socket, kind: Kind) -> None:
    """Send the opening and then drips, as far as the server takes them; returns when it has closed.

    Raises:
        OSError: It has closed rudely.
    """
    rest = kind.opening
    while True:
        with contextlib.suppress(BlockingIOError):
            rest = rest[client.send(rest) :]
        await asyncio.sleep(DRIP_S)
        rest = rest or kind.drip
        if kind.reads and _is_closed(client):
            return


def _is_closed(client: socket.socket) -> bool:
    """Read what there is, and tell whether the server has closed.

    Raises:
        OSError: It has closed rudely.
    """
    with contextlib.suppress(BlockingIOError):
        while True:
            if not client.recv(65536):
                return True
    return False
