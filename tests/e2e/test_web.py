"""The web page in a real browser: people draw and send, it reads and explains.

What goes wrong is in `test_web_troubles.py`, how the page looks in `test_web_looks.py`.
"""

import base64
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Response, Route, expect

from api.web import SAMPLE_NAMES
from tests.e2e.conftest import ROOT
from tests.e2e.visit import EMPTY, PHONE, PREDICT, Visit, pen_paths, visiting
from tests.hand_set import encode

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

SAMPLES = ROOT / "samples"
BLANK = encode(Image.new("L", (60, 60), 255))


def answer_of(*best: tuple[int, float]) -> str:
    """A body of predict, as the server writes it."""
    pairs = [{"prediction": digit, "probability": probability} for digit, probability in best]
    seen = "data:image/png;base64," + base64.b64encode(BLANK).decode()
    entry = {**pairs[0], "top_k": pairs, "seen": seen, "adjustments": []}
    return json.dumps({"status": "ok", "predictions": [entry]})


@pytest.mark.parametrize("digit", range(10))
def test_a_drawn_digit_is_read(visit: Visit, digit: int) -> None:
    visit.draw(digit)
    assert visit.reading() == str(digit)
    assert re.fullmatch(r"answered in [\d.]+\sm?s", visit.text("time"))
    assert re.fullmatch(r"\d\d\.\d\s% sure", visit.text("detail"))
    shown = [row.split() for row in visit.page.locator("#bars li").all_inner_texts()]
    assert [int(row[0]) for row in shown] == list(range(10))
    shares = [float(row[1]) for row in shown]
    assert max(shares) == shares[digit]
    assert sum(shares) == pytest.approx(100, abs=1)
    sizes = visit.page.evaluate("[...document.querySelectorAll('#sent, #seen')].map(image => image.naturalWidth)")
    assert sizes == [200, 28]
    assert visit.page.locator("#seen").evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"


def test_it_answers_while_one_draws(visit: Visit) -> None:
    (path,) = pen_paths(3)
    start, *others = visit.all_at(path)
    visit.page.mouse.move(*start)
    visit.page.mouse.down()
    for point in others:
        visit.page.mouse.move(*point)
    assert visit.reading() == "3"  # the button is still down
    visit.page.mouse.up()


def test_a_tap_leaves_a_dot_which_is_ink(visit: Visit) -> None:
    visit.page.mouse.click(*visit.at((0.4, 0.6)))
    visit.reading()
    assert visit.ink() > 100
    assert not visit.page.locator("#trouble").is_visible()


def test_the_last_answer_wins(visit: Visit) -> None:
    held: list[Route] = []
    visit.page.route(PREDICT, lambda route: held.append(route) if not held else route.continue_())
    visit.send("first.png", (SAMPLES / "1.png").read_bytes(), "image/png")
    expect(visit.page.locator("#bars")).to_have_attribute("aria-busy", "true")
    visit.send("second.png", (SAMPLES / "2.png").read_bytes(), "image/png")
    assert visit.reading() == "2"
    held[0].fulfill(body=answer_of((1, 0.99), (7, 0.01)), content_type="application/json")
    assert visit.reading() == "2"


def test_undo_and_clear(visit: Visit) -> None:
    undo, clear = visit.page.locator("#undo"), visit.page.locator("#clear")
    expect(undo).to_be_disabled()
    expect(clear).to_be_disabled()
    visit.draw(4)
    assert visit.reading() == "4"
    whole = visit.ink()
    undo.click()
    visit.reading()
    assert 0 < visit.ink() < whole
    clear.click()
    assert visit.reading() == EMPTY
    assert visit.ink() == 0
    expect(clear).to_be_disabled()
    undo.click()
    undo.click()
    assert visit.reading() == EMPTY
    expect(undo).to_be_disabled()


def test_a_pen_pressed_harder_draws_thicker(visit: Visit) -> None:
    devtools = visit.context.new_cdp_session(visit.page)
    inks = []
    for force in (0.1, 0.9):
        for kind, across in (("mousePressed", 0.3), ("mouseMoved", 0.5), ("mouseMoved", 0.7), ("mouseReleased", 0.7)):
            x, y = visit.at((across, 0.5))
            pen = {"type": kind, "x": x, "y": y, "pointerType": "pen", "force": force, "buttons": 1}
            devtools.send("Input.dispatchMouseEvent", pen | {"button": "left", "clickCount": 1})
        visit.reading()
        inks.append(visit.ink())
        visit.page.click("#clear")
    assert inks[1] > 1.5 * inks[0] > 0


def test_a_finger_draws_on_a_phone(browser: Browser, url: str) -> None:
    with visiting(browser, url, viewport=PHONE, has_touch=True, is_mobile=True) as visit:
        devtools = visit.context.new_cdp_session(visit.page)
        for path in pen_paths(7):
            start, *others = visit.all_at(path)
            for kind, (x, y) in [("touchStart", start), *(("touchMove", point) for point in others)]:
                devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert visit.reading() == "7"
        assert visit.page.evaluate("scrollY") == 0  # the page did not move under the finger
        expect(visit.page.locator("#photograph")).to_be_visible()
        assert visit.page.locator("#camera").get_attribute("capture") == "environment"
        visit.page.tap("[data-sample='8-chalkboard.jpg']")
        expect(visit.page.locator("#digit")).to_have_text("8")


def test_with_the_keyboard_only(visit: Visit) -> None:
    press = visit.page.keyboard.press
    for _ in range(2):
        press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "canvas"
    for key in 7 * ["ArrowUp"] + 5 * ["ArrowLeft"] + [" "] + 10 * ["ArrowRight"]:
        press(key)
    for key in 8 * ["ArrowDown", "Shift+ArrowLeft", "Shift+ArrowLeft", "ArrowDown"]:
        press(key)
    press(" ")
    assert visit.text("pen") == "Pen up"
    assert visit.reading() == "7"
    press("Backspace")
    assert visit.reading() == EMPTY
    for _ in range(20):
        press("Tab")
        if visit.page.evaluate("document.activeElement.dataset.sample") == "3-blue-ink.png":
            break
    press("Enter")
    expect(visit.page.locator("#digit")).to_have_text("3")


def test_every_sample_is_read(visit: Visit) -> None:
    for name in SAMPLE_NAMES:
        visit.page.click(f"[data-sample='{name}']")
        expect(visit.page.locator("#digit"), name).to_have_text(name[0])
        assert visit.page.locator("#adjustments li").count() > 1
        assert visit.page.locator("#picture").is_visible()


def test_a_picture_that_browsers_do_not_show_is_read_too(visit: Visit) -> None:
    visit.send("1-scan.tiff", (SAMPLES / "1-scan.tiff").read_bytes(), "image/tiff")
    assert visit.reading() == "1"
    expect(visit.page.locator("#name")).to_have_text("1-scan.tiff")
    assert not visit.page.locator("#picture").is_visible()


def test_drawing_replaces_a_picture(visit: Visit) -> None:
    visit.send("2.png", (SAMPLES / "2.png").read_bytes(), "image/png")
    assert visit.reading() == "2"
    visit.draw(5)
    assert visit.reading() == "5"
    assert not visit.page.locator("#picture").is_visible()


def test_a_pasted_picture(visit: Visit) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.evaluate(
        """bytes => navigator.clipboard.write(
             [new ClipboardItem({"image/png": new Blob([Uint8Array.from(bytes)], {type: "image/png"})})])""",
        list((SAMPLES / "7-canvas.png").read_bytes()),
    )
    visit.page.keyboard.press("Control+V")
    assert visit.reading() == "7"


def drop(visit: Visit, script: str, argument: Any = None) -> None:
    fill = f"argument => {{ const data = new DataTransfer(); {script}; return data }}"
    transfer = visit.page.evaluate_handle(fill, argument)
    visit.page.dispatch_event("#canvas", "dragover", {"dataTransfer": transfer})
    assert visit.page.locator("#drop").is_visible()
    visit.page.dispatch_event("#canvas", "drop", {"dataTransfer": transfer})
    assert not visit.page.locator("#drop").is_visible()


def test_a_dropped_picture(visit: Visit) -> None:
    add = "data.items.add(new File([Uint8Array.from(argument)], '9.png', {type: 'image/png'}))"
    drop(visit, add, list((SAMPLES / "9.png").read_bytes()))
    assert visit.reading() == "9"


def test_dropped_text_is_no_picture(visit: Visit) -> None:
    drop(visit, "data.setData('text/plain', '7')")
    assert visit.problem() == "There is no picture in that"


def test_a_picture_in_a_format_of_the_browser_alone_is_redrawn(visit: Visit) -> None:
    avif = encode(Image.open(SAMPLES / "6.png").convert("RGB").resize((112, 112)), "AVIF")
    visit.send("six.avif", avif, "image/avif")
    expect(visit.page.locator("#digit")).to_have_text("6")
    assert "image=@six-redrawn.png" in visit.text("curl")
    visit.forgive()


def test_a_picture_of_too_many_pixels_is_made_smaller(visit: Visit) -> None:
    large = encode(Image.open(SAMPLES / "3-blue-ink.png").convert("L").resize((8000, 7000)))
    visit.send("large.png", large, "image/png")
    expect(visit.page.locator("#digit")).to_have_text("3", timeout=20_000)
    assert visit.page.locator("#sent").evaluate("image => image.naturalWidth") == 1600
    visit.forgive()


def test_not_sure(visit: Visit) -> None:
    body = answer_of((4, 0.41), (9, 0.38), *((digit, 0.026) for digit in (0, 1, 2, 3, 5, 6, 7, 8)))
    visit.page.route(PREDICT, lambda route: route.fulfill(body=body, content_type="application/json"))
    visit.draw(4)
    assert visit.reading() == "?"
    assert visit.text("headline") == "Not sure"
    assert visit.text("detail") == "Perhaps a four, perhaps a nine"


def test_the_curl_line_gives_the_same_answer(visit: Visit, tmp_path: Path) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answers: list[Response] = []
    visit.page.on("response", lambda response: answers.append(response))
    visit.draw(8)
    assert visit.reading() == "8"
    with visit.page.expect_download() as download:
        visit.page.click("#download")
    download.value.save_as(tmp_path / download.value.suggested_filename)
    visit.page.click("#copy")
    expect(visit.page.locator("#copy")).to_have_text("Copied")
    line = visit.page.evaluate("navigator.clipboard.readText()")
    ran = subprocess.run([*shlex.split(line), "--silent"], cwd=tmp_path, capture_output=True, text=True, check=True)
    last = [answer for answer in answers if "/model/predict" in answer.url][-1]
    assert json.loads(ran.stdout) == last.json()


def test_the_curl_line_bears_any_name_of_a_file(visit: Visit, tmp_path: Path) -> None:
    name = """it's a "7"; $HOME, `x`\\.png"""
    (tmp_path / name).write_bytes((SAMPLES / "7.png").read_bytes())
    visit.send(name, (SAMPLES / "7.png").read_bytes(), "image/png")
    assert visit.reading() == "7"
    line = f"{visit.text('curl')} --silent"
    ran = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["predictions"][0]["prediction"] == 7
