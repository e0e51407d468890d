"""Takes the pictures of the page that docs/service.md shows: `python docs/pictures/screenshots.py` (needs Chromium)."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
from playwright.sync_api import sync_playwright

from inkdigits import Reader, load_digits
from inkdigits.doubts import find_doubts
from inkdigits.store import Store

HERE = Path(__file__).parent
PHOTO = HERE.parent.parent / "examples" / "page.jpg"
Stroke = list[tuple[float, float]]  # in shares of the paper


def main() -> None:
    """Serve with something to review, and write one picture per view."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder, "store.db"))
        command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", "--store", f"{folder}/store.db"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service, sync_playwright() as driver:  # noqa: S603
            try:
                take_all(driver, service.stderr.readline().split()[2])  # type: ignore[union-attr]  # it is a pipe
            finally:
                service.terminate()


def take_all(driver: Any, address: str) -> None:
    """Write one picture per view of a running service."""
    browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1100, "height": 720})
    page.goto(address)
    for take in (take_write, take_photo, take_learn, take_review):
        take(page)
        page.screenshot(path=HERE / f"{take.__name__.replace('take_', 'page-')}.jpg", quality=85)
    browser.close()


def fill(path: Path) -> None:
    """Put what is doubtful of scikit-learn's digits, made larger, into a store."""
    reader = Reader()
    with Store(path) as store:
        for image in load_digits().images:
            picture = 255 - cv2.resize(image * 15, (96, 96), interpolation=cv2.INTER_CUBIC)
            store.add(find_doubts(reader.read_digit(picture), picture), model_sha256=reader.model.sha256)


def take_review(page: Any) -> None:
    """Correct one doubtful digit, and click another."""
    page.get_by_role("link", name="Review").click()
    page.locator(".crop img").nth(4).click()
    page.keyboard.press("2")
    page.locator(".crop img").nth(6).click()


def take_write(page: Any) -> None:
    """Write 305."""
    three = [*arc(0.17, 0.36, 0.11, -60, 180), *arc(0.17, 0.6, 0.13, 0, 220)]
    nought = arc(0.48, 0.49, 0.24, 0, 360, width=0.5)
    five = [(0.75, 0.26), (0.74, 0.46), *arc(0.79, 0.58, 0.15, -30, 200)]
    for stroke in (three, nought, five, [(0.75, 0.26), (0.92, 0.25)]):
        draw(page, stroke)
        page.wait_for_timeout(300)
    page.wait_for_timeout(700)


def take_photo(page: Any) -> None:
    """Read the example's photo."""
    page.get_by_role("link", name="Photo").click()
    page.locator("#file").set_input_files(PHOTO)
    page.locator("#details .digit").first.wait_for()


def take_learn(page: Any) -> None:
    """Train the tutorial's network."""
    page.get_by_role("link", name="Learn").click()
    page.get_by_role("button", name="Train").click()
    page.locator("#confusion button").first.wait_for()


def arc(x: float, y: float, radius: float, first: float, last: float, *, width: float = 0.7) -> Stroke:
    """Return a stroke around a point, clockwise; degrees are counted from the top."""
    angles = [math.radians(first + (last - first) * i / 24) for i in range(25)]
    return [(x + width * radius * math.sin(a), y - radius * math.cos(a)) for a in angles]


def draw(page: Any, stroke: Stroke) -> None:
    """Draw a stroke with the mouse."""
    paper = page.locator("#paper")
    paper.wait_for()
    box = paper.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=2)
    page.mouse.up()


if __name__ == "__main__":
    main()
