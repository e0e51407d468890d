"""Made-up lines: numbers as one hand writes them on paper, with what is printed there and what the camera adds.

A reader of whole numbers learns from these alone. Every line takes its digits from one writer, with a common height,
slant, pen and spacing; what is written beside them, dots, dashes, letters, has no label and is not to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import RecipeError
from inkdigits.paper import Canvas, Place, Random, photograph, print_and_stain, stroke
from inkdigits.prepare import EDGE, prepare_line

LENGTHS = (0.1, 0.17, 0.2, 0.16, 0.15, 0.11, 0.05, 0.03, 0.01, 0.01, 0.005, 0.005)  # share with 1, 2, ... digits
EMPTY = 0.05  # share of lines without a number: nothing, or a few letters and signs
ROUND, REPEATED = 0.2, 0.1  # shares of 5000 and of 777: zeros touch, and a digit after the same one is easily dropped
HEIGHT = (9, 36)  # px of the digits, as small as in the cells of a photographed page
SHAPED = 20  # px, the height of a digit in its image of 28
GAPS = ((0.45, -0.1, 0.05), (0.43, 0.05, 0.35), (0.09, 0.35, 0.9), (0.03, 0.9, 2.0))  # share; of the height, from, to
BOXED = 0.1  # share of lines with a printed box for each digit
NATIONAL = 0.4  # share of hands some of whose digits are of national form
SLANT = (0.08, 0.17)  # mean and standard deviation of the shear; MNIST's own slants come on top
ROOMY = 0.15  # share of lines with much room around, as cells of a form have it
SMALL_ZEROS = 0.15  # share of hands that write the zeros at the end smaller, and often raised
CUT_CLOSE = 0.15  # share of lines whose first digit begins at the very edge, or beyond it; half as often top and foot
LIGATURES = 0.3  # share of hands that write zeros without lifting the pen
LETTERS = "ABCEFHKLMNPRTUVXaefhknrtuvx$%#&"


@dataclass(frozen=True)
class Line:
    """A picture of a number, (h, w) uint8 with bright ink, and what is written there."""

    picture: NDArray[np.uint8]
    written: str  # digits, and the separators between and around them

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture as a model is shown it, (LINE_HEIGHT, w) uint8."""
        return prepare_line(self.picture)

    @property
    def text(self) -> str:
        """The digits alone."""
        return "".join(filter(str.isdigit, self.written))


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28) uint8, their labels (n,), and their writers (n,) where these are known."""

    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
    writers: NDArray[np.integer] | None = None

    def hands(self, start: int) -> list[_Hand]:
        """Return the hand of each writer, with indices that begin at start; one hand where nobody knows them."""
        writers = np.zeros(len(self.labels), int) if self.writers is None else self.writers
        order = np.argsort(writers, kind="stable")
        _, firsts = np.unique(writers[order], return_index=True)
        parts = np.split(order, firsts[1:])
        return [_Hand(tuple(start + part[self.labels[part] == digit] for digit in range(10))) for part in parts]


class Handwriting:
    """Digits by hand, from which lines are put together.

    Parameters
    ----------
    sets
        Digits of one source each, images (n, 28, 28) uint8 as MNIST has them, ink is 255, and 20 px high. A source is
        the more often drawn from the larger it is, but not in proportion: small ones bring other countries' hands.
    national
        Digits of national forms, which a hand of any set now and then has for some of its own.

    Raises
    ------
    RecipeError
        If there is a digit that nobody has written.
    """

    def __init__(self, sets: Sequence[Digits], *, national: Digits | None = None) -> None:
        parts = [*sets, *([] if national is None else [national])]
        self._images = np.concatenate([part.images for part in parts])
        columns = self._images.max(axis=1) >= EDGE
        self._left, self._right = columns.argmax(axis=1), 28 - columns[:, ::-1].argmax(axis=1)
        starts = np.cumsum([0, *(len(part.labels) for part in parts)])
        self._sets = [part.hands(start) for part, start in zip(sets, starts, strict=False)]
        self._weights = np.sqrt([len(part.labels) for part in sets])
        self._weights /= self._weights.sum()
        everybody = _Hand.join([hand for hands in self._sets for hand in hands])
        if missing := [digit for digit, images in enumerate(everybody.of_digit) if not len(images)]:
            n = sum(len(part.labels) for part in sets)
            raise RecipeError(f"cannot make lines of {n} digits: nobody has written a {missing[0]}; give more of them")
        self._anybody = [_Hand.join(hands).completed(everybody) for hands in self._sets]
        self._national = _Hand.join(national.hands(starts[-2])) if national is not None else None

    def draw_lines(self, n: int, *, random_state: int | Sequence[int]) -> list[Line]:
        """Return n made-up lines; the same seed gives the same ones."""
        random = np.random.default_rng(random_state)
        return [self.draw_line(random) for _ in range(n)]

    def draw_line(self, random: Random) -> Line:
        """Return one line."""
        text = "" if random.random() < EMPTY else _make_up_number(random)
        style = _Style.draw(random)
        canvas, written = self._write(text, self._choose_hand(random), style, random)
        if random.random() < 0.4:
            canvas = _change_pen(canvas, random)
        place = Place(style.above * style.height, style.height, style.strength)
        print_and_stain(canvas, place, random)
        return Line(np.asarray(photograph(canvas, place, random) * 255, np.uint8), written)

    def _choose_hand(self, random: Random) -> _Hand:
        """Return somebody's digits, some perhaps of national form; what one lacks is taken from others."""
        which = random.choice(len(self._sets), p=self._weights)
        hands = self._sets[which]
        hand = hands[random.integers(len(hands))].completed(self._anybody[which])
        if self._national is None or random.random() > NATIONAL:
            return hand
        return hand.with_some_of(self._national, random)

    def _write(self, text: str, hand: _Hand, style: _Style, random: Random) -> tuple[Canvas, str]:
        """Write digits and what stands between them, from left to right; return what was written, too."""
        height = style.height
        room = (2.2 + max(0.0, style.gap)) * len(text) + 9
        shape = round(height * (1 + style.above + style.below)), round(height * room)
        canvas: Canvas = np.zeros(shape, np.float32)
        x, last, written = style.margin * height, len(text) - 1, ""
        if random.random() < style.head:
            x, written = _head(canvas, x, style, random)
        lines = [x - 0.1 * height]  # where boxes are printed
        zeros = len(text.rstrip("0")) if style.small_zeros < 1 else len(text)
        for i, digit in enumerate(text):
            size = style.small_zeros if i >= max(1, zeros) else 1.0
            glyph = int(random.choice(hand.of_digit[int(digit)]))
            written += digit
            width = (self._right[glyph] - self._left[glyph]) * height / SHAPED * style.stretch * size
            if style.boxed:
                pitch = style.pitch * height
                start = lines[-1] + (pitch - width) / 2 + random.normal(0, 0.05) * height
                lines.append(lines[-1] + pitch)
                x = self._place(canvas, glyph, start, style, random, size)
                continue
            end = self._place(canvas, glyph, x, style, random, size)
            x = end + (style.gap + random.normal(0, 0.05)) * height
            x = max(x, end - 0.2 * width)
            if style.ligatures and text[i : i + 2] == "00":
                _join(canvas, end, x, style, random)
            if i < last and random.random() < style.dots and (last - i) % style.group == 0:
                x, mark = _dot(canvas, x, style, random)
                written += mark
        if style.boxed:
            _boxes(canvas, lines, style, random)
            x = lines[-1]
        for _ in range(int(random.random() < style.tail) if text else random.integers(4)):
            x, marks = _tail(canvas, x, style, random)
            written += marks
        return canvas[:, : round(max(height / 2, x + style.room * height + 2))], written

    def _place(self, canvas: Canvas, glyph: int, x: float, style: _Style, random: Random, size: float) -> float:
        """Write a digit, of a size beside the others, so that its ink begins at x; return where it ends."""
        scale = style.height / SHAPED * np.exp(random.normal(0, style.uneven)) * size
        stretch, slant = scale * style.stretch, style.shear * scale + random.normal(0, 0.03) * scale
        left, right = self._left[glyph], self._right[glyph]
        middle = style.height * (style.above + 0.5 + style.raised * (1 - size)) + style.slope * x
        middle += random.normal(0, style.drift) * style.height
        first = round(x) - 4  # the region of the canvas it goes to
        span = int(np.ceil((right - left) * stretch)) + round(style.height) // 2 + 8
        # columns: stretch * (column - left) - slant * (row - 14) + x; rows: scale * (row - 14) + middle
        matrix = np.array([[stretch, -slant, x - first - stretch * left + slant * 14], [0, scale, middle - scale * 14]])
        ink = cv2.warpAffine(self._images[glyph], matrix, (span, canvas.shape[0]), flags=cv2.INTER_LINEAR)
        start, stop = max(0, first), min(canvas.shape[1], first + span)
        window = canvas[:, start:stop]
        strength = style.strength * random.uniform(1 - style.fading, 1)
        np.maximum(window, ink[:, start - first : stop - first] * (strength / 255), out=window)
        return float(x + (right - left) * stretch)


@dataclass(frozen=True)
class _Hand:
    """Where the digits of one writer are: for each digit, the indices of its images."""

    of_digit: tuple[NDArray[np.intp], ...]

    @classmethod
    def join(cls, hands: Sequence[_Hand]) -> _Hand:
        """Return all hands as if they were one."""
        return cls(tuple(np.concatenate([hand.of_digit[digit] for hand in hands]) for digit in range(10)))

    def completed(self, others: _Hand) -> _Hand:
        """Return this hand with others' digits for those it lacks."""
        return _Hand(
            tuple(own if len(own) else other for own, other in zip(self.of_digit, others.of_digit, strict=True))
        )

    def with_some_of(self, national: _Hand, random: Random) -> _Hand:
        """Return this hand with national forms for half of the digits that have some."""
        changed = [len(forms) > 0 and random.random() < 0.5 for forms in national.of_digit]
        both = zip(changed, national.of_digit, self.of_digit, strict=True)
        return _Hand(tuple(form if change else own for change, form, own in both))


@dataclass(frozen=True)
class _Style:
    """How a line is written: lengths are fractions of the digits' height."""

    height: float  # px
    above: float  # free room
    below: float
    margin: float
    room: float  # after the last digit
    stretch: float
    shear: float
    slope: float
    gap: float
    drift: float
    uneven: float
    strength: float  # of the ink, 1 is the darkest on the paper
    fading: float
    dots: float  # share of groups of digits that end with a dot or comma
    group: int
    head: float  # share of lines with a mark before the number
    tail: float  # and after it
    ligatures: bool
    small_zeros: float  # how high zeros at the end are
    raised: float  # where small ones stand: 0.5 on the base line, 0 in the middle, -0.5 at the top
    boxed: bool
    pitch: float

    @classmethod
    def draw(cls, random: Random) -> _Style:
        _, narrowest, widest = GAPS[random.choice(len(GAPS), p=[share for share, _, _ in GAPS])]
        aside, over = (3.0, 1.5) if random.random() < ROOMY else (0.9, 0.6)
        return cls(
            height=random.uniform(*HEIGHT),
            above=_draw_room(random, CUT_CLOSE / 2, over),
            below=_draw_room(random, CUT_CLOSE / 2, over),
            margin=_draw_room(random, CUT_CLOSE, aside),
            room=random.uniform(0.02, aside),
            stretch=float(np.exp(random.normal(0, 0.15))),
            shear=random.normal(*SLANT),
            slope=random.normal(0, 0.025),
            gap=random.uniform(narrowest, widest),
            drift=abs(random.normal(0, 0.05)),
            uneven=abs(random.normal(0, 0.09)),
            strength=random.uniform(0.35, 1) if random.random() < 0.3 else 1.0,
            fading=random.uniform(0, 0.4) if random.random() < 0.3 else 0.0,
            dots=float(random.random() < 0.3),
            group=int(random.choice((3, 3, 3, 2, 1))),
            head=0.08,
            tail=0.25,
            ligatures=bool(random.random() < LIGATURES),
            small_zeros=random.uniform(0.45, 0.8) if random.random() < SMALL_ZEROS else 1.0,
            raised=random.uniform(-0.5, 0.5),
            boxed=bool(random.random() < BOXED),
            pitch=random.uniform(1.0, 1.7),
        )


def _draw_room(random: Random, cut: float, most: float) -> float:
    """Return the room beside a number, of its height; none, or less, for a share that is cut close."""
    return random.uniform(-0.1, 0.03) if random.random() < cut else random.uniform(0.03, most)


def _make_up_number(random: Random) -> str:
    n = 1 + int(random.choice(len(LENGTHS), p=LENGTHS))
    digits = random.integers(0, 10, n)
    kind = random.random()
    if kind < ROUND:
        digits[-int(random.integers(1, 4)) :] = 0
    elif kind < ROUND + REPEATED:
        digits[int(random.integers(n)) :] = digits[-1]
    return "".join(map(str, digits))


def _dot(canvas: Canvas, x: float, style: _Style, random: Random) -> tuple[float, str]:
    """Draw a dot or a comma at the foot of the line; return where the next digit begins, and which it was."""
    size, foot = max(1.0, 0.08 * style.height * random.uniform(0.6, 1.6)), style.height * (1 + style.above)
    x += random.uniform(0.02, 0.2) * style.height
    start = (x, foot - random.uniform(-0.05, 0.2) * style.height)
    comma = random.random() < 0.4
    end = (x - 0.1 * style.height, start[1] + random.uniform(0.1, 0.25) * style.height) if comma else start
    stroke(canvas, [start, end], 1.5 * size, style.strength)
    return x + size + random.uniform(0.02, 0.25) * style.height, "," if comma else "."


def _join(canvas: Canvas, end: float, x: float, style: _Style, random: Random) -> None:
    """Draw the ligature between two zeros, from the top of one to that of the next."""
    h, top = style.height, style.height * style.above
    heights = top + random.uniform(0.05, 0.35, 3) * h
    way = [(end - 0.15 * h, heights[0]), ((end + x) / 2, heights[1]), (x + 0.15 * h, heights[2])]
    stroke(canvas, way, max(1.0, random.uniform(0.05, 0.1) * h), style.strength)


def _head(canvas: Canvas, x: float, style: _Style, random: Random) -> tuple[float, str]:
    """Draw what people put before an amount, a dash or an equals sign; return where the number begins, and which."""
    h, middle = style.height, style.height * (style.above + random.uniform(0.4, 0.8))
    pen, length = max(1.0, random.uniform(0.06, 0.13) * h), random.uniform(0.2, 0.6) * h
    dash = random.random() < 0.7
    for y in (middle,) if dash else (middle - 0.12 * h, middle + 0.12 * h):
        stroke(canvas, [(x, y), (x + length, y + random.normal(0, 0.05) * h)], pen, style.strength)
    return float(x + length + random.uniform(0.1, 0.5) * h), "-" if dash else "="


def _tail(canvas: Canvas, x: float, style: _Style, random: Random) -> tuple[float, str]:
    """Draw what people put after a number: a dot, a dash, an equals sign, a slash, a letter; the last two unnamed."""
    h, middle = style.height, style.height * (style.above + 0.5)
    x += random.uniform(0.05, 0.5) * h
    pen, length = max(1.0, random.uniform(0.06, 0.13) * h), random.uniform(0.25, 0.8) * h
    wobble = random.normal(0, 0.06, 4) * h
    kind = random.choice(["dot", "dash", "dot and dash", "equals", "slash", "letter"])
    marks = {"dash": "-", "dot and dash": "-", "equals": "="}.get(kind, "")
    if kind in {"dot", "dot and dash"}:
        x, dot = _dot(canvas, x, style, random)
        marks = dot + marks
    if kind in {"dash", "dot and dash"}:
        stroke(canvas, [(x, middle + wobble[0]), (x + length, middle + wobble[1])], pen, style.strength)
    if kind == "equals":
        for y in (middle - 0.12 * h, middle + 0.12 * h):
            stroke(canvas, [(x, y + wobble[0] / 3), (x + length, y + wobble[1] / 3)], pen, style.strength)
    if kind == "slash":
        stroke(canvas, [(x + length / 2, middle - 0.5 * h), (x, middle + 0.5 * h + wobble[2])], pen, style.strength)
    if kind == "letter":
        letter, at = LETTERS[random.integers(len(LETTERS))], (round(x), round(middle + 0.45 * h))
        ink = np.zeros(canvas.shape, np.uint8)
        cv2.putText(ink, letter, at, int(random.choice((0, 1, 6, 7))), h / 24, 255, max(1, round(pen)), cv2.LINE_AA)
        np.maximum(canvas, ink * (style.strength / 255), out=canvas)
        length = h
    return float(x + length), marks


def _boxes(canvas: Canvas, lines: Sequence[float], style: _Style, random: Random) -> None:
    """Print a box around each digit, or only what separates them."""
    strength, pen = random.uniform(0.15, 0.9), random.choice((1.0, 1.0, 2.0))
    top = style.height * (style.above - random.uniform(0.02, 0.3))
    bottom = style.height * (style.above + 1 + random.uniform(0.02, 0.3))
    for x in lines:
        stroke(canvas, [(x, top), (x, bottom)], pen, strength)
    for y in (top, bottom) if random.random() < 0.8 else (bottom,):
        stroke(canvas, [(lines[0], y), (lines[-1], y)], pen, strength)


def _change_pen(canvas: Canvas, random: Random) -> Canvas:
    """Blend with the dilation, a bolder pen, or with the erosion, a finer one."""
    amount = random.uniform(-0.8, 1)
    change = cv2.dilate if amount > 0 else cv2.erode
    size = 3 if amount > 0 else 2
    return np.asarray(canvas + (change(canvas, np.ones((size, size))) - canvas) * abs(amount), np.float32)
