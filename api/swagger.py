"""The interface's own description: Swagger UI at `/`, from files that flask-restx ships, and `/swagger.json`."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

from flask import Response, url_for
from flask_restx import Api, Model
from werkzeug.utils import cached_property

from api.auth import AUTHORIZATIONS, GUARDED_PREFIXES
from api.headers import PAGE_HEADERS
from api.inference_protocol import PROTOCOL_ERROR
from api.namespaces import ERROR, V2
from api.openapi import METHODS, from_swagger
from core.imaging.decode import FORMATS

SPECIFICATION_PATH = "/swagger.json"
VERSIONED = "/versions/{version}"
RAW_BODIES = {"predict": tuple(f"image/{name.lower()}" for name in FORMATS)}
"""What an operation takes as it is, which flask-restx has no word for."""

POLICY = (
    "default-src 'none'; script-src 'self' {script}; style-src-elem 'self' {style}; "
    "style-src-attr 'unsafe-hashes' {attribute}; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of Swagger UI: the little that flask-restx wrote into its page is let in by its hashes, and nothing else inline.
`data:` are the icons of its style sheet."""

INLINE = {
    "script": re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL),
    "style": re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL),
    "attribute": re.compile(r'\sstyle="([^"]+)"'),
}


class DescribedApi(Api):
    """flask-restx's Api with errors left to Flask, and a description that is found behind any proxy."""

    def error_router(self, original_handler: Callable[[Exception], Any], e: Exception) -> Any:
        """Leave every error to the application's handlers: flask-restx's own would add `str(e)` to the body."""
        return original_handler(e)

    @cached_property
    def __schema__(self) -> dict[str, Any]:
        """The description in OpenAPI 3.0; operations of a model's version have names of their own."""
        swagger: dict[str, Any] = super().__schema__
        for path, item in swagger["paths"].items():
            for operation in (item[method] for method in METHODS if method in item):
                if VERSIONED in path:
                    operation["operationId"] += "_of_version"
                if self.authorizations and path.startswith(GUARDED_PREFIXES):
                    _require_key(operation, PROTOCOL_ERROR if path.startswith(V2.path) else ERROR)
        return from_swagger(swagger, RAW_BODIES)

    def render_doc(self) -> Response:
        """The page, and what it may do."""
        page: str = super().render_doc()
        policy = POLICY.format_map({kind: _hashes(inline.findall(page)) for kind, inline in INLINE.items()})
        return Response(page, headers=PAGE_HEADERS | {"Content-Security-Policy": policy})

    @property
    def specs_url(self) -> str:
        """Path of the description, without a host: behind a proxy, the one that we see is not the user's."""
        return url_for(self.endpoint("specs"))


def _require_key(operation: dict[str, Any], error: Model) -> None:
    """Say that an operation needs a key, so that Swagger UI sends the one that it was given."""
    operation["security"] = [{name: []} for name in AUTHORIZATIONS]
    operation["responses"].setdefault(
        "401", {"description": "`unauthorized`: a key is needed", "schema": {"$ref": f"#/definitions/{error.name}"}}
    )


def _hashes(texts: list[str]) -> str:
    """The sources of a Content-Security-Policy that allow exactly these texts."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
