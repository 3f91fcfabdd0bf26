"""Command line of the fuzzer: mutates pictures of every format and reads them; exits with 1 if anything broke."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import timed, work


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="how many pictures (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which pictures (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="default: one a CPU")
    parser.add_argument("--into", type=Path, help="folder for what breaks something (default: a new one)")
    parser.add_argument("--worker", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker)
        return 0
    into = options.into or Path(tempfile.gettempdir()) / "fuzz-broken"
    report, seconds = timed(options.seed, options.cases, options.processes, into)
    print(f"seed {options.seed}: {sum(report.outcomes.values()):,} cases in {seconds:.0f} s")
    for outcome, count in report.outcomes.most_common():
        print(f"{count:8,}  {outcome}")
    print(f"at most {report.cpu_s:.2f} s of CPU and {report.mib:.1f} MiB over the idle process")
    for line in report.broken:
        print(f"BROKEN {line}")
    if report.broken:
        print(f"their bytes are in {into}; what is mended belongs into tests/fuzz/broken")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
