"""Grayscale -> ink: uneven light, polarity and paper taken out. From here on ink is white on black, uint8."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache, cached_property
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
OVERVIEW_SIZES = (192, 384)  # px; light and paper change slowly, a small copy shows them: a quarter of a large picture
MEDIAN_SIDE = 5  # px; of a wider window a smaller copy is taken: OpenCV sorts this many fast
MEDIAN_WIDTH = 72  # px; and a narrower picture pixel by pixel, ten times slower
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


@dataclass(frozen=True, eq=False)
class Contrast:
    """How far each pixel of a picture stands out from its paper, and what of that is ink.

    Attributes
    ----------
    values : (h, w) float32 in gray levels, 0 is paper, ink is positive
    peak : that of the strongest ink
    noise : standard deviation of the paper's noise, in gray levels
    sharp : (h, w) bool, where the picture has sharp edges
    """

    values: NDArray[np.float32]
    peak: float
    noise: float
    sharp: NDArray[np.bool_]

    @cached_property
    def flat(self) -> NDArray[np.uint8]:
        """(h, w) uint8: 0 is paper, 255 where ink is strongest.

        Nothing is decided in it: what is faint stays, grain and print too, for a reader of lines that has learned to
        tell them apart.
        """
        return np.asarray(cv2.convertScaleAbs(self.values, alpha=255 / max(self.peak, MIN_CONTRAST)), np.uint8)

    @cached_property
    def ink(self) -> NDArray[np.uint8]:
        """(h, w) uint8: 0 where there is paper, 255 where ink is strongest.

        Zeros where nothing stands out from the noise.
        """
        if self.peak < max(MIN_CONTRAST, NOISE_MARGIN * self.noise):
            return np.zeros_like(self.flat)
        sure = self.values > max(SURE_INK * self.peak, 0.7 * NOISE_MARGIN * self.noise)
        weak = self.values > max(WEAK_INK * self.peak, 0.4 * NOISE_MARGIN * self.noise)
        connected = _connected_to(sure & self.sharp, weak)
        return self.flat * np.asarray(cv2.dilate(connected, _square(3)), np.uint8)  # keeps the soft edge of strokes


def extract_ink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink of a grayscale picture, (h, w) uint8: 0 where there is paper, 255 where ink is strongest."""
    return take_off_paper(gray).ink


def flatten(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how much darker than its paper a grayscale picture is, (h, w) uint8; 255 where ink is strongest."""
    return take_off_paper(gray).flat


def take_off_paper(gray: NDArray[np.uint8]) -> Contrast:
    """Return how far a grayscale picture stands out from its paper, (h, w) uint8; ink may be darker or lighter than it.

    The paper's own brightness is estimated by a morphological closing whose window is hardly larger than the strokes
    need.
    """
    gray, noise = _smooth(gray)
    overview = _Overview.of(gray)
    if not _has_dark_ink(overview):
        gray = 255 - gray
        overview = _Overview.of(gray)
    paper = _resize(_paper(overview), gray.shape)
    light = paper / max(1.0, float(paper.max()))  # what is written in the shade has less contrast there, not less ink
    contrast = np.asarray(paper - gray, np.float32)  # in place from here on: of a photo each copy is 20 MB
    np.maximum(contrast, 0, out=contrast)
    contrast /= np.maximum(light, DARKEST_SHADE, out=light)
    grain, peak = _ranked(contrast, *_grain_and_peak(contrast.size))
    contrast -= grain
    return Contrast(
        values=np.maximum(contrast, 0, out=contrast),
        peak=max(0.0, peak - grain),
        noise=noise,
        sharp=_resize(overview.edges(SOFTEST).astype(np.uint8), gray.shape) > 0,
    )


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
    middles = distances[(distances > 0) & (distances >= cv2.dilate(distances, _square(3)))]
    return max(1.0, 2 * float(np.median(middles)) - 1) if middles.size else 0.0


def _smooth(gray: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Take out specks, and as much grain as would pass for ink; return the standard deviation of what grain is left."""
    contrast = _contrast(gray)
    without_specks = _median(gray, 1, cv2.BORDER_REPLICATE)
    if _has_specks(cv2.absdiff(gray, without_specks) > contrast / 2):
        gray, contrast = without_specks, _contrast(without_specks)
    noise = _noise(gray)
    too_strong = GRAIN * noise / max(contrast, 1.0)
    if too_strong <= 1:
        return gray, noise
    sigma = min(max(BLUR[0], too_strong / NOISE_LEFT), BLUR[1])
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), np.uint8), noise / (sigma * NOISE_LEFT)


def _contrast(gray: NDArray[np.uint8]) -> float:
    """Return how far the darkest and the lightest parts lie apart, whatever single pixels say."""
    few = gray.size // 500
    darkest, lightest = _ranked(cv2.blur(gray, (3, 3)), few, gray.size - 1 - few)
    return lightest - darkest


def _has_specks(off: NDArray[np.bool_]) -> bool:
    """Whether many of the pixels that stand out are alone; those of a stroke, however thin, are not."""
    if np.count_nonzero(off) <= MOST_SPECKS:
        return False
    _, _, statistics, _ = cv2.connectedComponentsWithStats(off.view(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return bool((areas <= SPECK_AREA).sum() > max(MOST_SPECKS, areas[areas > SPECK_AREA].sum()))


def _noise(gray: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the paper's noise: most pixels are paper, so the median is about it."""
    off = gray - cv2.boxFilter(gray, cv2.CV_32F, (3, 3))
    [median] = _ranked(np.abs(off, out=off), gray.size // 2)
    return 1.4826 * median


@dataclass(frozen=True, eq=False)
class _Overview:
    """A small copy of a picture, and what is asked of it more than once."""

    picture: NDArray[np.uint8]
    medians: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    @classmethod
    def of(cls, gray: NDArray[np.uint8]) -> _Overview:
        least, most = OVERVIEW_SIZES
        size = min(max(max(gray.shape) / 4, least), most)
        return cls(_scale(gray, min(1.0, size / max(gray.shape))))

    def edges(self, least: float = 0.5) -> NDArray[np.bool_]:
        """Return where the picture changes within a pixel, (h, w) bool: ink does, light and shadow do not."""
        gradient, peak = self._gradient
        return gradient >= math.ceil(peak * least)

    @cached_property
    def _gradient(self) -> tuple[NDArray[np.uint8], float]:
        gradient = np.asarray(cv2.morphologyEx(self.picture, cv2.MORPH_GRADIENT, _square(3)), np.uint8)
        return gradient, _ranked(gradient, _rank_of_peak(gradient.size))[0]

    def window(self, share: float) -> int:
        """Return the side of a square window, odd, in px: a share of the shorter side."""
        return int(min(self.picture.shape) * share) | 1

    def close(self, share: float) -> NDArray[np.float32]:
        """Fill everything dark that is narrower than a share of the shorter side."""
        size = self.window(share)
        closed = cv2.morphologyEx(self.picture, cv2.MORPH_CLOSE, _square(size))
        return np.asarray(cv2.boxFilter(closed, cv2.CV_32F, (size, size)), np.float32)

    def local_median(self, size: int) -> NDArray[np.uint8]:
        """Return the median of the window around each pixel; beyond its border the picture is taken to be mirrored."""
        if size not in self.medians:
            scale = min(1.0, MEDIAN_SIDE / size)
            small = _scale(self.picture, scale)
            half = min(round(size * scale / 2), min(small.shape) - 1)
            self.medians[size] = _resize(_median(small, half, cv2.BORDER_REFLECT_101), self.picture.shape)
        return self.medians[size]


def _has_dark_ink(overview: _Overview) -> bool:
    """Whether ink is the darker side of the edges: it covers less of the picture, and less of its border, than paper.

    The border decides where a bold digit fills its crop, the area where the corners of a photo are dark. Where nothing
    is written at the border, the same is asked of the picture without its light and shade.
    """
    edges = overview.edges()
    darkness = _darkness(overview.picture, edges)
    if _share(_border(edges)) < BARE_BORDER:
        light = overview.local_median(overview.window(WINDOWS[-1]))
        darkness += _darkness(np.subtract(overview.picture, light, dtype=np.int16), edges)
    return darkness <= 0


def _darkness(picture: NDArray[np.integer], edges: NDArray[np.bool_]) -> float:
    """Return from -1 to 1 how much of a picture, and of its border, lies on the darker side of its edges."""
    dark = picture < math.ceil(picture[edges].sum() / np.count_nonzero(edges))
    return _share(dark) + _share(_border(dark)) - 1


def _share(mask: NDArray[np.bool_]) -> float:
    return np.count_nonzero(mask) / mask.size


def _border(picture: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def _paper(overview: _Overview) -> NDArray[np.float32]:
    """Return the brightness that the paper has at each pixel, (h, w) float32."""
    candidates = [overview.close(share) for share in WINDOWS]
    at = np.flatnonzero(overview.edges())
    contrasts = np.stack([paper.ravel()[at] for paper in candidates]) - overview.picture.ravel()[at]
    seen = (contrasts > contrasts[-1].max(initial=0) / 2).sum(axis=1)
    enough = (seen >= SAME_INK * np.append(seen[1:], 0)) & (seen >= seen.max() / 2)
    first = int(enough.argmax()) if enough.any() else len(seen)
    chosen = min(first + 1, len(seen) - 1)  # one wider: edges are seen before the heart of a bold stroke
    return _follow_shadows(overview, candidates[chosen], WINDOWS[: chosen + 1])


def _follow_shadows(
    overview: _Overview, closed: NDArray[np.float32], windows: tuple[float, ...]
) -> NDArray[np.float32]:
    """Take a local median for the paper where little of its window is ink: it keeps the edge of a shadow."""
    contrast = np.maximum(closed - overview.picture, 0)
    grain, peak = _ranked(contrast, *_grain_and_peak(contrast.size))
    ink = _mask(np.maximum(contrast - grain, 0) > SURE_INK * max(0.0, peak - grain))
    lowest = np.full_like(ink, 255)
    for size in {overview.window(share) for share in windows}:
        much = _mask(cv2.boxFilter(ink, cv2.CV_32F, (size, size)) >= MOST_INK * 255)
        lowest = np.minimum(lowest, overview.local_median(size) | much)
    near = np.asarray(cv2.dilate(ink, _square(3)), np.uint8)  # the soft edge of a stroke
    return np.asarray(np.minimum(closed - grain, lowest | near), np.float32)


def _connected_to(sure: NDArray[np.bool_], weak: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the components of the weak mask that hold sure ink (hysteresis: Canny, 1986), (h, w) uint8."""
    n, labels = cv2.connectedComponents(weak.view(np.uint8), connectivity=8)
    holds = np.zeros(n, np.uint8)
    holds[labels[sure]] = 1
    holds[0] = 0  # the paper
    return np.asarray(np.take(holds, np.asarray(labels, np.int32)))


def _grain_and_peak(size: int) -> tuple[int, int]:
    """Return the ranks of the lightest grain and of the strongest ink; bold ink may cover half of a crop."""
    return size // 4, _rank_of_peak(size)


def _rank_of_peak(size: int) -> int:
    """Return the rank of the strongest ink: reached by a few pixels, more of them in a large picture."""
    return size - min(size, FEW_PIXELS + size // FEW_IN)


def _ranked(values: NDArray[Any], *ranks: int) -> tuple[float, ...]:
    """Return the values of some ranks from the lowest, to a quarter of a gray level; values are 0 or more.

    Counting is many times faster than numpy's partition, which is slow where most values are the same.
    """
    steps = 1 if values.dtype == np.uint8 else 4
    levels = values if steps == 1 else (values * steps).astype(np.uint16)
    n_levels = 256 if steps == 1 else int(levels.max()) + 1
    counts = cv2.calcHist([levels], [0], None, [n_levels], [0, n_levels])
    return tuple((np.searchsorted(np.cumsum(counts), [rank + 1 for rank in ranks]) / steps).tolist())


def _median(picture: NDArray[np.uint8], half: int, border: int) -> NDArray[np.uint8]:
    """Return the median of what is no further than half a window from each pixel, in both directions."""
    height, width = picture.shape
    right = max(half, MEDIAN_WIDTH - width - half)
    padded = cv2.copyMakeBorder(picture, half, half, half, right, border)
    return np.asarray(cv2.medianBlur(padded, 2 * half + 1)[half : half + height, half : half + width], np.uint8)


def _scale(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _resize(picture: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return picture if picture.shape == shape else np.asarray(cv2.resize(picture, shape[::-1]))


def _mask(where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask as OpenCV has it, 0 and 255."""
    return where.view(np.uint8) * np.uint8(255)


@cache
def _square(size: int) -> NDArray[np.uint8]:
    return np.ones((size, size), np.uint8)
