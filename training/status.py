"""How a run goes, as a file of JSON lines that can be read at any time: `NAME/status.jsonl`."""

import json
import logging
import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from core.errors import ObjectMissing
from core.storage import Folder
from model.description import Description
from training.watch import Epoch, Watcher

STATUS_NAME = "status.jsonl"

Line = dict[str, Any]

logger = logging.getLogger(__name__)


class StatusFile(Watcher):
    """One line at each start, one for each epoch, one at the end; every line bears `time`, `run`, `state` and `epoch`.

    `state` is `started`, `running`, `finished`, `interrupted` or `failed`; the last line's is the run's. Objects cannot
    be appended to, so that the file, which is small, is written anew for each line.
    """

    def __init__(self, folder: Folder, run: str) -> None:
        """Take the folder of the run, and what tells its settings from others."""
        self._folder, self._run = folder, run
        self._lines: list[Line] = []
        self._epoch = 0

    def begin(self, epoch: int) -> None:
        """Go on with the lines of an interrupted run, but for those of epochs that will be done again."""
        self._epoch = epoch
        self._lines = [line for line in self._read() if _still_holds(line, epoch)] if epoch else []
        self._add("started")
        logger.info("status: %s", self._folder.place(STATUS_NAME))

    def note(self, epoch: Epoch) -> None:
        """Add the epoch's figures."""
        self._epoch = epoch.epoch
        self._add("running", **{name: _rounded(value) for name, value in asdict(epoch).items()})

    def finish(self, description: Description) -> None:
        """Add the figures of the weights."""
        self._add("finished", temperature=description.temperature, metrics=description.metrics)

    def stop(self, state: str, reason: str) -> None:
        """Add the reason."""
        self._add(state, reason=reason)

    def _add(self, state: str, **figures: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._lines.append({"time": now, "run": self._run, "state": state, "epoch": self._epoch} | figures)
        text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in self._lines)
        self._folder.write(STATUS_NAME, text.encode())

    def _read(self) -> list[Line]:
        """Return the lines of this run that are there; what is not ours is no reason to stop."""
        try:
            lines = [json.loads(line) for line in self._folder.read(STATUS_NAME).splitlines()]
        except (ObjectMissing, ValueError):
            return []
        return [line for line in lines if isinstance(line, dict) and line.get("run") == self._run]


def _still_holds(line: Line, epoch: int) -> bool:
    return line.get("state") != "running" or line.get("epoch", 0) <= epoch


def _rounded(value: float) -> float | None:
    """Return the number as it is worth writing; None for what JSON has no number for."""
    return round(value, 6) if math.isfinite(value) else None
