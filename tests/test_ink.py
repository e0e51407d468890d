"""Grayscale becomes ink, whatever the paper, the light and the polarity."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.ink import extract_ink, flatten, pen_width, stroke_width, take_off_paper, to_working_size

Draw = Callable[..., NDArray[np.uint8]]


def overlap(found: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> float:
    """Intersection over union of two inks."""
    a, b = found > 127, drawn > 127
    return float((a & b).sum() / (a | b).sum())


def test_dark_ink_on_paper_becomes_white_on_black(draw: Draw) -> None:
    """The ink is found where it was drawn, the paper is 0."""
    page = draw("305")
    ink = extract_ink(page)
    assert overlap(ink, 255 - page) > 0.95
    assert np.median(ink) == 0


def test_polarity_does_not_matter(draw: Draw) -> None:
    """Chalk on a board gives the ink that a pen on paper gives."""
    page = draw("8")
    assert np.array_equal(extract_ink(page), extract_ink(255 - page))


@pytest.mark.parametrize("paper", [255, 180, 128])
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_grey_paper_and_faint_ink_do_not_matter(draw: Draw, paper: int, strength: float) -> None:
    """Pencil on recycled paper is found where a marker on white is."""
    drawn = 255 - draw("47")
    page = np.rint(paper * (1 - strength * (drawn / 255.0))).astype(np.uint8)
    assert overlap(extract_ink(page), drawn) > 0.95


def test_uneven_light_is_taken_out(draw: Draw) -> None:
    """A corner three times darker than the other is paper all the same."""
    drawn = 255 - draw("305", "41")
    light = np.linspace(0.3, 1.0, drawn.shape[1])[None, :] * np.linspace(0.6, 1.0, drawn.shape[0])[:, None]
    page = np.rint(250 * light * (1 - 0.8 * (drawn / 255.0))).astype(np.uint8)
    assert overlap(extract_ink(page), drawn) > 0.9


@pytest.mark.parametrize("gray", [0, 128, 255])
def test_an_empty_page_has_no_ink(gray: int) -> None:
    """White, grey or black all over: zeros."""
    assert not extract_ink(np.full((90, 120), gray, np.uint8)).any()


def test_noise_is_not_ink() -> None:
    """A picture of noise has nothing that stands out from it."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    assert not extract_ink(noise).any()


def test_thin_ink_survives_noise(draw: Draw) -> None:
    """A digit on grainy paper is found, and hardly a grain with it."""
    drawn = 255 - draw("6", height=96)
    grain = np.random.default_rng(1).normal(0, 8, drawn.shape)
    page = np.clip(230 - 150 * (drawn / 255.0) + grain, 0, 255).astype(np.uint8)
    assert overlap(extract_ink(page), drawn) > 0.8


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 2), (3, 200)])
def test_tiny_pictures_are_survived(shape: tuple[int, int]) -> None:
    """The smallest pictures give ink of their own shape."""
    assert extract_ink(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)).shape == shape


@pytest.mark.parametrize("width", [1, 4, 9, 20])
def test_stroke_width_is_that_of_the_pen(width: int) -> None:
    """A bar of a given width is measured within a pixel and a tenth."""
    mask = np.zeros((80, 200), np.uint8)
    mask[30 : 30 + width, 20:180] = 1
    assert abs(stroke_width(mask) - width) <= 1 + 0.1 * width


def test_no_ink_has_no_stroke_width() -> None:
    """An empty mask has strokes of width 0."""
    assert stroke_width(np.zeros((5, 5), np.uint8)) == 0


def test_a_stroke_through_the_whole_picture_is_ink() -> None:
    """A 1 as large as its picture, a third of its width, is not taken for a shadow."""
    page = np.full((90, 30), 220, np.uint8)
    cv2.line(page, (15, 5), (15, 84), 30, 10)
    assert overlap(extract_ink(page), 255 - page) > 0.9


def test_a_fading_stroke_is_ink_to_its_end() -> None:
    """Where a pen runs dry, down to a quarter of the strongest ink, its stroke stays one piece."""
    page = np.full((100, 300), 240, np.uint8)
    page[45:55, 40:260] = 240 - np.rint(200 * np.linspace(1, 0.25, 220)).astype(np.uint8)
    ink = (extract_ink(page) > 0).astype(np.uint8)
    n, _, statistics, _ = cv2.connectedComponentsWithStats(ink)
    assert n == 2  # the paper and the stroke
    assert statistics[1, cv2.CC_STAT_AREA] >= 10 * 220


def written(height: int = 160) -> NDArray[np.uint8]:
    """Return a 3 of dark ink on light paper, as drawn by OpenCV, its pen 8 px wide."""
    page = np.full((height, height), 225, np.uint8)
    cv2.putText(page, "3", (55, 110), cv2.FONT_HERSHEY_SIMPLEX, 2.6, 45, 8, cv2.LINE_AA)
    return page


def agreement(ink: NDArray[np.uint8], page: NDArray[np.uint8]) -> float:
    """Return the share that ink and the strokes of a clean page have in common, of all that is in either."""
    found, true = ink > 64, page < 135
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("sigma", [15, 30])
def test_grain_is_not_ink(sigma: float) -> None:
    """Sensor noise of up to a sixth of the contrast is smoothed away; the strokes stay where they are."""
    page = written()
    noisy = page + np.random.default_rng(0).normal(0, sigma, page.shape)
    assert agreement(extract_ink(np.clip(noisy, 0, 255).astype(np.uint8)), page) > 0.75


def test_specks_are_not_ink() -> None:
    """One pixel in twenty black or white: the strokes stay, the specks beside them go."""
    page, random = written(), np.random.default_rng(0).random((160, 160))
    specked = np.where(random < 0.025, 0, np.where(random > 0.975, 255, page)).astype(np.uint8)
    assert agreement(extract_ink(specked), page) > 0.75


@pytest.mark.parametrize("light", [0.25, 0.6])
def test_light_that_falls_off_is_not_ink(light: float) -> None:
    """From one corner to the other the light may fall to a quarter; what is written in the dark counts as much."""
    page = written()
    along = np.linspace(0, 0.5, 160)
    shaded = (page * (1 - (1 - light) * (along[:, None] + along[None, :]))).astype(np.uint8)
    assert agreement(extract_ink(shaded), page) > 0.75


@pytest.mark.parametrize("dark", [0.5, 0.7])
def test_the_edge_of_a_shadow_is_not_ink(dark: float) -> None:
    """A shadow with a soft edge across the digit, half as bright as the light: only the strokes are ink."""
    page = written()
    across = np.arange(160)[:, None] + np.arange(160)[None, :] - 150
    edge = dark + (1 - dark) / (1 + np.exp(-across / 10))
    assert agreement(extract_ink((page * edge).astype(np.uint8)), page) > 0.75


def test_the_shadow_of_a_hand_does_not_turn_ink_to_paper() -> None:
    """Where shadow covers most of the picture and its border, ink is still the dark strokes."""
    page = written()
    edge = 0.45 + 0.55 / (1 + np.exp(-(np.arange(160) - 125) / 4))
    assert agreement(extract_ink((page * edge).astype(np.uint8)), page) > 0.6


def test_a_smudge_is_not_ink() -> None:
    """What has 15 % of the strongest ink and hangs on to nothing stronger, is left out."""
    page = np.full((100, 300), 240, np.uint8)
    page[20:80, 60:70] = 40
    page[40:60, 200:212] = 210
    ink = extract_ink(page)
    assert ink[20:80, 60:70].all()
    assert not ink[:, 150:].any()


def test_a_tiny_picture_grows_smoothly() -> None:
    """An 8x8 picture is made three times larger, its edges ramps and not steps."""
    tiny = np.repeat(np.array([[0, 0, 0, 0, 200, 200, 200, 200]], np.uint8), 8, axis=0)
    larger, scale = to_working_size(tiny)
    assert (larger.shape, scale) == ((24, 24), 3)
    assert (larger[:, :6].max(), larger[:, 18:].min()) == (0, 200)
    assert ((larger[:, 10:14] > 0) & (larger[:, 10:14] < 200)).sum(axis=1).min() >= 2


def test_a_large_picture_shrinks_to_its_means() -> None:
    """A picture of 5,200 px becomes one of 2,600, and each pixel the mean of what it stands for."""
    large = np.tile(np.array([0, 100], np.uint8), (40, 2600))
    smaller, scale = to_working_size(large)
    assert (smaller.shape, scale) == ((20, 2600), 0.5)
    assert (smaller == 50).all()


@pytest.mark.parametrize("shape", [(24, 10), (600, 800), (3, 2600)])
def test_a_picture_of_working_size_stays_as_it_is(shape: tuple[int, int]) -> None:
    """From 24 to 2,600 px on its longer side a picture is not touched."""
    gray = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    same, scale = to_working_size(gray)
    assert scale == 1
    assert np.array_equal(same, gray)


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_grey_ink_is_told_from_uneven_paper(draw: Draw, strength: float) -> None:
    """Flattened, paper that darkens to one side is about 0 everywhere, strokes are near 255, bold or faint."""
    drawn = (255 - draw("305")) / 255
    shaded = np.linspace(230, 190, drawn.shape[1])[None] * (1 - strength * drawn)
    flat = flatten(np.asarray(shaded, np.uint8))
    assert np.median(flat[drawn > 0.9]) > 200
    assert np.percentile(flat[drawn == 0], 90) < 20


def test_the_pen_is_measured_beside_a_dark_surface() -> None:
    """Strokes of 6 px stay strokes of 6 px where a table fills half of the picture."""
    mask = np.zeros((400, 400), np.uint8)
    for x in range(20, 380, 30):
        cv2.line(mask, (x, 20), (x, 180), 1, 6)
    mask[220:] = 1
    assert pen_width(mask) == pytest.approx(6, abs=1)
    assert pen_width(np.zeros((9, 9), np.uint8)) == 0


def test_ink_is_part_of_the_flattened_picture(draw: Draw) -> None:
    """What one pass takes for ink is as strong as in the flattened picture, which keeps faint marks besides."""
    page = draw("305", "41")
    page[6:9, 5:25] = 235
    contrast = take_off_paper(page)
    ink = contrast.ink > 0
    assert np.array_equal(contrast.ink[ink], contrast.flat[ink])
    assert contrast.flat[7, 5:25].all()
    assert not contrast.ink[:12, :30].any()
