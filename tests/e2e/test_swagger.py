"""Swagger UI in a real browser: it loads without any outside host, and its "Try it out" reads a digit."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """Swagger UI, open; fails the test on a console error or a request to another host."""
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    errors: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(url)
    yield page
    page.close()
    assert not errors
    assert hosts - {"", None} == {urlsplit(url).hostname}  # data: URIs have no host


def test_every_route_is_shown(page: Page) -> None:
    page.wait_for_selector(".opblock")
    shown = page.locator(".opblock-summary-path").all_inner_texts()
    plain = sorted(path.replace("\u200b", "") for path in shown)
    assert plain == ["/health/live", "/health/ready", "/model/labels", "/model/metadata", "/model/predict"]


def test_try_it_out_uploads_a_file_and_shows_the_answer(page: Page) -> None:
    page.click("#operations-model-predict .opblock-summary-control")
    page.click("#operations-model-predict .try-out__btn")
    page.set_input_files("#operations-model-predict input[type=file]", SAMPLES / "7.png")
    page.click("#operations-model-predict .execute")
    page.wait_for_selector("#operations-model-predict .live-responses-table .response-col_status")
    answer = page.inner_text("#operations-model-predict .live-responses-table")
    assert "200" in answer
    assert '"prediction": 7' in answer
