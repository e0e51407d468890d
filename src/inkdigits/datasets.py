"""Dataset: labelled images with their writers, where they come from, and how they are split."""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits import uci
from inkdigits.errors import DatasetError, PictureError, reason_of
from inkdigits.idx import read_idx
from inkdigits.ink import extract_ink, to_working_size
from inkdigits.page import find_digit
from inkdigits.pictures import PICTURE_ENDINGS, load_picture
from inkdigits.prepare import prepare
from inkdigits.strokes import draw_pen_points

SplitMethod = Literal["first", "random", "stratified", "writers"]
SPLIT_METHODS: tuple[SplitMethod, ...] = ("first", "random", "stratified", "writers")
TUTORIAL_TRAIN = 1000  # images; scikit-learn's tutorial trains on the first 1,000 of 1,797
DEFAULT_TRAIN_SHARE = 0.8  # where nobody has said how to split
MNIST_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
MNIST_WRITERS = ("train-writers.npy", "t10k-writers.npy")
MNIST_TRAIN = 60_000
OPTDIGITS_TRAIN = 3823  # images by UCI's training writers; some copies share them out to .tra and .hol
PENDIGITS_TRAIN = 7494  # UCI's own training part, by other writers than the rest
FORMS = "digits, mnist, mnist:DIR, optdigits:DIR, semeion:DIR, pendigits:DIR or folder:DIR"
DEFAULT_PREPARATION = "mnist-28"  # of what is not stored as a model needs it, where nobody asks for another
WHERE_MNIST = "give the folder with the four IDX files: mnist:DIR"


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Labelled images of single digits, prepared.

    Attributes
    ----------
    images
        (n, size, size) uint8, ink is bright, as `preparation` makes them.
    labels
        (n,) uint8, 0..9.
    writers
        (n,) integers that tell the writers apart, or None where they are not known.
    n_train
        How many of the first images are the training part by custom.
    people
        What is known of the writers, in words.
    writer_order
        How the writers follow each other: each in a run of consecutive images, ``parts`` if besides nobody is both
        among the first `n_train` images and after them, or unknown.
    attributes
        What scikit-learn's own object of the data set holds.
    source
        Where the images come from, without paths: it is stored in model files.
    skipped
        Pictures that could not be used, with the reason.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    preparation: str
    description: str
    source: str
    people: str
    n_train: int
    writer_order: Literal["runs", "parts", "unknown"] = "unknown"
    writers: NDArray[np.int64] | None = None
    attributes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | NDArray[np.intp]) -> Dataset:
        """Return some of the images as a data set."""
        positions = np.atleast_1d(np.arange(len(self))[index])
        return replace(
            self,
            images=self.images[positions],
            labels=self.labels[positions],
            writers=None if self.writers is None else self.writers[positions],
            writer_order=self.writer_order if isinstance(index, slice) and self.writer_order == "runs" else "unknown",
            files=tuple(self.files[i] for i in positions) if self.files else (),
        )

    @property
    def flat(self) -> NDArray[np.float64]:
        """The images as rows of numbers, (n, size * size): scikit-learn's form."""
        return self.images.reshape(len(self), -1).astype(np.float64)

    @property
    def counts(self) -> dict[int, int]:
        """How many images there are of each digit."""
        return {digit: int(count) for digit, count in enumerate(np.bincount(self.labels, minlength=10))}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of images and labels: the same for the same data, wherever it was read from."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Split:
    """The training part and the test part, and what is known of the people in both."""

    train: Dataset
    test: Dataset
    test_index: NDArray[np.intp]  # the number of each test image in the whole set
    method: SplitMethod
    people: str  # whether the parts share writers, in words


def load_digits() -> Dataset:
    """Return scikit-learn's bundled digits: 1,797 images of 8x8, values 0..16.

    Examples
    --------
    >>> load_digits().flat.shape
    (1797, 64)
    """
    from sklearn import datasets

    bunch = datasets.load_digits()
    return Dataset(
        name="digits",
        images=bunch.images.astype(np.uint8),
        labels=bunch.target.astype(np.uint8),
        preparation="uci-8",
        description=str(bunch.DESCR),
        source="bundled with scikit-learn; test part of UCI optdigits (E. Alpaydin, C. Kaynak, 1998), CC BY 4.0",
        people="13 people, each in a run of consecutive images, are not told apart",
        writer_order="runs",
        n_train=TUTORIAL_TRAIN,
        attributes=tuple(dir(bunch)),
    )


def load_dataset(spec: str = "digits", *, preparation: str | None = None) -> Dataset:
    """Return the data set that a word of the command line names.

    Parameters
    ----------
    spec
        ``digits``, ``mnist`` (downloaded once by scikit-learn), ``mnist:DIR``, ``optdigits:DIR``, ``semeion:DIR``,
        ``pendigits:DIR`` or ``folder:DIR``.
    preparation
        How pictures, bitmaps and pen strokes are prepared; by default as the set is stored or, where it is stored as
        none of a model's inputs, as MNIST is. The bundled digits and MNIST are what they are.

    Raises
    ------
    DatasetError
        If there is no such data set, or its files are missing or damaged.
    """
    if spec == "digits":
        return load_digits()
    if spec == "mnist":
        return fetch_mnist()
    kind, _, folder = spec.partition(":")
    folder = os.path.expanduser(folder)  # noqa: PTH111 - no shell does it behind a colon; Path("") would be "."
    if kind == "mnist" and folder:
        return load_mnist(folder)
    if kind == "optdigits" and folder:
        return load_optdigits(folder, preparation=preparation or "uci-8")
    loaders = {"semeion": load_semeion, "pendigits": load_pendigits, "folder": load_folder}
    if kind in loaders and folder:
        return loaders[kind](folder, preparation=preparation or DEFAULT_PREPARATION)
    if kind == "numbers" and folder:
        raise DatasetError(
            f"'{spec}' holds whole numbers, not digits: use it with --recipe adapt or evaluate --numbers"
        )
    raise DatasetError(f"no data set '{spec}': use {FORMS}")


def load_mnist(folder: str | Path) -> Dataset:
    """Return MNIST from a folder with its four IDX files: 60,000 training and 10,000 test images of 28x28.

    Writers are known where ``train-writers.npy`` and ``t10k-writers.npy`` lie beside them.
    """
    paths = [_find_idx(Path(folder), name) for name in MNIST_FILES]
    train_images, train_labels, test_images, test_labels = (read_idx(path) for path in paths)
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        if (
            images.ndim != 3
            or images.shape[1:] != (28, 28)
            or labels.shape != images.shape[:1]
            or labels.max(initial=0) > 9
        ):
            raise DatasetError(f"'{folder}' is not MNIST: images {images.shape}, labels {labels.shape}; fetch it again")
    return _mnist(
        np.concatenate([train_images, test_images]),
        np.concatenate([train_labels, test_labels]),
        n_train=len(train_labels),
        writers=_load_writers(Path(folder), len(train_labels) + len(test_labels)),
        source="MNIST's four IDX files",
    )


def fetch_mnist() -> Dataset:
    """Return MNIST as scikit-learn's fetch_openml gives it: downloaded once (15 MB), then read from its cache."""
    from sklearn import datasets

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of each retry; what counts is whether it comes to an end
            bunch = datasets.fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff")
    except Exception as error:
        raise DatasetError(f"cannot download MNIST ({reason_of(error)}); with no network, {WHERE_MNIST}") from error
    images = np.asarray(bunch.data, dtype=np.uint8).reshape(-1, 28, 28)
    labels = np.asarray(bunch.target).astype(np.uint8)
    return _mnist(
        images, labels, n_train=MNIST_TRAIN, writers=None, source="OpenML's mnist_784, by scikit-learn's fetch_openml"
    )


def load_optdigits(folder: str | Path, *, preparation: str = "uci-8") -> Dataset:
    """Return UCI's training writers: as counts, 8x8, or as bitmaps prepared for a model.

    As counts (``uci-8``): the 3,823 images of ``optdigits.tra`` (where it lacks what ``optdigits.hol`` holds, of both),
    then scikit-learn's bundled digits as the test part. Otherwise the 2,880 bitmaps of ``optdigits-orig``.
    """
    if preparation != "uci-8":
        return _load_bitmaps(Path(folder), preparation)
    first, *rest = _find_some(folder, "optdigits.tra", "optdigits.hol")
    parts = [uci.read_counts(first)]
    if len(parts[0][1]) < OPTDIGITS_TRAIN:
        parts += [uci.read_counts(path) for path in rest]
    test = load_digits()
    return Dataset(
        name="optdigits",
        images=np.concatenate([*(images for images, _ in parts), test.images]),
        labels=np.concatenate([*(labels for _, labels in parts), test.labels]),
        preparation="uci-8",
        description="UCI optdigits: counts of ink in 4x4 blocks of 32x32 bitmaps; 30 training writers, then 13 others.",
        source="UCI optdigits, CC BY 4.0; the test part as bundled with scikit-learn",
        people="30 people in the training part, 13 others in the test part",
        writer_order="parts",
        n_train=sum(len(labels) for _, labels in parts),
    )


def load_semeion(folder: str | Path, *, preparation: str = DEFAULT_PREPARATION) -> Dataset:
    """Return UCI's semeion: 1,593 bitmaps of 16x16, prepared for a model."""
    [path] = _find_some(folder, "semeion.data")
    bitmaps, labels = uci.read_semeion(path)
    return Dataset(
        name="semeion",
        images=_prepare_all(bitmaps, preparation),
        labels=labels,
        preparation=preparation,
        description="UCI semeion: bitmaps of 16x16 by about 80 people, each of whom wrote all digits twice.",
        source="UCI semeion, Semeion Research Center, CC BY 4.0",
        people="about 80 people, not told apart",
        n_train=round(len(labels) * DEFAULT_TRAIN_SHARE),
    )


def load_pendigits(folder: str | Path, *, preparation: str = DEFAULT_PREPARATION) -> Dataset:
    """Return UCI's pendigits: 10,992 digits as pen points, each drawn with its own pen and prepared for a model."""
    [path] = _find_some(folder, "pendigits_all.csv")
    points, labels = uci.read_pen_points(path)
    whole = len(labels) > PENDIGITS_TRAIN
    return Dataset(
        name="pendigits",
        images=draw_pen_points(points, labels, preparation=preparation, random_state=0),
        labels=labels,
        preparation=preparation,
        description="UCI pendigits: eight points of each digit's way on a tablet, drawn with pens thin and thick.",
        source="UCI pendigits (E. Alpaydin, F. Alimoglu, 1998), CC BY 4.0",
        people="30 people in the training part, 14 others in the test part",
        writer_order="parts" if whole else "unknown",
        n_train=PENDIGITS_TRAIN if whole else round(len(labels) * DEFAULT_TRAIN_SHARE),
    )


def load_folder(folder: str | Path, *, preparation: str = DEFAULT_PREPARATION) -> Dataset:
    """Return the pictures of a folder with one sub-folder per digit, ``0`` to ``9``, prepared for a model.

    A picture that cannot be used is left out and listed in `skipped`; the rest is still read.
    """
    root = Path(folder)
    paths = [(digit, path) for digit in range(10) for path in _pictures(root / str(digit))]
    if not paths:
        raise DatasetError(f"no pictures in '{folder}': it needs sub-folders named 0 to 9 with pictures in them")
    images, labels, files, skipped = [], [], [], []
    for digit, path in paths:
        image = _prepare_picture(path, preparation)
        if isinstance(image, str):
            skipped.append(image)
            continue
        images.append(image)
        labels.append(digit)
        files.append(str(path.relative_to(root)))
    if not images:
        raise DatasetError(f"none of the {len(paths)} pictures in '{folder}' can be used; the first: {skipped[0]}")
    order = np.random.default_rng(0).permutation(len(images))  # a folder is sorted by digit; a split by position is not
    return Dataset(
        name=root.resolve().name,
        images=np.stack(images)[order],
        labels=np.array(labels, np.uint8)[order],
        preparation=preparation,
        description=f"{len(images)} pictures in sub-folders per digit, in an order shuffled once.",
        source="a folder of pictures",
        people="the writers are not known",
        n_train=round(len(images) * DEFAULT_TRAIN_SHARE),
        files=tuple(files[i] for i in order),
        skipped=tuple(skipped),
    )


def split(
    dataset: Dataset, method: SplitMethod = "first", *, n_train: int | None = None, random_state: int = 0
) -> Split:
    """Split a data set into a training and a test part.

    Parameters
    ----------
    method
        ``first``: the first images train (the tutorial's way). ``random``, ``stratified``: shuffled, the second with
        equal shares of each digit. ``writers``: no writer in both parts.
    n_train
        Images in the training part; by default what is customary for the set. By writers it is about that many.

    Raises
    ------
    DatasetError
        If a part would be empty, or writers are asked for and not known.
    """
    n = dataset.n_train if n_train is None else n_train
    if not 0 < n < len(dataset):
        raise DatasetError(f"cannot train on {n} of {len(dataset)} images: give a number from 1 to {len(dataset) - 1}")
    train, test = _split_indices(dataset, method, n, random_state)
    return Split(dataset[train], dataset[test], test, method, _describe_writers(dataset, train, test, method))


def _split_indices(
    dataset: Dataset, method: SplitMethod, n: int, random_state: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if method not in SPLIT_METHODS:
        raise DatasetError(f"no split '{method}': use {', '.join(SPLIT_METHODS)}")
    positions = np.arange(len(dataset))
    if method == "first":
        return positions[:n], positions[n:]
    if method == "writers":
        return _split_writers(dataset, n, random_state)
    from sklearn.model_selection import train_test_split

    try:
        parts = train_test_split(
            positions,
            train_size=n,
            random_state=random_state,
            stratify=dataset.labels if method == "stratified" else None,
        )
    except ValueError as error:
        raise DatasetError(f"cannot make a {method} split of '{dataset.name}': {error}") from None
    return np.sort(parts[0]), np.sort(parts[1])


def _split_writers(dataset: Dataset, n: int, random_state: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if dataset.writers is None:
        raise DatasetError(
            f"cannot split '{dataset.name}' by writers: they are not known; use first, random or stratified"
        )
    from sklearn.model_selection import GroupShuffleSplit

    splitter = GroupShuffleSplit(n_splits=1, train_size=n / len(dataset), random_state=random_state)
    try:
        train, test = next(splitter.split(dataset.labels, groups=dataset.writers))
    except ValueError:
        writers = len(np.unique(dataset.writers))
        raise DatasetError(
            f"cannot split '{dataset.name}' by writers: {writers} writers cannot be shared out into {n} training "
            "images and the rest; change n_train or use first, random or stratified"
        ) from None
    return train, test


def _describe_writers(dataset: Dataset, train: NDArray[np.intp], test: NDArray[np.intp], method: SplitMethod) -> str:
    if dataset.writers is not None:
        shared = len(np.intersect1d(dataset.writers[train], dataset.writers[test]))
        if shared:
            return f"mixes writers: {shared} people are in both parts, which flatters the figures"
        return "keeps writers apart: nobody is in both parts"
    if method == "first" and dataset.writer_order == "parts" and len(train) == dataset.n_train:
        return f"keeps writers apart: {dataset.people}"
    if method == "first" and dataset.writer_order == "runs":
        return f"keeps writers apart but for one at most: {dataset.people}"
    if dataset.writer_order == "runs":
        return "mixes writers, which flatters the figures: images are shuffled and everybody is in both parts"
    return f"may mix writers, which would flatter the figures: {dataset.people}"


def _mnist(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    *,
    n_train: int,
    writers: NDArray[np.int64] | None,
    source: str,
) -> Dataset:
    return Dataset(
        name="mnist",
        images=images,
        labels=labels,
        preparation="mnist-28",
        description="MNIST: digits of NIST's forms, 20 px high, centred by mass in 28x28 (LeCun, Cortes, Burges, 1998)",
        source=source,
        people="539 Americans in the training part, 297 others in the test part",
        writer_order="parts",
        n_train=n_train,
        writers=writers,
    )


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _find_idx(folder: Path, name: str) -> Path:
    """Return an MNIST file's path; some copies are named with a dot before idx."""
    path = _find(folder, name) or _find(folder, name.replace("-idx", ".idx"))
    if path is None:
        raise DatasetError(f"no {name} in '{folder}': {WHERE_MNIST}")
    return path


def _load_writers(folder: Path, n: int) -> NDArray[np.int64] | None:
    paths = [folder / name for name in MNIST_WRITERS]
    if not all(path.is_file() for path in paths):
        return None
    try:
        writers = np.concatenate([np.load(path, allow_pickle=False) for path in paths]).astype(np.int64)
    except (OSError, EOFError, ValueError) as error:
        raise DatasetError(f"cannot read the writers in '{folder}': {reason_of(error)}; fetch them again") from error
    if writers.shape != (n,):
        raise DatasetError(
            f"the writers in '{folder}' are {writers.shape}, the images {n}; mend {' and '.join(MNIST_WRITERS)}"
        )
    return writers


def _find_some(folder: str | Path, *names: str) -> list[Path]:
    """Return the paths of those UCI files that are there, at least one."""
    paths = [path for name in names if (path := _find(Path(folder), name))]
    if not paths:
        raise DatasetError(f"no {names[0]} in '{folder}': give the folder with UCI's file, plain or .gz")
    return paths


def _load_bitmaps(folder: Path, preparation: str) -> Dataset:
    """Return optdigits' bitmaps, which exist for the training writers only."""
    second = [name for name in ("optdigits-orig.cv", "optdigits-orig.tes") if _find(folder, name)]  # names of one file
    parts = [uci.read_bitmaps(path) for path in _find_some(folder, "optdigits-orig.tra", *second[:1])]
    labels = np.concatenate([labels for _, labels in parts])
    return Dataset(
        name="optdigits",
        images=_prepare_all(np.concatenate([bitmaps for bitmaps, _ in parts]), preparation),
        labels=labels,
        preparation=preparation,
        description="UCI optdigits: the bitmaps of 32x32 that its counts were made from, of its training writers.",
        source="UCI optdigits-orig, CC BY 4.0",
        people="30 people, not told apart",
        n_train=round(len(labels) * DEFAULT_TRAIN_SHARE),
    )


def _prepare_all(bitmaps: NDArray[np.uint8], preparation: str) -> NDArray[np.uint8]:
    return np.stack([prepare(bitmap, preparation) for bitmap in bitmaps])


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS)
    except OSError as error:
        raise DatasetError(f"cannot look into '{folder}': {reason_of(error)}; check its permissions") from error


def _prepare_picture(path: Path, preparation: str) -> NDArray[np.uint8] | str:
    """Return a picture of one digit as a model's input, or why it cannot be used."""
    try:
        found = find_digit(extract_ink(to_working_size(load_picture(path))[0]))
    except PictureError as error:
        return str(error)
    if isinstance(found, str):
        return f"'{path}': {found}"
    return prepare(found.ink, preparation)
