"""The web page in a real browser when something is wrong: with a picture, with a request, with the server."""

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from core.errors import RequestError
from tests.core.test_errors import ABSTRACT, descendants
from tests.e2e.conftest import ROOT, Server, serving
from tests.e2e.visit import EMPTY, PREDICT, Visit, visiting
from tests.hand_set import encode

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

SAMPLES = ROOT / "samples"
BLANK = encode(Image.new("L", (60, 60), 255))


def test_a_blank_picture(visit: Visit) -> None:
    visit.send("blank.png", BLANK, "image/png")
    assert visit.problem() == "This picture is blank"
    assert "no ink" in visit.text("server-says")
    visit.page.click("#clear")
    assert visit.reading() == EMPTY
    visit.forgive()


def test_what_is_no_picture(visit: Visit) -> None:
    visit.send("notes.txt", b"seven", "text/plain")
    assert visit.problem() == "This is not a picture that can be read"
    assert "notes.txt" in visit.text("server-says")
    visit.draw(0)
    assert visit.reading() == "0"
    visit.forgive()


def test_every_error_has_help_of_its_own(visit: Visit) -> None:
    visit.forgive()
    errors = [error for error in descendants(RequestError) if error.code not in ABSTRACT]
    helped = set()

    def refuse(route: Route) -> None:
        body = {"status": "error", "code": error.code, "message": f"said of {error.code}"}
        route.fulfill(status=error.status, json=body)

    visit.page.route(PREDICT, refuse)
    for error in errors:
        visit.send("1.png", (SAMPLES / "1.png").read_bytes(), "image/png")
        expect(visit.page.locator("#server-says")).to_have_text(f"The server says: said of {error.code}")
        if visit.problem() != "The server did not answer as expected":
            helped.add(error.code)
    of_other_requests = {
        "invalid_parameter",
        "invalid_tensor",
        "too_many_images",
        "unknown_model",
        "unsupported_media_type",
    }
    assert helped == {error.code for error in errors} - of_other_requests


def test_an_answer_of_something_between_us_and_the_server(visit: Visit) -> None:
    visit.page.route(PREDICT, lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    visit.draw(1)
    assert visit.problem() == "The server did not answer as expected"
    assert "502" in visit.text("help")
    visit.page.unroute(PREDICT)
    expect(visit.page.locator("#digit")).to_have_text("1")  # it asked again by itself
    visit.forgive()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """A server of the tests' own, which wants a key, and which they may stop."""
    with serving(api_keys="open-sesame", workers=1) as server:
        yield server


def test_a_key_is_asked_for_and_kept(browser: Browser, guarded: Server) -> None:
    with visiting(browser, guarded.url) as visit:
        visit.draw(3)
        assert visit.problem() == "This server asks for an API key"
        for key in ("wrong", "open-sesame"):
            visit.page.fill("#key", key)
            visit.page.press("#key", "Enter")
        expect(visit.page.locator("#digit")).to_have_text("3")
        assert "X-API-Key: $API_KEY" in visit.text("curl")
        assert "open-sesame" not in visit.page.content()
        assert visit.page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        visit.page.click("#clear")
        visit.draw(4)
        assert visit.reading() == "4"
        visit.forgive()


def test_a_server_that_goes_away(browser: Browser, guarded: Server) -> None:
    """The last test of this server: it stops it."""
    with visiting(browser, guarded.url) as visit:
        guarded.stop()
        visit.draw(5)
        assert visit.problem() == "The server cannot be reached"
        back = {"status": "ok", "predictions": [answer()]}
        visit.page.route(PREDICT, lambda route: route.fulfill(json=back))
        expect(visit.page.locator("#digit")).to_have_text("5")  # it asked again by itself
        visit.forgive()


def answer() -> dict[str, Any]:
    others = [{"prediction": digit, "probability": 0.001} for digit in range(10) if digit != 5]
    pairs = [{"prediction": 5, "probability": 0.991}, *others]
    return {**pairs[0], "top_k": pairs, "seen": "data:,", "adjustments": ["from_the_future"]}
