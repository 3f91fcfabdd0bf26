"""What slow clients cost the honest ones: how long answers take without and beside some hundred bad connections.

    python -m benchmarks.slow_clients --url http://127.0.0.1:5000 [--kind headers] [--count 500] [--seconds 5]

Asks a server on this machine only. Honest clients open a connection for every request, as strangers do, and
send a small PNG and a larger picture in turn: a server may answer the one without what it needs for the other.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import itertools
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

from benchmarks.slow_kinds import KINDS, Address, slow_clients

SAMPLES = Path(__file__).parents[1] / "samples"
PICTURES = {"small PNG": ("7.png", "image/png"), "67 KB BMP": ("6-green-felt-pen.bmp", "image/bmp")}

ANSWER_S = 10.0
"""After which an honest client gives up."""

HONEST = 8
"""Honest clients."""

PAUSE_S = 0.1
"""Between two requests of an honest client: eight of them load two CPUs by far less than a half."""


@dataclass
class Honest:
    """What honest clients saw: for each kind of picture how long answers took, and how many requests failed."""

    times_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PICTURES})
    errors: int = 0

    def percentile(self, name: str, percent: int) -> float:
        """Return a percentile in milliseconds, infinite where hardly anything was answered."""
        times = self.times_ms[name]
        return quantiles(times, n=100)[percent - 1] if len(times) > 1 else float("inf")


def main() -> None:
    """Measure each kind and print a table; exits with an error where the server is not on this machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_clients", description="Measure what they cost.")
    parser.add_argument("--url", default="http://127.0.0.1:5000", help="of the server, on loopback (%(default)s)")
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="all", help="(%(default)s)")
    parser.add_argument("--count", type=int, default=500, help="slow clients (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (%(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="without and with slow clients; medians count (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print figures for programs")
    options = parser.parse_args()
    try:
        address = loopback_address(options.url)
    except ValueError as exc:
        parser.error(str(exc))
    kinds = list(KINDS) if options.kind == "all" else [options.kind]
    figures = {kind: compare(address, kind, options.count, options.seconds, options.rounds) for kind in kinds}
    print(json.dumps(figures, indent=2) if options.json else table(figures))


def loopback_address(url: str) -> Address:
    """Return the address behind a URL.

    Raises:
        ValueError: It is not on this machine, or no plain HTTP.
    """
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    if parts.scheme != "http" or not _is_loopback(host):
        raise ValueError(f"{url!r} is no plain HTTP server on this machine, and slow clients are sent to no other")
    return host, parts.port or 80


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def compare(address: Address, kind: str, count: int, seconds: float, rounds: int) -> dict[str, float]:
    """Measure honest requests without and with slow clients in turn.

    Args:
        address: Of the server.
        kind: One of `KINDS`.
        count: Slow clients.
        seconds: Of each measurement.
        rounds: Medians over which are returned.

    Returns:
        Milliseconds by picture and percentile without and with slow clients, the ratio of both, honest requests that
        failed, and how many slow clients were connected at the end of a measurement, the least of all rounds.
    """
    without, beside, connected = [], [], []
    for _ in range(rounds):
        without.append(asyncio.run(ask_honestly(address, seconds)))
        with slow_clients(address, kind, count) as now_connected:
            beside.append(asyncio.run(ask_honestly(address, seconds)))
            connected.append(now_connected())
    figures: dict[str, float] = {
        "errors_without": sum(honest.errors for honest in without),
        "errors_beside": sum(honest.errors for honest in beside),
        "connected": min(connected),
    }
    for name, percent in itertools.product(PICTURES, (50, 99)):
        before, after = (median(honest.percentile(name, percent) for honest in each) for each in (without, beside))
        figures |= {f"{name} p{percent} ms": before, f"{name} p{percent} ms beside": after}
        figures[f"{name} p{percent} ratio"] = after / before
    return figures


def table(figures: dict[str, dict[str, float]]) -> str:
    """Return figures as a Markdown table."""
    head = "| slow clients | connected | picture | p50 ms | beside | p99 ms | beside | ratio | failed | beside |"
    rows = [head, "|---|---:|---|" + "---:|" * 7]
    for kind, found in figures.items():
        for name in PICTURES:
            times = [found[f"{name} p{percent} ms{when}"] for percent in (50, 99) for when in ("", " beside")]
            cells = [kind, f"{found['connected']:.0f}", name, *(f"{time_ms:.1f}" for time_ms in times)]
            cells += [
                f"{found[f'{name} p99 ratio']:.2f}",
                *(f"{found[key]:.0f}" for key in ("errors_without", "errors_beside")),
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


async def ask_honestly(address: Address, seconds: float) -> Honest:
    """Let honest clients ask for so many seconds; returns what they saw."""
    honest = Honest()
    deadline = time.monotonic() + seconds
    await asyncio.gather(*(_honest_client(address, honest, deadline, start) for start in range(HONEST)))
    return honest


async def _honest_client(address: Address, honest: Honest, deadline: float, start: int) -> None:
    requests = [(name, _request(*picture)) for name, picture in PICTURES.items()]
    await asyncio.sleep(PAUSE_S * start / HONEST)
    for name, request in itertools.islice(itertools.cycle(requests), start % len(requests), None):
        if time.monotonic() >= deadline:
            return
        began = time.perf_counter()
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await _ask(address, request)
        except (OSError, TimeoutError):
            answer = b""
        if answer.startswith(b"HTTP/1.1 200 "):
            honest.times_ms[name].append((time.perf_counter() - began) * 1000)
        else:
            honest.errors += 1
        await asyncio.sleep(PAUSE_S)


def _request(file: str, content_type: str) -> bytes:
    body = (SAMPLES / file).read_bytes()
    head = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return b"POST /model/predict HTTP/1.1\r\nHost: x\r\n" + head.encode() + body


async def _ask(address: Address, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    with contextlib.closing(writer):
        writer.write(request)
        return await reader.read()


if __name__ == "__main__":
    main()
