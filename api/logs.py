"""The log's form: one line an event, text or JSON; the access log on standard output, the rest on standard error."""

import logging
import re
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import Request
from gunicorn.http.wsgi import Response

ACCESS_FORMAT = '%(client)s "%(request)s" %(status)s %(bytes)s bytes in %(milliseconds)s ms'
"""One answered request: client, request line, status, bytes of the body, milliseconds."""

ACCESS_FIELDS = ("client", "method", "path", "query", "status", "bytes", "milliseconds")
"""Fields of an access line in JSON."""

TEXT_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
QUIET_PREFIXES = ("/health/", "/v2/health/")
"""Requests left out of the access log: probes come every few seconds and would hide the rest."""

_INVALID = re.compile(r"(Invalid request from ip=\S+ [^:'\"]*).*", re.DOTALL)
"""What gunicorn logs of a request that is no HTTP: who sent it, what is wrong, and the bytes themselves."""


class AccessLogger(Logger):
    """gunicorn's logger with an access line of few fields: gunicorn's own prepares every header of both sides."""

    def access(
        self,
        resp: Response,
        req: Request,  # noqa: ARG002  the signature is gunicorn's
        environ: MutableMapping[str, Any],
        request_time: timedelta,
    ) -> None:
        """Log an answered request, unless it is a health probe."""
        path = environ.get("PATH_INFO", "-")  # a request that gunicorn refuses has none
        if path.startswith(QUIET_PREFIXES) or not self.access_log.isEnabledFor(logging.INFO):
            return
        fields = {
            "client": environ.get("REMOTE_ADDR", "-"),
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "query": environ["QUERY_STRING"],
            "status": str(resp.status).partition(" ")[0],
            "bytes": resp.sent,
            "milliseconds": round(request_time.total_seconds() * 1000, 1),
            "request": f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}",
        }
        record = logging.LogRecord(self.access_log.name, logging.INFO, "", 0, ACCESS_FORMAT, (fields,), None)
        record.__dict__.update({name: fields[name] for name in ACCESS_FIELDS})
        self.access_log.handle(record)


class Discretion(logging.Filter):
    """Leaves out what gunicorn quotes of a request that is no HTTP: a line of it may hold a key, a chunk a picture."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut the quotation off, and let the rest pass."""
        record.msg = _INVALID.sub(r"\1", str(record.msg))
        return True


def logging_config(level: str, log_format: str) -> dict[str, Any]:
    """Return the `logging.config.dictConfig` of the server.

    Args:
        level: Name of the least severe level logged, such as "info".
        log_format: "text" or "json".
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"discretion": {"()": Discretion}},
        "formatters": {"text": {"format": TEXT_FORMAT}, "json": _json_formatter()},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": log_format, "stream": "ext://sys.stderr"},
            "access": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "stream": "ext://sys.stdout",
            },
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
