"""Who gets in: requests to the model must bear one of the keys, where keys are set."""

import hmac
from typing import TYPE_CHECKING

from flask import Flask, request

from api.journal import METRICS_PATH
from core.errors import Unauthorized

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

GUARDED_PREFIXES = ("/model/", "/v2/models/")
"""What needs a key; health and the description of the interface stay open."""

AUTHORIZATIONS = {"api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
"""How Swagger describes the key."""


class Keys:
    """The keys that let a request in; none lets everybody in."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = [key.encode() for key in keys]

    def admit(self, environ: "WSGIEnvironment") -> bool:
        """Tell whether a request bears one of the keys, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.

        Each key is compared in constant time, and always all of them, so that the time taken tells nothing of them.
        """
        if not self._keys:
            return True
        sent = _sent_key(environ).encode("latin-1", "replace")
        return any([hmac.compare_digest(sent, key) for key in self._keys])  # noqa: C419  a generator stops at a match


def require_api_key(app: Flask, keys: Keys, metrics_open: bool = True) -> None:
    """Refuse requests to the model, and for the metrics unless they are open, that bear none of the keys."""
    guarded = GUARDED_PREFIXES if metrics_open else (*GUARDED_PREFIXES, METRICS_PATH)

    def check() -> None:
        if request.method == "OPTIONS":
            return  # a browser asks without the key whether it may send one
        if request.path.startswith(guarded) and not keys.admit(request.environ):
            raise Unauthorized("a valid API key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")

    app.before_request(check)


def _sent_key(environ: "WSGIEnvironment") -> str:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    sent: str = token.strip() if scheme.lower() == "bearer" else environ.get("HTTP_X_API_KEY", "")
    return sent
