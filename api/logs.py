"""The log's form: one line an event, text or JSON; the access log on standard output, the rest on standard error."""

import logging
from typing import Any

ACCESS_FORMAT = '%(h)s "%(r)s" %(s)s %(B)s bytes in %(M)s ms'
"""One answered request, in gunicorn's atoms: client, request line, status, bytes, milliseconds."""

TEXT_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
QUIET_PREFIX = "/health/"
"""Requests left out of the access log: probes come every few seconds and would hide the rest."""

ACCESS_FIELDS = {
    "client": "h",
    "method": "m",
    "path": "U",
    "query": "q",
    "status": "s",
    "bytes": "B",
    "milliseconds": "M",
}
"""Fields of an access line in JSON, and the gunicorn atom that each holds."""


class AccessFilter(logging.Filter):
    """Leaves out the health probes, and gives the other lines their atoms as fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line of gunicorn's access log is kept."""
        atoms = record.args
        if not isinstance(atoms, dict):
            return True
        if str(atoms.get("U", "")).startswith(QUIET_PREFIX):
            return False
        record.__dict__.update({field: atoms[atom] for field, atom in ACCESS_FIELDS.items() if atom in atoms})
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
        "formatters": {"text": {"format": TEXT_FORMAT}, "json": _json_formatter()},
        "filters": {"access": {"()": AccessFilter}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": log_format, "stream": "ext://sys.stderr"},
            "access": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "stream": "ext://sys.stdout",
                "filters": ["access"],
            },
        },
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            "gunicorn.access": {"level": level.upper(), "handlers": ["access"], "propagate": False},
        },
    }


def _json_formatter() -> dict[str, Any]:
    return {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "fmt": "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s",
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
    }
