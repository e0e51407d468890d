"""PDF: each page is a picture, drawn when it is asked for; what asks for too much is refused, and harms nobody."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkdigits import pdf
from inkdigits.errors import PictureError, PictureTooLargeError
from inkdigits.pdf import Pdf

MARKED = np.full((60, 40), 255, np.uint8)  # a scan that is not symmetric in any way
MARKED[10:20, 5:30] = 0


def pdf_of(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Return a PDF of objects, counted from 1, of which the first is the catalog."""
    content, starts = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        starts.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    return b"%bxref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (
        (content, size, table, size, trailer, len(content))
    )


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """Return a compressed stream with the entries of its dictionary."""
    packed = zlib.compress(data, 9)
    return b"<<%b/Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (entries, len(packed), packed)


def pages_of(*contents: bytes, size: tuple[int, int] = (72, 36), resources: bytes = b"") -> bytes:
    """Return a PDF with a page for each content, which is drawn on it; pages without content have none."""
    first = 3
    kids = b" ".join(b"%d 0 R" % (first + 2 * i) for i in range(len(contents)))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Resources<<%b>>/Contents %d 0 R>>"
    objects = [
        part
        for i, content in enumerate(contents)
        for part in (page % (*size, resources, first + 2 * i + 1), stream(content))
    ]
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, len(contents)), *objects
    )


def scan(image: NDArray[np.uint8], dpi: float) -> bytes:
    """Return a PDF of one page, which is an image."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PDF", resolution=dpi, quality=95)
    return buffer.getvalue()


@contextmanager
def opened(content: bytes) -> Iterator[Pdf]:
    """Open a PDF."""
    with Pdf(content, "'a.pdf'", max_image_pixels=10**6) as opened_pdf:
        yield opened_pdf


def test_each_page_is_drawn_when_asked_for() -> None:
    """Pages come in any order and again, in colour, counted from 1."""
    with opened(pages_of(b"1 0 0 rg 0 0 72 36 re f", b"0 0 1 rg 0 0 72 36 re f")) as document:
        assert document.pages == 2
        colours = [document.draw(number)[75, 150].tolist() for number in (2, 1, 2)]
    assert colours == [[0, 0, 255], [255, 0, 0], [0, 0, 255]]


def test_a_page_of_lines_is_drawn_at_300_dots_per_inch() -> None:
    """A page of 1 x 0.5 inches is 300 x 150 pixels, its paper white."""
    with opened(pages_of(b"0 0 36 18 re f")) as document:
        drawn = document.draw(1)
    assert drawn.shape == (150, 300, 3)
    assert (drawn[:75].min(), drawn[80:, :145].max(), drawn[:, 155:].min()) == (255, 0, 255)


def test_a_large_page_is_drawn_smaller() -> None:
    """The longer side has 2,600 px at most, however large a sheet says it is."""
    with opened(pages_of(b"", size=(14_400, 7_200))) as document:
        assert document.draw(1).shape == (1300, 2600, 3)


@pytest.mark.parametrize("dpi", [10, 72, 600])
def test_a_scan_has_the_pixels_it_was_scanned_with(dpi: float) -> None:
    """A page that is one image is that image, to a pixel, whatever size the page says it has."""
    with opened(scan(MARKED, dpi)) as document:
        drawn = document.draw(1)
    assert drawn.shape == (60, 40, 3)
    dark = np.argwhere(drawn[:, :, 0] < 128)
    assert np.abs([dark.min(axis=0) - (10, 5), dark.max(axis=0) - (19, 29)]).max() <= 1


def test_a_locked_pdf_says_so() -> None:
    """A PDF with a password is refused with what to do about it."""
    lock = b"<</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>>" % (b"00" * 32, b"00" * 32)
    locked = pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[]/Count 0>>",
        lock,
        trailer=b"/Encrypt 3 0 R/ID[<00><00>]",
    )
    with pytest.raises(PictureError) as caught:
        Pdf(locked, "'a.pdf'", max_image_pixels=10**6)
    assert str(caught.value) == (
        "cannot read 'a.pdf': it is locked with a password; open it with the password and print it to a new PDF"
    )


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7", pages_of(b"")[:100], pages_of()],
    ids=["nothing but a header", "cut off", "no pages"],
)
def test_a_damaged_pdf_is_refused(content: bytes) -> None:
    """What PDFium cannot open is damaged."""
    with pytest.raises(PictureError, match=r"^cannot read 'a.pdf': it is damaged; copy or export it again$"):
        Pdf(content, "'a.pdf'", max_image_pixels=10**6)


def test_a_damaged_page_keeps_no_other_from_being_drawn() -> None:
    """A page that is missing is refused, those around it are drawn."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 36]>>"
    kids = b"<</Type/Pages/Kids[3 0 R 9 0 R 4 0 R]/Count 3>>"
    with opened(pdf_of(b"<</Type/Catalog/Pages 2 0 R>>", kids, page, page)) as document:
        assert document.pages == 3
        with pytest.raises(PictureError, match=r"^cannot read 'a.pdf': it is damaged"):
            document.draw(2)
        assert document.draw(1).shape == document.draw(3).shape == (150, 300, 3)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    """The limit of pictures holds for the images on a page too: the file holds no pixels that could be decoded."""
    huge = stream(b"", b"/Type/XObject/Subtype/Image/Width 30000/Height 30000/BitsPerComponent 8/ColorSpace/DeviceGray")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 36]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>"
    kids = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    content = pdf_of(b"<</Type/Catalog/Pages 2 0 R>>", kids, page, stream(b"72 0 0 36 0 0 cm /I Do"), huge)
    with opened(content) as document, pytest.raises(PictureTooLargeError) as caught:
        document.draw(1)
    assert str(caught.value) == (
        "cannot read 'a.pdf': an image in it has 30,000 x 30,000 pixels, the limit is 1 megapixels; save it smaller"
    )


def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that would take minutes to draw is refused after the time limit, and the next page is drawn."""
    slow = b"0 0 72 36 re f\n" * 3_000_000
    with opened(pages_of(slow, b"0 0 36 18 re f")) as document:
        with monkeypatch.context() as patch:
            patch.setattr(pdf, "TIMEOUT_S", 0.2)
            with pytest.raises(PictureError, match=r"^cannot read 'a.pdf': drawing the page takes more than 0 s; save"):
                document.draw(1)
        assert document.draw(2)[149, 0].tolist() == [0, 0, 0]


def test_a_process_that_ends_takes_its_page_with_it_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PDFium brings its process down, the page is refused and the next one is drawn by a new process."""
    with opened(pages_of(b"", b"0 0 36 18 re f")) as document:
        document._process.kill()
        with monkeypatch.context() as patch:
            patch.setattr(document._process, "poll", lambda: None)  # as if it ended while it draws
            with pytest.raises(PictureError, match=r"drawing the page fails, or needs too much memory"):
                document.draw(1)
        assert document.draw(2)[149, 0].tolist() == [0, 0, 0]


def test_no_process_is_left_behind() -> None:
    """With the PDF its process is closed, and after an error too."""
    with opened(pages_of(b"")) as document:
        process = document._process
        assert process.poll() is None
    assert process.poll() is not None
