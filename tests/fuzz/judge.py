"""What reading some bytes came to, and what it cost."""

import gc
import os
import time
from pathlib import Path
from typing import NamedTuple

from core.errors import RequestError
from core.heap import give_back, keep_little
from core.image import read_digit
from core.imaging.bands import import_vips
from core.imaging.decode import LIBJPEG_BOUND

MAX_PIXELS = 50_000_000
MOST_MIB = 64.0
MOST_S = 2.0
ALLOWED = frozenset((400, 413, 422))

_PROC = Path("/proc/self")


class Verdict(NamedTuple):
    """The outcome (`read`, the code of an error, or the name of an exception), and what it cost."""

    outcome: str
    cpu_s: float
    mib: float

    @property
    def broken(self) -> bool:
        return self.outcome.startswith("!") or self.cpu_s > MOST_S or self.mib > MOST_MIB


def memory_mib(field: str) -> float:
    """`VmRSS`, the resident memory of this process, or `VmHWM`, its peak since `forget_peak`."""
    line = next(line for line in (_PROC / "status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    (_PROC / "clear_refs").write_text("5")


class Judge:
    """Reads pictures in this process, which it prepares as a worker prepares itself."""

    def __init__(self, warm: bytes) -> None:
        keep_little()
        os.environ.update(LIBJPEG_BOUND)
        import_vips()
        read_digit(warm, MAX_PIXELS)
        gc.collect()
        give_back()
        self._idle_mib = memory_mib("VmRSS")

    def judge(self, data: bytes) -> Verdict:
        """Reads a picture; its memory counts over the idle process, with what earlier ones left behind."""
        forget_peak()
        start = time.process_time()
        outcome = read(data)
        return Verdict(outcome, time.process_time() - start, memory_mib("VmHWM") - self._idle_mib)


def read(data: bytes) -> str:
    """`read`, the code of the error that the client would be told, or `!` and what must never happen."""
    try:
        digit = read_digit(data, MAX_PIXELS)
    except RequestError as exc:
        return exc.code if exc.status in ALLOWED else f"! {exc.status}"
    except Exception as exc:
        return f"! {type(exc).__name__}: {exc}"[:200]
    return "read" if digit.pixels.shape == (28, 28) else f"! {digit.pixels.shape}"
