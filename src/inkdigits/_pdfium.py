"""The drawing side of pdf.py: a process that is given one PDF, and then draws page after page of it.

It reads stdin and answers on stdout: to the PDF (8 bytes that say how long it is, and its bytes) with how many pages it
has, to each page number (a line) with the page. An answer is a line of JSON, and pixels where it says so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from inkdigits.deadline import end_in

RESOLUTION = 300  # dots per inch; what scanners are set to
MAX_SIDE = 2600  # px of the longer side; ink.py would make a larger picture smaller
POINTS = 72  # units of a page per inch
HARDLY_LESS = 1 - 1e-5  # of the scale: a size is rounded up, and 40.000001 px would become 41
MAX_MEMORY = 2**31  # bytes; an image of 100 megapixels takes up to 1.3 GB while it is decoded
ORPHANED_S = 60  # twice what pdf.py waits; who still draws then has been left alone


def main(max_image_pixels: int) -> None:
    """Answer until stdin ends."""
    _limit_memory()
    import pypdfium2

    content = sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(8), "big"))
    end_in(ORPHANED_S)
    try:
        pdf = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        _answer({"error": error.err_code})
        return
    with pdf:
        _answer({"pages": len(pdf)})
        end_in(0)
        for line in sys.stdin.buffer:
            end_in(ORPHANED_S)
            try:
                _draw(pdf, int(line), max_image_pixels)
            except pypdfium2.PdfiumError as error:
                _answer({"error": error.err_code})
            end_in(0)


def _draw(pdf: Any, number: int, max_image_pixels: int) -> None:
    page = pdf[number - 1]
    for width, height in _image_sizes(page):
        if width * height > max_image_pixels:  # the page would be drawn without it, or take much memory
            _answer({"too_large": [width, height]})
            return
    bitmap = page.render(scale=_scale(page), rev_byteorder=True)
    _answer({"shape": [bitmap.height, bitmap.width], "bytes": bitmap.height * bitmap.stride}, bitmap.buffer)
    bitmap.close()
    page.close()


def _answer(values: dict[str, Any], pixels: Any = b"") -> None:
    sys.stdout.buffer.write(json.dumps(values).encode() + b"\n")
    sys.stdout.buffer.write(pixels)
    sys.stdout.buffer.flush()


def _image_sizes(page: Any) -> Iterator[tuple[int, int]]:
    from pypdfium2 import PdfiumError, raw

    for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        with suppress(PdfiumError):  # it has none, and is not drawn
            yield image.get_px_size()


def _scale(page: Any) -> float:
    """Return the pixels per unit to draw a page with: those of a scan, a page of one image, are its own."""
    from pypdfium2 import raw

    scale = RESOLUTION / POINTS
    objects = list(islice(page.get_objects(), 2))
    if [one.type for one in objects] == [raw.FPDF_PAGEOBJ_IMAGE] and not raw.FPDFPage_GetAnnotCount(page):
        left, bottom, right, top = objects[0].get_bounds()
        scale = max(objects[0].get_px_size()) / max(right - left, top - bottom, 1)
    return float(min(scale, MAX_SIDE / max(page.get_size()))) * HARDLY_LESS


def _limit_memory() -> None:
    """Let what needs too much memory end this process, not the machine; Windows has no such limit."""
    with suppress(ImportError, OSError, ValueError):  # ValueError: there already is a lower limit
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
