"""The page, used as a person uses it: a browser with a mouse, a finger and a keyboard, on a running service."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.corrections import export_corrections
from inkdigits.doubts import Doubt
from inkdigits.pictures import encode_png
from inkdigits.rules import parse_rules
from inkdigits.store import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine: apt-get install chromium"),
]
SEVEN = [(0.35, 0.25), (0.6, 0.25), (0.5, 0.5), (0.42, 0.8)]  # in shares of the paper
SCRIBBLE = [(0.2 + 0.6 * ((7 * i) % 11) / 11, 0.15 + 0.7 * ((5 * i) % 13) / 13) for i in range(40)]
Line = list[tuple[float, float]]
Drawing = Callable[..., NDArray[np.uint8]]


@contextmanager
def serving(*words: object) -> Iterator[str]:
    """Serve on a free port of this machine; yield the address."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = process.stderr.readline().split()[2]  # type: ignore[union-attr]  # it is a pipe
            Thread(target=process.stderr.read, daemon=True).start()  # type: ignore[union-attr]  # or the log fills it
            yield address
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve without a store."""
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Debian's Chromium."""
    with playwright.sync_playwright() as driver:
        playwright.expect.set_options(timeout=30_000)  # ms; a busy machine is slow, not wrong
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, address: str) -> Iterator[Any]:
    """Open the page; at the end nothing was said in the console, and nothing was asked of another machine."""
    context = browser.new_context(viewport={"width": 1100, "height": 800}, has_touch=True, accept_downloads=True)
    page = context.new_page()
    complaints, asked = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.locator("#paper").wait_for()  # the script shows the view; what is not shown takes no focus, and no key
    yield page
    refused = "Failed to load resource: the server responded with a status of 4"  # a browser says so of itself
    assert [text for text in complaints if not text.startswith(refused)] == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    context.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Open the page of the service without a store."""
    with opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    """Serve with a store."""
    with Store(tmp_path_factory.mktemp("store") / "store.db") as store, serving("--store", store.path) as address:
        yield store, address


@pytest.fixture
def store(keeping: tuple[Store, str]) -> Iterator[Store]:
    """Empty the store; no picture of another test is in it."""
    store, _ = keeping
    yield store
    for item in store.corrections():
        store.delete(item.id)
    while store.count_waiting():
        for item in store.next_items(9):
            store.delete(item.id)


@pytest.fixture
def review(browser: Any, store: Store, keeping: tuple[Store, str], draw: Drawing) -> Iterator[Any]:
    """Open the Review view; five pictures wait: three that were read as 7, one as 12, one as no digit."""
    for n, (text, read_as) in enumerate([("7", "7"), ("1", "7"), ("7", "7"), ("12", "12"), ("57", "")]):
        picture = encode_png(draw(text, height=64 + n))
        store.add([Doubt(picture=picture, text=read_as, confidence=n / 10, reason="not sure")], model_sha256="")
    with opened(browser, keeping[1]) as page:
        page.get_by_role("link", name="Review").click()
        yield page


def shown(page: Any, selector: str) -> Any:
    """Wait until an element is shown, then return its box."""
    element = page.locator(selector)
    element.wait_for()
    return element.bounding_box()


def draw_with_mouse(page: Any, *lines: Line, paper: str = "#paper") -> None:
    """Draw on the paper, one stroke per line."""
    box = shown(page, paper)
    for line in lines:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in line]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=5)
        page.mouse.up()


def draw_with_finger(page: Any, line: Line, paper: str = "#paper") -> None:
    """Draw one stroke on the paper by touch."""
    box = shown(page, paper)
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
    expect_answer(page, "Not a number")


def test_a_speck_is_nothing_to_read(page: Any) -> None:
    """A dot of the finest pen is answered in words, not with a digit."""
    page.locator("#write .pen input").fill("8")
    draw_with_mouse(page, [(0.5, 0.5), (0.5, 0.5)])
    expect_answer(page, "Nothing to read")


def test_a_picture_is_read_and_taken_along(page: Any, draw: Drawing, tmp_path: Path) -> None:
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


def test_rules_change_what_a_picture_is_read_as(page: Any, draw: Drawing, tmp_path: Path) -> None:
    """A rule is kept to as soon as it is given, and one that is none is answered in words."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(encode_png(draw("305")))
    page.get_by_role("link", name="Photo").click()
    page.locator("#file").set_input_files(picture)
    playwright.expect(page.locator("#numbers strong")).to_have_text(["305"])
    page.get_by_label("Range").fill("0:150")
    page.get_by_label("Range").press("Enter")
    [ruled] = Reader().read(picture, rule=parse_rules(range="0:150")).numbers
    assert (ruled.text, ruled.free_text) == ("", "305")
    playwright.expect(page.locator("#numbers strong")).to_have_text(["?"])
    playwright.expect(page.locator("#details .headline")).to_have_text("No number fits")
    page.get_by_label("Digits").fill("five")
    page.get_by_label("Digits").press("Enter")
    playwright.expect(page.locator("#photo-status")).to_contain_text("cannot use the length 'five'")


def test_what_is_no_picture_is_refused_in_words(page: Any, tmp_path: Path) -> None:
    """The page says what the service says."""
    (tmp_path / "note.txt").write_text("hello")
    page.get_by_role("link", name="Photo").click()
    with page.expect_response("**/v1/read?shown=true*"):
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


def expect_group(page: Any, title: str, *values: str) -> None:
    """Wait until a group is on the screen, with what its pictures are said to be."""
    playwright.expect(page.locator("#review-group")).to_have_text(title)
    assert [field.input_value() for field in page.locator(".crop input").all()] == list(values)


def test_doubtful_ones_of_a_digit_are_answered_by_keyboard(review: Any, store: Store) -> None:
    """An arrow goes to the odd one out, a digit key corrects it, Enter accepts the rest; the next group comes."""
    expect_group(review, "Read as 7", "7", "7", "7")
    review.keyboard.press("ArrowRight")
    review.keyboard.press("1")
    review.keyboard.press("Enter")
    expect_group(review, "Read as no digit", "-")
    playwright.expect(review.locator("#review-status")).to_have_text(
        re.compile(r"^2 confirmed, 1 corrected: \d+\.\d s a picture, \d+\.\d s so far\. 2 wait\.$")
    )
    review.keyboard.type("57")
    review.keyboard.press("Enter")
    expect_group(review, "Numbers", "12")
    review.keyboard.press("Enter")
    playwright.expect(review.locator("#review-status")).to_contain_text("Nothing waits")
    assert [item.said for item in store.corrections()] == ["7", "1", "7", "12", "57"]


def test_an_odd_one_that_is_clicked_waits_for_what_it_is(review: Any, store: Store) -> None:
    """A click takes the reading away; Enter accepts the others, and the odd one stays until it is answered."""
    expect_group(review, "Read as 7", "7", "7", "7")
    review.get_by_role("img", name="Picture 2").click()
    review.get_by_role("button", name="Accept").click()
    playwright.expect(review.locator(".crop")).to_have_count(1)
    expect_group(review, "Read as 7", "")
    assert [item.said for item in store.corrections()] == ["7", "7"]
    review.get_by_role("button", name="No number").click()
    review.keyboard.press("Enter")
    expect_group(review, "Read as no digit", "-")
    assert [item.said for item in store.corrections()] == ["7", "", "7"]


def test_an_answer_can_be_taken_back(review: Any, store: Store) -> None:
    """Back shows the screen before with what was said; the last word counts."""
    expect_group(review, "Read as 7", "7", "7", "7")
    review.keyboard.press("Enter")
    expect_group(review, "Read as no digit", "-")
    review.get_by_role("button", name="Back").click()
    expect_group(review, "Read as 7", "7", "7", "7")
    review.keyboard.press("4")
    review.keyboard.press("Enter")
    expect_group(review, "Read as no digit", "-")
    assert [item.said for item in store.corrections()] == ["4", "7", "7"]


def test_a_picture_can_be_deleted(review: Any, store: Store) -> None:
    """The one in focus goes from the screen and from the store; the others keep what was typed."""
    expect_group(review, "Read as 7", "7", "7", "7")
    review.keyboard.press("1")
    review.keyboard.press("ArrowRight")
    review.get_by_role("button", name="Delete picture").click()
    playwright.expect(review.locator(".crop")).to_have_count(2)
    expect_group(review, "Read as 7", "1", "7")
    assert store.count_waiting() == 4


def test_a_digit_is_corrected_and_found_in_the_export(
    browser: Any, store: Store, keeping: tuple[Store, str], draw: Drawing, tmp_path: Path
) -> None:
    """What is not sure on a photo comes to the review; what is said of it there is in the folder to learn from."""
    photo = draw("305")
    photo[-60:, 100:108] = 0  # a 1 that the border cuts off
    (tmp_path / "photo.png").write_bytes(encode_png(photo))
    with opened(browser, keeping[1]) as page:
        page.get_by_role("link", name="Photo").click()
        playwright.expect(page.locator("#drop")).to_contain_text("what is doubtful is kept for Review")
        page.locator("#file").set_input_files(tmp_path / "photo.png")
        playwright.expect(page.locator("#numbers strong")).to_have_text(["305", "1"])
        page.get_by_role("link", name="Review").click()
        expect_group(page, "Read as 1", "1")
        page.keyboard.press("7")
        page.keyboard.press("Enter")
        playwright.expect(page.locator("#review-status")).to_contain_text("0 confirmed, 1 corrected")
    [item] = store.corrections()
    export_corrections(store, tmp_path / "out")
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert files == {"labels.csv", f"7/{item.id}.png"}


def test_without_a_store_it_says_how_to_get_one(page: Any) -> None:
    """The review is empty, and tells the option."""
    page.get_by_role("link", name="Review").click()
    playwright.expect(page.locator("#review-status")).to_contain_text("Start the service with --store FILE")
    playwright.expect(page.locator("#drop")).to_contain_text("It is read here and not kept.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_review_shuts_nobody_out(review: Any, scheme: str) -> None:
    """axe-core finds no fault of accessibility in it, with a corrected picture and one that waits for an answer."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    review.emulate_media(color_scheme=scheme)
    expect_group(review, "Read as 7", "7", "7", "7")
    review.keyboard.press("1")
    review.get_by_role("img", name="Picture 2").click()
    found = axe.Axe().run(review)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("view", ["#write", "#photo", "#learn", "#review", "docs.html"])
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
