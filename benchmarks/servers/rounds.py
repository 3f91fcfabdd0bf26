"""One server after the other, round after round, and what their medians are.

In each round every server is started, warmed, loaded and ended in turn, so that a machine that slows down slows all of
them down; the median round counts.
"""

import logging
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.servers.catalogue import Server
from benchmarks.servers.commands import WORKERS
from benchmarks.servers.environments import EnvironmentFailed, environment
from benchmarks.servers.load import Load, LoadFailed
from benchmarks.servers.processes import ServerFailed
from benchmarks.servers.serving import Running, Setup, serving

logger = logging.getLogger(__name__)

CONNECTIONS = (1, 8, 32)

WARM_UP_S = 1
"""Seconds of load before the first that counts: every worker has then loaded and used its network."""

FOLDER = re.compile(r"(?<![\w:/])(?:/[\w.+-]+)+/")
"""The folder of an absolute path."""

LONGEST_REASON = 400
"""Characters of a reason that a table can hold."""


@dataclass(frozen=True, slots=True)
class Round:
    """One server in one round: seconds to its first right answer, MB of each of its processes, and its loads."""

    start_s: float
    pss_mb: Sequence[float]
    loads: Sequence[Load]


@dataclass(slots=True)
class Outcome:
    """All rounds of one server, and the reason of each that failed."""

    server: Server
    rounds: list[Round] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def given_up(self) -> bool:
        """Whether it never worked, and so is not tried again."""
        return bool(self.reasons) and not self.rounds

    def fail(self, error: Exception) -> None:
        """Keep the reason of a failure."""
        self.reasons.append(why(error))
        logger.warning("%s: %s", self.server.key, self.reasons[-1])


def install(outcomes: Sequence[Outcome], setup: Setup) -> None:
    """Make every environment that is needed before anything is measured."""
    for outcome in outcomes:
        if not outcome.server.family:
            continue
        try:
            environment(outcome.server.family, setup.cache)
        except EnvironmentFailed as exc:
            outcome.fail(exc)


def run_round(outcomes: Sequence[Outcome], setup: Setup, seconds: float) -> None:
    """Measure every server once, except those that never worked.

    Args:
        outcomes: Of the rounds before; the new one is added.
        setup: Weights and environments.
        seconds: Of each load.
    """
    for outcome in outcomes:
        if outcome.given_up:
            continue
        try:
            with serving(outcome.server, setup) as running:
                outcome.rounds.append(_load(running, seconds))
        except (EnvironmentFailed, ServerFailed, LoadFailed) as exc:
            outcome.fail(exc)
            continue
        rates = ", ".join(f"{load.rate:.0f} at {load.connections}" for load in outcome.rounds[-1].loads)
        logger.info("%s: %s requests a second", outcome.server.key, rates)


def _load(running: Running, seconds: float) -> Round:
    running.load(CONNECTIONS[-1], WARM_UP_S)
    loads = [running.load(connections, seconds) for connections in CONNECTIONS]
    running.check()  # a server that broke under load answers wrongly, or not at all
    return Round(running.start_s, running.process.pss_mb(), loads)


def why(error: Exception) -> str:
    """Return the reason that a table shows: it has no line breaks, and no folders of this machine."""
    kind = "not installed" if isinstance(error, EnvironmentFailed) else "failed"
    text = FOLDER.sub("", " ".join(str(error).split())).replace("|", "/")
    return f"{kind}: {text}"[:LONGEST_REASON]


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Return the medians of a server's rounds, in a form that fits into JSON; without a round there are none."""
    server = outcome.server
    summary = {
        "title": server.title,
        "engine": server.engine,
        "note": server.note,
        "rounds": len(outcome.rounds),
        "failed": outcome.reasons,
    }
    if not outcome.rounds:
        return summary
    return summary | {
        "start_s": statistics.median(each.start_s for each in outcome.rounds),
        "processes": statistics.median_low([len(each.pss_mb) for each in outcome.rounds]),
        "pss_worker_mb": statistics.median(sum(each.pss_mb) for each in outcome.rounds) / WORKERS,
        "loads": {
            str(loads[0].connections): summarise_loads(loads)
            for loads in zip(*(each.loads for each in outcome.rounds), strict=True)
        },
    }


def summarise_loads(loads: Sequence[Load]) -> dict[str, Any]:
    """Return the medians of equal loads, the range of their rates, and the sums of what was counted."""
    rates = [load.rate for load in loads]
    return {
        "rate": statistics.median(rates),
        "rate_least": min(rates),
        "rate_most": max(rates),
        "p50_ms": statistics.median(load.p50_ms for load in loads),
        "p99_ms": statistics.median(load.p99_ms for load in loads),
        "requests": sum(load.requests for load in loads),
        "failed": sum(load.failures for load in loads),
    }
