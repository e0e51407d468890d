"""Any picture becomes one upright grayscale array, or a PictureError in one line: nothing else."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from inkdigits import pictures
from inkdigits.errors import PictureError, PictureTooLargeError
from inkdigits.pictures import encode_png, list_pictures, load_picture, open_pages, save_picture

STEADY = settings(max_examples=200, deadline=None, derandomize=True, database=None)

DRAWING = np.full((40, 30), 255, np.uint8)  # an L that is not symmetric in any way, with a soft edge
DRAWING[5:30, 10:14] = 0
DRAWING[26:30, 10:24] = 0
DRAWING[5:30, 14] = 96
IMAGE = Image.fromarray(DRAWING)


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """Return the image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that declares a size and holds no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + size + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def pen(colour: tuple[int, int, int], paper: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the drawing in a colour on coloured paper, (40, 30, 3)."""
    return np.where(DRAWING[:, :, None] == 0, colour, paper).astype(np.uint8)


def drawn_on_nothing(colour: int) -> Image.Image:
    """Return the drawing in a gray on transparency: as opaque as its ink is dark."""
    return Image.merge("LA", (Image.new("L", IMAGE.size, colour), Image.fromarray(255 - DRAWING))).convert("RGBA")


FILES = {
    "png": encode(IMAGE, "PNG"),
    "png-palette": encode(IMAGE.convert("P"), "PNG"),
    "png-rgb": encode(IMAGE.convert("RGB"), "PNG"),
    "png-gray-alpha": encode(IMAGE.convert("LA"), "PNG"),
    "png-rgb-alpha": encode(IMAGE.convert("RGBA"), "PNG"),
    "png-16-bit": encode(Image.fromarray(DRAWING.astype(np.uint16) * 257), "PNG"),
    "webp-lossless": encode(IMAGE.convert("RGB"), "WEBP", lossless=True),
    "tiff": encode(IMAGE, "TIFF"),
    "tiff-deflate": encode(IMAGE, "TIFF", compression="tiff_deflate"),
    "tiff-lzw": encode(IMAGE, "TIFF", compression="tiff_lzw"),
    "tiff-16-bit-big-endian": encode(
        Image.frombytes("I;16B", IMAGE.size, (DRAWING.astype(">u2") * 257).tobytes()), "TIFF"
    ),
    "tiff-float": encode(Image.fromarray(DRAWING.astype(np.float32) / 255), "TIFF"),
    "bmp": encode(IMAGE, "BMP"),
    "gif": encode(IMAGE, "GIF"),
    "gif-animated": encode(IMAGE, "GIF", save_all=True, append_images=[IMAGE.rotate(180)]),
    "tiff-pages": encode(IMAGE, "TIFF", save_all=True, append_images=[IMAGE.rotate(180)]),
}
LOSSY_FILES = {
    "jpeg": encode(IMAGE, "JPEG", quality=95),
    "jpeg-progressive": encode(IMAGE.convert("RGB"), "JPEG", quality=95, progressive=True),
    "jpeg-cmyk": encode(IMAGE.convert("RGB").convert("CMYK"), "JPEG", quality=95),
    "jpeg-of-a-phone": encode(
        IMAGE.convert("RGB"), "MPO", quality=95, save_all=True, append_images=[IMAGE.rotate(180)]
    ),
    "webp": encode(IMAGE.convert("RGB"), "WEBP", quality=98),
}


@pytest.mark.parametrize("name", FILES)
def test_every_lossless_format_gives_the_drawing(name: str) -> None:
    """The same drawing in any format, depth and colour mode is the same array; of several pages it is the first."""
    assert np.array_equal(load_picture(FILES[name]), DRAWING)


@pytest.mark.parametrize("name", LOSSY_FILES)
def test_every_lossy_format_nearly_gives_the_drawing(name: str) -> None:
    """JPEG and WebP give the drawing but for their own losses."""
    loaded = load_picture(LOSSY_FILES[name]).astype(int)
    assert loaded.shape == DRAWING.shape
    assert np.abs(loaded - DRAWING).mean() < 4


def test_a_bitmap_is_black_and_white() -> None:
    """A 1-bit file gives 0 and 255."""
    bitmap = encode(Image.fromarray(DRAWING > 127), "PNG")
    assert np.array_equal(load_picture(bitmap), np.where(DRAWING > 127, 255, 0))


def test_a_picture_may_come_in_any_wrapping(tmp_path: Path) -> None:
    """Path, text, bytes, Pillow image and array give the same array."""
    path = tmp_path / "drawing.png"
    path.write_bytes(FILES["png"])
    for picture in (path, str(path), FILES["png"], bytearray(FILES["png"]), memoryview(FILES["png"]), IMAGE, DRAWING):
        assert np.array_equal(load_picture(picture), DRAWING)


@pytest.mark.parametrize(
    "array",
    [
        DRAWING,
        np.asfortranarray(DRAWING),
        DRAWING[:, :, None],
        np.dstack([DRAWING] * 3),
        np.dstack([DRAWING] * 4) | np.array([0, 0, 0, 255], np.uint8),
        DRAWING.astype(np.int64),
        DRAWING.astype(np.uint16) * 257,
        DRAWING.astype(">u2") * 257,
        DRAWING / 255,
        DRAWING.astype(np.float32) / 255 + np.float32(1e-6),
        DRAWING / 255 * 16,
        DRAWING.astype(np.float32),
        np.dstack([DRAWING / 255] * 3),
        np.ma.array(DRAWING),
    ],
    ids=lambda array: f"{array.dtype.str} {array.shape} up to {array.max():.6g}",
)
def test_an_array_may_have_any_usual_type_and_range(array: NDArray[Any]) -> None:
    """Integers of 8 and 16 bits, floats up to 1, 16 or 255, one, three or four channels: the same drawing."""
    loaded = load_picture(array)
    assert (type(loaded), loaded.dtype) == (np.ndarray, np.uint8)
    assert np.array_equal(loaded, DRAWING)


def test_an_array_of_bools_is_black_and_white() -> None:
    """True is 255."""
    assert np.array_equal(load_picture(DRAWING > 127), np.where(DRAWING > 127, 255, 0))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_turns_the_picture_upright(orientation: int, file_format: str) -> None:
    """However the camera was held, the array is the upright drawing."""
    stored = {
        1: DRAWING,
        2: DRAWING[:, ::-1],
        3: DRAWING[::-1, ::-1],
        4: DRAWING[::-1],
        5: DRAWING.T,
        6: np.rot90(DRAWING),
        7: DRAWING[::-1, ::-1].T,
        8: np.rot90(DRAWING, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = encode(Image.fromarray(np.ascontiguousarray(stored)).convert("RGB"), file_format, exif=exif, **options)
    assert np.array_equal(load_picture(content), DRAWING)


def test_dark_ink_on_transparency_lies_on_white_paper() -> None:
    """Black drawn on nothing is the drawing on white."""
    assert np.array_equal(load_picture(encode(drawn_on_nothing(0), "PNG")), DRAWING)


def test_light_ink_on_transparency_lies_on_black_paper() -> None:
    """White drawn on nothing would vanish on white: it lies on black."""
    assert np.array_equal(load_picture(encode(drawn_on_nothing(255), "PNG")), 255 - DRAWING)


def test_transparency_of_a_palette_lies_on_paper() -> None:
    """A palette may have a transparent colour: paper is white there, whatever colour it was."""
    image = Image.frombytes("P", IMAGE.size, (DRAWING == 0).tobytes())
    image.putpalette([0, 0, 0, 0, 0, 0])
    assert np.array_equal(load_picture(encode(image, "PNG", transparency=0)), np.where(DRAWING == 0, 0, 255))


def test_nothing_but_transparency_is_white_paper() -> None:
    """A picture in which nothing was drawn is empty, not black."""
    assert np.array_equal(load_picture(np.zeros((3, 4, 4), np.uint8)), np.full((3, 4), 255))


@pytest.mark.parametrize(
    ("colour", "paper"),
    [((255, 255, 0), (255, 255, 255)), ((255, 0, 0), (0, 130, 0)), ((0, 0, 255), (0, 50, 0))],
    ids=["yellow on white", "red on green", "blue on green"],
)
def test_coloured_ink_that_luma_hides_stays_visible(colour: tuple[int, int, int], paper: tuple[int, int, int]) -> None:
    """Ink as bright as its paper is seen in the channel that shows it best."""
    gray = load_picture(pen(colour, paper))
    ink, ground = gray[DRAWING == 0], gray[DRAWING != 0]
    assert abs(float(ink.mean()) - float(ground.mean())) > 120


def test_coloured_ink_stays_visible_on_a_large_picture() -> None:
    """Of a picture of more than 1,000 px contrast is measured of a sample: a hundredth of it in yellow is enough."""
    photo = np.full((1500, 2400, 3), 255, np.uint8)
    photo[700:820, 1100:1400, 2] = 0
    gray = load_picture(photo)
    assert gray.shape == (1500, 2400)
    assert gray[710:810, 1110:1390].max() < 120 < gray[:600].min()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_the_smallest_pictures_are_read(size: tuple[int, int]) -> None:
    """A single pixel, row or column is a picture, if one without a digit."""
    assert load_picture(encode(Image.new("L", size, 7), "PNG")).shape == size[::-1]


def test_saved_pictures_come_back(tmp_path: Path) -> None:
    """What save_picture and encode_png write, load_picture reads unchanged."""
    save_picture(tmp_path / "drawing.png", DRAWING)
    assert np.array_equal(load_picture(tmp_path / "drawing.png"), DRAWING)
    assert np.array_equal(load_picture(encode_png(DRAWING)), DRAWING)


def tiff(*pages: tuple[Image.Image, int]) -> bytes:
    """Return a TIFF of pages, each with what kind it says it is: 0 an image, 1 a small copy, 2 a page, 4 a mask."""
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        for page, kind in pages:
            page.save(writer, "TIFF", tiffinfo={254: kind})
            writer.newFrame()
    return buffer.getvalue()


SMALL = IMAGE.resize((15, 20))
SIDEWAYS = IMAGE.transpose(Image.Transpose.ROTATE_90)


def test_the_pages_of_a_tiff_are_loaded_in_any_order() -> None:
    """Each page is an array of its own, whatever its size and colours, counted from 1."""
    with open_pages(tiff((IMAGE, 0), (SIDEWAYS.convert("RGB"), 2), (SMALL.convert("1"), 0))) as pages:
        assert pages.count == 3
        assert [pages.load(number).shape for number in (3, 1, 2)] == [(20, 15), (40, 30), (30, 40)]
        assert np.array_equal(pages.load(1), DRAWING)
        assert np.array_equal(pages.load(2), np.rot90(DRAWING))


def test_each_page_is_turned_as_it_says() -> None:
    """A page that was scanned lying on its side is upright, and the next one is left as it is."""
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        for page, orientation in ((IMAGE, 1), (SIDEWAYS, 6), (IMAGE, 1)):
            page.save(writer, "TIFF", tiffinfo={274: orientation})
            writer.newFrame()
    with open_pages(buffer.getvalue()) as pages:
        assert [np.array_equal(pages.load(number), DRAWING) for number in (2, 3, 1)] == [True, True, True]


def test_small_copies_and_masks_are_no_pages() -> None:
    """What says of itself that it belongs to the page before is left out."""
    with open_pages(tiff((IMAGE, 0), (SMALL, 1), (SIDEWAYS, 0), (SMALL, 4))) as pages:
        assert pages.count == 2
        assert np.array_equal(pages.load(2), np.rot90(DRAWING))


def test_a_damaged_page_keeps_no_other_from_being_loaded() -> None:
    """A page that is cut off counts, and says so when it is loaded; the pages before it are read."""
    content = tiff((IMAGE, 0), (IMAGE, 0), (IMAGE, 0))
    with open_pages(content[:-150]) as pages:
        assert pages.count == 3
        assert np.array_equal(pages.load(2), DRAWING)
        with pytest.raises(PictureError, match=r"^cannot read the bytes given: it is damaged"):
            pages.load(3)


@pytest.mark.parametrize("name", ["gif-animated", "jpeg-of-a-phone", "png"])
def test_frames_of_an_animation_are_no_pages(name: str) -> None:
    """An animation is one picture, its first; so is a photo with another beside it."""
    with open_pages((FILES | LOSSY_FILES)[name]) as pages:
        assert pages.count == 1


def test_an_image_and_an_array_are_one_page() -> None:
    """What is no file has one page."""
    for picture in (IMAGE, DRAWING):
        with open_pages(picture) as pages:
            assert pages.count == 1
            assert np.array_equal(pages.load(1), DRAWING)


def test_more_pages_than_allowed_are_refused() -> None:
    """The limit counts pages, before one is decoded; load_picture takes the first of any number."""
    content = tiff((IMAGE, 0), (IMAGE, 0), (IMAGE, 0))
    with (
        pytest.raises(PictureTooLargeError, match=r"^cannot read the bytes given: it has more than 2 pages; split it"),
        open_pages(content, max_pages=2),
    ):
        pass
    assert np.array_equal(load_picture(content), DRAWING)


def test_a_pdf_is_a_picture() -> None:
    """Its first page is loaded like any picture, in gray."""
    loaded = load_picture(encode(IMAGE, "PDF", save_all=True, append_images=[SIDEWAYS])).astype(int)
    assert loaded.shape == DRAWING.shape
    assert np.abs(loaded - DRAWING).mean() < 4


def test_the_pictures_of_a_folder_are_listed_in_order(tmp_path: Path) -> None:
    """By their endings, large or small, in folders within too; hidden ones and other files are left out."""
    names = ["b.png", "a/2.JPG", "a/1.pdf", "c.heic", "note.txt", ".hidden.png", ".thumbnails/x.png", "a/._1.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in list_pictures(tmp_path)]
    assert found == ["a/1.pdf", "a/2.JPG", "b.png", "c.heic"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    """The error says which endings were looked for."""
    (tmp_path / "note.txt").touch()
    with pytest.raises(PictureError) as caught:
        list_pictures(tmp_path)
    assert str(caught.value) == (
        f"cannot read '{tmp_path}': there is no picture in this folder "
        "(.bmp .gif .jpeg .jpg .pdf .png .tif .tiff .webp); name another"
    )


def test_a_folder_that_may_not_be_looked_into_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in place of its pictures, and reading it says why; the refusal is made up, tests may run as root."""
    (tmp_path / "seven.png").touch()
    (tmp_path / "secret").mkdir()
    look = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "listdir", refuse)
    assert list_pictures(tmp_path) == [tmp_path / "secret", tmp_path / "seven.png"]
    with pytest.raises(PictureError, match=r"secret': Permission denied; check the path$"):
        load_picture(tmp_path / "secret")


SUPPORTED = "convert it to PNG, JPEG, WebP, TIFF, BMP or GIF"
UNKNOWN = f"it is not a picture of a known format, or its beginning is damaged; {SUPPORTED}"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it is empty; was it copied whole?"),
        (b"seven\n", UNKNOWN),
        (FILES["gif"][:20], UNKNOWN),
        (png_header(0, 5), UNKNOWN),
        (b"\0\0\0\x18ftypheic", f"HEIC and AVIF are not supported; {SUPPORTED}"),
        (b" <svg/>", f"SVG and HTML are not supported; {SUPPORTED}"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    """The error names the file, what is wrong with it and what to do next, whatever its name ends in."""
    path = tmp_path / "seven.png"
    path.write_bytes(content)
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    assert str(caught.value) == f"cannot read '{path}': {complaint}"


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "webp-lossless", "gif", "bmp"])
def test_a_truncated_picture_is_refused(name: str) -> None:
    """Half a file is damaged, not half a picture."""
    content = (FILES | LOSSY_FILES)[name]
    with pytest.raises(
        PictureError, match=r"^cannot read the bytes given: it is damaged \(.+\); copy or export it again$"
    ):
        load_picture(content[: len(content) // 2])


def test_a_truncated_pillow_image_is_refused() -> None:
    """Pillow opens a file before it decodes it: what fails later is a PictureError too."""
    with (
        Image.open(io.BytesIO(LOSSY_FILES["jpeg"][:400])) as image,
        pytest.raises(PictureError, match=r"^cannot read the image: it is damaged"),
    ):
        load_picture(image)


def test_a_float_picture_with_nan_is_refused_by_name(tmp_path: Path) -> None:
    """Measured TIFFs mark missing values with NaN; the error names the file."""
    values = DRAWING.astype(np.float32)
    values[3, 4] = np.nan
    path = tmp_path / "scan.tif"
    save_picture(path, values)
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    assert str(caught.value) == f"cannot read '{path}': its values go from nan to nan; give finite values from 0 up"


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.full((2, 2), np.nan), "its values go from nan to nan; give finite values from 0 up"),
        (np.array([[0, np.inf]]), "its values go from 0.0 to inf; give finite values from 0 up"),
        (np.array([[-1, 1]]), "its values go from -1.0 to 1.0; give finite values from 0 up"),
        (np.array([[1e6]]), "its values go up to 1000000.0, more than 16 bits hold; scale it to 0..255"),
        (np.array([["a", "b"]]), "its values are <U1; give bool, uint8, uint16 or float"),
        (np.array([[None]]), "its values are object; give bool, uint8, uint16 or float"),
        (np.array([[1j]]), "its values are complex128; give bool, uint8, uint16 or float"),
        (np.zeros(5), "its shape is (5,); give (h, w), (h, w, 3) or (h, w, 4)"),
        (np.zeros((2, 2, 2)), "its shape is (2, 2, 2); give (h, w), (h, w, 3) or (h, w, 4)"),
        (np.zeros((1, 2, 2, 3)), "its shape is (1, 2, 2, 3); give (h, w), (h, w, 3) or (h, w, 4)"),
        (np.zeros((0, 4)), "it is 4 x 0 pixels; is it empty?"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_in_one_line(array: NDArray[Any], complaint: str) -> None:
    """The error says what the array holds and what it should hold."""
    with pytest.raises(PictureError) as caught:
        load_picture(array)
    assert str(caught.value) == f"cannot read the array: {complaint}"


@pytest.mark.parametrize("given", [None, 7, [[0, 1]]])
def test_what_is_not_even_meant_as_a_picture_is_refused(given: Any) -> None:
    """The error names the type that was given and those that may be."""
    with pytest.raises(PictureError) as caught:
        load_picture(given)
    assert str(caught.value) == (f"cannot read {type(given).__name__}: give a path, bytes, a Pillow image or an array")


def test_an_image_without_pixels_is_refused() -> None:
    """Pillow can make an image of 0 x 0; it cannot be read."""
    with pytest.raises(PictureError, match=r"^cannot read the image: it is 0 x 0 pixels; is it empty\?$"):
        load_picture(Image.new("RGB", (0, 0)))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """The error says how to name what is in it."""
    with pytest.raises(PictureError) as caught:
        load_picture(tmp_path)
    assert str(caught.value) == (
        f"cannot read '{tmp_path}': it is a folder; name the pictures in it, as in '{tmp_path}/*.png'"
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("missing.png", "No such file or directory"),
        ("a\0b.png", "embedded null byte"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, name: str, complaint: str) -> None:
    """The system's reason is passed on."""
    with pytest.raises(PictureError) as caught:
        load_picture(tmp_path / name)
    assert str(caught.value) == f"cannot read '{tmp_path / name}': {complaint}; check the path"


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable file is a PictureError; the refusal is made up, because tests may run as root."""

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match=r"secret\.png': Permission denied; check the path$"):
        load_picture(tmp_path / "secret.png")


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (10_001, 10_000)])
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(size: tuple[int, int]) -> None:
    """The declared size is enough: the file holds no pixels that could have been decoded."""
    with pytest.raises(
        PictureTooLargeError, match=r"^cannot read the bytes given: .* 100 megapixels; save it smaller$"
    ):
        load_picture(png_header(*size))


def test_an_array_of_too_many_pixels_is_refused() -> None:
    """The limit is the same for arrays; this one repeats a single value."""
    array = np.broadcast_to(np.uint8(0), (30_000, 30_000))
    with pytest.raises(PictureTooLargeError) as caught:
        load_picture(array)
    assert str(caught.value) == (
        "cannot read the array: 30,000 x 30,000 pixels, the limit is 100 megapixels; save it smaller"
    )


def test_a_file_of_too_many_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for files, for bytes and for devices without an end."""
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 1000)
    path = tmp_path / "large.png"
    path.write_bytes(bytes(1001))
    endless = Path("/dev/zero")
    for picture in (path, bytes(1001), *([endless] if endless.exists() else [])):
        with pytest.raises(PictureTooLargeError, match=r"it has more than 1,000 bytes; save it smaller$"):
            load_picture(picture)


MEASURE = """
import contextlib, pathlib, re, sys
from inkdigits.errors import PictureError
from inkdigits.pictures import load_picture

def peak_kilobytes():
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])

content = sys.stdin.buffer.read()
load_picture(bytes.fromhex("{small}"))
before = peak_kilobytes()
with contextlib.suppress(PictureError):
    load_picture(content)
print(peak_kilobytes() - before)
"""


def megabytes_to_load(content: bytes) -> float:
    """Return how much memory a fresh process needs for a picture, beyond what a small one needs."""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells the peak of one process")
    script = MEASURE.format(small=encode_png(DRAWING).hex())
    done = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True, check=True)
    return int(done.stdout) / 1024


def tiff_with_a_tile(side: int) -> bytes:
    """Return a TIFF of 10 x 10 pixels whose only tile has far more, all zero."""
    tile = zlib.compress(bytes(side * side), 9)
    start = 8 + 2 + 12 * 10 + 4
    tags = ((256, 10), (257, 10), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side), (324, start))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in (*tags, (325, len(tile))))
    return b"II*\0" + struct.pack("<IH", 8, 10) + entries + bytes(4) + tile


@pytest.mark.parametrize(
    "content",
    [
        png_header(30_000, 30_000),
        FILES["gif"][:6] + struct.pack("<HH", 65535, 65535) + FILES["gif"][10:],
        FILES["bmp"][:18] + struct.pack("<ii", 30_000, 30_000) + FILES["bmp"][26:],
    ],
    ids=["png", "gif", "bmp"],
)
def test_a_picture_that_declares_gigabytes_takes_no_memory(content: bytes) -> None:
    """It is refused before the memory is asked for."""
    with pytest.raises(PictureTooLargeError):
        load_picture(content)
    assert megabytes_to_load(content) < 20


def test_a_tile_larger_than_its_picture_is_limited_too() -> None:
    """A TIFF of 10 x 10 pixels in one tile of 121 million is refused: a tile is decoded whole."""
    content = tiff_with_a_tile(11_000)
    with pytest.raises(PictureTooLargeError):
        load_picture(content)
    assert megabytes_to_load(content) < 20


def test_the_memory_of_a_large_picture_is_bounded() -> None:
    """The most wasteful picture there is, transparent and well compressed, takes some 17 bytes a pixel."""
    content = encode(Image.new("RGBA", (4000, 4000)), "PNG")
    assert len(content) < 100_000
    assert megabytes_to_load(content) < 16 * 24


@STEADY
@given(st.binary(max_size=300))
def test_any_bytes_give_a_picture_or_a_picture_error(content: bytes) -> None:
    """No bytes make anything else come out."""
    assert_picture_or_error(content)


@STEADY
@given(
    st.sampled_from([*FILES.values(), *LOSSY_FILES.values()]),
    st.lists(
        st.tuples(st.integers(0, 600), st.sampled_from(["flip", "drop", "insert", "cut"]), st.binary(max_size=4)),
        max_size=4,
    ),
)
def test_any_damage_gives_a_picture_or_a_picture_error(content: bytes, damages: list[tuple[int, str, bytes]]) -> None:
    """A file with bytes changed, lost, added or cut off is read or refused: no decoder's error comes through."""
    for position, kind, replacement in damages:
        start = position % (len(content) + 1)
        end = {"flip": start + len(replacement), "drop": start + 4, "insert": start, "cut": len(content)}[kind]
        content = content[:start] + (b"" if kind == "drop" else replacement) + content[end:]
    assert_picture_or_error(content)


@STEADY
@given(
    hnp.arrays(
        dtype=st.one_of(
            hnp.boolean_dtypes(),
            hnp.integer_dtypes(),
            hnp.unsigned_integer_dtypes(),
            hnp.floating_dtypes(),
            hnp.complex_number_dtypes(),
            hnp.datetime64_dtypes(),
            hnp.unicode_string_dtypes(max_len=3),
            hnp.array_dtypes(),
        ),
        shape=st.one_of(
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
            st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([1, 3, 4])),
        ),
    )
)
def test_any_array_gives_a_picture_or_a_picture_error(array: NDArray[Any]) -> None:
    """Whatever type, shape and values an array has: NaN, infinite, negative, empty, structured."""
    assert_picture_or_error(array)


def assert_picture_or_error(picture: Any) -> None:
    """Check that either a (h, w) uint8 array comes out or a PictureError of one line."""
    try:
        gray = load_picture(picture)
    except PictureError as error:
        refused = str(error)
    else:
        refused = ""
        assert (gray.dtype, gray.ndim, gray.size > 0) == (np.uint8, 2, True)
    assert refused.isprintable()  # which a line break is not
