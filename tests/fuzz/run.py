"""Many cases in processes of their own, so that one that crashes or hangs is found and tells which case it was."""

import faulthandler
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.judge import Judge
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import polyglots, seeds

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).parent / "broken"
HANG_S = 60
"""Without a finished case, after which a process counts as hanging."""


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
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        verdict = judge.judge(mutated(seed, number, files))
        sys.stdout.write(json.dumps([*verdict, verdict.broken]) + "\n")


def fuzz(seed: int, count: int, processes: int, into: Path) -> Report:
    """Run the cases 0 to `count`; the bytes of those that break something are written to a folder."""
    report, share = Report(), -(-count // processes)
    spans = [(start, min(share, count - start)) for start in range(0, count, share)]
    children = [(_start(seed, *span), span) for span in spans]
    for child, span in children:
        _collect(child, seed, span, report)
    if report.broken:
        files = corpus()
        into.mkdir(parents=True, exist_ok=True)
        for line in report.broken:
            number = int(line.split(":")[0])
            (into / f"{seed}-{number}").write_bytes(mutated(seed, number, files))
    return report


def _start(seed: int, start: int, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.fuzz", "--worker", str(seed), str(start), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _collect(child: "subprocess.Popen[str]", seed: int, span: tuple[int, int], report: Report) -> None:
    """Read what a process writes; one that dies is started again behind the case that killed it."""
    number, other = span[0] - 1, ""
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip().isdigit():
            number = int(line)
        elif line.startswith("["):
            _note(report, number, json.loads(line))
        else:
            other += line
    child.stdout.close()
    status = child.wait()
    end = span[0] + span[1]
    if status:
        report.outcomes["! crash"] += 1
        report.broken.append(f"{number}: the process died with {status}: {other[-2000:]}")
        if number + 1 < end and number >= span[0]:
            rest = (number + 1, end - number - 1)
            _collect(_start(seed, *rest), seed, rest, report)


def _note(report: Report, number: int, verdict: list[object]) -> None:
    outcome, cpu_s, mib, broken = str(verdict[0]), float(str(verdict[1])), float(str(verdict[2])), bool(verdict[3])
    report.outcomes[outcome] += 1
    report.cpu_s, report.mib = max(report.cpu_s, cpu_s), max(report.mib, mib)
    if broken:
        report.broken.append(f"{number}: {outcome}, {cpu_s:.2f} s, {mib:.1f} MiB")


def timed(seed: int, count: int, processes: int, into: Path) -> tuple[Report, float]:
    start = time.monotonic()
    return fuzz(seed, count, processes, into), time.monotonic() - start
