"""Corrections as training data: a folder that `inkdigits train` takes as folder:DIR and as numbers:DIR."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from inkdigits.errors import DatasetError, InkdigitsError, reason_of
from inkdigits.store import Item, Store

LABELS, LABEL_COLUMNS = "labels.csv", ("file", "reading")  # as numbers:DIR takes them
NUMBERS = "numbers"  # the folder of all other pictures; those with one digit lie in 0 to 9


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written."""

    digits: int
    numbers: int  # of more than one digit
    blank: int  # pictures on which there is no number, as a person said


def export_corrections(store: Store, folder: str | Path) -> Exported:
    """Write the corrections of a store to a new folder, whole or not at all.

    Single digits lie in ``0`` to ``9``, all else in ``numbers``; ``labels.csv`` lists both, with an empty reading where
    there is no number.

    Raises
    ------
    DatasetError
        If the folder has something in it or cannot be written, or there is nothing to write. StoreError if the store
        cannot be read.
    """
    folder = Path(folder)
    unfinished = folder.with_name(folder.name + ".part")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise DatasetError(f"cannot export to '{folder}': there is something in it; name a new folder")
        shutil.rmtree(unfinished, ignore_errors=True)
        exported = _write(store, unfinished)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        if isinstance(error, InkdigitsError):
            raise
        raise DatasetError(f"cannot export to '{folder}': {reason_of(error)}; choose another place") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return exported


def _write(store: Store, folder: Path) -> Exported:
    folder.mkdir(parents=True)
    lengths: list[int] = []
    with (folder / LABELS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(LABEL_COLUMNS)
        for item in store.corrections():
            writer.writerow((_write_picture(folder, item), item.said))
            lengths.append(len(item.said or ""))
    if not lengths:
        raise DatasetError(f"there are no corrections in '{store.path}'; answer some on the page's Review view first")
    digits, blank = lengths.count(1), lengths.count(0)
    return Exported(digits=digits, numbers=len(lengths) - digits - blank, blank=blank)


def _write_picture(folder: Path, item: Item) -> str:
    """Write a picture where its answer belongs; return its name in the folder."""
    name = f"{item.said if len(item.said or '') == 1 else NUMBERS}/{item.id}.png"
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(item.picture)
    return name
