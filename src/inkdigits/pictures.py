"""Any picture -> an upright grayscale array, page by page, within size limits: the place that knows file formats."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from os import PathLike, fsdecode
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, ImageStat, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from inkdigits.errors import PictureError, PictureTooLargeError, reason_of
from inkdigits.pdf import Pdf

MAX_PIXELS = 100_000_000  # a 100-megapixel photo; decoded it takes 300 MB
MAX_FILE_BYTES = 200_000_000  # an uncompressed TIFF of MAX_PIXELS in 16 bits
MAX_PAGES = 200  # of one file; read in a few minutes
MAX_FRAMES = 1_000  # of a TIFF, with its thumbnails; what comes after is not counted, it takes Pillow too long
MIN_CONTRAST_SHARE = 0.5  # luma with less contrast than this share of the best channel loses coloured ink
SAMPLED = 1000  # px of either side, at most; contrast is measured of so many
OVERSHOOT = 0.01  # of the largest value; what rounding and resizing push floats beyond 0..1
TIFF_SUBFILE, TIFF_TILE_WIDTH, TIFF_TILE_HEIGHT = 254, 322, 323  # the numbers of their tags
TIFF_PAGES = (None, 0, 2)  # values of TIFF_SUBFILE; the others are smaller copies of pages, and masks for them
PDF_HEADER_BYTES = 1024  # the header of a PDF may stand anywhere in them
SUPPORTED = "PNG, JPEG, WebP, TIFF, BMP or GIF"
_PIL_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")  # JPEG covers the MPO files of some phones
PICTURE_ENDINGS = frozenset([".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"])
READ_ENDINGS = PICTURE_ENDINGS | {".pdf"}
LISTED_ENDINGS = READ_ENDINGS | {
    ".heic",
    ".heif",
    ".avif",
}  # pictures too: in a folder they are refused, not overlooked

Picture = str | PathLike[str] | bytes | Image.Image | NDArray[Any]


@dataclass(frozen=True)
class Pages:
    """The pages of an open picture: how many, and how to load one, counted from 1."""

    source: str
    count: int
    load: Callable[[int], NDArray[np.uint8]]  # (h, w) uint8, as load_picture returns it


def load_picture(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as an upright grayscale array; of several pages the first.

    Parameters
    ----------
    picture
        A path or the bytes of a picture file or PDF, a Pillow image, or an array (h, w), (h, w, 3) or (h, w, 4):
        bool, uint8, uint16 or float. Floats are 0..1, 0..16 (as scikit-learn's digits) or 0..255, told apart by
        their largest value.

    Returns
    -------
    gray
        (h, w) uint8, turned as its EXIF orientation says, transparency laid on paper, colours reduced to the
        channel that shows the ink.

    Raises
    ------
    PictureError
        If it cannot be read. PictureTooLargeError if it is over MAX_PIXELS or MAX_FILE_BYTES: seen in its header,
        before it is decoded.

    Examples
    --------
    >>> import numpy as np
    >>> load_picture(np.zeros((4, 6, 3))).shape
    (4, 6)
    """
    with open_pages(picture) as pages:
        return pages.load(1)


@contextmanager
def open_pages(picture: Picture, *, max_pages: int | None = None) -> Iterator[Pages]:
    """Open a picture to load its pages one by one: a PDF and a TIFF may have several, anything else is one.

    A page is decoded when it is asked for. Of an animation, and of what some phones store beside a photo, the first
    picture is the only page. Raises PictureError, as loading does; PictureTooLargeError for more than `max_pages`.
    """
    with _open(picture) as pages:
        if max_pages is not None and pages.count > max_pages:
            raise PictureTooLargeError(
                f"cannot read {pages.source}: it has more than {max_pages:,} pages; split it into several files"
            )
        yield pages


def list_pictures(folder: str | Path) -> list[Path]:
    """Return the pictures in a folder and the folders in it, by their endings, in order; hidden ones are left out.

    A folder that may not be looked into is listed in place of its pictures: reading it gives the reason. Raises
    PictureError where there is nothing to list.
    """
    found: list[Path] = []
    refused: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=refused.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in files if _is_picture_name(name)]
    found += [Path(error.filename) for error in refused]
    if not found:
        endings = " ".join(sorted(READ_ENDINGS))
        raise PictureError(f"cannot read '{folder}': there is no picture in this folder ({endings}); name another")
    return sorted(found)


def save_picture(path: str | Path, gray: NDArray[np.uint8]) -> None:
    """Write a grayscale array (h, w) uint8 as a picture, in a folder that is made where it is missing.

    The path's ending says which format. Raises PictureError if it cannot be written.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(gray).save(path)
    except (OSError, ValueError) as error:
        raise PictureError(f"cannot write '{path}': {reason_of(error)}; choose another place") from error


def encode_png(gray: NDArray[np.uint8]) -> bytes:
    """Return a grayscale array (h, w) uint8 as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _open(picture: Picture) -> AbstractContextManager[Pages]:
    if isinstance(picture, np.ndarray):
        array = np.asarray(picture)  # np.matrix has a mind of its own
        return nullcontext(Pages("the array", 1, lambda _: _gray_from_array(array, "the array")))
    if isinstance(picture, Image.Image):
        return nullcontext(Pages("the image", 1, lambda _: _gray_from_image(picture, "the image")))
    if isinstance(picture, bytes | bytearray | memoryview):
        return _open_content(bytes(picture), "the bytes given")
    if isinstance(picture, str | PathLike):
        path = Path(fsdecode(picture))
        return _open_content(_read_file(path), f"'{path}'")
    raise PictureError(f"cannot read {type(picture).__name__}: give a path, bytes, a Pillow image or an array")


def _read_file(path: Path) -> bytes:
    try:
        if path.is_dir():
            next(path.iterdir(), None)  # that it may not be looked into is the better reason
            raise PictureError(f"cannot read '{path}': it is a folder; name the pictures in it, as in '{path}/*.png'")
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)  # a device or a pipe may have no end
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"cannot read '{path}': {reason_of(error)}; check the path") from error


def _is_picture_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in LISTED_ENDINGS


def _open_content(content: bytes, source: str) -> AbstractContextManager[Pages]:
    if not content:
        raise PictureError(f"cannot read {source}: it is empty; was it copied whole?")
    if len(content) > MAX_FILE_BYTES:
        raise PictureTooLargeError(f"cannot read {source}: it has more than {MAX_FILE_BYTES:,} bytes; save it smaller")
    return _open_pdf(content, source) if b"%PDF-" in content[:PDF_HEADER_BYTES] else _open_image(content, source)


@contextmanager
def _open_pdf(content: bytes, source: str) -> Iterator[Pages]:
    with Pdf(content, source, max_image_pixels=MAX_PIXELS) as pdf:
        yield Pages(source, pdf.pages, lambda number: _gray_from_array(pdf.draw(number), source))


@contextmanager
def _open_image(content: bytes, source: str) -> Iterator[Pages]:
    with _errors_in_words(source):
        try:
            image = Image.open(io.BytesIO(content), formats=_PIL_FORMATS)
        except UnidentifiedImageError:
            raise PictureError(f"cannot read {source}: {_what_it_is(content)}; convert it to {SUPPORTED}") from None
    with image:
        frames = _list_frames(image)
        yield Pages(source, len(frames), lambda number: _gray_from_image(image, source, frame=frames[number - 1]))


def _list_frames(image: Image.Image) -> list[int]:
    """Return which frames of a TIFF are pages, and not thumbnails or masks; of any other format the first."""
    frames = [0]
    if not isinstance(image, TiffImageFile):
        return frames
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for frame in range(1, MAX_FRAMES):
            try:
                image.seek(frame)
            except EOFError:
                break
            except Exception:  # noqa: BLE001 - as below; loading the page will tell, and where it ends nobody can
                return [*frames, frame]
            if image.tag_v2.get(TIFF_SUBFILE) in TIFF_PAGES:
                frames.append(frame)
    return frames


@contextmanager
def _errors_in_words(source: str) -> Iterator[None]:
    """Turn whatever Pillow raises into a PictureError; what it only warns of, odd metadata, is no error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except PictureError:
        raise
    except Image.DecompressionBombError:
        limit = f"{MAX_PIXELS // 10**6} megapixels"
        raise PictureTooLargeError(f"cannot read {source}: it has far more than {limit}; save it smaller") from None
    except MemoryError:
        raise PictureTooLargeError(
            f"cannot read {source}: it needs more memory than there is; save it smaller"
        ) from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise anything: struct.error, SyntaxError, ...
        raise PictureError(
            f"cannot read {source}: it is damaged ({reason_of(error)}); copy or export it again"
        ) from None


def _what_it_is(content: bytes) -> str:
    """Name the formats that people try most, by their first bytes."""
    if content[4:8] == b"ftyp":
        return "HEIC and AVIF are not supported"
    if content.lstrip()[:1] == b"<":
        return "SVG and HTML are not supported"
    return "it is not a picture of a known format, or its beginning is damaged"


def _gray_from_image(image: Image.Image, source: str, frame: int | None = None) -> NDArray[np.uint8]:
    """Return a Pillow image, or one of its frames, as load_picture does."""
    with _errors_in_words(source):
        if frame is not None:
            image.seek(frame)
        return _decode(image, source)


def _decode(image: Image.Image, source: str) -> NDArray[np.uint8]:
    _check_size(image.width, image.height, source)
    tags = getattr(image, "tag_v2", {})  # of a TIFF: its tiles are decoded whole, however small the picture is
    _check_size(tags.get(TIFF_TILE_WIDTH, 1), tags.get(TIFF_TILE_HEIGHT, 1), source)
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # Pillow copies what is upright, too
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return _gray_from_array(np.asarray(image), source)
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _reduce_colours(_lay_on_paper(image.convert("RGBA")))
    if image.mode == "L":
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    return _reduce_colours(image if image.mode == "RGB" else image.convert("RGB"))


def _check_size(width: int, height: int, source: str) -> None:
    if width < 1 or height < 1:
        raise PictureError(f"cannot read {source}: it is {width} x {height} pixels; is it empty?")
    if width * height > MAX_PIXELS:
        raise PictureTooLargeError(
            f"cannot read {source}: {width:,} x {height:,} pixels, the limit is {MAX_PIXELS // 10**6} megapixels; "
            "save it smaller"
        )


def _gray_from_array(array: NDArray[Any], source: str) -> NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise PictureError(f"cannot read {source}: its shape is {array.shape}; give (h, w), (h, w, 3) or (h, w, 4)")
    _check_size(array.shape[1], array.shape[0], source)
    array = _to_uint8(array, source)
    if array.ndim == 2:
        return array
    image = Image.fromarray(array)
    return _reduce_colours(_lay_on_paper(image) if image.mode == "RGBA" else image)


def _to_uint8(array: NDArray[Any], source: str) -> NDArray[np.uint8]:
    """Scale values to 0..255 by the smallest usual range that holds them."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "uif":
        raise PictureError(f"cannot read {source}: its values are {array.dtype}; give bool, uint8, uint16 or float")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all() or low < -OVERSHOOT * high:
        raise PictureError(f"cannot read {source}: its values go from {low} to {high}; give finite values from 0 up")
    ranges: tuple[int, ...] = (1, 16, 255) if array.dtype.kind == "f" else (255,)
    ranges += (1023, 4095, 16383, 65535)  # what scanners and cameras of 10 to 16 bits deliver
    full = next((limit for limit in ranges if high <= (1 + OVERSHOOT) * limit), None)
    if full is None:
        raise PictureError(
            f"cannot read {source}: its values go up to {high}, more than 16 bits hold; scale it to 0..255"
        )
    scaled = array * np.float32(255 / full)
    return np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled).astype(np.uint8)


def _lay_on_paper(image: Image.Image) -> Image.Image:
    """Blend transparency (RGBA) with white paper, or with black where only light ink was drawn on nothing."""
    visible = ImageStat.Stat(image.getchannel("A")).mean[0] / 255
    if 0 < visible < 0.5:
        on_black = _blend(image, "black")
        if np.mean(ImageStat.Stat(on_black).mean) / visible > 127:
            return on_black
    return _blend(image, "white")


def _blend(image: Image.Image, paper: str) -> Image.Image:
    sheet = Image.new("RGB", image.size, paper)
    sheet.paste(image, mask=image.getchannel("A"))
    return sheet


def _reduce_colours(image: Image.Image) -> NDArray[np.uint8]:
    """Return luma, or the one channel that shows ink which luma hides: yellow on white, red on green."""
    gray = image.convert("L")
    size = [min(side, SAMPLED) for side in image.size]
    contrasts, [of_luma] = (ImageStat.Stat(one.resize(size, Image.Resampling.NEAREST)).stddev for one in (image, gray))
    if of_luma >= MIN_CONTRAST_SHARE * max(contrasts):
        return np.asarray(gray)
    return np.asarray(image.getchannel(int(np.argmax(contrasts))))
