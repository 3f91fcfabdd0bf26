import contextlib
import json
import logging
import logging.config
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import pytest

from api import journal
from api.logs import AccessLogger, Discretion, SteadyHandler, logging_config

ENVIRON = {
    "REMOTE_ADDR": "127.0.0.1",
    "REQUEST_METHOD": "POST",
    "PATH_INFO": "/model/predict",
    "QUERY_STRING": "top_k=2&api_key=secret",
    "RAW_URI": "/model/predict?top_k=2&api_key=secret",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "CONTENT_LENGTH": "444",
    "HTTP_AUTHORIZATION": "Bearer secret",
    "HTTP_X_API_KEY": "secret",
    "HTTP_X_REQUEST_ID": "mine",
}


def log_access(**environ: str) -> None:
    """Has gunicorn's logger, ours, log a request."""
    entry = journal.open_entry(ENVIRON | environ)
    entry.route, entry.images = "/model/predict", 1
    for phase in ("decode", "infer", "respond"):
        entry.watch.lap(phase)
    entry.watch.laps = [
        (phase, entry.watch.started + 0.00101 * (place + 1)) for place, (phase, _) in enumerate(entry.watch.laps)
    ]
    response = SimpleNamespace(status="200 OK", sent=60)
    logger = AccessLogger.__new__(AccessLogger)  # gunicorn's own set-up would configure this process's logging
    logger.access_log = logging.getLogger("gunicorn.access")
    logger.access(response, None, entry.environ, timedelta(0))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def nothing_in_hand() -> Iterator[None]:
    journal.close_entry()
    yield
    journal.close_entry()


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


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_id_of_the_request_in_hand(configured: Any, capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configured("info", log_format)
    journal.open_entry({"HTTP_X_REQUEST_ID": "mine"})
    logging.getLogger("app").info("reading")
    (line,) = capsys.readouterr().err.splitlines()
    if log_format == "text":
        assert line.endswith("INFO app: reading request_id=mine")
    else:
        assert json.loads(line)["request_id"] == "mine"


EVIL = "a\r\n2026-01-01 00:00:00,000 1 INFO app: forged\x1b[2J\x00\u2028\x85b"


def test_text_escapes_what_a_client_sent(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "text")
    logging.getLogger("app").info("no such thing: %s", EVIL)
    log_access(PATH_INFO=f"/{EVIL.encode().decode('latin-1')}")
    log_access(PATH_INFO="/sieben-é".encode().decode("latin-1"))
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    forged, plain = captured.out.splitlines()
    for text in (line, forged):
        assert "\\r\\n2026-01-01 00:00:00,000 1 INFO app: forged\\x1b[2J\\x00\\u2028\\x85b" in text
        assert text.isprintable()
    assert '"POST /sieben-é HTTP/1.1"' in plain


def test_a_traceback_keeps_its_lines(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "text")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("app").exception("a fault")
    assert "a fault\nTraceback (most recent call last):\n" in capsys.readouterr().err


def test_json_escapes_what_a_client_sent(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "json")
    logging.getLogger("app").info('a "quote"\nand a line', extra={"device": "cpu"})
    log_access(PATH_INFO=f"/{EVIL.encode().decode('latin-1')}")
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    record = json.loads(line)
    assert record["message"] == 'a "quote"\nand a line'
    assert (record["level"], record["logger"], record["device"]) == ("INFO", "app", "cpu")
    assert json.loads(captured.out.removesuffix("\n"))["path"] == f"/{EVIL}"
    assert captured.out.removesuffix("\n").isprintable()


def test_access_line_in_text(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "text")
    log_access()
    start, _, rest = capsys.readouterr().out.partition(" out, ")
    assert start.endswith(
        'INFO gunicorn.access: 127.0.0.1 "POST /model/predict HTTP/1.1" 200, images 1, bytes 444 in 60'
    )
    phases = ", ".join(rf"{phase} \d+\.\d+" for phase in ("queue", "decode", "infer", "respond"))
    assert re.search(rf" ms: {phases} request_id=mine\n$", rest)


def test_access_line_in_json_has_fields(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured("info", "json")
    log_access()
    record = json.loads(capsys.readouterr().out)
    assert (record["client"], record["method"], record["path"]) == ("127.0.0.1", "POST", "/model/predict")
    assert (record["status"], record["route"], record["bytes"]) == ("200", "/model/predict", 60)
    assert (record["bytes_in"], record["images"], record["request_id"]) == (444, 1, "mine")
    assert (record["decode_ms"], record["infer_ms"], record["respond_ms"]) == pytest.approx((1, 1, 1), abs=0.02)
    assert record["ms"] >= 0


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_keys_are_never_logged(configured: Any, capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configured("debug", log_format)
    log_access()
    out = capsys.readouterr().out
    assert "predict" in out
    assert "secret" not in out


@pytest.mark.parametrize(
    ("path", "level"),
    [("/health/ready", "info"), ("/v2/health/live", "info"), ("/metrics", "info"), ("/model/predict", "warning")],
)
def test_probes_and_what_is_below_the_level_are_left_out(
    configured: Any, capsys: pytest.CaptureFixture[str], path: str, level: str
) -> None:
    configured(level, "text")
    log_access(PATH_INFO=path)
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


def lines_to(handler: SteadyHandler, count: int) -> None:
    for number in range(count):
        handler.handle(logging.LogRecord("app", logging.INFO, "", 0, f"line {number} " + "x" * 1000, (), None))


def test_a_log_that_nobody_reads_is_not_waited_for() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as pipe, os.fdopen(writer, "w") as stream:
        handler = SteadyHandler(stream)
        lines_to(handler, 1000)  # a pipe has room for some 60 of them
        taken = 1000 - handler.lost
        assert 0 < taken < 200
        for number in range(taken):
            assert pipe.readline().startswith(f"line {number} ")
        lines_to(handler, 1)
        assert pipe.readline() == f"{1000 - taken} lines of the log were lost while nobody took them\n"
        assert pipe.readline().startswith("line 0 ")
        assert handler.lost == 0


def nobody() -> TextIO:
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


@pytest.mark.parametrize("open_stream", [nobody, Path("/dev/full").open], ids=["closed pipe", "full disk"])
def test_a_log_that_cannot_be_written_raises_nothing(
    open_stream: Callable[..., TextIO], capfd: pytest.CaptureFixture[str]
) -> None:
    stream = open_stream() if open_stream is nobody else open_stream("w")
    handler = SteadyHandler(stream)
    lines_to(handler, 5)
    assert handler.lost == 5
    with contextlib.suppress(OSError):
        stream.close()  # it has still something to write
    lines_to(handler, 5)
    assert handler.lost == 10
    assert capfd.readouterr() == ("", "")
