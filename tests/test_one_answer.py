"""One question, one answer: however a picture comes in, the digits and the confidence are the same to the last bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from inkdigits import Reader
from inkdigits.rules import parse_rules
from inkdigits.web.app import create_app


def test_every_way_in_gives_the_same_reading(
    draw: Callable[..., NDArray[np.uint8]], run: Callable[..., Result], tmp_path: Path
) -> None:
    """Path, object, bytes, image, array, pages, command, batch and HTTP agree to the last bit of confidence."""
    page = draw("305", "9174")
    path = tmp_path / "page.png"
    Image.fromarray(page).save(path)
    reader = Reader()
    with Image.open(path) as image:
        readings = [reader.read(picture) for picture in (str(path), path, path.read_bytes(), image, page)]
    answers = [reading.to_dict() for reading in readings]
    answers += [reading.to_dict() for reading in reader.read_pages(path)]
    command = json.loads(run("read", path, "--json").stdout)
    assert command.pop("file") == str(path)
    assert all(json.loads(json.dumps(answer)) == command for answer in answers)
    assert run("batch", tmp_path, "--out", tmp_path / "out", "--quiet").exit_code == 0
    rows = parquet.read_table(tmp_path / "out" / "readings").to_pylist()
    batch = [(row["text"], row["confidence"], [row[side] for side in ("x", "y", "width", "height")]) for row in rows]
    assert batch == [(number["text"], number["confidence"], number["box"]) for number in command["numbers"]]
    client = TestClient(create_app())
    assert client.post("/v1/read", content=path.read_bytes()).json() == command
    assert client.post("/v1/read", files={"picture": path.read_bytes()}).json() == command


def test_every_way_in_keeps_the_same_rule(
    draw: Callable[..., NDArray[np.uint8]], run: Callable[..., Result], tmp_path: Path
) -> None:
    """Reader, command and batch agree on what a rule allows, and on what it declines; so does a manifest's row."""
    Image.fromarray(draw("305", "9174")).save(tmp_path / "page.png")
    (tmp_path / "list.csv").write_text("file,length\npage.png,4\n")
    expected = Reader().read(tmp_path / "page.png", rule=parse_rules(length="4", check="luhn"))
    numbers = [(number.text, number.confidence, number.accepted, number.reason) for number in expected.numbers]
    assert [text for text, *_ in numbers] != ["305", "9174"]
    command = json.loads(run("read", tmp_path / "page.png", "--json", "--length", 4, "--check", "luhn").stdout)
    assert command == {"file": str(tmp_path / "page.png"), **json.loads(json.dumps(expected.to_dict()))}
    for source, words in ((tmp_path / "*.png", ("--length", 4)), (tmp_path / "list.csv", ("--length", 9))):
        out = tmp_path / f"out-{source.suffix}"
        assert run("batch", source, "--out", out, "--quiet", *words, "--check", "luhn").exit_code == 0
        rows = parquet.read_table(out / "readings").to_pylist()
        assert [(row["text"], row["confidence"], row["accepted"], row["reason"]) for row in rows] == numbers
        assert {row["outcome"] for row in rows} == {"review"}


def test_every_way_in_asks_for_the_same_second_opinion(
    draw: Callable[..., NDArray[np.uint8]], run: Callable[..., Result], tmp_path: Path
) -> None:
    """Reader, command and batch: what was not to be accepted is answered by three readers instead of two."""
    pytest.importorskip("rapidocr", reason="RapidOCR is not installed: no second opinion")
    Image.fromarray(draw("305", "9174")).save(tmp_path / "page.png")
    path = tmp_path / "page.png"
    words = ("--second-opinion", "--max-error", "0.001")  # which the bundled reader does not promise: it always asks
    expected = Reader(second_opinion=True, max_error="0.001").read(path)
    assert [n.confidence for n in expected.numbers] != [
        n.confidence for n in Reader(max_error="0.001").read(path).numbers
    ]
    command = json.loads(run("read", path, "--json", *words).stdout)
    assert command == {"file": str(path), **json.loads(json.dumps(expected.to_dict()))}
    assert run("batch", tmp_path, "--out", tmp_path / "out", "--quiet", *words).exit_code == 0
    rows = parquet.read_table(tmp_path / "out" / "readings").to_pylist()
    assert [(row["text"], row["confidence"]) for row in rows] == [(n.text, n.confidence) for n in expected.numbers]


def test_a_page_among_others_reads_as_the_same_picture_alone(
    draw: Callable[..., NDArray[np.uint8]], tmp_path: Path
) -> None:
    """The pages of a TIFF are read as its pictures are read one by one; a folder's too."""
    pages = [Image.fromarray(draw(number)) for number in ("12", "345")]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    reader = Reader()
    together = [reading.numbers for reading in reader.read_pages(tmp_path / "pages.tif")]
    assert together == [reader.read(page).numbers for page in pages]


def test_alone_or_among_others_a_picture_reads_the_same(
    draw: Callable[..., NDArray[np.uint8]], run: Callable[..., Result], tmp_path: Path
) -> None:
    """A picture's reading does not depend on the pictures read with it."""
    paths = [tmp_path / f"{number}.png" for number in ("12", "345", "60789")]
    for path in paths:
        Image.fromarray(draw(path.stem)).save(path)
    together = run("read", *paths, "--json").stdout.splitlines()
    alone = [run("read", path, "--json").stdout.strip() for path in paths]
    assert together == alone
