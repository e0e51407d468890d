"""The command contract: words, JSON keys, exit status, and no traceback for anything a user gives."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image

import inkdigits
from inkdigits import progress
from inkdigits.cli import CHECK_NAMES, LEVEL_NAMES, MAX_ERRORS, RECIPE_NAMES, SPLIT_NAMES
from inkdigits.confidence import MILD, PROMISES
from inkdigits.datasets import SPLIT_METHODS
from inkdigits.graph import Layer
from inkdigits.modelfile import Metadata, Model
from inkdigits.readings import PageReading
from inkdigits.recipes import ALIASES, RECIPES
from inkdigits.rules import CHECKS
from inkdigits.workers import LEVELS

Draw = Callable[..., NDArray[np.uint8]]
Run = Callable[..., Result]

PAGE_KEYS = {"file", "status", "reason", "text", "page", "pages", "numbers"}
NUMBER_KEYS = {"text", "confidence", "accepted", "reason", "box", "digits", "line"} | {
    "runner_up",
    "margin",
    "free_text",
}
DIGIT_KEYS = {"text", "confidence", "accepted", "reason", "box", "probabilities"}


@pytest.fixture
def page(draw: Draw, tmp_path: Path) -> Path:
    """Put a picture with the number 305 on disk."""
    path = tmp_path / "page.png"
    Image.fromarray(draw("305")).save(path)
    return path


@pytest.fixture
def model(run: Run, tmp_path: Path) -> Path:
    """Train the tutorial's network to a file."""
    path = tmp_path / "my.onnx"
    assert run("train", "--out", path).exit_code == 0
    return path


def test_reading_as_json(run: Run, page: Path) -> None:
    """One object per picture and line, with the keys of the contract on each level."""
    done = run("read", page, page, "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.exit_code == 0
    assert first == second
    assert set(first) == PAGE_KEYS
    assert set(first["numbers"][0]) == NUMBER_KEYS
    assert set(first["numbers"][0]["digits"][0]) == DIGIT_KEYS
    assert (first["file"], first["status"], first["text"]) == (str(page), "ok", "305")


def test_reading_as_text(run: Run, page: Path) -> None:
    """A line per number: file, digits, confidence, place."""
    done = run("read", page)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{page}: 305  ")
    assert " at " in done.stdout


def test_a_bad_picture_does_not_stop_the_others(run: Run, page: Path, tmp_path: Path) -> None:
    """Exit status 1, the bad one failed with its reason, the others read."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    done = run("read", bad, page, tmp_path / "missing.png", "--json")
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert [reading["status"] for reading in readings] == ["failed", "ok", "failed"]
    assert readings[0]["reason"] == f"cannot read '{bad}': it is empty; was it copied whole?"
    assert done.stderr == "2 of 3 pictures failed\n"


def test_a_declined_picture_says_so_before_what_it_might_be(run: Run, draw: Draw, tmp_path: Path) -> None:
    """A digit cut off at the border is declined in the first line; the raw answer follows."""
    cut = tmp_path / "cut.png"
    Image.fromarray(draw("8")[110:]).save(cut)
    lines = run("read", cut).stdout.splitlines()
    assert lines[0] == f"{cut}: declined: touches the border of the picture: it may be cut off"
    assert len(lines) == 2


def test_pictures_of_one_name_keep_their_inputs_apart(run: Run, draw: Draw, tmp_path: Path) -> None:
    """Two pictures called the same in two folders write two inputs."""
    for folder in "ab":
        (tmp_path / folder).mkdir()
        Image.fromarray(draw("3")).save(tmp_path / folder / "1.png")
    run("read", tmp_path / "a" / "1.png", tmp_path / "b" / "1.png", "--show-input", tmp_path / "shown")
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == ["1-1-0-3.png", "2-1-0-3.png"]


@pytest.mark.parametrize("words", [["--split", "random"], ["--train", "1700"]], ids=" ".join)
def test_a_model_is_not_judged_on_what_it_was_trained_on(run: Run, tmp_path: Path, words: list[str]) -> None:
    """`evaluate` finds the images a model has not seen: its figures are those of the training."""
    model = tmp_path / "my.onnx"
    trained = json.loads(run("train", *words, "--out", model, "--json").stdout)
    judged = run("evaluate", model, "--json")
    assert json.loads(judged.stdout)["accuracy"] == trained["accuracy"]
    assert judged.stderr == "trained on none of these images\n"


def test_a_model_of_other_data_is_judged_on_all_images(run: Run, tmp_path: Path, draw: Draw) -> None:
    """A model of somebody's folder has not been kept from the bundled digits, and `evaluate` says what it knows."""
    for digit in "0123456789":
        (tmp_path / "own" / digit).mkdir(parents=True)
        for height in (40, 64, 90):
            Image.fromarray(draw(digit, height=height)).save(tmp_path / "own" / digit / f"{height}.png")
    model = tmp_path / "my.onnx"
    assert run("train", "--data", f"folder:{tmp_path / 'own'}", "--out", model).exit_code == 0
    judged = run("evaluate", model, "--json")
    assert json.loads(judged.stdout)["n_test"] == 1797
    assert judged.stderr.startswith("trained on perhaps some of these images")


def test_a_card_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    """Control characters in a foreign card are left out."""
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((64, 10)), np.zeros(10)))]
    metadata = Metadata(name="m", preparation="uci-8", card="first\n\x1b[31msecond")
    Model.from_layers(layers, metadata, image_size=8).save(tmp_path / "m.onnx")
    assert run("models", tmp_path / "m.onnx").stdout == "first\n[31msecond\n"


def test_a_declined_picture_is_no_failure(run: Run, tmp_path: Path) -> None:
    """A blank sheet is declined with the reason, exit status 0."""
    blank = tmp_path / "blank.png"
    Image.new("L", (50, 50), 255).save(blank)
    done = run("read", blank)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{blank}: declined: nothing to read: no ink stands out from the paper\n",
    )


def scanned(path: Path, *pages: NDArray[np.uint8]) -> Path:
    """Write pages to one file, a PDF or a TIFF."""
    first, *others = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=others)
    return path


@pytest.mark.parametrize("name", ["scan.pdf", "scan.tif"])
def test_each_page_has_its_lines(run: Run, draw: Draw, tmp_path: Path, name: str) -> None:
    """The numbers of a file with several pages say which they are on, and so does a page that has none."""
    path = scanned(tmp_path / name, draw("305"), np.full((90, 90), 255, np.uint8), draw("41"))
    done = run("read", path)
    first, second, third = done.stdout.splitlines()
    assert (done.exit_code, done.stderr) == (0, "")
    assert first.startswith(f"{path}: 305  ")
    assert first.endswith(" on page 1")
    assert second == f"{path}: declined: page 2: nothing to read: no ink stands out from the paper"
    assert third.startswith(f"{path}: 41  ")
    assert third.endswith(" on page 3")


def test_each_page_is_an_object(run: Run, draw: Draw, tmp_path: Path) -> None:
    """With --json a page is a line, which says which page it is and of how many."""
    path = scanned(tmp_path / "scan.tif", draw("305"), draw("41"))
    readings = [json.loads(line) for line in run("read", path, "--json").stdout.splitlines()]
    assert [(one["file"], one["page"], one["pages"], one["text"]) for one in readings] == [
        (str(path), 1, 2, "305"),
        (str(path), 2, 2, "41"),
    ]


def test_the_pages_inputs_are_kept_apart(run: Run, draw: Draw, tmp_path: Path) -> None:
    """--show-input names the page where there are several."""
    path = scanned(tmp_path / "scan.tif", draw("3"), draw("4"))
    run("read", path, "--show-input", tmp_path / "shown")
    shown = sorted(path.name for path in (tmp_path / "shown").iterdir())
    assert shown == ["1-scan-page1-0-3.png", "1-scan-page2-0-4.png"]


def test_a_folder_is_read_in_order(run: Run, draw: Draw, tmp_path: Path) -> None:
    """All pictures in a folder and the folders in it, each under its own name; a bad one stops no other."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    Image.fromarray(draw("41")).save(tmp_path / "in" / "z.png")
    Image.fromarray(draw("305")).save(tmp_path / "in" / "sub" / "a.png")
    (tmp_path / "in" / "b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    done = run("read", tmp_path / "in", "--json")
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(Path(one["file"]).name, one["status"], one["text"]) for one in readings] == [
        ("b.heic", "failed", ""),
        ("a.png", "ok", "305"),
        ("z.png", "ok", "41"),
    ]
    assert (done.exit_code, done.stderr) == (1, "1 of 3 pictures failed\n")


def test_an_empty_folder_has_failed(run: Run, page: Path, tmp_path: Path) -> None:
    """A folder without a picture says so, and what else was named is read."""
    (tmp_path / "empty").mkdir()
    done = run("read", tmp_path / "empty", page)
    lines = done.stdout.splitlines()
    assert done.exit_code == 1
    assert lines[0].startswith(f"{tmp_path / 'empty'}: failed: cannot read '{tmp_path / 'empty'}': there is no picture")
    assert lines[1].startswith(f"{page}: 305  ")


def test_a_table_is_written_too(run: Run, page: Path, tmp_path: Path) -> None:
    """--out writes a row per number and per picture without one; what is printed stays the same."""
    (tmp_path / "bad.png").touch()
    words = ("read", page, tmp_path / "bad.png")
    done = run(*words, "--out", tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    [number] = json.loads(run("read", page, "--json").stdout)["numbers"]
    assert (done.exit_code, done.stdout) == (1, run(*words).stdout)
    assert [(row["file"], row["status"], row["text"]) for row in rows] == [
        (str(page), "ok", "305"),
        (str(tmp_path / "bad.png"), "failed", ""),
    ]
    assert float(rows[0]["confidence"]) == number["confidence"]
    assert [int(rows[0][name]) for name in ("x", "y", "width", "height")] == number["box"]
    assert rows[1]["reason"] == f"cannot read '{tmp_path / 'bad.png'}': it is empty; was it copied whole?"


def interrupted_at(file: Path) -> Callable[..., Iterator[PageReading]]:
    """Return a Reader.read_pages that a Ctrl-C interrupts at a file."""
    read_pages = inkdigits.Reader.read_pages

    def read(reader: inkdigits.Reader, picture: str, **words: Any) -> Iterator[PageReading]:
        if picture == str(file):
            raise KeyboardInterrupt
        return read_pages(reader, picture, **words)

    return read


def test_after_a_ctrl_c_what_was_printed_stands(
    run: Run, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 130 and one line; the pictures read so far are there, a table that was there before is as it was."""
    (tmp_path / "t.csv").write_text("before")
    before = run("read", page).stdout
    monkeypatch.setattr(inkdigits.Reader, "read_pages", interrupted_at(tmp_path / "next.png"))
    done = run("read", page, tmp_path / "next.png", page, "--out", tmp_path / "t.csv")
    assert (done.exit_code, done.stdout) == (130, before)
    assert done.stderr == f"stopped by Ctrl-C; pictures read: 1; '{tmp_path / 't.csv'}' is not written\n"
    assert (tmp_path / "t.csv").read_text() == "before"


def test_long_work_says_how_far_it_is(run: Run, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal a line now and then, on stderr: which file, which page, how long it will take."""
    monkeypatch.setattr(progress, "LINE_EVERY", 0)
    path = scanned(tmp_path / "scan.tif", draw("3"), draw("4"))
    lines = run("read", tmp_path / "missing.png", path).stderr.splitlines()
    said = [re.sub(r"\d+ s left", "N s left", line) for line in lines[:-1]]
    assert said == [
        "file 1 of 2  about N s left",
        "file 2 of 2, page 1 of 2  about N s left",
        "file 2 of 2, page 2 of 2  about N s left",
    ]


def test_on_a_terminal_a_bar_says_how_far_it_is(page: Path) -> None:
    """The bar is drawn on stderr, and the results, sent elsewhere, are free of it."""
    pty = pytest.importorskip("pty", reason="Windows has no such terminals")
    terminal, stderr = pty.openpty()
    words = [sys.executable, "-m", "inkdigits", "read", str(page), str(page)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=stderr, text=True) as reading:
        os.close(stderr)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
            while piece := os.read(terminal, 1000):
                shown += piece
        printed = reading.communicate()[0]
    os.close(terminal)
    assert b"file 2 of 2" in shown
    assert printed.count(f"{page}: 305  ") == len(printed.splitlines()) == 2


def test_a_file_name_cannot_steer_the_terminal(run: Run) -> None:
    """Control characters in a name, and bytes that are no text, are shown as what they are."""
    done = run("read", os.fsdecode(b"\x1b[31m\n\xff.png"))
    assert done.exit_code == 1
    assert done.stdout.startswith("\\x1b[31m\\n\\udcff.png: failed: ")
    assert len(done.stdout.splitlines()) == 1


def test_what_the_network_was_shown_is_written(run: Run, page: Path, tmp_path: Path) -> None:
    """--show-input writes one small picture per digit."""
    assert run("read", page, "--show-input", tmp_path / "shown").exit_code == 0
    shown = sorted((tmp_path / "shown").iterdir())
    assert [path.name for path in shown] == ["1-page-0-3.png", "1-page-1-0.png", "1-page-2-5.png"]
    with Image.open(shown[0]) as image:
        assert image.size == (28, 28)


def test_the_annotated_picture_is_full_size(run: Run, page: Path, tmp_path: Path) -> None:
    """--annotate writes the upright picture, coloured where something was read."""
    assert run("read", page, "--annotate", tmp_path / "seen").exit_code == 0
    [drawn] = (tmp_path / "seen").iterdir()
    with Image.open(drawn) as image, Image.open(page) as original:
        assert (drawn.name, image.mode, image.size) == ("1-page.jpg", "RGB", original.size)
        assert np.ptp(np.asarray(image).astype(int), axis=2).max() > 100


def test_notes_go_to_stderr_and_into_json(run: Run, draw: Draw, tmp_path: Path) -> None:
    """--explain says what was seen of a picture on stderr; with --json it is there under notes, too."""
    path = tmp_path / "slate.png"
    Image.fromarray(255 - draw("305")).save(path)
    done = run("read", path, "--explain", "--json")
    assert done.stderr == f"{path}: light ink on dark paper: turned over\n"
    assert json.loads(done.stdout)["notes"] == ["light ink on dark paper: turned over"]


def test_a_picture_that_fails_is_explained_by_its_reason(run: Run, tmp_path: Path) -> None:
    """--explain and --annotate of what cannot be opened: the reason, no picture, no traceback."""
    (tmp_path / "no.png").write_text("no picture")
    done = run("read", tmp_path / "no.png", "--explain", "--json", "--annotate", tmp_path / "seen")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["notes"], (tmp_path / "seen").exists()) == (1, [answer["reason"]], False)


def test_the_tutorial_from_the_command(run: Run) -> None:
    """Without options: the published figures, why it stopped, the first predictions with the wrong ones marked."""
    done = run("train")
    assert done.exit_code == 0
    assert "accuracy 0.9146800501882058: 68 errors of 797" in done.stdout
    assert "0.01147629, 0.01142365, 0.01136608, 0.01128053, 0.01128869" in done.stdout
    assert "stopped after 189 epochs: the loss no longer improved by 0.0001 for 10 epochs" in done.stderr
    assert "epoch 1 of at most 200" in done.stderr


def test_training_as_json(run: Run, tmp_path: Path) -> None:
    """One object with the keys of the contract."""
    done = run("train", "--json", "--out", tmp_path / "my.onnx")
    values = json.loads(done.stdout)
    assert {"recipe", "data", "n_train", "n_test", "n_iter", "loss_curve", "stopped_because"} <= set(values)
    assert {"accuracy", "errors", "predictions", "seconds", "model"} <= set(values)
    assert (values["data"], values["model"], values["errors"]) == ("digits", str(tmp_path / "my.onnx"), 68)


def test_a_further_set_is_learned_from(run: Run, tmp_path: Path) -> None:
    """--also adds a set's training part to what is learned from; the figures stay those of --data."""
    row = ",".join(["0", "1", "6", "15", "12", "1", "0", "0"] * 8)
    (tmp_path / "optdigits.tra").write_text(f"{row},7\n{row},3\n")
    out = tmp_path / "my.onnx"
    values = json.loads(run("train", "--also", f"optdigits:{tmp_path}", "--json", "--out", out).stdout)
    [also] = Model.load(out).metadata.data["also"]
    assert (also["name"], also["n_train"]) == ("optdigits", 2)
    assert (values["n_train"], values["n_test"]) == (1000, 797)


def test_train_then_read_then_evaluate(run: Run, model: Path, page: Path) -> None:
    """The model of a minute ago reads a picture, and is judged again with the figures of its training."""
    reading = json.loads(run("read", page, "--model", model, "--json").stdout)
    judged = json.loads(run("evaluate", model, "--json").stdout)
    assert len(reading["numbers"][0]["digits"]) == 3
    assert (judged["errors"], judged["n_test"]) == (68, 797)


def test_report_and_figures_are_written(run: Run, tmp_path: Path) -> None:
    """--report writes one page, --figures a folder of PNGs."""
    done = run("train", "--report", tmp_path / "report.html", "--figures", tmp_path / "figures")
    assert done.exit_code == 0
    assert "0.9147" in (tmp_path / "report.html").read_text()
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert {"loss_curve", "hidden_weights", "confusion_matrix", "mistakes", "predictions"} <= names


def test_an_interrupted_training_is_resumed_to_the_same_model(run: Run, tmp_path: Path) -> None:
    """After a Ctrl-C in the third epoch, --resume writes the very file that an uninterrupted run writes."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")

    def interrupt(epoch: int, epochs: int, loss: float) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    out, straight = tmp_path / "my.onnx", tmp_path / "straight.onnx"
    checkpoint = tmp_path / "my.onnx.checkpoint"
    cut_off = inkdigits.train("convnet", "digits", n_train=200, checkpoint=checkpoint, progress=interrupt)
    assert cut_off.interrupted
    words = ["train", "--recipe", "convnet", "--train", 200]
    assert run(*words, "--out", out, "--resume").exit_code == 0
    assert run(*words, "--out", straight).exit_code == 0
    assert out.read_bytes() == straight.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my.onnx", "straight.onnx"]


def test_the_bundled_digits_are_described(run: Run) -> None:
    """Number of images, size, range, counts, attributes, description, origin."""
    text = run("data", "digits").stdout
    for fact in ("1,797 of 8x8, values 0..16", "(1797, 64)", "0: 178", "DESCR, data", "UCI optdigits", "Alpaydin"):
        assert fact in text


def test_an_image_is_shown_as_numbers(run: Run) -> None:
    """--show 0 prints image 0 as the tutorial prints it."""
    rows = run("data", "digits", "--show", 0).stdout.splitlines()
    assert [int(value) for value in rows[0].split()] == [0, 0, 5, 13, 9, 1, 0, 0]
    assert len(rows) == 8


def test_images_are_drawn(run: Run, tmp_path: Path) -> None:
    """--grid draws several images, --image one."""
    assert run("data", "--grid", tmp_path / "grid.png", "--start", 0, "--count", 16).exit_code == 0
    assert run("data", "--image", 0, "--grid", tmp_path / "one.png").exit_code == 0
    for name in ("grid.png", "one.png"):
        with Image.open(tmp_path / name) as image:
            assert image.width > 100


def test_a_batch_says_what_came_of_it(run: Run, page: Path, tmp_path: Path) -> None:
    """Counts and reasons; exit status 1 as a file failed; started again it has nothing to do."""
    folder = tmp_path / "scans"
    folder.mkdir()
    page.rename(folder / "page.png")
    (folder / "bad.png").write_bytes(b"")
    words = ["batch", folder, "--out", tmp_path / "out"]
    plan, done, again = run(*words, "--plan"), run(*words), run(*words, "--quiet")
    assert plan.stdout == "2 files in 1 shard; 0 are done, 2 are left\n"
    assert done.stdout.splitlines()[:3] == [
        "2 files: 1 read, 0 to review, 0 declined, 1 failed",
        "1 numbers, 1 accepted",
        "     1  it is empty; was it copied whole?",
    ]
    assert again.stdout.splitlines()[-1] == f"0 files in 0.0 s; the readings are in {tmp_path / 'out'}"
    assert [result.exit_code for result in (plan, done, again)] == [0, 1, 1]
    assert again.stderr == ""


def test_a_plan_says_the_rules(run: Run, page: Path, tmp_path: Path) -> None:
    """Those of the command in words, and how many rows have their own."""
    (tmp_path / "list.csv").write_text(f"file,length\n{page},3\n{page},\n")
    plan = run(
        "batch", tmp_path / "list.csv", "--out", tmp_path / "out", "--plan", "--range", "0:150", "--check", "luhn"
    )
    assert plan.stdout == (
        "2 files in 1 shard; 0 are done, 2 are left; numbers from 0 to 150 and with a valid luhn check; "
        "1 files have rules of their own\n"
    )


def test_bundled_models_are_listed(run: Run) -> None:
    """`models` lists the bundled ones, `models NAME` prints the card of one."""
    assert [line.split()[0] for line in run("models").stdout.splitlines()] == ["line", "reader", "tiny"]
    assert "mnist" in run("models", "reader").stdout
    assert "connectionist temporal classification" in run("models", "line").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["read", "page.png", "--model", "missing.onnx"],
        ["read"],
        ["train", "--recipe", "best"],
        ["train", "--data", "nothing"],
        ["train", "--data", "mnist:missing"],
        ["train", "--train", "1797"],
        ["train", "--train", "-3"],
        ["train", "--split", "writers"],
        ["train", "--resume"],
        ["train", "--resume", "--out", "my.onnx"],
        ["train", "--out", "missing/my.onnx"],
        ["train", "--report", "missing/report.html"],
        ["train", "--out", "."],
        ["train", "--figures", "file"],
        ["read", "file", "--show-input", "file"],
        ["read", "page.png", "--out", "table.txt"],
        ["read", "page.png", "--out", "missing/table.csv"],
        ["evaluate", "missing.onnx"],
        ["evaluate", "reader", "--data", "digits"],
        ["data", "--show", "1797"],
        ["data", "--grid", "grid.png", "--start", "1790"],
        ["models", "missing"],
        ["batch", "missing", "--out", "out"],
        ["batch", "file", "--out", "out"],
        ["batch", "."],
        ["batch", ".", "--out", "out", "--level", "word"],
        ["batch", ".", "--out", "out", "--workers", "0"],
        ["batch", ".", "--out", "out", "--model", "missing.onnx"],
        ["batch", ".", "--out", "out"],
        ["serve", "--host", "0.0.0.0"],  # noqa: S104 - it is refused
        ["serve", "--host", "192.0.2.1", "--token-file", "file"],
        ["serve", "--token-file", "missing"],
        ["serve", "--port", "65536"],
        ["serve", "--model", "missing.onnx"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line(run: Run, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong use ends with status 2 and an error line, never a traceback, and nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    done = run(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["", "train", "read", "batch", "evaluate", "data", "models", "serve"])
def test_help_fits_one_screen(run: Run, command: str) -> None:
    """--help of each command has at most 24 lines of at most 100 characters."""
    lines = run(*filter(None, [command]), "--help").stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100


def test_version(run: Run) -> None:
    """--version prints the version."""
    assert run("--version").stdout == f"inkdigits, version {inkdigits.__version__}\n"


def test_the_commands_name_what_there_is() -> None:
    """The names that --help lists without loading scikit-learn are those of the library."""
    assert (*RECIPES, *ALIASES) == RECIPE_NAMES
    assert SPLIT_METHODS == SPLIT_NAMES
    assert LEVELS == LEVEL_NAMES
    assert tuple(CHECKS) == CHECK_NAMES
    assert (*PROMISES, *MILD) == MAX_ERRORS


def test_rules_are_kept(run: Run, draw: Draw, tmp_path: Path) -> None:
    """A number that the rules do not allow is declined with what it is without them; one that they allow is read."""
    Image.fromarray(draw("305", "41")).save(tmp_path / "page.png")
    words = run("read", tmp_path / "page.png", "--length", "3", "--json").stdout
    first, second = json.loads(words)["numbers"]
    assert (first["text"], first["free_text"]) == ("305", "305")
    assert (second["text"], second["accepted"], second["free_text"]) == ("", False, "41")
    assert second["reason"] == "no number of 3 digits fits: the free reading is 41"


def test_a_rule_without_sense_is_refused(run: Run, page: Path) -> None:
    """One line says what is wrong, before anything is read."""
    done = run("read", page, "--range", "9:3")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "give the lesser bound first" in done.stderr


def test_it_runs_as_a_module() -> None:
    """`python -m inkdigits` is the command."""
    done = subprocess.run([sys.executable, "-m", "inkdigits", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("inkdigits")
