"""Reads a folder in a process of its own, which ends when nothing more is asked of it.

s3fs takes 60 MB and starts a thread: neither is for a process from which others are forked.
"""

import signal
import subprocess  # nosec B404 # our own program only
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from core.errors import StorageError
from core.storage import open_folder

ROOT = Path(__file__).parents[2]
LIMIT_S = 60
"""Within which all must be read; a store that never answers must not hold up whoever asks for ever."""

Read = Callable[[str, int], bytes]
"""Reads the file of a name, of at most so many bytes."""


@contextmanager
def reading_apart(place: str) -> Iterator[Read]:
    """Give a function that reads files of a folder as `Folder.read` does, but in another process.

    Raises:
        StorageError: By that function: a file cannot be read, or not in time.
    """
    ours, theirs = Pipe()
    command = [sys.executable, "-m", "core.storage.apart", place, str(theirs.fileno())]
    with ours, _started(command, theirs.fileno()) as process:
        theirs.close()
        try:
            yield partial(_ask, ours, place)
        finally:
            process.kill()


def _started(command: list[str], descriptor: int) -> "subprocess.Popen[bytes]":
    """Start a process with one of our descriptors; its session is its own, as Ctrl-C is for us, who then end it."""
    return subprocess.Popen(command, cwd=ROOT, pass_fds=[descriptor], start_new_session=True)  # noqa: S603  # nosec B603


def _ask(pipe: "Connection[bytes, bytes]", place: str, name: str, most: int) -> bytes:
    try:
        pipe.send_bytes(f"{most} {name}".encode())
        if error := pipe.recv_bytes():
            raise StorageError(error.decode())
        return pipe.recv_bytes()
    except (EOFError, OSError) as exc:
        raise StorageError(f"{place}/{name}: could not be read within {LIMIT_S} s: try again") from exc


def _answer(pipe: "Connection[bytes, bytes]", place: str) -> None:
    """Answer each question with an error, empty where there is none, and then the file."""
    while True:
        most, _, name = pipe.recv_bytes().decode().partition(" ")
        try:
            data = open_folder(place).read(name, int(most))
        except StorageError as exc:
            pipe.send_bytes(str(exc).encode())
        else:
            pipe.send_bytes(b"")
            pipe.send_bytes(data)


if __name__ == "__main__":
    signal.alarm(LIMIT_S)
    with suppress(EOFError):  # whoever asked is gone
        _answer(Connection(int(sys.argv[2])), sys.argv[1])
