import json
import logging
import logging.config
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from api.logs import AccessLogger, Discretion, logging_config


def log_access(path: str = "/model/predict") -> None:
    """Has gunicorn's logger, ours, log a request."""
    response = SimpleNamespace(status="200 OK", sent=60)
    environ = {
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "top_k=2",
        "RAW_URI": f"{path}?top_k=2",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    logger = AccessLogger.__new__(AccessLogger)  # gunicorn's own set-up would configure this process's logging
    logger.access_log = logging.getLogger("gunicorn.access")
    logger.access(response, None, environ, timedelta(milliseconds=2.06))  # type: ignore[arg-type]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Configures the logging, and puts it back as it was."""
    loggers = [logging.getLogger(), logging.getLogger("gunicorn.error"), logging.getLogger("gunicorn.access")]
    for logger in loggers:
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "propagate", logger.propagate)
        monkeypatch.setattr(logger, "level", logger.level)
    return lambda level, log_format: logging.config.dictConfig(logging_config(level, log_format))


def test_text(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "text")
    logging.getLogger("app").info("serving %s", "digits")
    logging.getLogger("app").debug("unseen")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO app: serving digits")


def test_json_escapes_what_a_client_sent(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "json")
    logging.getLogger("app").info('a "quote"\nand a line', extra={"device": "cpu"})
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record["message"] == 'a "quote"\nand a line'
    assert (record["level"], record["logger"], record["device"]) == ("INFO", "app", "cpu")


def test_access_line_in_text(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "text")
    log_access()
    line = '127.0.0.1 "POST /model/predict?top_k=2 HTTP/1.1" 200 60 bytes in 2.1 ms\n'
    assert capsys.readouterr().out.endswith(f"INFO gunicorn.access: {line}")


def test_access_line_in_json_has_fields(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "json")
    log_access()
    record = json.loads(capsys.readouterr().out)
    assert (record["client"], record["method"], record["query"]) == ("127.0.0.1", "POST", "top_k=2")
    assert (record["status"], record["path"], record["bytes"]) == ("200", "/model/predict", 60)
    assert record["milliseconds"] == pytest.approx(2.1)


@pytest.mark.parametrize(("path", "level"), [("/health/ready", "info"), ("/model/predict", "warning")])
def test_probes_and_what_is_below_the_level_are_left_out(
    configured: Any, capsys: pytest.CaptureFixture[str], path: str, level: str
) -> None:
    configured(level, "text")
    log_access(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("logged", "kept"),
    [
        ("Invalid request from ip=::1: Invalid HTTP Header: 'X-API-Key hush'", "ip=::1: Invalid HTTP Header"),
        ('Invalid request from ip=1.2.3.4: Invalid HTTP method: "hush\'s"', "ip=1.2.3.4: Invalid HTTP method"),
        ("Invalid request from ip=1.2.3.4: Invalid chunk size: b'hush\\n'", "ip=1.2.3.4: Invalid chunk size"),
        ("Invalid request from ip=1.2.3.4: Request Line is too large (9000 > 4094)", "too large (9000 > 4094)"),
        ("Booting worker with pid: 1", "Booting worker with pid: 1"),
    ],
)
def test_nothing_is_quoted_of_what_is_no_http(logged: str, kept: str) -> None:
    record = logging.LogRecord("gunicorn.error", logging.WARNING, "", 0, logged, (), None)
    assert Discretion().filter(record)
    assert record.getMessage().endswith(kept)
