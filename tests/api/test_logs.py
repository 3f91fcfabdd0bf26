import json
import logging
import logging.config
from typing import Any

import pytest

from api.logs import ACCESS_FORMAT, logging_config

ATOMS = {
    "h": "127.0.0.1",
    "r": "POST /model/predict HTTP/1.1",
    "m": "POST",
    "U": "/model/predict",
    "q": "",
    "s": "200",
    "B": 60,
    "M": 2,
}


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
    logging.getLogger("gunicorn.access").info(ACCESS_FORMAT, ATOMS)
    assert capsys.readouterr().out.endswith('127.0.0.1 "POST /model/predict HTTP/1.1" 200 60 bytes in 2 ms\n')


def test_access_line_in_json_has_fields(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "json")
    logging.getLogger("gunicorn.access").info(ACCESS_FORMAT, ATOMS)
    record = json.loads(capsys.readouterr().out)
    assert (record["status"], record["path"], record["milliseconds"]) == ("200", "/model/predict", 2)


def test_health_probes_are_left_out_of_the_access_log(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "text")
    logging.getLogger("gunicorn.access").info(ACCESS_FORMAT, ATOMS | {"U": "/health/ready"})
    assert capsys.readouterr().out == ""
