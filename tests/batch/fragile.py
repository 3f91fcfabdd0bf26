"""Scoring by workers of which some die or fail, as a command: python -m tests.batch.fragile SRC DST MARKS

A picture named `deadly` kills whoever reads it; one named `once` fails, but for the first time only.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from batch import job
from batch.__main__ import main
from batch.score import ScoreTask
from batch.score import score_batch as real
from batch.tally import Tally


def score_batch(task: ScoreTask, storage: Any) -> Tally:
    names = {Path(entry.name).stem for entry in task.batch}
    if "deadly" in names:
        os.kill(os.getpid(), signal.SIGKILL)
    mark = Path(os.environ["MARKS"], "failed")
    if "once" in names and not mark.exists():
        mark.touch()
        raise OSError("a disk that hiccups")
    if "twice" in names:
        os.kill(os.getppid(), signal.SIGKILL)  # Lithops' own half, so that nobody reports
        os.kill(os.getpid(), signal.SIGKILL)
    return real(task, storage)


if __name__ == "__main__":
    from tests.batch import fragile

    os.environ["MARKS"] = sys.argv[3]
    job.score_batch = fragile.score_batch  # type: ignore[attr-defined] # workers find it by its module's name
    sys.exit(main(["score", *sys.argv[1:3], "--workers", "2", "--batch-size", "8"]))
