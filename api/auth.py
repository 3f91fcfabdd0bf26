"""Who gets in: requests to the model must bear one of the keys, where keys are set."""

import hashlib
import hmac
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, request

from api.journal import METRICS_PATH
from core.errors import StartError, Unauthorized

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger(__name__)

GUARDED_PREFIXES = ("/model/", "/v2/models/")
"""What needs a key; health and the description of the interface stay open."""

AUTHORIZATIONS = {"api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
"""How Swagger describes the key."""

SAFE_LENGTH = 16
"""Characters; a key of fewer is served with a warning, as it may be guessed."""

_KEY = re.compile(r"[!-~]+")
"""What a header can bear and no proxy changes: visible ASCII characters, without blanks."""


class Keys:
    """The keys that let a request in; none lets everybody in."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._digests = [_digest(key) for key in keys]
        if short := sum(len(key) < SAFE_LENGTH for key in keys):
            logger.warning("API keys of fewer than %d characters, which may be guessed: %d", SAFE_LENGTH, short)

    def admit(self, environ: "WSGIEnvironment") -> bool:
        """Tell whether a request bears one of the keys, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.

        Digests are compared, in constant time and always all of them, so that the time taken tells nothing of the keys,
        their lengths and which of them it was.
        """
        if not self._digests:
            return True
        sent = _digest(_sent_key(environ))
        return any([hmac.compare_digest(sent, digest) for digest in self._digests])  # noqa: C419  a generator stops early


def collect_keys(keys: tuple[str, ...], file: Path | None) -> tuple[str, ...]:
    """Return all keys that let a request in: those given and those of a file.

    Args:
        keys: Those that were given.
        file: Holds one key a line; blanks around it, empty lines and lines that begin with `#` do not count.

    Raises:
        StartError: The file cannot be read or holds no key, or a key could not be sent in a header; the message says
            where, and never holds a key.
    """
    given = {f"key {number} of API_KEYS": key for number, key in enumerate(keys, 1)}
    every = given | (_read_keys(file) if file else {})
    for place, key in every.items():
        if not _KEY.fullmatch(key):
            raise StartError(f"{place} can match no request: expected visible ASCII characters and no blanks")
    return tuple(every.values())


def require_api_key(app: Flask, keys: Keys, metrics_open: bool = True) -> None:
    """Refuse requests to the model, and for the metrics unless they are open, that bear none of the keys."""
    guarded = GUARDED_PREFIXES if metrics_open else (*GUARDED_PREFIXES, METRICS_PATH)

    def check() -> None:
        if request.method == "OPTIONS":
            return  # a browser asks without the key whether it may send one
        if request.path.startswith(guarded) and not keys.admit(request.environ):
            raise Unauthorized("a valid API key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")

    app.before_request(check)


def _read_keys(file: Path) -> dict[str, str]:
    """The keys of a file by their places in it."""
    name = f"API_KEYS_FILE={str(file)!r}"
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except OSError as exc:
        raise StartError(f"{name} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise StartError(f"{name} is no text") from exc
    keys = {f"line {number} of {name}": line for number, line in enumerate(lines, 1) if line and line[0] != "#"}
    if not keys:
        raise StartError(f"{name} holds no key: expected one a line")
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _sent_key(environ: "WSGIEnvironment") -> str:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    sent: str = token.strip() if scheme.lower() == "bearer" else environ.get("HTTP_X_API_KEY", "")
    return sent
