"""Who gets in: requests to the model must bear one of the keys, where keys are set."""

import hmac

from flask import Flask, request

from core.errors import Unauthorized

GUARDED_PREFIX = "/model/"
"""What needs a key; health and the description of the interface stay open."""

AUTHORIZATIONS = {"api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
"""How Swagger describes the key."""


def require_api_key(app: Flask, api_keys: tuple[str, ...]) -> None:
    """Refuse requests to the model that bear none of the keys; without keys, everybody gets in."""
    if not api_keys:
        return
    accepted = [key.encode() for key in api_keys]

    def check() -> None:
        if request.path.startswith(GUARDED_PREFIX) and not _is_accepted(
            _sent_key().encode("latin-1", "replace"), accepted
        ):
            raise Unauthorized("a valid API key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")

    app.before_request(check)


def _sent_key() -> str:
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer":
        return authorization.token or ""
    return request.headers.get("X-API-Key", "")


def _is_accepted(sent: bytes, accepted: list[bytes]) -> bool:
    """Compare with every key, each in constant time, so that the time taken tells nothing of them."""
    return any([hmac.compare_digest(sent, key) for key in accepted])  # noqa: C419  a generator would stop at a match
