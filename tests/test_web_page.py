"""The page, used as a person uses it: a browser with a mouse, a finger and a keyboard, on a running service."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.pictures import encode_png

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine: apt-get install chromium"),
]
SEVEN = [(0.35, 0.25), (0.6, 0.25), (0.5, 0.5), (0.42, 0.8)]  # in shares of the paper
SCRIBBLE = [(0.2 + 0.6 * ((7 * i) % 11) / 11, 0.15 + 0.7 * ((5 * i) % 13) / 13) for i in range(40)]
Line = list[tuple[float, float]]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve on a free port of this machine."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process.stderr.readline().split()[2]  # type: ignore[union-attr]  # it is a pipe
        finally:
            process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Debian's Chromium."""
    with playwright.sync_playwright() as driver:
        playwright.expect.set_options(timeout=30_000)  # ms; a busy machine is slow, not wrong
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Open the page; at the end nothing was said in the console, and nothing was asked of another machine."""
    context = browser.new_context(viewport={"width": 1100, "height": 800}, has_touch=True, accept_downloads=True)
    page = context.new_page()
    complaints, asked = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    refused = "Failed to load resource: the server responded with a status of 4"  # a browser says so of itself
    assert [text for text in complaints if not text.startswith(refused)] == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    context.close()


def draw_with_mouse(page: Any, *lines: Line, paper: str = "#paper") -> None:
    """Draw on the paper, one stroke per line."""
    box = page.locator(paper).bounding_box()
    for line in lines:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in line]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=5)
        page.mouse.up()


def draw_with_finger(page: Any, line: Line, paper: str = "#paper") -> None:
    """Draw one stroke on the paper by touch."""
    box = page.locator(paper).bounding_box()
    points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in line]
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    for point in points[1:]:
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def expect_answer(page: Any, text: str) -> None:
    """Wait until the page's answer begins with a text."""
    playwright.expect(page.locator("#answer .headline")).to_have_text(text)


def test_a_seven_drawn_with_the_mouse_is_read(page: Any) -> None:
    """The digit appears with its confidence, its runner-up and what the network saw."""
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")
    card = page.locator("#answer-digits .digit")
    assert "or " in card.inner_text()
    assert card.locator("img").evaluate("image => image.naturalWidth") == 28


def test_a_seven_drawn_with_a_finger_is_read(page: Any) -> None:
    """Touch draws, and does not scroll the page away."""
    draw_with_finger(page, SEVEN)
    expect_answer(page, "7")


def test_a_one_drawn_by_keyboard_is_read(page: Any) -> None:
    """Arrows move the pen, space puts it down and lifts it."""
    page.locator("#paper").focus()
    page.keyboard.press("Space")
    for _ in range(12):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    expect_answer(page, "1")


def test_strokes_make_a_number_and_can_be_taken_back(page: Any) -> None:
    """Two digits are one number; undo takes back the last, clear all of it."""
    draw_with_mouse(page, [(x - 0.2, y) for x, y in SEVEN])
    expect_answer(page, "7")
    draw_with_mouse(page, [(x + 0.15, y) for x, y in SEVEN])
    expect_answer(page, "77")
    page.get_by_role("button", name="Undo").click()
    expect_answer(page, "7")
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.locator("#answer")).to_contain_text("as soon as you lift the pen")
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_a_scribble_is_no_digit(page: Any) -> None:
    """What is no digit is answered in words."""
    draw_with_mouse(page, SCRIBBLE)
    expect_answer(page, "Not a digit")


def test_a_speck_is_nothing_to_read(page: Any) -> None:
    """A dot of the finest pen is answered in words, not with a digit."""
    page.locator("#write .pen input").fill("8")
    draw_with_mouse(page, [(0.5, 0.5), (0.5, 0.5)])
    expect_answer(page, "Nothing to read")


def test_a_picture_is_read_and_taken_along(page: Any, draw: Callable[..., NDArray[np.uint8]], tmp_path: Path) -> None:
    """Each number of a picture gets a box and a row; the download holds what the reader answers."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(encode_png(draw("305", "9174")))
    page.get_by_role("link", name="Photo").click()
    page.locator("#file").set_input_files(picture)
    playwright.expect(page.locator("#numbers strong")).to_have_text(["305", "9174"])
    playwright.expect(page.locator("#photo-picture .mark")).to_have_count(2)
    page.locator("#numbers button").nth(1).click()
    playwright.expect(page.locator("#details .digit")).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    assert json.loads(Path(download.value.path()).read_text()) == json.loads(
        json.dumps(Reader().read(picture).to_dict())
    )


def test_what_is_no_picture_is_refused_in_words(page: Any, tmp_path: Path) -> None:
    """The page says what the service says."""
    (tmp_path / "note.txt").write_text("hello")
    page.get_by_role("link", name="Photo").click()
    with page.expect_response("**/v1/read?shown=true"):
        page.locator("#file").set_input_files(tmp_path / "note.txt")
    playwright.expect(page.locator("#photo-status")).to_contain_text("not a picture of a known format")


def train(page: Any) -> None:
    """Train the tutorial's network on the page."""
    page.get_by_role("link", name="Learn").click()
    page.get_by_role("button", name="Train").click()
    playwright.expect(page.locator("#accuracy")).to_have_text("0.9147", timeout=60_000)


def test_the_tutorial_is_trained_on_the_page(page: Any) -> None:
    """Its figures are the tutorial's; a cell of the confusion matrix shows its mistakes."""
    train(page)
    playwright.expect(page.locator("#learn-status")).to_contain_text("68 of 797")
    page.get_by_role("button", name="7 times 2 read as 3").click()
    playwright.expect(page.locator("#mistakes .digit")).to_have_count(7)


def test_the_network_of_a_minute_ago_reads_beside_the_bundled_one(page: Any) -> None:
    """What is written then is read by both."""
    train(page)
    page.locator("#try canvas").scroll_into_view_if_needed()
    draw_with_mouse(page, SEVEN, paper="#try canvas")
    playwright.expect(page.locator("#theirs .headline")).to_have_text("7")
    playwright.expect(page.locator("#mine .headline")).to_be_visible()


def test_a_training_can_be_stopped(page: Any) -> None:
    """Stop ends it, and another can begin."""
    page.get_by_role("link", name="Learn").click()
    page.get_by_role("button", name="Train").click()
    playwright.expect(page.locator("#epoch")).to_contain_text("Epoch")
    page.get_by_role("button", name="Stop").click()
    playwright.expect(page.locator("#learn-status")).to_have_text("Stopped.")
    playwright.expect(page.get_by_role("button", name="Train")).to_be_visible()


@pytest.mark.parametrize("view", ["#write", "#photo", "#learn", "docs.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_shuts_anybody_out(page: Any, address: str, view: str, scheme: str) -> None:
    """axe-core finds no fault of accessibility in any view, light or dark."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    page.emulate_media(color_scheme=scheme)
    page.goto(address + view)
    if view == "#write":
        draw_with_mouse(page, SEVEN)
        expect_answer(page, "7")
    if view == "#learn":
        train(page)
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
