"""Data sets are what their publishers made; splits are fair, repeatable and say who wrote what."""

from __future__ import annotations

import dataclasses
import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets as sklearn_datasets
from sklearn.utils import Bunch

from inkdigits import datasets
from inkdigits.datasets import (
    SPLIT_METHODS,
    Dataset,
    Split,
    SplitMethod,
    load_dataset,
    load_digits,
    load_folder,
    load_mnist,
    load_optdigits,
    load_pendigits,
    split,
)
from inkdigits.errors import DatasetError
from inkdigits.pictures import save_picture
from inkdigits.prepare import PREPARATIONS, prepare

Draw = Callable[..., NDArray[np.uint8]]

DIGITS = load_digits()
WITH_WRITERS = dataclasses.replace(DIGITS, writers=np.arange(1797) // 60)  # 30 people, each in a run


def test_the_bundled_digits_are_scikit_learns() -> None:
    """1,797 images of 8x8 with values 0..16, with the published counts of each digit."""
    theirs = sklearn_datasets.load_digits()
    assert (DIGITS.images.shape, DIGITS.images.dtype, DIGITS.images.max()) == ((1797, 8, 8), np.uint8, 16)
    assert np.array_equal(DIGITS.flat, theirs.data)
    assert np.array_equal(DIGITS.labels, theirs.target)
    assert DIGITS.counts == {0: 178, 1: 182, 2: 177, 3: 183, 4: 181, 5: 182, 6: 181, 7: 179, 8: 174, 9: 180}
    assert (DIGITS.n_train, DIGITS.writers, DIGITS.preparation) == (1000, None, "uci-8")


def test_a_part_of_a_data_set_is_a_data_set() -> None:
    """Images, labels, writers and files stay together, for a slice and for positions."""
    whole = dataclasses.replace(WITH_WRITERS, files=tuple(f"{i}.png" for i in range(1797)))
    for index in (slice(100, 103), np.array([100, 101, 102])):
        part = whole[index]
        assert len(part) == 3
        assert np.array_equal(part.images, whole.images[100:103])
        assert np.array_equal(part.labels, whole.labels[100:103])
        assert part.writers is not None
        assert part.writers.tolist() == [1, 1, 1]
        assert part.files == ("100.png", "101.png", "102.png")


def test_a_fingerprint_is_that_of_the_data() -> None:
    """The same images and labels have one fingerprint, whatever the set is called; one pixel more has another."""
    images = DIGITS.images.copy()
    images[5, 5, 5] += 1
    assert dataclasses.replace(DIGITS, name="other").fingerprint == DIGITS.fingerprint
    assert dataclasses.replace(DIGITS, images=images).fingerprint != DIGITS.fingerprint


@pytest.mark.parametrize(
    "spec", ["", "cats", "digits:here", "optdigits", "semeion", "folder", "optdigits:", "pendigits:", "folder:"]
)
def test_an_unknown_data_set_is_refused(spec: str) -> None:
    """The error lists what there is."""
    with pytest.raises(DatasetError) as caught:
        load_dataset(spec)
    assert str(caught.value) == (
        f"no data set '{spec}': use digits, mnist, mnist:DIR, optdigits:DIR, semeion:DIR, pendigits:DIR or folder:DIR"
    )


def to_idx(array: NDArray[np.uint8]) -> bytes:
    """Return an array in the IDX format."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


MNIST_IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
MNIST_LABELS = np.array([7, 2, 1, 0, 4], np.uint8)


def write_mnist(folder: Path, n_train: int = 3) -> None:
    """Write an MNIST of five images; the files of the test part are zipped."""
    parts = {
        "train-images-idx3-ubyte": MNIST_IMAGES[:n_train],
        "train-labels-idx1-ubyte": MNIST_LABELS[:n_train],
        "t10k-images-idx3-ubyte.gz": MNIST_IMAGES[n_train:],
        "t10k-labels-idx1-ubyte.gz": MNIST_LABELS[n_train:],
    }
    for name, array in parts.items():
        (folder / name).write_bytes(gzip.compress(to_idx(array)) if name.endswith(".gz") else to_idx(array))


def test_mnist_is_read_from_a_folder(tmp_path: Path) -> None:
    """Training part first, then the test part, plain or gzipped; writers are not known."""
    write_mnist(tmp_path)
    mnist = load_dataset(f"mnist:{tmp_path}")
    assert np.array_equal(mnist.images, MNIST_IMAGES)
    assert np.array_equal(mnist.labels, MNIST_LABELS)
    assert (mnist.name, mnist.n_train, mnist.preparation, mnist.writers) == ("mnist", 3, "mnist-28", None)


def test_mnist_is_read_from_files_named_with_a_dot(tmp_path: Path) -> None:
    """Some copies are named train-images.idx3-ubyte."""
    write_mnist(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert np.array_equal(load_mnist(tmp_path).images, MNIST_IMAGES)


def test_mnist_knows_its_writers_where_they_lie_beside_it(tmp_path: Path) -> None:
    """The two .npy files tell who wrote what; nobody is in both parts."""
    write_mnist(tmp_path)
    np.save(tmp_path / "train-writers.npy", np.array([8, 8, 9]))
    np.save(tmp_path / "t10k-writers.npy", np.array([3, 4]))
    mnist = load_mnist(tmp_path)
    assert mnist.writers is not None
    assert mnist.writers.tolist() == [8, 8, 9, 3, 4]
    assert split(mnist).people == "keeps writers apart: nobody is in both parts"


def test_writers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Writers for other images would be worse than none."""
    write_mnist(tmp_path)
    np.save(tmp_path / "train-writers.npy", np.array([8, 8]))
    np.save(tmp_path / "t10k-writers.npy", np.array([3, 4]))
    with pytest.raises(DatasetError) as caught:
        load_mnist(tmp_path)
    assert str(caught.value) == (
        f"the writers in '{tmp_path}' are (4,), the images 5; mend train-writers.npy and t10k-writers.npy"
    )


def test_damaged_writers_are_refused(tmp_path: Path) -> None:
    """A .npy file that is none, or that could run code, is a DatasetError."""
    write_mnist(tmp_path)
    np.save(tmp_path / "train-writers.npy", np.array([8, 8, 9]))
    for content in (b"", b"seven", b"\x93NUMPY\x01\0v\0" + b"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}"):
        (tmp_path / "t10k-writers.npy").write_bytes(content)
        with pytest.raises(DatasetError, match=r"^cannot read the writers in '.*': .*; fetch them again$"):
            load_mnist(tmp_path)


def test_a_missing_mnist_file_is_named(tmp_path: Path) -> None:
    """The error says which file, and how the folder is given."""
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DatasetError) as caught:
        load_mnist(tmp_path)
    assert str(caught.value) == (
        f"no t10k-labels-idx1-ubyte in '{tmp_path}': give the folder with the four IDX files: mnist:DIR"
    )


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("train-images-idx3-ubyte", MNIST_IMAGES[:3, :27]),
        ("train-labels-idx1-ubyte", MNIST_LABELS[:2]),
        ("train-labels-idx1-ubyte", np.array([1, 2, 10], np.uint8)),
        ("train-labels-idx1-ubyte", np.ones((3, 1), np.uint8)),
    ],
    ids=["other size", "too few labels", "no digit", "labels in a table"],
)
def test_idx_files_of_something_else_are_refused(tmp_path: Path, name: str, array: NDArray[np.uint8]) -> None:
    """Images are 28x28, each has a label, and labels are digits."""
    write_mnist(tmp_path)
    (tmp_path / name).write_bytes(to_idx(array))
    with pytest.raises(DatasetError, match=rf"^'{tmp_path}' is not MNIST: .*; fetch it again$"):
        load_mnist(tmp_path)


def test_mnist_is_fetched_by_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder, fetch_openml downloads it; its texts become numbers."""
    fetched = Bunch(data=MNIST_IMAGES.reshape(5, 784).astype(float), target=MNIST_LABELS.astype(str).astype(object))
    monkeypatch.setattr(sklearn_datasets, "fetch_openml", lambda *args, **options: fetched)
    mnist = load_dataset("mnist")
    assert np.array_equal(mnist.images, MNIST_IMAGES)
    assert np.array_equal(mnist.labels, MNIST_LABELS)
    assert mnist.n_train == 60_000


def test_without_a_network_mnist_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed download is a DatasetError that names the other way."""

    def fail(*args: object, **options: object) -> None:
        raise URLError("no route\nto host")

    monkeypatch.setattr(sklearn_datasets, "fetch_openml", fail)
    with pytest.raises(DatasetError) as caught:
        load_dataset("mnist")
    assert str(caught.value) == (
        "cannot download MNIST (<urlopen error no route to host>); "
        "with no network, give the folder with the four IDX files: mnist:DIR"
    )


UCI_ROWS = [[7] * 64 + [3], [0] * 63 + [16, 9]]
UCI_TEXT = "# from the forms\n" + "".join(",".join(map(str, row)) + "\n" for row in UCI_ROWS)


@pytest.mark.parametrize("name", ["optdigits.tra", "optdigits.tra.gz", "optdigits.hol"])
def test_optdigits_is_read_before_the_bundled_digits(tmp_path: Path, name: str) -> None:
    """UCI's rows of 64 counts and a label, plain or gzipped, train; scikit-learn's 1,797 images are the test part."""
    content = UCI_TEXT.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    optdigits = load_dataset(f"optdigits:{tmp_path}")
    assert (len(optdigits), optdigits.n_train, optdigits.preparation) == (1799, 2, "uci-8")
    assert optdigits.flat[:2].tolist() == [row[:64] for row in UCI_ROWS]
    assert optdigits.labels[:2].tolist() == [3, 9]
    assert np.array_equal(optdigits.images[2:], DIGITS.images)


def test_both_parts_of_optdigits_are_read(tmp_path: Path) -> None:
    """Where the training writers lie in two files, both are read."""
    for name in ("optdigits.tra", "optdigits.hol"):
        (tmp_path / name).write_text(UCI_TEXT)
    assert load_optdigits(tmp_path).n_train == 4


def test_a_whole_optdigits_needs_no_second_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where optdigits.tra holds all training images, what lies beside it are some of the same: it is not read."""
    monkeypatch.setattr(datasets, "OPTDIGITS_TRAIN", 2)
    (tmp_path / "optdigits.tra").write_text(UCI_TEXT)
    (tmp_path / "optdigits.hol").write_text("damaged")
    optdigits = load_optdigits(tmp_path)
    assert (len(optdigits), optdigits.n_train) == (1799, 2)


def test_a_missing_optdigits_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(DatasetError) as caught:
        load_optdigits(tmp_path)
    assert str(caught.value) == f"no optdigits.tra in '{tmp_path}': give the folder with UCI's file, plain or .gz"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# only this\n",
        b"1,2,3\n",
        b"seven\n",
        b"\xff\xfe",
        UCI_TEXT.replace("16", "17").encode(),
        b"-" + UCI_TEXT.encode()[17:],
    ],
    ids=["empty", "comment", "few", "text", "bytes", "17", "negative"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_a_damaged_optdigits_is_refused(tmp_path: Path, content: bytes, pack: type[bytes]) -> None:
    """What is not rows of 64 counts and a label is refused in one line."""
    path = tmp_path / ("optdigits.tra" if pack is bytes else "optdigits.tra.gz")
    path.write_bytes(pack(content))
    with pytest.raises(DatasetError, match=rf"'{path}'") as caught:
        load_optdigits(tmp_path)
    assert str(caught.value).isprintable()


def test_a_truncated_optdigits_is_refused(tmp_path: Path) -> None:
    """A gzipped file that is cut off or damaged inside is refused."""
    packed = gzip.compress(UCI_TEXT.encode())
    for content in (packed[:-9], packed[:15] + b"\xff\xff\xff" + packed[18:], b"seven"):
        (tmp_path / "optdigits.tra.gz").write_bytes(content)
        with pytest.raises(DatasetError, match=r"^cannot read '.*optdigits\.tra\.gz': .*; fetch it again$"):
            load_optdigits(tmp_path)


BARS = np.zeros((3, 32, 32), np.uint8)  # three ones, of the widths 2, 4 and 6
BARS[0, 4:28, 15:17] = BARS[1, 4:28, 14:18] = BARS[2, 4:28, 13:19] = 1


def bitmap_lines(bitmaps: NDArray[np.uint8]) -> str:
    """Return bitmaps of ones in the format of optdigits-orig."""
    return "".join("".join("".join(map(str, row)) + "\n" for row in bitmap) + " 1\n" for bitmap in bitmaps)


def test_optdigits_is_read_as_bitmaps_for_another_model(tmp_path: Path) -> None:
    """Counts of 8x8 hold too little for a larger model: it is given the bitmaps they were made from, of both files."""
    (tmp_path / "optdigits-orig.tra").write_text("2\n" + bitmap_lines(BARS[:2]))
    (tmp_path / "optdigits-orig.tes.gz").write_bytes(gzip.compress(("1\n" + bitmap_lines(BARS[2:])).encode()))
    optdigits = load_dataset(f"optdigits:{tmp_path}", preparation="mnist-28")
    assert np.array_equal(optdigits.images, [prepare(bar * np.uint8(255), "mnist-28") for bar in BARS])
    assert optdigits.labels.tolist() == [1, 1, 1]
    assert (optdigits.name, optdigits.preparation, optdigits.n_train) == ("optdigits", "mnist-28", 2)
    assert split(optdigits).people == "may mix writers, which would flatter the figures: 30 people, not told apart"


def test_bitmaps_under_two_names_are_read_once(tmp_path: Path) -> None:
    """The second part is called .cv in some copies and .tes in others; where both lie there, they are one."""
    for name, bars in (("tra", BARS[:2]), ("cv", BARS[2:]), ("tes", BARS[2:])):
        (tmp_path / f"optdigits-orig.{name}").write_text(bitmap_lines(bars))
    optdigits = load_optdigits(tmp_path, preparation="mnist-28")
    assert np.array_equal(optdigits.images, [prepare(bar * np.uint8(255), "mnist-28") for bar in BARS])


@pytest.mark.parametrize("preparation", [None, "uci-8"])
def test_optdigits_is_counts_where_nobody_asks_for_more(tmp_path: Path, preparation: str | None) -> None:
    """By default, and for a model that reads counts, the bitmaps are passed over."""
    (tmp_path / "optdigits.tra").write_text(UCI_TEXT)
    (tmp_path / "optdigits-orig.tra").write_text("damaged")
    assert load_dataset(f"optdigits:{tmp_path}", preparation=preparation).images.shape == (1799, 8, 8)


def write_semeion(folder: Path, n: int = 5) -> NDArray[np.uint8]:
    """Write n digits in the format of semeion.data and return their bitmaps, (n, 16, 16)."""
    bitmaps = np.repeat(BARS[1:2, ::2, ::2], n, axis=0)
    row = " ".join(map(str, [*bitmaps[0].ravel(), 0, 1, *[0] * 8]))
    (folder / "semeion.data.gz").write_bytes(gzip.compress((row + " \n").encode() * n))
    return bitmaps


@pytest.mark.parametrize(
    ("preparation", "expected"), [(None, "mnist-28"), ("mnist-28", "mnist-28"), ("uci-8", "uci-8")]
)
def test_semeion_is_prepared_for_a_model(tmp_path: Path, preparation: str | None, expected: str) -> None:
    """Its bitmaps are no model's input: they are prepared as MNIST is, or as one asks."""
    bitmaps = write_semeion(tmp_path)
    semeion = load_dataset(f"semeion:{tmp_path}", preparation=preparation)
    assert np.array_equal(semeion.images, [prepare(bitmap * np.uint8(255), expected) for bitmap in bitmaps])
    assert semeion.labels.tolist() == [1] * 5
    assert (semeion.name, semeion.preparation, semeion.n_train) == ("semeion", expected, 4)
    assert split(semeion).people == "may mix writers, which would flatter the figures: about 80 people, not told apart"


PEN_ROW = "50,100,50,85,50,70,50,55,50,45,50,30,50,15,50,0,1\n"  # a 1, from top to bottom


@pytest.mark.parametrize(
    ("preparation", "expected"), [(None, "mnist-28"), ("mnist-28", "mnist-28"), ("uci-8", "uci-8")]
)
def test_pendigits_are_drawn_for_a_model(tmp_path: Path, preparation: str | None, expected: str) -> None:
    """Pen points are no model's input: each digit is drawn with a pen of its own, the same at every loading."""
    (tmp_path / "pendigits_all.csv").write_text(PEN_ROW * 5)
    pendigits, again = (load_dataset(f"pendigits:{tmp_path}", preparation=preparation) for _ in range(2))
    size = PREPARATIONS[expected].size
    assert (pendigits.name, pendigits.preparation) == ("pendigits", expected)
    assert (pendigits.images.shape, pendigits.labels.tolist()) == ((5, size, size), [1] * 5)
    assert len({image.tobytes() for image in pendigits.images}) == 5
    assert pendigits.fingerprint == again.fingerprint


PEN_PEOPLE = "30 people in the training part, 14 others in the test part"


@pytest.mark.parametrize(
    ("n", "people"),
    [
        (5, f"keeps writers apart: {PEN_PEOPLE}"),
        (4, f"may mix writers, which would flatter the figures: {PEN_PEOPLE}"),
    ],
    ids=["whole", "a part"],
)
def test_pendigits_come_in_ucis_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int, people: str) -> None:
    """A file with more than the training part keeps writers apart; of a smaller one nobody knows."""
    monkeypatch.setattr(datasets, "PENDIGITS_TRAIN", 4)
    (tmp_path / "pendigits_all.csv").write_text(PEN_ROW * n)
    assert split(load_pendigits(tmp_path)).people == people


@pytest.mark.parametrize(
    ("kind", "preparation", "name"),
    [
        ("optdigits", "mnist-28", "optdigits-orig.tra"),
        ("semeion", None, "semeion.data"),
        ("pendigits", None, "pendigits_all.csv"),
    ],
)
def test_a_missing_uci_file_is_named(tmp_path: Path, kind: str, preparation: str | None, name: str) -> None:
    """The error names the file that was looked for."""
    with pytest.raises(DatasetError) as caught:
        load_dataset(f"{kind}:{tmp_path}", preparation=preparation)
    assert str(caught.value) == f"no {name} in '{tmp_path}': give the folder with UCI's file, plain or .gz"


@pytest.mark.parametrize("preparation", [None, "mnist-28", "uci-8"])
def test_what_comes_prepared_is_what_it_is(tmp_path: Path, preparation: str | None) -> None:
    """The bundled digits and MNIST are not prepared anew, whatever is asked for."""
    write_mnist(tmp_path)
    assert load_dataset("digits", preparation=preparation).fingerprint == DIGITS.fingerprint
    assert load_dataset(f"mnist:{tmp_path}", preparation=preparation).preparation == "mnist-28"


def write_folder(folder: Path, draw: Draw) -> None:
    """Write two pictures of each of three digits."""
    for digit in "358":
        (folder / digit).mkdir()
        save_picture(folder / digit / "a.png", draw(digit))
        save_picture(folder / digit / "b.jpg", draw(digit, height=90))


def test_a_folder_of_pictures_is_a_data_set(tmp_path: Path, draw: Draw) -> None:
    """One sub-folder per digit: each picture is prepared and labelled, and its file stays known."""
    write_folder(tmp_path, draw)
    dataset = load_dataset(f"folder:{tmp_path}")
    assert (dataset.images.shape, dataset.images.max(), dataset.skipped) == ((6, 28, 28), 255, ())
    assert {name: int(label) for name, label in zip(dataset.files, dataset.labels, strict=True)} == {
        f"{digit}/{name}": digit for digit in (3, 5, 8) for name in ("a.png", "b.jpg")
    }
    assert dataset.n_train == 5


def test_a_folder_may_be_prepared_in_another_way(tmp_path: Path, draw: Draw) -> None:
    """For the tutorial's networks the pictures become 8x8 counts."""
    write_folder(tmp_path, draw)
    dataset = load_dataset(f"folder:{tmp_path}", preparation="uci-8")
    assert (dataset.images.shape, dataset.images.max(), dataset.preparation) == ((6, 8, 8), 16, "uci-8")


def test_the_order_of_a_folder_is_shuffled_once(tmp_path: Path, draw: Draw) -> None:
    """Sorted by digit, a split by position would train on the low ones: the order is mixed, and always the same."""
    write_folder(tmp_path, draw)
    first, second = load_folder(tmp_path), load_folder(tmp_path)
    assert first.files == second.files != tuple(sorted(first.files))
    assert first.fingerprint == second.fingerprint


UNKNOWN_FORMAT = (
    "it is not a picture of a known format, or its beginning is damaged; "
    "convert it to PNG, JPEG, WebP, TIFF, BMP or GIF"
)


def test_what_cannot_be_used_is_skipped_and_listed(tmp_path: Path, draw: Draw) -> None:
    """One bad picture does not stop the rest: damaged, empty, white, black, a point; other files are passed over."""
    write_folder(tmp_path, draw)
    (tmp_path / "3" / "c.png").write_bytes(b"seven")
    (tmp_path / "3" / "d.png").touch()
    (tmp_path / "3" / "e.png").mkdir()
    (tmp_path / "3" / "notes.txt").write_text("a three")
    for name, shape, value in (("f", (40, 30), 255), ("g", (40, 30), 0), ("h", (1, 1), 0)):
        save_picture(tmp_path / "3" / f"{name}.png", np.full(shape, value, np.uint8))
    dataset = load_folder(tmp_path)
    folder = tmp_path / "3"
    blank = "nothing to read: no ink stands out from the paper"
    assert dataset.counts == {0: 0, 1: 0, 2: 0, 3: 2, 4: 0, 5: 2, 6: 0, 7: 0, 8: 2, 9: 0}
    assert dataset.skipped == (
        f"cannot read '{folder}/c.png': {UNKNOWN_FORMAT}",
        f"cannot read '{folder}/d.png': it is empty; was it copied whole?",
        f"cannot read '{folder}/e.png': it is a folder; name the pictures in it, as in '{folder}/e.png/*.png'",
        f"'{folder}/f.png': {blank}",
        f"'{folder}/g.png': {blank}",
        f"'{folder}/h.png': {blank}",
    )


def test_noise_is_no_digit(tmp_path: Path) -> None:
    """A folder of nothing but noise and paper is refused, with the first reason."""
    (tmp_path / "3").mkdir()
    save_picture(tmp_path / "3" / "a.png", np.random.default_rng(0).integers(0, 256, (60, 60), np.uint8))
    save_picture(tmp_path / "3" / "b.png", np.full((60, 60), 255, np.uint8))
    with pytest.raises(
        DatasetError, match=rf"^none of the 2 pictures in '{tmp_path}' can be used; the first: '.*a\.png': "
    ):
        load_folder(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """The error says what the folder should look like; a missing folder is as empty."""
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DatasetError) as caught:
            load_folder(folder)
        assert str(caught.value) == (
            f"no pictures in '{folder}': it needs sub-folders named 0 to 9 with pictures in them"
        )


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked sub-folder is a DatasetError; the refusal is made up, because tests may run as root."""
    (tmp_path / "3").mkdir()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DatasetError, match=r"3': Permission denied; check its permissions$"):
        load_folder(tmp_path)


def positions(part: Dataset) -> list[str]:
    """Return the names of a part's images."""
    return list(part.files)


NUMBERED = dataclasses.replace(WITH_WRITERS, files=tuple(str(i) for i in range(1797)))


@pytest.mark.parametrize("method", SPLIT_METHODS)
def test_every_split_shares_out_all_images(method: SplitMethod) -> None:
    """Each image is in exactly one part, and the test part's numbers are those of its images."""
    parts = split(NUMBERED, method)
    assert sorted(positions(parts.train) + positions(parts.test)) == sorted(NUMBERED.files)
    assert positions(parts.test) == [str(i) for i in parts.test_index]
    assert parts.method == method


@pytest.mark.parametrize("method", SPLIT_METHODS)
def test_the_same_random_state_gives_the_same_split(method: SplitMethod) -> None:
    """A split can be repeated; another random state gives another, except where nothing is drawn."""
    a, b, c = (split(NUMBERED, method, random_state=seed).test_index.tolist() for seed in (1, 1, 2))
    assert a == b
    assert (a == c) == (method == "first")


@pytest.mark.parametrize("method", ["first", "random", "stratified"])
def test_a_split_has_the_number_asked_for(method: SplitMethod) -> None:
    """The training part has n_train images; by default the set's own number."""
    assert (len(split(DIGITS, method).train), len(split(DIGITS, method, n_train=1500).train)) == (1000, 1500)


def test_the_first_split_is_the_tutorials() -> None:
    """The first 1,000 images train, the last 797 test."""
    assert np.array_equal(split(DIGITS).test_index, np.arange(1000, 1797))


def test_a_stratified_split_has_equal_shares() -> None:
    """Each digit has the same share in the training part, to one image."""
    train = split(DIGITS, "stratified", n_train=1000).train.counts
    assert all(abs(train[digit] - count * 1000 / 1797) <= 1 for digit, count in DIGITS.counts.items())


def test_a_split_by_writers_keeps_people_apart() -> None:
    """Nobody is in both parts, and about the number asked for trains."""
    parts = split(WITH_WRITERS, "writers", n_train=1200)
    assert parts.train.writers is not None
    assert parts.test.writers is not None
    assert set(parts.train.writers).isdisjoint(parts.test.writers)
    assert abs(len(parts.train) - 1200) <= 60


IN_PARTS = dataclasses.replace(DIGITS, people="three people, then two", writer_order="parts")
UNKNOWN = dataclasses.replace(DIGITS, people="the writers are not known", writer_order="unknown")
RUNS = "13 people, each in a run of consecutive images, are not told apart"


@pytest.mark.parametrize(
    ("dataset", "method", "n_train", "sentence"),
    [
        (WITH_WRITERS, "writers", 1000, "keeps writers apart: nobody is in both parts"),
        (WITH_WRITERS, "random", 1000, "mixes writers: 30 people are in both parts, which flatters the figures"),
        (DIGITS, "first", 900, f"keeps writers apart but for one at most: {RUNS}"),
        (
            DIGITS,
            "stratified",
            1000,
            "mixes writers, which flatters the figures: images are shuffled and everybody is in both parts",
        ),
        (IN_PARTS, "first", 1000, "keeps writers apart: three people, then two"),
        (IN_PARTS, "first", 900, "may mix writers, which would flatter the figures: three people, then two"),
        (UNKNOWN, "random", 1000, "may mix writers, which would flatter the figures: the writers are not known"),
    ],
)
def test_a_split_says_whether_it_mixes_writers(
    dataset: Dataset, method: SplitMethod, n_train: int, sentence: str
) -> None:
    """The sentence that stands beside every figure."""
    assert split(dataset, method, n_train=n_train).people == sentence


@pytest.mark.parametrize("n_train", [0, -1, 1797, 5000])
def test_a_part_may_not_be_empty(n_train: int) -> None:
    """The error says which numbers may be given."""
    with pytest.raises(DatasetError) as caught:
        split(DIGITS, n_train=n_train)
    assert str(caught.value) == f"cannot train on {n_train} of 1797 images: give a number from 1 to 1796"


def refused(dataset: Dataset, method: SplitMethod, n_train: int) -> str:
    """Return the words in which a split is refused."""
    with pytest.raises(DatasetError) as caught:
        split(dataset, method, n_train=n_train)
    return str(caught.value)


def test_unknown_writers_cannot_be_kept_apart() -> None:
    """The error names the splits that are possible."""
    assert refused(DIGITS, "writers", 1000) == (
        "cannot split 'digits' by writers: they are not known; use first, random or stratified"
    )


def test_one_writer_cannot_be_shared_out() -> None:
    """All images by one person leave one part empty."""
    alone = dataclasses.replace(DIGITS, writers=np.zeros(1797, np.int64))
    assert refused(alone, "writers", 1000) == (
        "cannot split 'digits' by writers: 1 writers cannot be shared out into 1000 training images and the rest; "
        "change n_train or use first, random or stratified"
    )


def test_a_single_digit_cannot_be_stratified() -> None:
    """A digit that is there once cannot be in both parts."""
    assert refused(DIGITS[:12], "stratified", 6).startswith("cannot make a stratified split of 'digits': ")


def test_an_unknown_split_is_refused() -> None:
    """A misspelt method is not taken for another."""
    assert refused(DIGITS, "stratifed", 1000) == (  # type: ignore[arg-type]
        "no split 'stratifed': use first, random, stratified, writers"
    )


def test_a_split_is_what_was_promised() -> None:
    """The result's type is Split, with both parts as data sets."""
    parts = split(DIGITS)
    assert isinstance(parts, Split)
    assert (parts.train.name, parts.test.name) == ("digits", "digits")
