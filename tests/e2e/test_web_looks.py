"""The web page as it stands: accessible, light, at home on any screen, behind a proxy, and without its server."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.e2e.conftest import ROOT
from tests.e2e.visit import DESKTOP, PHONE, PREDICT, Visit, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

TABLET = {"width": 768, "height": 1024}
NARROWEST = {"width": 320, "height": 640}
"""WCAG 2.2, 1.4.10: what a window of 1280 pixels is at a zoom of 400 %."""
PICTURE = ROOT / "docs" / "web.png"
PICTURE_SIZE = {"width": 1180, "height": 980}
MAX_LOADED_BYTES = 60_000
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(visit: Visit) -> list[str]:
    visit.page.evaluate(AXE)
    options = {"runOnly": {"type": "tag", "values": AXE_RULES}, "resultTypes": ["violations"]}
    found: list[dict[str, Any]] = visit.page.evaluate("options => axe.run(options)", options)["violations"]
    return [f"{rule['id']}: {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize(("scheme", "viewport"), [("light", DESKTOP), ("dark", PHONE)], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser: Browser, url: str, scheme: str, viewport: dict[str, int]) -> None:
    """Empty, with an answer, with a trouble, asking for a key; `bypass_csp` is for axe's own script."""
    options = {"color_scheme": scheme, "viewport": viewport, "bypass_csp": True, "reduced_motion": "reduce"}
    with visiting(browser, url, **options) as visit:
        assert violations(visit) == []
        visit.draw(2)
        assert visit.reading() == "2"
        assert violations(visit) == []
        visit.send("notes.txt", b"seven")
        assert visit.problem()
        assert violations(visit) == []
        body = '{"status": "error", "code": "unauthorized", "message": "a key is needed"}'
        visit.page.route(PREDICT, lambda route: route.fulfill(status=401, body=body))
        visit.draw(2)
        expect(visit.page.locator("#key")).to_be_visible()
        assert violations(visit) == []
        visit.forgive()


@pytest.mark.parametrize("viewport", [NARROWEST, PHONE, TABLET, DESKTOP], ids=lambda viewport: str(viewport["width"]))
def test_nothing_is_wider_than_the_screen(browser: Browser, url: str, viewport: dict[str, int]) -> None:
    with visiting(browser, url, viewport=viewport) as visit:
        visit.page.click("[data-sample='7-photo-ruled.jpg']")
        expect(visit.page.locator("#digit")).to_have_text("7")
        assert visit.page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_on_a_phone_the_answer_is_seen_without_scrolling(browser: Browser, url: str) -> None:
    with visiting(browser, url, viewport=PHONE, has_touch=True, is_mobile=True) as visit:
        box = visit.page.locator("#verdict").bounding_box()
        assert box
        assert box["y"] + box["height"] < PHONE["height"]


def test_dark(browser: Browser, url: str) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        with visiting(browser, url, color_scheme=scheme) as visit:
            visit.draw(6)
            assert visit.reading() == "6"
            inverted = "inverted" in visit.page.inner_text("#adjustments")
            assert inverted == (scheme == "light")  # what is sent has the colours that are seen
            script = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
            grounds.append(sum(visit.page.evaluate(script)))
    assert grounds[0] > 600 > 150 > grounds[1]


def test_it_loads_less_than_its_budget(browser: Browser, url: str) -> None:
    script = """["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
        .map(entry => entry.decodedBodySize)"""
    with visiting(browser, url) as visit:
        visit.page.wait_for_load_state("networkidle")
        sizes: list[int] = visit.page.evaluate(script)
    assert len(sizes) > 15
    assert sum(sizes) < MAX_LOADED_BYTES


def test_inline_code_does_not_run(browser: Browser, url: str) -> None:
    with visiting(browser, url) as visit:
        add = (
            "() => { const code = document.createElement('script'); code.text = 'hit = 1'; document.body.append(code) }"
        )
        with pytest.raises(Exception, match="TrustedScript"):
            visit.page.evaluate(add)
        assert not visit.page.evaluate("'hit' in window")
        visit.errors.clear()


def test_behind_a_path_prefix(browser: Browser, url: str) -> None:
    """A proxy cuts the prefix off; every address of the page must hold it, or it meets the proxy's own 404."""
    prefix = f"{url}/tools/digits"

    def proxy(route: Route) -> None:
        asked = route.request.url
        if not asked.startswith(prefix):
            route.fulfill(status=404)
            return
        answer = route.fetch(url=asked.replace(prefix, url, 1), max_redirects=0)
        route.fulfill(response=answer)

    context = browser.new_context(viewport=DESKTOP)
    context.route("**/*", proxy)
    visit = Visit(context, prefix)
    visit.page.click("[data-sample='3-blue-ink.png']")
    expect(visit.page.locator("#digit")).to_have_text("3")
    assert f"{prefix}/model/predict" in visit.text("curl")
    assert visit.page.locator("nav a").evaluate("link => link.href") == f"{prefix}/"
    context.close()
    assert not visit.errors


def test_picture_for_the_readme(browser: Browser, url: str, tmp_path: Path) -> None:
    """Makes `docs/web.png` where it is missing; delete it to have it made anew."""
    picture = tmp_path / "web.png" if PICTURE.exists() else PICTURE
    with visiting(browser, url, viewport=PICTURE_SIZE, color_scheme="light") as visit:
        visit.draw(5)
        assert visit.reading() == "5"
        visit.page.evaluate("document.activeElement.blur()")
        visit.page.wait_for_timeout(300)  # the bars move
        visit.page.screenshot(path=picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
