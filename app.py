"""The service: `create_app` builds it, `python app.py` serves it.

With `DEBUG=true` Flask's own server reloads the code when a file changes; otherwise gunicorn serves, as in production.
"""

import ipaddress
import logging
import logging.config
import os
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

from flask import Flask
from gunicorn.errors import AppImportError, HaltServer

from api.application import create_application
from api.auth import collect_keys
from api.journal import Observer
from api.logs import logging_config
from api.server import Server
from api.service import Service
from config import API_DESC, API_TITLE, API_VERSION, METRICS_FOLDER, Settings, assets_cache, load_settings
from core.canary import can_read
from core.checkpoint import Checkpoint, load_checkpoint
from core.engine import load_engine
from core.errors import StartError
from core.gate import Gate
from core.heap import keep_little
from core.imaging.bands import import_vips
from core.imaging.decode import LIBJPEG_BOUND
from core.model import ModelWrapper

logger = logging.getLogger("app")

HERE = Path(__file__).resolve().parent


class Inputs(NamedTuple):
    """What may change while the server runs, read and verified once for all workers."""

    checkpoint: Checkpoint
    api_keys: tuple[str, ...]


def create_app(settings: Settings | None = None, inputs: Inputs | None = None) -> Flask:
    """Load the model, and build the application that serves it.

    Args:
        settings: Those of the environment unless given.
        inputs: Those of the settings, read and verified, unless given.

    Raises:
        StartError: A setting, an asset or the device cannot be used.
    """
    settings = settings or load_settings()
    inputs = inputs or read_inputs(settings)
    service = _load_service(settings, inputs.checkpoint)
    can_read(service.wrapper)  # so that the first request finds every step warm
    _log_start(settings, service)
    return create_application(
        service,
        title=API_TITLE,
        description=API_DESC,
        version=API_VERSION,
        max_upload_bytes=settings.max_upload_bytes,
        api_keys=inputs.api_keys,
        cors_origins=settings.cors_origins if settings.cors_enable else (),
        web_app=not settings.disable_web_app,
        metrics_open=settings.metrics_open,
        metrics_folder=os.environ.get(METRICS_FOLDER),
        observers=_load_observers(settings),
    )


def create_worker_app() -> Flask:
    """Build the application in a gunicorn worker; a start that cannot succeed ends in one line, not a traceback."""
    try:
        return create_lean_app(load_settings())
    except StartError as exc:
        raise AppImportError(f"the server cannot start: {exc}") from exc


def create_lean_app(settings: Settings, inputs: Inputs | None = None) -> Flask:
    """Build the application in a process of its own, which keeps no memory that pictures took; see `create_app`."""
    keep_little()
    os.environ.update(LIBJPEG_BOUND)
    import_vips()  # now, as its own memory is no picture's
    return create_app(settings, inputs)


def read_inputs(settings: Settings) -> Inputs:
    """Read and verify what the settings name.

    Raises:
        StartError: It cannot be served.
    """
    api_keys = collect_keys(settings.api_keys, settings.api_keys_file)
    checkpoint = load_checkpoint(settings.assets_dir, settings.model_name, settings.assets_sha512, assets_cache())
    return Inputs(checkpoint, api_keys)


def _load_service(settings: Settings, checkpoint: Checkpoint) -> Service:
    engine = load_engine(checkpoint, settings.device, engine=settings.engine)
    wrapper = ModelWrapper(engine, checkpoint.description.temperature, settings.max_image_pixels)
    return Service(checkpoint, wrapper, Gate(settings.max_wait_s, settings.max_queue), settings.max_images)


def _load_observers(settings: Settings) -> list[Observer]:
    """Return the traces if they are wanted; only then is OpenTelemetry imported."""
    if settings.otel_exporter_otlp_endpoint is None:
        return []
    try:
        from api.traces import Traces
    except ModuleNotFoundError as exc:
        raise StartError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
            "pip install -r requirements-telemetry.txt"
        ) from exc
    return [Traces(API_VERSION)]


def _log_start(settings: Settings, service: Service) -> None:
    """Log what this process serves, as `key=value` in text and as fields in JSON."""
    engine = service.wrapper.engine
    facts = {
        "version": API_VERSION,
        "model": service.checkpoint.name,
        "weights": service.checkpoint.version,
        "engine": engine.name,
        "device": engine.device,
        "workers": settings.workers,
        "threads": settings.threads,
    }
    logger.info("serving %s", " ".join(f"{key}={value}" for key, value in facts.items()), extra=facts)


def main() -> None:
    """Serve until told to stop; exits with status 1 and one line where that cannot be done."""
    try:
        settings = load_settings()
        if settings.debug:
            serve_debug(settings)
        else:
            serve_gunicorn(settings)
    except StartError as exc:
        sys.exit(f"the server cannot start: {exc}")


def serve_gunicorn(settings: Settings) -> None:
    """Serve with gunicorn in this process, so that signals reach it; its settings are in `gunicorn.conf.py`."""
    os.chdir(HERE)
    sys.argv = ["gunicorn"]  # gunicorn reads options there, and ours come from the environment
    logging.config.dictConfig(logging_config(settings.log_level, settings.log_format))
    try:
        Server(partial(read_inputs, settings), partial(create_lean_app, settings)).run()
    except HaltServer:
        sys.exit(1)  # a worker could not start, and has said why


def serve_debug(settings: Settings) -> None:
    """Serve with Flask's reloader; its interactive debugger stays off, as it runs whatever code it is sent.

    Raises:
        StartError: Others than this machine could reach it, and nobody said twice that they may.
    """
    if not (is_loopback(settings.host) or settings.debug_anywhere):
        raise StartError(
            f"DEBUG=true listens on loopback only, and HOST is {settings.host!r}: set HOST=127.0.0.1, "
            "or DEBUG_ANYWHERE=true to show a server that is not made for it to others"
        )
    logging.config.dictConfig(logging_config(settings.log_level, settings.log_format))
    create_app(settings).run(settings.host, settings.port, debug=settings.debug, use_debugger=False, use_reloader=True)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    main()
