"""The service: `create_app` builds it, `python app.py` serves it.

With `DEBUG=true` Flask's own server reloads the code when a file changes; otherwise gunicorn serves, as in production.
"""

import logging
import logging.config
import os
import sys
from pathlib import Path

from flask import Flask
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.errors import AppImportError, HaltServer

from api.application import create_application
from api.journal import Observer
from api.logs import logging_config
from api.service import Service
from config import API_DESC, API_TITLE, API_VERSION, METRICS_FOLDER, Settings, load_settings
from core.canary import can_read
from core.checkpoint import load_checkpoint
from core.engine import load_engine
from core.errors import StartError
from core.gate import Gate
from core.model import ModelWrapper

logger = logging.getLogger("app")

HERE = Path(__file__).resolve().parent


def create_app(settings: Settings | None = None) -> Flask:
    """Verify and load the model, and build the application that serves it.

    Args:
        settings: Those of the environment unless given.

    Raises:
        StartError: A setting, an asset or the device cannot be used.
    """
    settings = settings or load_settings()
    service = _load_service(settings)
    can_read(service.wrapper)  # so that the first request finds every step warm
    _log_start(settings, service)
    return create_application(
        service,
        title=API_TITLE,
        description=API_DESC,
        version=API_VERSION,
        max_upload_bytes=settings.max_upload_bytes,
        api_keys=settings.api_keys,
        cors_origins=settings.cors_origins if settings.cors_enable else (),
        web_app=not settings.disable_web_app,
        metrics_open=settings.metrics_open,
        metrics_folder=os.environ.get(METRICS_FOLDER),
        observers=_load_observers(settings),
    )


def create_worker_app() -> Flask:
    """Build the application in a gunicorn worker; a start that cannot succeed ends in one line, not a traceback."""
    try:
        return create_app()
    except StartError as exc:
        raise AppImportError(f"the server cannot start: {exc}") from exc


def _load_service(settings: Settings) -> Service:
    checkpoint = load_checkpoint(settings.assets_dir, settings.model_name)
    engine = load_engine(checkpoint, settings.device, engine=settings.engine)
    wrapper = ModelWrapper(engine, checkpoint.description.temperature, settings.max_image_pixels)
    return Service(checkpoint, wrapper, Gate(settings.max_wait_s), settings.max_images)


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
            serve_gunicorn()
    except StartError as exc:
        sys.exit(f"the server cannot start: {exc}")


def serve_gunicorn() -> None:
    """Serve with gunicorn in this process, so that signals reach it; its settings are in `gunicorn.conf.py`."""
    os.chdir(HERE)
    sys.argv = ["gunicorn"]  # gunicorn reads options there, and ours come from the environment
    try:
        WSGIApplication().run()
    except HaltServer:
        sys.exit(1)  # a worker could not start, and has said why


def serve_debug(settings: Settings) -> None:
    """Serve with Flask's reloader; its interactive debugger stays off, as it runs whatever code it is sent."""
    logging.config.dictConfig(logging_config(settings.log_level, settings.log_format))
    create_app(settings).run(settings.host, settings.port, debug=True, use_debugger=False, use_reloader=True)


if __name__ == "__main__":
    main()
