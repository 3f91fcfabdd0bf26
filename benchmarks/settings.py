"""What the settings of our own server are worth: its worker, threads, keep-alive and backlog, one changed at a time.

    python -m benchmarks.settings [--rounds 3] [--seconds 3]

Loads and medians are those of `benchmarks.servers`. Writes `results/settings.json` and prints a table.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.servers.catalogue import Server
from benchmarks.servers.commands import ROOT, Place
from benchmarks.servers.environments import cache_dir
from benchmarks.servers.load import Load
from benchmarks.servers.rounds import WARM_UP_S
from benchmarks.servers.serving import Setup, serving
from core.integrity import write_atomically

CONNECTIONS = (1, 8, 32, 128)
RESULTS = Path(__file__).with_name("results") / "settings.json"

VARIANTS: dict[str, tuple[dict[str, str], Sequence[str]]] = {
    "as shipped": ({}, ()),
    "1 thread": ({"THREADS": "1"}, ()),
    "32 threads": ({"THREADS": "32"}, ()),
    "4 workers": ({"WORKERS": "4"}, ()),
    "no access log": ({"LOG_LEVEL": "warning"}, ()),
    "keep-alive 60 s": ({}, ("--keep-alive", "60")),
    "backlog 64": ({}, ("--backlog", "64")),
    "gunicorn's gthread": ({}, ("--worker-class", "gthread")),
    "gunicorn's sync, no keep-alive": ({}, ("--worker-class", "sync")),
}
"""Settings in the environment and options of gunicorn, by what a reader calls them."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.settings", description="Compare our own settings.")
    parser.add_argument("--rounds", type=int, default=3, help="each starts every variant once (%(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="of each load (%(default)s)")
    options = parser.parse_args()
    loads: dict[str, list[list[Load]]] = {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name in VARIANTS:
            loads[name].append(measure(name, options.seconds))
    figures = {name: summarise(rounds) for name, rounds in loads.items()}
    print(table(figures))
    write_atomically(RESULTS, (json.dumps(figures, indent=2) + "\n").encode())


def measure(name: str, seconds: int) -> list[Load]:
    """Return a variant's loads in one round, one for each number of connections."""
    server = Server(name, "onnx", command(*VARIANTS[name]), path="/model/predict")
    with serving(server, Setup(ROOT / "assets", cache_dir())) as running:
        running.load(CONNECTIONS[1], WARM_UP_S)
        return [running.load(connections, seconds) for connections in CONNECTIONS]


def command(settings: dict[str, str], options: Sequence[str]) -> Callable[[Place], list[str]]:
    """Return what starts our server so."""
    environment = ["env", *(f"{name}={value}" for name, value in settings.items())]
    gunicorn = ("-m", "gunicorn", "--config", "gunicorn.conf.py", *options)
    return lambda place: [*environment, *place.module(*gunicorn)]


def summarise(rounds: Sequence[Sequence[Load]]) -> dict[str, dict[str, float]]:
    """Return the medians of each number of connections, and how many requests failed in all."""
    return {
        str(loads[0].connections): {
            "rate": round(median(load.rate for load in loads)),
            "p50_ms": round(median(load.p50_ms for load in loads), 2),
            "p99_ms": round(median(load.p99_ms for load in loads), 2),
            "failed": sum(load.failures for load in loads),
        }
        for loads in zip(*rounds, strict=True)
    }


def table(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return requests a second and, in brackets, the 99th percentile in milliseconds, as a Markdown table."""
    head = ["| setting |", *(f" {count} connection{'s' * (count > 1)} |" for count in CONNECTIONS)]
    rows = ["".join(head), "|---|" + "---:|" * len(CONNECTIONS)]
    for name, loads in figures.items():
        cells = (f" {load['rate']:,.0f} ({load['p99_ms']:.1f}) |" for load in loads.values())
        rows.append(f"| {name} |{''.join(cells)}")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
