"""One start of a server of the catalogue: in its environment, on a free port, ready only when it reads a sample right.

Nothing is measured that does not answer rightly first.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from benchmarks.servers.catalogue import Server
from benchmarks.servers.commands import ROOT, WORKERS, Place
from benchmarks.servers.environments import environment
from benchmarks.servers.load import Load, Request, run_wrk
from benchmarks.servers.processes import ServerFailed, ServerProcess, ask, free_port
from config import Settings

SAMPLE, DIGIT = ROOT / "samples" / "7.png", 7
"""What is sent, 28x28 pixels in one channel, and what must be read."""

START_S = 240
"""Seconds until a right answer; TorchServe needs 100 on a busy machine."""

SETTLE_S = 0.5
"""Before each load: a process that still answers the last one leaves all new connections to the others."""

NO_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Every process computes on one thread, since there are as many processes as CPUs."""

QUIET = {"BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
"""Nothing is sent to anybody outside, and no key of Ray's is written into the home folder."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What all servers of one benchmark share: the folder of the weights, that of the environments."""

    assets: Path
    cache: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has read the sample rightly.

    Attributes:
        url: Where the pictures go.
        start_s: Seconds from its start to its first right answer.
    """

    server: Server
    process: ServerProcess
    url: str
    start_s: float

    def load(self, connections: int, seconds: float, request: Request | None = None) -> Load:
        """Load it with a request, by default with the sample, when it is done with the load before."""
        time.sleep(SETTLE_S)
        return run_wrk(self.url, request or sample_request(self.server), connections, seconds)

    def check(self) -> None:
        """Ask for the sample once more.

        Raises:
            ServerFailed: The answer is not right, or there is none.
        """
        try:
            status, answer = ask(self.url, sample_request(self.server))
        except (OSError, HTTPException) as exc:
            raise ServerFailed(f"no answer ({exc}): {self.process.last_lines()}") from exc
        if status != HTTPStatus.OK:
            raise ServerFailed(f"answers {status}: {answer[:200].decode(errors='replace')}")
        _check_digit(self.server, answer)


@contextlib.contextmanager
def serving(server: Server, setup: Setup, workers: int = WORKERS) -> Iterator[Running]:
    """Start a server, wait until it answers rightly, and end it after the block.

    Args:
        server: Of the catalogue.
        setup: Of this benchmark.
        workers: Processes of our own server; peers have theirs in their code.

    Raises:
        EnvironmentFailed: Its packages cannot be installed.
        ServerFailed: It does not start, or answers wrongly.
    """
    executables = environment(server.family, setup.cache) if server.family else Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        place = Place(executables, free_port(), folder)
        command = server.command(place)
        url = f"http://127.0.0.1:{place.port}{server.path}"
        environ = _environ(server, setup, place, workers)
        with ServerProcess(command, environ, folder if server.family else ROOT, folder / "server.log") as process:
            start_s, answer = process.wait_until(url, sample_request(server), START_S)
            _check_digit(server, answer)
            yield Running(server, process, url, start_s)


def sample_request(server: Server) -> Request:
    """Return the sample as this server takes it."""
    return server.wrap(SAMPLE.read_bytes())


def _environ(server: Server, setup: Setup, place: Place, workers: int) -> dict[str, str]:
    """The machine's environment, less settings of ours that happen to be in it."""
    settings = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in settings}
    own = {
        "HOST": "127.0.0.1",
        "PORT": str(place.port),
        "WORKERS": str(workers),
        "ASSETS_DIR": str(setup.assets.resolve()),
        "DEVICE": "cpu",
        "PYTHONPATH": str(ROOT),
        "PATH": f"{place.executables}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    return inherited | NO_THREADS | QUIET | own | ({"ENGINE": server.engine} if server.engine else {})


def _check_digit(server: Server, answer: bytes) -> None:
    try:
        digit = server.digit(json.loads(answer))
    except (ValueError, LookupError, TypeError) as exc:
        raise ServerFailed(f"an answer of another form: {answer[:200].decode(errors='replace')}") from exc
    if digit != DIGIT:
        raise ServerFailed(f"reads {SAMPLE.name} as {digit}")
