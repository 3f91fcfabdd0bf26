"""What is tried again, split and given up, with an executor that runs everything at once and in this process."""

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from batch.activations import ATTEMPTS, MOST_FAILURES, BatchError, Crew, Failure, refuse_unreachable, run
from batch.batches import halves

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


def split(task: Task, failure: Failure) -> Sequence[Task]:  # noqa: ARG001 - the caller's signature
    return halves(task)  # type: ignore[arg-type, return-value] # of anything


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


def test_the_one_that_fails_is_singled_out(crew: Crew) -> None:
    asked: list[Task] = []

    def function(task: Task, storage: object) -> int:  # noqa: ARG001
        asked.append(task)
        if 5 in task:
            raise OSError("no 5, please")
        return len(task)

    results = dict(run(crew, function, iter([tuple(range(8))]), split))
    given_up = results.pop((5,))
    assert isinstance(given_up, Failure)
    assert (given_up.reason, given_up.died) == ("no 5, please", False)
    assert sorted(number for task in results for number in task) == [0, 1, 2, 3, 4, 6, 7]
    assert asked.count(tuple(range(8))) == ATTEMPTS
    assert not crew.gave_up


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
