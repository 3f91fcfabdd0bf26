"""What is tried again, split and given up, with an executor that runs everything at once and in this process."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from batch.activations import ATTEMPTS, LAST_WORDS_S, MOST_FAILURES, Crew, refuse_unreachable, run
from batch.batches import halves
from batch.failures import BatchError, Failure, Unread

Task = tuple[int, ...]


class Done:
    """A future of the executor below."""

    executor_id, job_id, call_id = "executor", "job", "call"
    ready = success = done = True

    def __init__(self, function: Callable[..., Any], task: Task) -> None:
        self.function, self.task = function, task

    def result(self, internal_storage: object) -> Any:  # noqa: ARG002 - Lithops' own signature
        return self.function(task=self.task, storage=None)


class Executor:
    backend = "somewhere"

    def __init__(self) -> None:
        storage = SimpleNamespace(list_keys=lambda *_: [], delete_objects=lambda *_: None)
        self.internal_storage = SimpleNamespace(storage=storage, bucket="bucket")
        self.job_monitor = SimpleNamespace(monitor=SimpleNamespace(futures=set()))
        self.futures: list[Done] = []
        self.most = 0

    def map(self, function: Callable[..., Any], tasks: Sequence[dict[str, Task]], **_: object) -> list[Done]:
        self.most = max(self.most, len(tasks))
        return [Done(function, task["task"]) for task in tasks]


@pytest.fixture
def crew() -> Crew:
    return Crew(Executor(), at_once=4)


def split(task: Task, failure: Failure) -> Sequence[Task] | None:  # noqa: ARG001 - the caller's signature
    return halves(task) or None  # type: ignore[arg-type, return-value] # of anything


def test_tasks_are_taken_only_as_there_is_room(crew: Crew) -> None:
    taken: list[int] = []

    def tasks() -> Any:
        for number in range(20):
            taken.append(number)
            yield (number,)

    results = run(crew, lambda task, storage: sum(task), tasks(), split)  # noqa: ARG005
    assert next(results) == ((0,), 0)
    assert len(taken) == 4
    assert {result for _, result in results} == set(range(1, 20))
    assert crew.executor.most <= 4


def test_those_that_fail_are_singled_out(crew: Crew) -> None:
    asked: list[Task] = []

    def function(task: Task, storage: object) -> int:  # noqa: ARG001
        asked.append(task)
        if {2, 5} & set(task):
            raise OSError("no 2 or 5, please")
        return len(task)

    results = dict(run(crew, function, iter([tuple(range(8))]), split))
    given_up = {task: result.reason for task, result in results.items() if isinstance(result, Failure)}
    assert given_up == {(2,): "no 2 or 5, please", (5,): "no 2 or 5, please"}
    assert sorted(number for task in results for number in task) == list(range(8))
    assert asked.count(tuple(range(8))) == ATTEMPTS
    assert not crew.gave_up


def test_what_storage_did_not_give_is_parted_from_the_rest_at_once(crew: Crew) -> None:
    asked: list[Task] = []

    def function(task: Task, storage: object) -> int:  # noqa: ARG001
        asked.append(task)
        if 2 in task:
            raise Unread("2 is not given", (task.index(2),))
        return len(task)

    def part(task: Task, failure: Failure) -> Sequence[Task] | None:
        assert isinstance(failure.error, Unread)
        rest = tuple(number for place, number in enumerate(task) if place not in failure.error.places)
        return [rest, (2,)] if rest else None

    results = dict(run(crew, function, iter([tuple(range(4))]), part))
    assert results[(0, 1, 3)] == 3
    assert isinstance(results[(2,)], Failure)
    assert asked == [(0, 1, 2, 3), (0, 1, 3), (2,), (2,)]


def test_parts_that_are_done_already_are_not_done_again(crew: Crew) -> None:
    def function(task: Task, storage: object) -> None:
        raise OSError(f"{task}, {storage}")

    tasks: list[Task] = [(1, 2)]
    assert list(run(crew, function, iter(tasks), lambda _task, _failure: [])) == []


def test_a_hiccup_is_forgotten(crew: Crew) -> None:
    failures = iter([OSError("once"), MemoryError("twice")])

    def function(task: Task, storage: object) -> str:  # noqa: ARG001
        for failure in failures:
            raise failure
        return "well"

    tasks: list[Task] = [(1,)]
    assert list(run(crew, function, iter(tasks), split)) == [((1,), "well")]


def test_a_job_that_cannot_succeed_stops(crew: Crew) -> None:
    left: Iterator[Task] = iter([(number,) for number in range(10_000)])

    def function(task: Task, storage: object) -> None:
        raise OSError(f"the disk is full: {task}, {storage}")

    results = list(run(crew, function, left, split))
    assert crew.gave_up
    assert all(isinstance(result, Failure) for _, result in results)
    assert len({task for task, _ in results}) == len(results) <= MOST_FAILURES
    assert len(list(left)) >= 10_000 - MOST_FAILURES


def test_a_folder_of_this_machine_is_out_of_reach_of_another(crew: Crew) -> None:
    refuse_unreachable(crew, "s3://bucket/prefix")
    with pytest.raises(BatchError, match="out of reach of somewhere: take s3://"):
        refuse_unreachable(crew, "s3://bucket/prefix", "scans")


class Lost(Done):
    """A future whose process is gone."""

    ready = success = done = False


def lose(crew: Crew, since: float, status: Callable[..., Any]) -> None:
    """Have all activations lost since then, and their status read so."""
    crew.environment = SimpleNamespace(lost={("executor-job", "call"): since})
    crew.executor.map = lambda function, tasks, **_: [Lost(function, task["task"]) for task in tasks]
    crew.executor.internal_storage.get_call_status = status


def half_a_status(*_: str) -> Any:
    return json.loads('{"type": "__en')


def test_a_status_that_is_being_written_is_waited_for(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process was forked, and goes on when the fork server dies."""

    def half_a_status_first(*_: str) -> Any:
        monkeypatch.setattr(Lost, "ready", True)
        return half_a_status()

    lose(crew, time.monotonic(), half_a_status_first)
    tasks: list[Task] = [(1, 2)]
    assert list(run(crew, lambda task, storage: sum(task), iter(tasks), split)) == [((1, 2), 3)]  # noqa: ARG005
    assert crew.failures == 0


@pytest.mark.parametrize("status", [half_a_status, lambda *_: None], ids=["half", "none"])
def test_a_status_that_stays_half_is_none(crew: Crew, status: Callable[..., Any]) -> None:
    lose(crew, time.monotonic() - LAST_WORDS_S, status)
    tasks: list[Task] = [(1,)]
    [(task, failure)] = run(crew, lambda task, storage: sum(task), iter(tasks), split)  # noqa: ARG005
    assert (task, isinstance(failure, Failure) and failure.died) == ((1,), True)
    assert crew.failures == ATTEMPTS
