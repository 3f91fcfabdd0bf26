"""Where the time of one piece of work goes: a stopwatch whose laps follow each other without a gap."""

from time import perf_counter


class Stopwatch:
    """Notes when each phase ended; the phases together are all of the time that has passed.

    Times are seconds of `time.perf_counter`, which no change of the clock moves. One thread at a time has a piece of
    work in hand, so nothing is locked.
    """

    __slots__ = ("laps", "started")

    def __init__(self, started: float | None = None) -> None:
        """Start at a moment of `time.perf_counter`, by default now."""
        self.started = perf_counter() if started is None else started
        self.laps: list[tuple[str, float]] = []

    def lap(self, phase: str) -> None:
        """Give a phase the time since the end of the last one."""
        self.laps.append((phase, perf_counter()))

    @property
    def ended(self) -> float:
        """The end of the last lap, or the start."""
        return self.laps[-1][1] if self.laps else self.started

    def seconds(self) -> dict[str, float]:
        """Return the seconds that each phase took, all its laps together."""
        spent: dict[str, float] = {}
        last = self.started
        for phase, end in self.laps:
            spent[phase] = spent.get(phase, 0.0) + end - last
            last = end
        return spent
