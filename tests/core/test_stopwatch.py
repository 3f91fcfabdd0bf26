import pytest

from core import stopwatch
from core.stopwatch import Stopwatch


def test_the_phases_are_all_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1.5, 2.0, 4.0, 4.25])
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: next(moments))
    watch = Stopwatch(started=1.0)
    assert watch.ended == 1.0
    for phase in ("queue", "decode", "queue", "respond"):
        watch.lap(phase)
    assert watch.seconds() == {"queue": 2.5, "decode": 0.5, "respond": 0.25}
    assert sum(watch.seconds().values()) == watch.ended - watch.started


def test_it_starts_at_once() -> None:
    watch = Stopwatch()
    watch.lap("decode")
    assert 0 <= watch.seconds()["decode"] < 60
