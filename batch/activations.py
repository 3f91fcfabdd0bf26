"""Running a function on Lithops, a bounded number of activations at once; what fails is tried again, then in parts."""

import gc
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from batch.failures import BatchError, Failure, Unread
from batch.localhost import POLL_S, set_up
from core.storage import is_url

Task = TypeVar("Task")
Result = TypeVar("Result")

ATTEMPTS = 3
"""At one task, before it is split or given up."""

MOST_FAILURES = 24
"""Attempts in a row that fail with none between that succeeds: then it is not the pictures, and the job stops."""

LAST_WORDS_S = 5.0
"""In which an activation may still write its status after its process was lost; half of one is no word after them."""

PACKAGES = ["batch", "config", "core", "model"]
"""Ours, which are sent to a worker on another machine; it must have installed all others."""

CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_DEFAULT_REGION",
)
"""Variables of this process that a worker on another machine is given, where they are set."""


@dataclass
class Crew:
    """Where activations run.

    Attributes:
        executor: Lithops' own.
        at_once: Activations that are handed to Lithops before the first of them has ended.
        modules: That Lithops sends along; None where the workers have ours already.
        environment: Tells which activations died; None where only Lithops knows.
        failures: Attempts that failed since the last that did not.
    """

    executor: Any
    at_once: int
    modules: list[str] | None = None
    environment: Any = None
    failures: int = field(default=0, init=False)

    @property
    def gave_up(self) -> bool:
        """Whether so much has failed in a row that nothing more is tried."""
        return self.failures >= max(MOST_FAILURES, 2 * self.at_once)


@contextmanager
def open_crew(config: Path | None, workers: int) -> Iterator[Crew]:
    """Start Lithops, and end all that it started.

    Args:
        config: Lithops' configuration file; without one, by its own rules too, it runs on this machine.
        workers: Processes on this machine.

    Raises:
        BatchError: Lithops does not accept the configuration.
    """
    set_up()
    logging.getLogger("lithops").setLevel(logging.CRITICAL)
    from lithops import FunctionExecutor

    from batch.forking import forking_executor

    gc.freeze()  # what was imported lasts: no collection need go through it again
    given = _given_config(config)
    try:
        executor = FunctionExecutor(config=given, log_level=None) if given else forking_executor(workers)
    except Exception as exc:  # Lithops raises bare exceptions, and each backend its own
        raise BatchError(f"{config or 'Lithops'}: its configuration cannot be used ({_line(exc)})") from exc
    with executor:
        if given:
            yield Crew(executor, _width(executor), PACKAGES)
        else:
            yield Crew(executor, 2 * workers, environment=executor.compute_handler.env)


def refuse_unreachable(crew: Crew, *places: str) -> None:
    """Refuse folders of this machine where activations run on others.

    Raises:
        BatchError: A place is no URL.
    """
    for place in places:
        if crew.executor.backend != "localhost" and not is_url(place):
            raise BatchError(f"{place}: out of reach of {crew.executor.backend}: take s3://BUCKET/PREFIX")


def _given_config(config: Path | None) -> dict[str, Any] | None:
    """What Lithops' configuration file says; None where there is none."""
    from lithops.config import get_default_config_filename, load_config

    if config is None and "LITHOPS_CONFIG" not in os.environ and get_default_config_filename() is None:
        return None
    try:
        given: dict[str, Any] = load_config(str(config) if config else None, log=False)
        lithops = given.setdefault("lithops", {})
        lithops.setdefault("data_limit", False)  # of all tasks together, which is more than is wanted here
    except Exception as exc:  # yaml's errors, and those of a file that holds something else
        raise BatchError(f"{config or 'Lithops'}: its configuration cannot be read ({_line(exc)})") from exc
    return given


def _width(executor: Any) -> int:
    config = executor.config[executor.backend]
    return int(config.get("max_workers", 1)) * int(config.get("worker_processes", 1)) + 1


def run(
    crew: Crew,
    function: Callable[..., Result],
    tasks: Iterator[Task],
    split: Callable[[Task, Failure], Sequence[Task] | None],
) -> Iterator[tuple[Task, Result | Failure]]:
    """Run a function once for each task and yield what came of it, in the order in which they end.

    A task whose activation fails, or whose worker dies, is tried `ATTEMPTS` times, then split; one that cannot be split
    ends as a `Failure`. After too many failures in a row `crew.gave_up` is true and no more tasks are taken.

    Args:
        crew: Where.
        function: Of the arguments `task` and `storage`, Lithops' storage; importable by its name.
        tasks: Taken only as workers become free.
        split: Returns the parts of a task that are left to do after a failure, None where it cannot be split.
    """
    yield from _Run(crew, function, tasks, split).results()


class _Run(Generic[Task, Result]):
    """The state of one run: tasks to try again, and activations under way, with the attempts that came before."""

    def __init__(
        self,
        crew: Crew,
        function: Callable[..., Result],
        tasks: Iterator[Task],
        split: Callable[[Task, Failure], Sequence[Task] | None],
    ) -> None:
        self.crew = crew
        self.function = function
        self.split = split
        self.again: deque[tuple[Task, int]] = deque()
        self.fresh = ((task, 0) for task in tasks)
        self.running: dict[Any, tuple[Task, int]] = {}

    def results(self) -> Iterator[tuple[Task, Result | Failure]]:
        while self._start() or self.running:
            ended = [future for future in self.running if _has_ended(self.crew, future)]
            for future in ended:
                task, attempts = self.running.pop(future)
                result = self._result(future)
                if isinstance(result, Failure) and self._tries_again(task, attempts + 1, result):
                    continue
                yield task, result
            if not ended:
                time.sleep(POLL_S)
        yield from ((task, Failure("not tried any more after so many failures")) for task, _ in self.again)

    def _start(self) -> int:
        """Hand as many tasks to Lithops as there is room for; returns how many."""
        if self.crew.gave_up:
            return 0
        room = self.crew.at_once - len(self.running)
        taken = [self.again.popleft() for _ in range(min(room, len(self.again)))]
        taken += islice(self.fresh, room - len(taken))
        if taken:
            futures = self.crew.executor.map(
                self.function,
                [{"task": task} for task, _ in taken],
                extra_env=_credentials(),
                include_modules=self.crew.modules,
            )
            self.crew.executor.futures.clear()  # which it would keep for good
            self.running.update(zip(futures, taken, strict=True))
        return len(taken)

    def _result(self, future: Any) -> Result | Failure:
        """What an activation returned; what Lithops stored of it is removed."""
        storage = self.crew.executor.internal_storage
        try:
            if not _is_ready(future):
                return Failure("the process that ran it died", died=True)
            result: Result = future.result(internal_storage=storage)
        except MemoryError as exc:  # what Lithops says of a process that ended without a word
            return Failure(_line(exc), died=True)
        except Exception as exc:  # whatever the function raised
            return Failure(_line(exc), error=exc)
        finally:
            sys.excepthook = sys.__excepthook__  # Lithops puts its own there
            _forget(self.crew, future)
        self.crew.failures = 0
        return result

    def _tries_again(self, task: Task, attempts: int, failure: Failure) -> bool:
        """Whether a task that failed is tried again, as a whole or in parts; at once in parts where some were read."""
        self.crew.failures += 1
        if self.crew.gave_up:
            return False
        partly = isinstance(failure.error, Unread)
        parts = self.split(task, failure) if partly or attempts >= ATTEMPTS else None
        if parts is not None:
            self.again.extend((part, attempts if partly else 1) for part in parts)
        elif attempts < ATTEMPTS:
            self.again.append((task, attempts))
        return parts is not None or attempts < ATTEMPTS


def _is_ready(future: Any) -> bool:
    return bool(future.ready or future.success or future.done)


def _has_ended(crew: Crew, future: Any) -> bool:
    if _is_ready(future):
        return True
    if crew.environment is None:
        return False
    since = crew.environment.lost.get((f"{future.executor_id}-{future.job_id}", future.call_id))
    return since is not None and not _has_left_word(crew, future, since)


def _has_left_word(crew: Crew, future: Any, since: float) -> bool:
    """Whether an activation that is lost since then has told its status: it died of something after its work.

    Or not at all: what was forked goes on when the fork server dies, and may be writing its status at this very moment.
    """
    storage = crew.executor.internal_storage
    try:
        return storage.get_call_status(future.executor_id, future.job_id, future.call_id) is not None
    except ValueError:  # half of it is there
        return time.monotonic() - since < LAST_WORDS_S


def _forget(crew: Crew, future: Any) -> None:
    """Remove what an activation left in Lithops' storage, which would slow down every look into it."""
    from lithops.constants import JOBS_PREFIX

    storage = crew.executor.internal_storage
    crew.executor.job_monitor.monitor.futures.discard(future)
    prefix = f"{JOBS_PREFIX}/{future.executor_id}-{future.job_id}/{future.call_id}/"
    storage.storage.delete_objects(storage.bucket, storage.storage.list_keys(storage.bucket, prefix))


def _credentials() -> dict[str, str]:
    return {name: os.environ[name] for name in CREDENTIALS if name in os.environ}


def _line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:300] or type(exc).__name__
