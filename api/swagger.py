"""The interface's own description: Swagger UI at `/`, from files that flask-restx ships, and `/swagger.json`."""

from collections.abc import Callable
from typing import Any

from flask import url_for
from flask_restx import Api
from werkzeug.utils import cached_property

from api.openapi import from_swagger
from core.imaging.decode import FORMATS

SPECIFICATION_PATH = "/swagger.json"
VERSIONED = "/versions/{version}"
RAW_BODIES = {"predict": tuple(f"image/{name.lower()}" for name in FORMATS)}
"""What an operation takes as it is, which flask-restx has no word for."""


class DescribedApi(Api):
    """flask-restx's Api with errors left to Flask, and a description that is found behind any proxy."""

    def error_router(self, original_handler: Callable[[Exception], Any], e: Exception) -> Any:
        """Leave every error to the application's handlers: flask-restx's own would add `str(e)` to the body."""
        return original_handler(e)

    @cached_property
    def __schema__(self) -> dict[str, Any]:
        """The description in OpenAPI 3.0; operations of a model's version have names of their own."""
        swagger: dict[str, Any] = super().__schema__
        for path, operations in swagger["paths"].items():
            for operation in operations.values():
                if VERSIONED in path and isinstance(operation, dict):
                    operation["operationId"] += "_of_version"
        return from_swagger(swagger, RAW_BODIES)

    @property
    def specs_url(self) -> str:
        """Path of the description, without a host: behind a proxy, the one that we see is not the user's."""
        return url_for(self.endpoint("specs"))
