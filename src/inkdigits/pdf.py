"""PDF pages -> colours: drawn in a process of its own, which ends where one takes too long or too much memory.

A PDF is a program: five kilobytes of it can ask for hours and gigabytes, and a damaged one may end the process that
draws it. So it is not this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from threading import Timer
from typing import IO, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import PictureError, PictureTooLargeError, reason_of

TIMEOUT_S = 30.0  # to open a file, to draw a page; the plan of a house takes some seconds
REASONS = {  # by PDFium's FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY
    4: "it is locked with a password; open it with the password and print it to a new PDF",
    5: "it is locked in an unknown way; open it where it was made and print it to a new PDF",
}


class Pdf:
    """An open PDF: how many pages it has, and how each looks.

    Raises PictureError if it is locked or damaged.
    """

    def __init__(self, content: bytes, source: str, *, max_image_pixels: int) -> None:
        self._content = content
        self._source = source
        self._max_image_pixels = max_image_pixels
        self.pages = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def draw(self, number: int) -> NDArray[np.uint8]:
        """Return a page, counted from 1, as (h, w, 3) uint8; raises PictureError if that cannot be done."""
        if self._process.poll() is not None:  # an earlier page was too much for it
            self.close()
            self._open()
        answer, pixels = self._ask("drawing the page", b"%d\n" % number)
        if "too_large" in answer:
            width, height = answer["too_large"]
            raise PictureTooLargeError(
                f"cannot read {self._source}: an image in it has {width:,} x {height:,} pixels, the limit is "
                f"{self._max_image_pixels // 10**6} megapixels; save it smaller"
            )
        height, width = answer["shape"]
        rows = np.frombuffer(pixels, np.uint8).reshape(height, -1)  # filled up to whole words
        return rows[:, : 3 * width].reshape(height, width, 3)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):  # what it can no longer be told
                pipe.close()

    def _open(self) -> int:
        """Start the process, which finds modules where this one does; return the number of pages."""
        code = (
            f"import sys; sys.path = {sys.path!r}\nfrom inkdigits._pdfium import main\nmain({self._max_image_pixels})"
        )
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very Python, told nothing from outside
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise PictureError(f"cannot read {self._source}: no process to draw it ({reason_of(error)})") from error
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._stdout = cast(IO[bytes], self._process.stdout)
        try:
            answer, _ = self._ask("opening it", len(self._content).to_bytes(8, "big"), self._content)
        except BaseException:  # a Ctrl-C, too, leaves no process behind
            self.close()
            raise
        return int(answer["pages"])

    def _ask(self, what: str, *question: bytes) -> tuple[dict[str, Any], bytes]:
        """Return the answer and the pixels that follow it; end the process where it takes too long over them."""
        started = time.monotonic()
        timer = Timer(TIMEOUT_S, self._process.kill)
        timer.start()
        try:
            answer, pixels = self._exchange(*question)
        except (OSError, EOFError):
            self._process.kill()
            self._process.wait()
            late = time.monotonic() - started >= TIMEOUT_S
            reason = f"{what} takes more than {TIMEOUT_S:.0f} s" if late else f"{what} fails, or needs too much memory"
            raise PictureError(f"cannot read {self._source}: {reason}; save it as a picture") from None
        finally:
            timer.cancel()
        if "error" in answer:
            reason = REASONS.get(answer["error"], "it is damaged; copy or export it again")
            raise PictureError(f"cannot read {self._source}: {reason}")
        return answer, pixels

    def _exchange(self, *question: bytes) -> tuple[dict[str, Any], bytes]:
        self._stdin.writelines(question)
        self._stdin.flush()
        line = self._stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        answer = json.loads(line)
        pixels = self._stdout.read(answer.get("bytes", 0))
        if len(pixels) < answer.get("bytes", 0):
            raise EOFError
        return answer, pixels
