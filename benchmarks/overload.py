"""What overload does: answers refused, how long the others take, and how soon all is well again.

    python -m benchmarks.overload [--url http://127.0.0.1:5000] [--picture samples/7.png] [--seconds 10]

1. As many requests as the server answers, from a few clients that ask again as soon as they are answered.
2. Twice as many a second, each from a client of its own that waits for nobody.
3. As in 1, from the moment when that ends.

Asks a server on this machine only.
"""

import argparse
import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from benchmarks.loopback import Address, ask, loopback_address, request_of

ROOT = Path(__file__).parents[1]
CLIENTS = 16
"""That ask again as soon as they are answered."""

TIMES = 2
"""What is offered under overload, in multiples of what is answered without."""

STEP_S = 0.01
"""Between two bursts of requests that wait for nobody."""


@dataclass
class Outcome:
    """What became of requests: how many had each status (0: none), and the milliseconds of those answered with 200."""

    statuses: Counter[int] = field(default_factory=Counter)
    times_ms: list[float] = field(default_factory=list)

    async def add(self, address: Address, request: bytes) -> None:
        """Ask once, on a connection of its own."""
        start = time.perf_counter()
        status = await ask(address, request)
        self.statuses[status] += 1
        if status == 200:
            self.times_ms.append(1000 * (time.perf_counter() - start))

    def row(self, name: str, seconds: float) -> str:
        """Return a row of the table."""
        answered = self.statuses[200]
        p50, p99 = (quantiles(self.times_ms, n=100)[percent - 1] for percent in (50, 99))
        others = answered + self.statuses[503]
        failed = self.statuses.total() - others
        cells = (f"{answered / seconds:.0f}", f"{p50:.1f}", f"{p99:.1f}", str(self.statuses[503]), str(failed))
        return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description="Ask for twice what there is.")
    parser.add_argument("--url", default="http://127.0.0.1:5000", help="of the server, on loopback (%(default)s)")
    parser.add_argument("--picture", type=Path, default=ROOT / "samples" / "7.png", help="that is sent (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="of overload (%(default)s)")
    options = parser.parse_args()
    address, request = loopback_address(options.url), request_of(options.picture)
    before, over, after = asyncio.run(measure(address, request, options.seconds))
    print("| load | answered a second | p50 ms | p99 ms | refused (503) | failed |\n|---|---:|---:|---:|---:|---:|")
    print(before.row("as much as is answered", options.seconds / 2))
    print(over.row(f"{TIMES} times that", options.seconds))
    print(after.row("the first second after", 1))


async def measure(address: Address, request: bytes, seconds: float) -> tuple[Outcome, Outcome, Outcome]:
    """Return what became of requests before, under and in the first second after overload."""
    before = await saturate(address, request, seconds / 2)
    over = await overload(address, request, TIMES * before.statuses[200] / (seconds / 2), seconds)
    return before, over, await saturate(address, request, 1)


async def saturate(address: Address, request: bytes, seconds: float) -> Outcome:
    """Let a few clients ask again and again."""
    outcome, end = Outcome(), time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end:
            await outcome.add(address, request)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return outcome


async def overload(address: Address, request: bytes, rate: float, seconds: float) -> Outcome:
    """Send so many requests a second, whatever becomes of them."""
    outcome, start = Outcome(), time.perf_counter()
    tasks: list[asyncio.Task[None]] = []
    while (elapsed := time.perf_counter() - start) < seconds:
        due = int(rate * elapsed) - len(tasks)
        tasks += [asyncio.create_task(outcome.add(address, request)) for _ in range(due)]
        await asyncio.sleep(STEP_S)
    await asyncio.gather(*tasks)
    return outcome


if __name__ == "__main__":
    main()
