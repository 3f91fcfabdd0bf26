"""The interface's own description: Swagger UI at `/`, from files that flask-restx ships, and `/swagger.json`."""

from collections.abc import Callable
from typing import Any

from flask import url_for
from flask_restx import Api

SPECIFICATION_PATH = "/swagger.json"


class DescribedApi(Api):
    """flask-restx's Api with errors left to Flask, and a description that is found behind any proxy."""

    def error_router(self, original_handler: Callable[[Exception], Any], e: Exception) -> Any:
        """Leave every error to the application's handlers: flask-restx's own would add `str(e)` to the body."""
        return original_handler(e)

    @property
    def specs_url(self) -> str:
        """Path of the description, without a host: behind a proxy, the one that we see is not the user's."""
        return url_for(self.endpoint("specs"))
