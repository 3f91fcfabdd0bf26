"""The Flask application with every route of the interface."""

from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

import api.health
import api.labels
import api.metadata
import api.metrics
import api.predict  # noqa: F401  each import adds its route to a namespace
from api.auth import AUTHORIZATIONS, Keys, require_api_key
from api.errors import register_error_handlers
from api.express import Express, raise_failure
from api.files import share_files
from api.headers import protect
from api.inference_protocol import JSON_BYTES_HEADER
from api.journal import ID_HEADER, Journal, Observer, note_route
from api.metrics import Metrics, attach_metrics
from api.namespaces import HEALTH, METRICS, MODEL, V2
from api.service import Service, attach_service
from api.swagger import DescribedApi
from api.uploads import SPARE_PARTS, UploadRequest
from api.web import web

EXPOSED_HEADERS = ["Retry-After", "WWW-Authenticate", JSON_BYTES_HEADER, ID_HEADER]
"""Of an answer, that a page of another origin may read beside those that it always may."""

PREFLIGHT_S = 600
"""For which a browser need not ask again whether it may ask."""


def create_application(
    service: Service,
    *,
    title: str,
    description: str,
    version: str,
    max_upload_bytes: int,
    api_keys: tuple[str, ...] = (),
    cors_origins: Sequence[str] = (),
    web_app: bool = True,
    metrics_open: bool = True,
    metrics_folder: str | None = None,
    observers: Sequence[Observer] = (),
) -> Flask:
    """Build the application.

    Args:
        service: The model behind the routes.
        title: Name of the interface, shown by Swagger.
        description: What it does, in a sentence.
        version: Version of the interface.
        max_upload_bytes: Largest request body.
        api_keys: Keys of which a request must bear one; none lets everybody in.
        cors_origins: Origins whose pages may call the service; none for the service's own only.
        web_app: Whether the page to draw on is served at `/app/`.
        metrics_open: Whether `/metrics` needs no key where keys are set.
        metrics_folder: Where the server's processes share their metrics; None for this process's alone.
        observers: Told of every request, beside the metrics.
    """
    app = _new_app(service.max_images, max_upload_bytes)
    attach_service(app, service)
    metrics = Metrics(service, version, metrics_folder)
    attach_metrics(app, metrics)
    keys = Keys(api_keys)
    require_api_key(app, keys, metrics_open)
    app.before_request(raise_failure)
    if cors_origins:
        CORS(app, origins=list(cors_origins), expose_headers=EXPOSED_HEADERS, max_age=PREFLIGHT_S)
    authorizations = AUTHORIZATIONS if api_keys else None
    _add_routes(app, title=title, description=description, version=version, authorizations=authorizations)
    if web_app:
        app.register_blueprint(web)
    express = Express(app.wsgi_app, service, keys, max_upload_bytes)
    app.wsgi_app = Journal(express, [metrics, *observers])  # type: ignore[method-assign]
    return app


def _add_routes(app: Flask, **described: object) -> None:
    """Add the interface, and its description under these headings."""
    documented = DescribedApi(app, **described)
    for namespace in (MODEL, HEALTH, METRICS, V2):
        documented.add_namespace(namespace)


def _new_app(max_images: int, max_upload_bytes: int) -> Flask:
    """Return an application without routes, with the bounds of a request, and with the form of every answer."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.request_class = UploadRequest
    app.config.update(
        MAX_CONTENT_LENGTH=max_upload_bytes,
        MAX_FORM_PARTS=max_images + SPARE_PARTS,
        RESTX_MASK_SWAGGER=False,
        RESTX_JSON={"separators": (",", ":")},  # as Flask's own answers are written
        SWAGGER_UI_DOC_EXPANSION="list",
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it, its base class does not
    register_error_handlers(app)
    protect(app)
    share_files(app)
    note_route(app)
    return app
