"""Command line of the benchmark: `python -m benchmarks.servers --help`."""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.servers import growth, report, rounds
from benchmarks.servers.catalogue import SERVERS, Server
from benchmarks.servers.commands import ROOT
from benchmarks.servers.environments import cache_dir
from benchmarks.servers.growth import WORKERS, Growth
from benchmarks.servers.load import LoadFailed, wrk_path
from benchmarks.servers.plots import draw_plots
from benchmarks.servers.results import collect
from benchmarks.servers.rounds import Outcome
from benchmarks.servers.serving import Setup
from benchmarks.servers.targets import check
from core.integrity import write_atomically

RESULTS = Path("benchmarks") / "results" / "servers.json"
DOCS = Path("docs")

logger = logging.getLogger(__name__)


def main() -> None:
    """Measure and write after every round; the exit status is 1 where a target is missed."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("told to stop"))  # servers end with their blocks
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if options.rewrite:
        results = json.loads((options.output / RESULTS).read_text())
        write(results, options.output)
    else:
        results = measure(options)
    verdicts = check(results)
    for verdict in verdicts:
        logger.info("%-12s  %s: %s", report.MET[verdict.met].strip("*"), verdict.wanted, verdict.found)
    sys.exit(1 if any(verdict.met is False for verdict in verdicts) else 0)


def parse() -> argparse.Namespace:
    """Return the options; refuses unusable ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.servers", description="Compare model servers.")
    parser.add_argument("--rounds", type=int, default=5, help="each starts every server once (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="of each load (%(default)s)")
    parser.add_argument("--only", nargs="+", metavar="KEY", help="servers whose keys begin so, and no growth")
    parser.add_argument("--assets", type=Path, default=ROOT / "assets", help="folder of the weights (%(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=cache_dir(), help="folder of the peers' environments (%(default)s)"
    )
    parser.add_argument("--output", type=Path, default=ROOT, help="folder for docs/ and benchmarks/ (%(default)s)")
    parser.add_argument("--rewrite", action="store_true", help="only write docs/ again, from the last results")
    options = parser.parse_args()
    if min(options.rounds, options.seconds) < 1:
        parser.error("--rounds and --seconds are at least 1")
    options.servers = chosen(options.only)
    if not options.servers:
        parser.error(f"--only {' '.join(options.only)}: no such server; there are {' '.join(s.key for s in SERVERS)}")
    try:
        wrk_path()
    except LoadFailed as exc:
        parser.error(str(exc))
    return options


def chosen(prefixes: Sequence[str] | None) -> list[Server]:
    """Return the servers whose keys begin with one of these; all if there are none."""
    return [server for server in SERVERS if not prefixes or server.key.startswith(tuple(prefixes))]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run all rounds and return the results; whatever interrupts them, those of complete rounds are written."""
    setup = Setup(options.assets, options.cache)
    outcomes, grown = [Outcome(server) for server in options.servers], Growth()
    work = [] if options.only else [(workers, growth.points(workers)) for workers in WORKERS]
    rounds.install(outcomes, setup)
    results: dict[str, Any] = {}
    for number in range(1, options.rounds + 1):
        rounds.run_round(outcomes, setup, options.seconds)
        growth.run_round(grown, work, setup, options.seconds)
        results = collect(outcomes, grown, number, options.seconds, options.assets)
        write(results, options.output)
        logger.info("round %d of %d is over", number, options.rounds)
    return results


def write(results: dict[str, Any], output: Path) -> None:
    """Write the figures, the document and the plots."""
    files = {
        RESULTS: (json.dumps(results, indent=2) + "\n").encode(),
        DOCS / "benchmark.md": report.render(results).encode(),
    }
    files |= {DOCS / name: data for name, data in draw_plots(results).items()}
    for path, data in files.items():
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output / path, data)


if __name__ == "__main__":
    main()
