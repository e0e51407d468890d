"""Grayscale -> ink: uneven light, polarity and paper taken out. From here on ink is white on black, uint8."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 2600  # px; digits on a page are still 30 px high, and a 48-megapixel photo is read in a second
MIN_SIDE = 24  # px; below, as in the 8x8 of the tutorial, a stroke has hardly an edge
MIN_CONTRAST = 12  # gray levels; paper texture and JPEG blocks of an empty page stay below
NOISE_MARGIN = 5.0  # ink is at least this many standard deviations of the noise
GRAIN = 15.0  # standard deviations of the noise in the contrast of a picture whose grain no longer passes for ink
NOISE_LEFT = 2 * math.sqrt(
    math.pi
)  # a Gaussian blur of sigma divides the standard deviation of noise by this times sigma
BLUR = (0.6, 2.0)  # px, standard deviation: less does not smooth, more takes its edges from a pen of 6 px
SPECK_AREA = 3  # px; two of them side by side are still no stroke
MOST_SPECKS = 20  # fewer are left to the page, which knows what is a dot
SURE_INK = 0.22  # share of the strongest ink; pencil beside a marker reaches 0.3, smudges do not
WEAK_INK = 0.11  # share of the strongest ink; counts where it is connected to sure ink, as where a pen runs dry
FEW_PIXELS = 8  # ink of a thin digit in a picture of 28 x 28 reaches its full strength in that many
FEW_IN = 50_000  # and one in that many of a large picture; dead pixels are rarer
BARE_BORDER = 0.05  # of its pixels are edges; in a tight crop, or where a frame is cut off, more are
SOFTEST = 0.15  # of the sharpest edge; a stroke is that sharp somewhere, the rest of a shadow nowhere
DARKEST_SHADE = 0.2  # of the brightest paper; noise would be taken for ink in what is darker
OVERVIEW_SIZE = 384  # px; light and paper change slowly, a small copy shows them
MEDIAN_SIZE = 96  # px; a median of a large window takes long
WINDOWS = (1 / 20, 1 / 12, 1 / 6, 1 / 3, 2 / 3)  # of the shorter side: strokes may be a hair or fill the picture
MOST_INK = 0.35  # of a window; where more of it is ink, its median may be ink too
SAME_INK = 0.97  # a window sees all of the ink when the next wider one hardly sees more of its edges


def to_working_size(gray: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Make a large picture smaller, a tiny one larger; return it with the scale it now has."""
    largest = max(gray.shape)
    scale = MAX_SIDE / largest if largest > MAX_SIDE else math.ceil(MIN_SIDE / largest)
    if scale == 1:
        return gray, 1.0
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(gray, size, interpolation=interpolation), np.uint8), scale


def extract_ink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink of a grayscale picture, (h, w) uint8: 0 where there is paper, 255 where ink is strongest.

    The paper's own brightness is estimated by a morphological closing whose window is hardly larger than the strokes
    need. Ink may be darker or lighter than the paper. A picture in which nothing stands out from the
    noise of its paper gives zeros.
    """
    gray, noise = _smooth(gray)
    contrast, overview = _take_off_paper(gray)
    peak = _peak(contrast)
    if peak < max(MIN_CONTRAST, NOISE_MARGIN * noise):
        return np.zeros_like(gray)
    sure = contrast > max(SURE_INK * peak, 0.7 * NOISE_MARGIN * noise)
    weak = contrast > max(WEAK_INK * peak, 0.4 * NOISE_MARGIN * noise)
    sharp = cv2.resize(_edges(overview, SOFTEST).astype(np.uint8), gray.shape[::-1]) > 0
    nearby = cv2.dilate(_connected_to(sure & sharp, weak), np.ones((3, 3), np.uint8))  # keeps the soft edge of strokes
    return np.asarray(np.rint(np.clip(contrast / peak, 0, 1) * 255 * nearby), np.uint8)


def flatten(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how much darker than its paper a grayscale picture is, (h, w) uint8; 255 where ink is strongest.

    Other than `extract_ink` it decides nothing: what is faint stays, grain and print too, for a reader of lines that
    has learned to tell them apart.
    """
    contrast, _ = _take_off_paper(_smooth(gray)[0])
    return np.asarray(np.rint(np.clip(contrast / max(_peak(contrast), MIN_CONTRAST), 0, 1) * 255), np.uint8)


def stroke_width(mask: NDArray[np.uint8]) -> float:
    """Return the mean width of the strokes of a mask (h, w) uint8, in px; 0 for an empty one.

    In a stroke of width w the distance to the edge averages w/4 + 1/2.
    """
    distances = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
    inside = distances[distances > 0]
    return max(1.0, 4 * float(inside.mean()) - 2) if inside.size else 0.0


def pen_width(mask: NDArray[np.uint8]) -> float:
    """Return the usual width of the strokes of a page's mask (h, w) uint8, in px; 0 for an empty one.

    It is the median along the middles of what is there, so that a dark surface counts by its length, not by its area.
    """
    distances = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
    middles = distances[(distances > 0) & (distances >= cv2.dilate(distances, np.ones((3, 3), np.uint8)))]
    return max(1.0, 2 * float(np.median(middles)) - 1) if middles.size else 0.0


def _take_off_paper(gray: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the contrast with the paper, (h, w) in gray levels, ink is positive; and a small copy with dark ink."""
    gray = gray if _has_dark_ink(gray) else 255 - gray
    overview = _overview(gray)
    paper = np.asarray(cv2.resize(_paper(overview), gray.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    light = paper / max(1.0, float(paper.max()))  # what is written in the shade has less contrast there, not less ink
    contrast = np.clip(paper - gray, 0, None) / np.maximum(light, DARKEST_SHADE)
    contrast = np.clip(contrast - _ranked(contrast, contrast.size // 4), 0, None)  # bold ink may cover half of a crop
    return np.asarray(contrast, np.float32), overview


def _smooth(gray: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Take out specks, and as much grain as would pass for ink; return the standard deviation of what grain is left."""
    gray = np.asarray(cv2.medianBlur(gray, 3), np.uint8) if _has_specks(gray) else gray
    noise = _noise(gray)
    too_strong = GRAIN * noise / max(_contrast(gray), 1.0)
    if too_strong <= 1:
        return gray, noise
    sigma = min(max(BLUR[0], too_strong / NOISE_LEFT), BLUR[1])
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), np.uint8), noise / (sigma * NOISE_LEFT)


def _has_specks(gray: NDArray[np.uint8]) -> bool:
    """Whether many lone pixels stand out; the pixels of a stroke, however thin, are not alone."""
    off = cv2.absdiff(gray, cv2.medianBlur(gray, 3)) > _contrast(gray) / 2
    _, _, statistics, _ = cv2.connectedComponentsWithStats(off.astype(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return bool((areas <= SPECK_AREA).sum() > max(MOST_SPECKS, areas[areas > SPECK_AREA].sum()))


def _contrast(gray: NDArray[np.uint8]) -> float:
    """Return how far the darkest and the lightest parts lie apart, whatever single pixels say."""
    smoothed = cv2.blur(gray, (3, 3)).astype(np.float32)
    few = gray.size // 500
    return _ranked(smoothed, gray.size - 1 - few) - _ranked(smoothed, few)


def _connected_to(sure: NDArray[np.bool_], weak: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the components of the weak mask that hold sure ink (hysteresis: Canny, 1986), (h, w) uint8."""
    n, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    holds = np.zeros(n, np.uint8)
    holds[labels[sure]] = 1
    holds[0] = 0  # the paper
    return np.asarray(holds[labels])


def _peak(contrast: NDArray[np.float32]) -> float:
    """Return the contrast of the strongest ink: reached by a few pixels, more of them in a large picture."""
    few = min(contrast.size, FEW_PIXELS + contrast.size // FEW_IN)
    return _ranked(contrast, contrast.size - few)


def _ranked(values: NDArray[np.float32], rank: int) -> float:
    """Return the value of a rank from the lowest, to a quarter of a gray level; values are 0..255.

    Counting is many times faster than numpy's partition, which is slow where most values are the same.
    """
    counts = np.bincount((values.ravel() * 4).astype(np.uint16))
    return float(np.searchsorted(np.cumsum(counts), rank + 1)) / 4


def _has_dark_ink(gray: NDArray[np.uint8]) -> bool:
    """Whether ink is the darker side of the edges: it covers less of the picture, and less of its border, than paper.

    The border decides where a bold digit fills its crop, the area where the corners of a photo are dark. Where nothing
    is written at the border, the same is asked of the picture without its light and shade.
    """
    overview = _overview(gray)
    edges = _edges(overview)
    darkness = _darkness(overview, edges)
    if _border(edges).mean() < BARE_BORDER:
        flat = overview.astype(np.float32) - _local_median(overview, _window(overview, WINDOWS[-1]))
        darkness += _darkness(flat, edges)
    return darkness <= 0


def _darkness(picture: NDArray[Any], edges: NDArray[np.bool_]) -> float:
    """Return from -1 to 1 how much of a picture, and of its border, lies on the darker side of its edges."""
    dark = picture < picture[edges].mean()
    return float(dark.mean() + _border(dark).mean()) - 1


def _border(picture: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def _paper(overview: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the brightness that the paper has at each pixel, (h, w) float32."""
    candidates = [_close(overview, share) for share in WINDOWS]
    edges = _edges(overview)
    at_edges = [(paper - overview)[edges] for paper in candidates]
    half = float(at_edges[-1].max(initial=0)) / 2
    seen = [int((contrast > half).sum()) for contrast in at_edges]
    enough = [
        count >= SAME_INK * wider and count >= max(seen) / 2 for count, wider in zip(seen, [*seen[1:], 0], strict=True)
    ] + [True]
    chosen = min(enough.index(True) + 1, len(seen) - 1)  # one wider: edges are seen before the heart of a bold stroke
    return _follow_shadows(overview, candidates[chosen], WINDOWS[: chosen + 1])


def _follow_shadows(
    overview: NDArray[np.uint8], closed: NDArray[np.float32], windows: tuple[float, ...]
) -> NDArray[np.float32]:
    """Take a local median for the paper where little of its window is ink: it keeps the edge of a shadow."""
    contrast = np.clip(closed - overview, 0, None)
    grain = _ranked(contrast, contrast.size // 4)  # the closing takes the lightest grain; bold ink may cover half
    paper, contrast = closed - grain, np.clip(contrast - grain, 0, None)
    ink = (contrast > SURE_INK * _peak(contrast)).astype(np.float32)
    bare = cv2.dilate(ink, np.ones((3, 3), np.uint8)) == 0  # not even the soft edge of a stroke
    for size in {_window(overview, share) for share in windows}:
        little = bare & (cv2.blur(ink, (size, size)) < MOST_INK)
        paper = np.where(little, np.minimum(paper, _local_median(overview, size)), paper)
    return np.asarray(paper, np.float32)


def _local_median(overview: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return the median of the window around each pixel; beyond its border the picture is taken to be mirrored."""
    scale = min(1.0, MEDIAN_SIZE / max(overview.shape))
    small = np.asarray(cv2.resize(overview, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    half = min(round(size * scale / 2), min(small.shape) - 1)
    padded = cv2.copyMakeBorder(small, half, half, half, half, cv2.BORDER_REFLECT_101)
    median = cv2.medianBlur(padded, 2 * half + 1)[half : half + small.shape[0], half : half + small.shape[1]]
    return np.asarray(cv2.resize(median, overview.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _edges(overview: NDArray[np.uint8], least: float = 0.5) -> NDArray[np.bool_]:
    """Return where the picture changes within a pixel, (h, w) bool: ink does, light and shadow do not."""
    gradient = np.asarray(cv2.morphologyEx(overview, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32)
    return gradient >= _peak(gradient) * least


def _close(overview: NDArray[np.uint8], share: float) -> NDArray[np.float32]:
    """Fill everything dark that is narrower than a share of the shorter side."""
    size = _window(overview, share)
    closed = cv2.morphologyEx(overview, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    return np.asarray(cv2.blur(closed.astype(np.float32), (size, size)), np.float32)


def _window(overview: NDArray[np.uint8], share: float) -> int:
    """Return the side of a square window, odd, in px."""
    return int(min(overview.shape) * share) | 1


def _overview(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = OVERVIEW_SIZE / max(gray.shape)
    if scale >= 1:
        return gray
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _noise(gray: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the paper's noise: most pixels are paper, so the median is about it."""
    values = gray.astype(np.float32)
    return 1.4826 * _ranked(np.abs(values - cv2.blur(values, (3, 3))), gray.size // 2)
