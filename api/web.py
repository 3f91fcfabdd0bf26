"""`GET /app/`: the page on which people draw a digit or send a picture.

Its files lie in `web/`, the pictures that it offers in `samples/`.
The page calls `../model/predict` by a relative address, so that it works behind any path prefix.
"""

from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from api.headers import PAGE_HEADERS

ROOT = Path(__file__).parents[1]
WEB, SAMPLES = ROOT / "web", ROOT / "samples"

CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
}
"""Kinds of files that are served; named here, as what a machine's own tables say of them varies."""

SAMPLE_NAMES = (
    "0-pencil.jpg",
    "1-sticky-note.jpg",
    "2-palette.gif",
    "3-blue-ink.png",
    "4-transparent-dark-ink.png",
    "5-thin-pen.webp",
    "6-upside-down-exif.jpg",
    "7-photo-ruled.jpg",
    "8-chalkboard.jpg",
    "9-photo-squared.jpg",
)
"""The sample pictures that the page offers, one a digit; nothing else of that folder is served."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No inline code, no other host, no frame, no markup made from text. `blob:` shows the picture that is being sent,
`data:` the 28x28 that the network saw."""

web = Blueprint("web", __name__, url_prefix="/app")


@web.get("")
def add_slash() -> Response:
    """Lead to the page; the address is relative, as a proxy in front may have cut a prefix off ours."""
    return Response(status=308, headers={"Location": "app/"})


@web.get("/")
@web.get("/<path:name>")
def file(name: str = "index.html") -> Response:
    """Send the page or one of its files; the browser asks again each time, and is told where nothing has changed."""
    path = page_files().get(name)
    if path is None:
        raise NotFound
    response = Response(path.read_bytes(), mimetype=CONTENT_TYPES[path.suffix])
    response.add_etag()
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


@cache
def page_files() -> dict[str, Path]:
    """All that is served, by its name in the address; whatever else is asked for cannot be reached."""
    own = {path.relative_to(WEB).as_posix(): path for path in WEB.rglob("*") if path.suffix in CONTENT_TYPES}
    return own | {f"samples/{name}": SAMPLES / name for name in SAMPLE_NAMES}


@web.after_request
def protect(response: Response) -> Response:
    """Tell the browser what the page may do, which is little."""
    response.headers.update(PAGE_HEADERS | {"Content-Security-Policy": POLICY})
    return response
