"""A visit to the web page in a real browser, with hands that draw as people's do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from samples.glyphs import GLYPHS
from samples.strokes import Hand, write

Point = tuple[float, float]

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
DIGIT_HEIGHT = 0.68
"""Of the drawing area, about as people fill it."""
POINT_STEP = 8
"""Every eighth point of the pen's path: a few pixels apart, as a mouse reports them."""
DEBOUNCE_MS = 300
"""More than the time for which the page waits before it asks."""
PREDICT = "**/model/predict?*"
"""What the page asks, for tests that answer in the server's place."""
EMPTY = "·"
"""What it shows large before it was given anything."""
REFUSED = "Failed to load resource"
"""Begins the line that a browser itself writes to the console for an answer of 400 and above."""


def pen_paths(digit: int, way: int = 0) -> list[list[Point]]:
    """A digit as a hand writes it: points of each line, in sides of the drawing area."""
    paths = write(GLYPHS[digit][way], np.random.default_rng(digit), Hand(wobble=0.01))
    return [[(0.5 + DIGIT_HEIGHT * x, 0.5 + DIGIT_HEIGHT * y) for x, y, _ in path[::POINT_STEP]] for path in paths]


class Visit:
    """The page, open, and what the browser complained of."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.url = url
        self.errors: list[str] = []
        self.forgiving = False
        self.hosts: set[str | None] = set()
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        self.page.goto(f"{url}/app/")
        expect(self.page.locator("#bars li")).to_have_count(10)

    def text(self, name: str) -> str:
        return self.page.locator(f"#{name}").inner_text()

    def at(self, point: Point) -> Point:
        """A point of the drawing area in pixels of the window."""
        return self.all_at([point])[0]

    def all_at(self, path: list[Point]) -> list[Point]:
        """The points of a line in pixels of the window."""
        box = self.page.locator("#canvas").bounding_box()
        assert box
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in path]

    def draw(self, digit: int, way: int = 0) -> None:
        """Draw with the mouse."""
        for path in pen_paths(digit, way):
            start, *others = self.all_at(path)
            self.page.mouse.move(*start)
            self.page.mouse.down()
            for point in others:
                self.page.mouse.move(*point)
            self.page.mouse.up()

    def send(self, file: str, data: bytes, media_type: str = "") -> None:
        """Choose a file."""
        self.page.set_input_files("#file", {"name": file, "mimeType": media_type, "buffer": data})

    def reading(self) -> str:
        """What the page shows large once the last answer is there."""
        self.page.wait_for_timeout(DEBOUNCE_MS)
        expect(self.page.locator("#bars")).to_have_attribute("aria-busy", "false")
        return self.text("digit")

    def problem(self) -> str:
        """The title of the trouble that the page shows."""
        expect(self.page.locator("#problem")).to_be_visible()
        return self.text("problem")

    def ink(self) -> int:
        """Pixels of the drawing area that bear ink."""
        script = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
            .data.filter((value, index) => index % 4 == 3 && value > 0).length"""
        return int(self.page.locator("#canvas").evaluate(script))

    def forgive(self) -> None:
        """Let pass the lines that the browser writes for refused requests, to the end; any other stays an error."""
        self.forgiving = True

    def complaints(self) -> list[str]:
        """The errors of the console that count."""
        return [error for error in self.errors if not (self.forgiving and error.startswith(REFUSED))]


@contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """Open the page; at the end, fail on an error in the console or a request to another host."""
    context = browser.new_context(**({"viewport": DESKTOP} | options))
    try:
        visit = Visit(context, url)
        yield visit
    finally:
        context.close()
    assert not visit.complaints(), visit.complaints()
    hosts = visit.hosts - {"", None}  # data: and blob: have no host
    assert hosts == {urlsplit(url).hostname}, hosts
