"""The log's form: one line an event, text or JSON; the access log on standard output, the rest on standard error.

What a client sent may stand in a line, but not break it: control characters are escaped in text, and by JSON itself.
"""

import logging
import re
import select
import time
from collections.abc import MutableMapping
from datetime import timedelta
from time import perf_counter
from typing import Any, TextIO

from gunicorn.glogging import Logger
from gunicorn.http import Request
from gunicorn.http.wsgi import Response

from api import journal

PHASES = ("queue", "decode", "infer", "respond")
LONGEST_PATH = 200
"""Characters of a path that a line repeats."""

TEXT_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"

_INVALID = re.compile(r"(Invalid request from ip=\S+ [^:'\"]*).*", re.DOTALL)
"""What gunicorn logs of a request that is no HTTP: who sent it, what is wrong, and the bytes themselves."""


class AccessLogger(Logger):
    """gunicorn's logger with an access line of our own: gunicorn's prepares every header of both sides."""

    def access(
        self,
        resp: Response,
        req: Request,  # noqa: ARG002  the signature is gunicorn's
        environ: MutableMapping[str, Any],
        request_time: timedelta,  # noqa: ARG002  it begins when a thread is free, ours when the request had arrived
    ) -> None:
        """Log an answered request unless it is a probe; neither its headers nor its query, where keys may stand."""
        entry = journal.current()
        if entry.quiet or not self.access_log.isEnabledFor(logging.INFO):
            return
        seconds = entry.watch.seconds()
        queue, decode, infer, respond = [_milliseconds(seconds.get(phase, 0.0)) for phase in PHASES]
        fields = {
            "client": environ.get("REMOTE_ADDR", "-"),
            "method": environ["REQUEST_METHOD"],
            "path": _readable(environ.get("PATH_INFO", "-")),
            "route": entry.route,
            "protocol": environ["SERVER_PROTOCOL"],
            "status": str(resp.status).partition(" ")[0],
            "images": entry.images,
            "bytes_in": entry.bytes_in,
            "bytes": resp.sent,
            "ms": _milliseconds(perf_counter() - entry.watch.started),
            "queue_ms": queue,
            "decode_ms": decode,
            "infer_ms": infer,
            "respond_ms": respond,
        }
        line = (
            f'{fields["client"]} "{fields["method"]} {fields["path"]} {fields["protocol"]}" {fields["status"]}, '
            f"images {entry.images}, bytes {fields['bytes_in']} in {resp.sent} out, {fields['ms']} ms: "
            f"queue {queue}, decode {decode}, infer {infer}, respond {respond}"
        )
        record = logging.LogRecord(self.access_log.name, logging.INFO, "", 0, line, None, None)
        record.__dict__.update(fields)
        self.access_log.handle(record)


class Discretion(logging.Filter):
    """Leaves out what gunicorn quotes of a request that is no HTTP: a line of it may hold a key, a chunk a picture."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut the quotation off, and let the rest pass."""
        record.msg = _INVALID.sub(r"\1", str(record.msg))
        return True


class SteadyHandler(logging.StreamHandler[TextIO]):
    """Writes a line with the id of the request in hand, if it can be written at once; never waits and never raises.

    Who reads the log may stop, close its pipe or fill its disk: that shall cost lines, not requests.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.lost = 0
        self._poll: select.poll | None = select.poll()
        try:
            self._poll.register(stream, select.POLLOUT)
        except (OSError, ValueError, TypeError):
            self._poll = None  # no file of the system's, so never full

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count it as lost."""
        if request_id := journal.current_id():
            record.request_id = request_id
        if self._poll and not self._poll.poll(0):  # a pipe is ready for writing while it has room for 4,096 bytes
            self.lost += 1
            return
        if self.lost and not self._admit_loss():
            return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002  the name is logging's
        """Count a line that could not be written as lost; there is no place left to complain."""
        self.lost += 1

    def _admit_loss(self) -> bool:
        """Write how many lines were lost; False if that, and so whatever comes next, is lost as well."""
        lost = self.lost
        text = "%d lines of the log were lost while nobody took them"
        super().emit(logging.LogRecord(__name__, logging.WARNING, "", 0, text, (lost,), None))
        admitted = self.lost == lost
        self.lost = 0 if admitted else lost + 1
        return admitted


class TextFormatter(logging.Formatter):
    """One line of text an event, whatever its message holds; ends with the request's id where there is one."""

    _clock = (-1, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        """Return the time of an event, to the millisecond; all but those are written out once a second."""
        second = int(record.created)
        known, text = self._clock
        if second != known:
            text = time.strftime(self.default_time_format, self.converter(second))
            self._clock = second, text
        return f"{text},{int(record.msecs):03d}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the name is logging's
        """Return the line, without a traceback."""
        line = super().formatMessage(record)
        if request_id := getattr(record, "request_id", None):
            line += f" request_id={request_id}"
        return line if line.isprintable() else _escaped(line)


def logging_config(level: str, log_format: str) -> dict[str, Any]:
    """Return the `logging.config.dictConfig` of the server.

    Args:
        level: Name of the least severe level logged, such as "info".
        log_format: "text" or "json".
    """
    # Nothing here tells threads apart (https://docs.python.org/3/howto/logging.html#optimization).
    logging.logThreads = logging.logMultiprocessing = False
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"discretion": {"()": Discretion}},
        "formatters": {"text": {"()": TextFormatter, "fmt": TEXT_FORMAT}, "json": _json_formatter()},
        "handlers": {
            "stderr": {"class": "api.logs.SteadyHandler", "formatter": log_format, "stream": "ext://sys.stderr"},
            "access": {"class": "api.logs.SteadyHandler", "formatter": log_format, "stream": "ext://sys.stdout"},
        },
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            # below this, Pillow logs what it finds in a picture: chunks, and the texts of its tags
            "PIL": {"level": "INFO" if level == "debug" else level.upper()},
            "gunicorn.error": {
                "level": level.upper(),
                "handlers": ["stderr"],
                "filters": ["discretion"],
                "propagate": False,
            },
            "gunicorn.access": {"level": level.upper(), "handlers": ["access"], "propagate": False},
        },
    }


def _json_formatter() -> dict[str, Any]:
    return {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "fmt": "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s",
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
    }


def _milliseconds(seconds: float) -> float:
    """With two decimals, cut: `round` takes three times as long."""
    return int(seconds * 100_000) / 100


def _readable(path: str) -> str:
    """A path as people write it: WSGI has its UTF-8 as Latin-1."""
    path = path[:LONGEST_PATH]
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def _escaped(line: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
