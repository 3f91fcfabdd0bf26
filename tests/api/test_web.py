"""The page's files as they are served: types, headers, what is not served, what the page may hold."""

import re
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageOps

from api.web import CONTENT_TYPES, SAMPLE_NAMES, SAMPLES, WEB
from app import create_app
from config import Settings
from core.image import read_digit
from tests.conftest import AppFactory
from tests.contract import assert_error

MAX_PAGE_BYTES = 60_000
FILES = sorted(str(path.relative_to(WEB)) for path in WEB.rglob("*") if path.is_file())
HTML = (WEB / "index.html").read_text(encoding="utf-8")
THUMB_SIDE = 96
MAX_THUMB_DIFFERENCE = 8
"""Grey levels by which a thumbnail may differ from its sample in the mean: what strong WebP compression costs."""


def test_the_page(client: FlaskClient) -> None:
    answer = client.get("/app/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text == HTML


def test_the_address_without_a_slash_leads_there_by_a_relative_path(client: FlaskClient) -> None:
    answer = client.get("/app")
    assert (answer.status_code, answer.headers["Location"]) == (308, "app/")


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_with_its_type_and_checked_for_changes(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/app/{name}")
    assert answer.status_code == 200
    assert answer.data == (WEB / name).read_bytes()
    assert answer.mimetype == CONTENT_TYPES[Path(name).suffix]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert client.get(f"/app/{name}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_every_sample_is_served_and_linked_and_shown_by_its_thumbnail(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/app/samples/{name}")
    assert (answer.status_code, answer.mimetype) == (200, CONTENT_TYPES[Path(name).suffix])
    assert answer.data == (SAMPLES / name).read_bytes()
    assert f'data-sample="{name}"' in HTML
    thumb = WEB / "thumbs" / f"{Path(name).stem}.webp"
    assert f'src="thumbs/{thumb.name}"' in HTML
    difference = square(thumb).astype(int) - square(SAMPLES / name)
    assert np.abs(difference).mean() < MAX_THUMB_DIFFERENCE


def square(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The upright middle of a picture, on white, as grey of a thumbnail's size."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    return np.asarray(ImageOps.fit(paper.convert("L"), (THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS))


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        "thumbs",
        "thumbs/",
        "samples/",
        "samples/README.md",
        "samples/7.png",
        "samples/../samples/strokes.py",
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/config.py",
        "index.html%00.js",
    ],
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert_error(client.get(f"/app/{path}"), 404, "not_found")


@pytest.mark.parametrize("path", ["", "main.js", "samples/3-blue-ink.png", "nothing.js"])
def test_policy_allows_no_inline_code_and_no_other_host(client: FlaskClient, path: str) -> None:
    headers = client.get(f"/app/{path}").headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' blob: data:"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


def test_turned_off(band_assets: Path) -> None:
    settings = Settings(assets_dir=band_assets, model_name="bands", device="cpu", disable_web_app=True)
    client = create_app(settings).test_client()
    for path in ("/app", "/app/", "/app/main.js", "/app/samples/3-blue-ink.png"):
        assert_error(client.get(path), 404, "not_found")


def test_only_reading_is_allowed(client: FlaskClient) -> None:
    assert_error(client.post("/app/"), 405, "method_not_allowed")


def test_the_page_needs_no_key_but_the_model_does(make_app: AppFactory) -> None:
    client = make_app(api_keys=("secret",)).test_client()
    assert client.get("/app/").status_code == 200
    assert_error(client.get("/model/labels"), 401, "unauthorized")


def test_weight() -> None:
    assert sum((WEB / name).stat().st_size for name in FILES) < MAX_PAGE_BYTES


def test_html_holds_no_inline_code_or_style() -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", HTML)
    assert re.findall(r"<script[^>]*>(.*?)</script>", HTML) == [""]


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("thumbs/")])
def test_nothing_is_named_by_an_absolute_address(name: str) -> None:
    """Relative addresses only, so that the page works behind any path prefix; SVG's namespace is a name, no address."""
    text = (WEB / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|(?:src|href)=\"/|(?:url|fetch|from) ?\(?[\"'`]/", text)


def test_every_adjustment_has_words() -> None:
    words = re.search(r"const ADJUSTMENTS = {(.*?)};", (WEB / "words.js").read_text(encoding="utf-8"), re.DOTALL)
    assert words
    known = set(re.findall(r"^  (\w+):", words[1], re.MULTILINE))
    pictures = [path for path in SAMPLES.iterdir() if path.suffix not in (".py", ".md", ".ipynb") and path.is_file()]
    done = {name for path in pictures for name in read_digit(path.read_bytes(), 25_000_000).adjustments}
    assert done
    assert done <= known
