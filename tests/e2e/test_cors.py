"""A page of another origin, in a browser: let in by the allow-list, and by nothing else."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import ROOT, Serve

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

ASK = """
async ([url, key]) => {
    const form = new FormData();
    form.append("image", await (await fetch("/7.png")).blob(), "7.png");
    const headers = key ? {"X-API-Key": key} : {};
    try {
        const answer = await fetch(url, {method: "POST", body: form, headers});
        const exposed = answer.headers.get("WWW-Authenticate");
        return {status: answer.status, exposed, body: await answer.json()};
    } catch (error) {
        return {status: 0, error: String(error)};
    }
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """Another origin: a server of its own with a page and a sample."""
    (tmp_path / "index.html").write_text("<!doctype html><title>elsewhere</title>")
    (tmp_path / "7.png").write_bytes((ROOT / "samples" / "7.png").read_bytes())
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(browser: Browser, origin: str, server_url: str, key: str = "") -> Any:
    page = browser.new_page()
    page.goto(origin)
    answer = page.evaluate(ASK, [f"{server_url}/model/predict", key])
    page.close()
    return answer


def test_nobody_else_is_let_in_by_default(browser: Browser, origin: str, serve: Serve) -> None:
    with serve(workers=1) as server:
        assert ask(browser, origin, server.url)["status"] == 0


def test_the_allow_list_lets_in_whom_it_names(browser: Browser, origin: str, serve: Serve) -> None:
    with serve(workers=1, cors_enable="true", cors_origins=f"https://page.example, {origin}") as server:
        answer = ask(browser, origin, server.url)
        assert (answer["status"], answer["body"]["predictions"][0]["prediction"]) == (200, 7)
    with serve(workers=1, cors_enable="true", cors_origins="https://page.example") as server:
        assert ask(browser, origin, server.url)["status"] == 0


def test_keys_pass_the_preflight_and_errors_can_be_read(browser: Browser, origin: str, serve: Serve) -> None:
    with serve(workers=1, cors_enable="true", api_keys="secret") as server:
        answer = ask(browser, origin, server.url, key="secret")  # a header of its own makes the browser ask first
        assert answer["status"] == 200
        refused = ask(browser, origin, server.url, key="wrong")
        assert (refused["status"], refused["exposed"]) == (401, "Bearer")
        assert refused["body"]["code"] == "unauthorized"
