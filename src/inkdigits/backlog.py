"""The backlog of a batch: the files it was not sure of, read again for the store, with their pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from inkdigits import storage
from inkdigits.doubts import find_doubts
from inkdigits.errors import BatchError, PictureError
from inkdigits.ledger import MODEL, READINGS, Terms, read_plan, read_terms
from inkdigits.modelfile import MAX_BYTES, open_content
from inkdigits.reader import Reader
from inkdigits.rulebook import find_rule
from inkdigits.shards import Shard, cut
from inkdigits.sources import Item, open_source, require_pyarrow
from inkdigits.store import Store
from inkdigits.table import as_utf8
from inkdigits.workers import read_at


@dataclass(frozen=True, kw_only=True)
class Fed:
    """What came of a backlog."""

    files: int = 0  # that a person should look at
    doubts: int = 0  # pictures that are new in the store
    gone: int = 0  # of the files, those that cannot be read any more


def feed_backlog(folder: str, store: Store) -> Fed:
    """Put what a batch was not sure of into a store; what is there already stays as it is.

    Parameters
    ----------
    folder
        The output of `batch.read_many`. Its source must still be there: rows have no pictures.
    store
        Where the doubtful readings go.

    Raises
    ------
    BatchError
        If there is no batch in the folder. StoreError, StorageError, SourceError where one of the places fails.
    """
    known = read_terms(folder)
    if known is None:
        raise BatchError(f"there is no batch in '{folder}'; give the folder that 'inkdigits batch' wrote with --out")
    content = storage.read_file(storage.join(folder, MODEL), max_bytes=MAX_BYTES)
    terms, model = Terms.from_dict(known), open_content(content, source=f"the model in '{folder}'")
    reader, source = Reader(model, **terms.options), open_source(known["source"])
    fed = Fed()
    for items in _doubtful_items(folder):
        for item, picture in zip(items, source.contents(items), strict=True):
            if isinstance(picture, PictureError):
                fed = replace(fed, files=fed.files + 1, gone=fed.gone + 1)
                continue
            pages = read_at(terms.level, reader, picture, find_rule(folder, terms.rules, item.rules))
            doubts = [doubt for page in pages for doubt in find_doubts(page, picture)]
            new = store.add(doubts, model_sha256=terms.model_sha256, source=as_utf8(item.file))
            fed = replace(fed, files=fed.files + 1, doubts=fed.doubts + new)
    return fed


def _doubtful_items(folder: str) -> Iterator[list[Item]]:
    """Yield what needs review, shard by shard; what is not read yet is no doubt."""
    readings = storage.join(folder, READINGS)
    there = set(storage.names_in(readings))
    for shard in cut(read_plan(folder)):
        if shard.name in there:
            doubtful = _doubtful_files(readings, shard)
            yield [item for item in shard.items if as_utf8(item.file) in doubtful]


def _doubtful_files(readings: str, shard: Shard) -> set[Any]:
    _, parquet = require_pyarrow(readings)
    with storage.open_file(storage.join(readings, shard.name)) as file:
        rows = parquet.read_table(file, columns=["outcome", "file"]).to_pylist()
    return {row["file"] for row in rows if row["outcome"] == "review"}
