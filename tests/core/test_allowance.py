"""`core.allowance`: pictures are admitted while there is computing time left, at the pace that they take."""

import contextlib
import math

import pytest

from core import allowance
from core.allowance import PICTURE_S, PIXEL_S, Allowance
from core.errors import TooManyImages


class Clock:
    """A thread's computing time, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(allowance, "thread_time", clock)
    return clock


def admitted(limit_s: float, clock: Clock, pixels: int, takes_s: float) -> int:
    """How many pictures are admitted, each of which takes so long."""
    given, count = Allowance(limit_s), 0
    while count < 1000:
        try:
            with given.picture(pixels):
                clock.now += takes_s
        except TooManyImages:
            break
        count += 1
    return count


def test_what_may_take_longer_than_is_left_is_not_begun(clock: Clock) -> None:
    assert admitted(PICTURE_S, clock, 0, 0.0) == 1000
    assert admitted(PICTURE_S, clock, 1, 0.0) == 0
    assert admitted(PICTURE_S + PIXEL_S * 1_000_000, clock, 1_000_000, 0.01) == 1
    assert admitted(1.0, clock, 0, 0.03125) == 26


def test_a_slow_machine_keeps_the_limit_too(clock: Clock) -> None:
    began = clock.now
    assert admitted(1.7, clock, 0, 2 * PICTURE_S) == 4
    assert clock.now - began <= 1.7


def test_a_picture_that_fails_counts(clock: Clock) -> None:
    given = Allowance(1.0)
    with contextlib.suppress(ValueError), given.picture(0):
        clock.now += 0.6
        raise ValueError
    with pytest.raises(TooManyImages), given.picture(0):
        pytest.fail("three times as slow as thought, and 0.4 s left")


def test_no_limit(clock: Clock) -> None:
    assert admitted(math.inf, clock, 10**9, 1000.0) == 1000
