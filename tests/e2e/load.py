"""Clients that ask a live server again and again, and remember what became of each request."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.e2e.conftest import ROOT, Server

SEVEN = (ROOT / "samples" / "7.png").read_bytes()
PATIENCE_S = 20
"""Longer than any answer takes; a request that takes more is taken to hang."""


@dataclass
class Load:
    """What became of the requests so far: statuses, and the names of errors where there was no answer."""

    outcomes: list[str] = field(default_factory=list)
    longest_s: float = 0.0

    def wait_for(self, more: int) -> None:
        """Wait until so many more requests are over."""
        enough, end = len(self.outcomes) + more, time.monotonic() + PATIENCE_S
        while len(self.outcomes) < enough:
            assert time.monotonic() < end, f"too few answers: {Counter(self.outcomes)}"
            time.sleep(0.01)

    @property
    def failures(self) -> dict[str, int]:
        """How many requests were not answered with 200, by what became of them."""
        return Counter(outcome for outcome in self.outcomes if outcome != "200")


@contextmanager
def asking(server: Server, clients: int = 8, *, until_refused: bool = False) -> Iterator[Load]:
    """Clients that ask while the block runs, or until the server takes no more connections."""
    load, over = Load(), threading.Event()
    threads = [threading.Thread(target=_ask, args=(server.url, load, over, until_refused)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        load.wait_for(50)
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ask(url: str, load: Load, over: threading.Event, until_refused: bool) -> None:
    with requests.Session() as session:
        while not over.is_set():
            start = time.monotonic()
            try:
                answer = session.post(f"{url}/model/predict", files={"image": SEVEN}, timeout=PATIENCE_S)
                outcome = str(answer.status_code)
            except requests.RequestException as exc:
                if until_refused and "refused" in str(exc):
                    return
                outcome = type(exc).__name__
            load.outcomes.append(outcome)
            load.longest_s = max(load.longest_s, time.monotonic() - start)
