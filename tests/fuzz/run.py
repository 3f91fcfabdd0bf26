"""Many cases in processes of their own, so that one that crashes or hangs is found and tells which case it was."""

import faulthandler
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.judge import Judge
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import polyglots, seeds

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).parent / "broken"
HANG_S = 20
"""Of computing time for one case, after which the system ends its process."""


@dataclass
class Report:
    """How many cases had each outcome, what broke, and the most that one cost."""

    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    mib: float = 0.0


def corpus() -> list[bytes]:
    """What is mutated: all seeds and polyglots, and what broke before."""
    files = sorted(path for path in BROKEN.iterdir() if path.suffix != ".md")
    return [*seeds().values(), *polyglots().values(), *(path.read_bytes() for path in files)]


def work(seed: int, start: int, count: int) -> None:
    """Read some cases; writes a line before and one after each."""
    faulthandler.enable()
    files = corpus()
    judge = Judge((ROOT / "samples" / "9-photo-squared.jpg").read_bytes())
    for number in range(start, start + count):
        soft = int(time.process_time()) + HANG_S
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        verdict = judge.judge(mutated(seed, number, files))
        sys.stdout.write(json.dumps([*verdict, verdict.broken]) + "\n")


def fuzz(seed: int, count: int, processes: int, into: Path) -> Report:
    """Run the cases 0 to `count`; the bytes of those that break something are written to a folder."""
    share = -(-count // processes)
    starts = range(0, count, share)
    with ThreadPoolExecutor(len(starts)) as pool:
        reports = list(pool.map(lambda start: _run(seed, start, min(share, count - start)), starts))
    report = Report(sum((part.outcomes for part in reports), Counter()))
    for part in reports:
        report.broken += part.broken
        report.cpu_s, report.mib = max(report.cpu_s, part.cpu_s), max(report.mib, part.mib)
    _keep(report, seed, into)
    return report


def _keep(report: Report, seed: int, into: Path) -> None:
    """Write the bytes of what broke something."""
    files = corpus() if report.broken else []
    for line in report.broken:
        into.mkdir(parents=True, exist_ok=True)
        number = int(line.split(":")[0])
        (into / f"{seed}-{number}").write_bytes(mutated(seed, number, files))


def _run(seed: int, start: int, count: int) -> Report:
    """Run some cases in a process; where one kills it, in another process from the next case on."""
    report, number, end = Report(), start - 1, start + count
    while number + 1 < end:
        number = _collect(_start(seed, number + 1, end - number - 1), number, report)
    return report


def _start(seed: int, start: int, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.fuzz", "--worker", str(seed), str(start), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _collect(child: "subprocess.Popen[str]", number: int, report: Report) -> int:
    """Read what a process writes, until it ends; returns the number of its last case, at least the next."""
    last, other = number, ""
    with child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip().isdigit():
                last = int(line)
            elif line.startswith("["):
                _note(report, last, json.loads(line))
            else:
                other += line
    if child.returncode:
        last = max(last, number + 1)
        report.outcomes["! crash"] += 1
        report.broken.append(f"{last}: the process died with {child.returncode}: {other[-2000:]}")
    return last


def _note(report: Report, number: int, verdict: list[object]) -> None:
    outcome, cpu_s, mib, broken = str(verdict[0]), float(str(verdict[1])), float(str(verdict[2])), bool(verdict[3])
    report.outcomes[outcome] += 1
    report.cpu_s, report.mib = max(report.cpu_s, cpu_s), max(report.mib, mib)
    if broken:
        report.broken.append(f"{number}: {outcome}, {cpu_s:.2f} s, {mib:.1f} MiB")


def timed(seed: int, count: int, processes: int, into: Path) -> tuple[Report, float]:
    start = time.monotonic()
    return fuzz(seed, count, processes, into), time.monotonic() - start
