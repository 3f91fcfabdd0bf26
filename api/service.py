"""What the routes of one Flask application share."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from core.checkpoint import Checkpoint
from core.gate import Gate
from core.model import ModelWrapper

EXTENSION = "digit-service"


@dataclass(frozen=True, slots=True)
class Service:
    """One loaded model and the limits of what a request may ask of it."""

    checkpoint: Checkpoint
    wrapper: ModelWrapper
    gate: Gate
    max_images: int


def attach_service(app: Flask, service: Service) -> None:
    """Give the routes of an application their service."""
    app.extensions[EXTENSION] = service


def current_service() -> Service:
    """Return the service of the application that handles the current request."""
    return cast(Service, current_app.extensions[EXTENSION])
