import threading
import time

import pytest

from core.errors import Overloaded
from core.gate import Gate


def test_a_full_gate_refuses_after_the_wait() -> None:
    gate = Gate(max_wait_s=0.05, slots=1)
    with gate.turn(), pytest.raises(Overloaded, match=r"0\.05 s"), gate.turn():
        pass


def test_a_wait_that_began_before_counts() -> None:
    gate = Gate(max_wait_s=60, slots=1)
    with gate.turn(), pytest.raises(Overloaded), gate.turn(since=time.perf_counter() - 61):
        pass
    with gate.turn(since=time.perf_counter() - 61):
        pass  # who finds a slot free has it, however late


def test_a_slot_is_free_again_after_an_error() -> None:
    gate = Gate(max_wait_s=0.01, slots=1)
    with pytest.raises(ValueError, match="inside"), gate.turn():
        raise ValueError("inside")
    with gate.turn():
        pass


def test_never_more_than_the_slots_at_once() -> None:
    gate, lock = Gate(max_wait_s=60, slots=2), threading.Lock()
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        with gate.turn():
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.005)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 2)
