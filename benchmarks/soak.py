"""Whether memory stays flat: what the server's processes hold over many requests with good and bad pictures.

    python -m benchmarks.soak [--url http://127.0.0.1:5000 --pid PID] [--requests 200000]

`--pid` is that of the server's master; a server is started where none is named. Asks a server on this machine only. The
first tenth of the requests warms the server up; exits with status 1 where memory grew by 2 % or more over the rest.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import subprocess  # nosec B404 # each call is looked at by itself
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.loopback import TYPES, Address, loopback_address

ROOT = Path(__file__).parents[1]
SAMPLES = ("7.png", "1-sixteen-bit.png", "2-palette.gif", "8-red-on-yellow.webp", "4-transparent-dark-ink.png")
CLIENTS = 8
MOST_GROWTH = 0.02
LOOKS = 20
"""At memory, over the whole run."""

TOGETHER = 3
"""Looks whose median counts: what a large picture needs comes and goes."""

PORT = 5055
START_S = 60


def main() -> None:
    """Ask, look at memory now and then, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Watch memory over many requests.")
    parser.add_argument("--url", help="of the server, on loopback; one is started unless given")
    parser.add_argument("--pid", type=int, help="of its master")
    parser.add_argument("--requests", type=int, default=200_000, help="in all (%(default)s)")
    options = parser.parse_args()
    if (options.url is None) != (options.pid is None):
        parser.error("--url and --pid belong together")
    with contextlib.ExitStack() as stack:
        url, pid = (options.url, options.pid) if options.url else stack.enter_context(serving())
        grown = soak(loopback_address(url), pid, options.requests)
    sys.exit(f"memory grew by {grown:.1%}" if grown >= MOST_GROWTH else None)


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, int]]:
    """Start a server; returns its address and its master's process id once it listens."""
    environment = os.environ | {"PORT": str(PORT), "HOST": "127.0.0.1", "LOG_LEVEL": "error"}
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment)  # nosec B603 # our own
    try:
        wait_until_ready()
        yield f"http://127.0.0.1:{PORT}", process.pid
    finally:
        process.terminate()
        process.wait()


def wait_until_ready() -> None:
    """Ask until the server reads a picture."""
    end = time.monotonic() + START_S
    while asyncio.run(ask_in_turn(("127.0.0.1", PORT), requests()[:1], 1)) != Counter({200: 1}):
        if time.monotonic() > end:
            sys.exit("the server did not start")
        time.sleep(0.1)


def soak(address: Address, pid: int, count: int) -> float:
    """Ask so many times; returns by what share memory grew after the first tenth."""
    print("| requests | memory (PSS) MB | statuses |\n|---:|---:|---|")
    sizes, sent, each = [], 0, count // LOOKS
    for _ in range(LOOKS):
        statuses = asyncio.run(ask_together(address, each))
        sent += each
        sizes.append(memory_mb(pid))
        found = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
        print(f"| {sent:,} | {sizes[-1]:.1f} | {found} |", flush=True)
    return median(sizes[-TOGETHER:]) / median(sizes[LOOKS // 10 :][:TOGETHER]) - 1


async def ask_together(address: Address, count: int) -> Counter[int]:
    """Ask so many times, with a few clients at once."""
    counts = await asyncio.gather(*(ask_in_turn(address, requests(), count // CLIENTS) for _ in range(CLIENTS)))
    return sum(counts, Counter())


async def ask_in_turn(address: Address, cases: list[bytes], count: int) -> Counter[int]:
    """Ask one after the other on one connection, a new one where the server closes it; returns the statuses."""
    statuses: Counter[int] = Counter()
    reader, writer = None, None
    for case in itertools.islice(itertools.cycle(cases), count):
        try:
            if writer is None or writer.is_closing():
                reader, writer = await asyncio.open_connection(*address)
            writer.write(case)
            head = await reader.readuntil(b"\r\n\r\n")  # type: ignore[union-attr]  # it comes with the writer
            (length,) = (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))  # type: ignore[union-attr]
            statuses[int(head[9:12])] += 1
            if b"connection: close" in head.lower():
                writer.close()
        except (OSError, asyncio.IncompleteReadError):
            statuses[0] += 1
            writer = None
    if writer is not None:
        writer.close()
    return statuses


def requests() -> list[bytes]:
    """Requests with good pictures, and with bad ones of every kind that the samples allow."""
    cases = []
    for name in SAMPLES:
        data = (ROOT / "samples" / name).read_bytes()
        damaged = data[: len(data) // 2], data[:40] + bytes(40) + data[80:], b"no picture", b""
        cases += [request(Path(name).suffix, case) for case in (data, data, *damaged)]
    return cases


def request(suffix: str, data: bytes) -> bytes:
    """Return a request to read a picture, on a connection that is kept."""
    lines = (
        "POST /model/predict HTTP/1.1",
        "Host: x",
        f"Content-Type: {TYPES[suffix]}",
        f"Content-Length: {len(data)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + data


def memory_mb(pid: int) -> float:
    """Return the proportional set size of a process and its children: pages that are shared count once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    rollups = [Path(f"/proc/{each}/smaps_rollup").read_text() for each in (str(pid), *children)]
    lines = [line for rollup in rollups for line in rollup.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) / 1024


if __name__ == "__main__":
    main()
