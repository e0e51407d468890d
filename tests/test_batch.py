"""A batch loses no file, ends the same whatever happens on the way, and goes on where it was cut off."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from inkdigits import Reader, shards
from inkdigits.batch import Plan, Summary, plan_many, read_many
from inkdigits.errors import (
    BatchError,
    BatchMismatchError,
    BatchStoppedError,
    InkdigitsError,
    ModelFileError,
    RuleError,
)
from inkdigits.graph import Layer
from inkdigits.modelfile import Metadata, Model
from inkdigits.shards import Tally

Draw = Callable[..., NDArray[np.uint8]]

UNCHECKED = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
DEADLINE_S = 120.0  # a test that takes longer hangs


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return a model that is quickly loaded, and sure of nothing."""
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((64, 10)), np.zeros(10)))]
    Model.from_layers(layers, Metadata(name="m", preparation="uci-8"), image_size=8).save(tmp_path / "tiny.onnx")
    return tmp_path / "tiny.onnx"


@pytest.fixture
def digits(tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with twelve pictures of digits, four to a shard."""
    monkeypatch.setattr(shards, "SHARD_FILES", 4)
    folder = tmp_path / "digits"
    folder.mkdir()
    for number in range(12):
        Image.fromarray(draw(str(number % 10))).save(folder / f"{number:02}.png")
    return folder


def readings(out: Path) -> dict[str, bytes]:
    """Return the files of a batch's output."""
    return {path.name: path.read_bytes() for path in sorted((out / "readings").iterdir())}


def encode(image: NDArray[np.uint8], kind: str) -> bytes:
    """Return a picture as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format=kind)
    return buffer.getvalue()


def broken_files(page: NDArray[np.uint8]) -> dict[str, bytes]:
    """Return ten kinds of files that are no pictures any more, or never were."""
    png, jpeg = encode(page, "PNG"), encode(page, "JPEG")
    huge = png[:16] + (60_000).to_bytes(4, "big") * 2 + png[24:]
    return {
        "empty.png": b"",
        "cut-off.png": png[: len(png) // 2],
        "cut-off.jpg": jpeg[:200],
        "zeros.png": b"\0" * 1000,
        "text.jpg": b"Dear Sir or Madam",
        "web.png": b"<html><body>404</body></html>",
        "phone.heic": b"\0\0\0\x18ftypheic" + b"\0" * 100,
        "flipped-bits.png": png[:60] + bytes(255 - byte for byte in png[60:120]) + png[120:],
        "bomb.png": huge,
        "archive.tif": b"PK\x03\x04" + b"x" * 100,
    }


def test_every_file_is_accounted_for(tmp_path: Path, draw: Draw) -> None:
    """Of good, doubtful, blank and broken files none is missing, each failed one has its reason."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    good, blank = draw("305"), np.full((50, 50), 255, np.uint8)
    for name, content in broken_files(good).items():
        (folder / name).write_bytes(content)
    Image.fromarray(good).save(folder / "good.png")
    Image.fromarray(blank).save(folder / "blank.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "notes.txt").write_text("no picture")
    summary = read_many(folder, tmp_path / "out", workers=2)
    table = parquet.read_table(tmp_path / "out" / "readings").to_pylist()
    ends = {row["file"]: row["outcome"] for row in table}
    reasons = {row["file"]: row["reason"] for row in table if row["outcome"] == "failed"}
    assert ends == {"good.png": "read", "blank.png": "declined"} | dict.fromkeys(
        [*broken_files(good), "gone.png"], "failed"
    )
    assert all(";" in reason and str(tmp_path) not in reason for reason in reasons.values())
    assert reasons["gone.png"] == "No such file or directory; check the path"
    assert (summary.files, summary.left_out, summary.tally.failed) == (13, 1, 11)


def test_a_batch_reads_as_the_reader_does(tmp_path: Path, draw: Draw) -> None:
    """Text, confidence, acceptance, reason and box are those of Reader, to the last digit."""
    page = draw("305", "9174")
    (tmp_path / "pages").mkdir()
    Image.fromarray(page).save(tmp_path / "pages" / "page.png")
    read_many(tmp_path / "pages", tmp_path / "out")
    rows = parquet.read_table(tmp_path / "out" / "readings").to_pylist()
    assert [
        (
            row["text"],
            row["confidence"],
            row["accepted"],
            row["reason"],
            (row["x"], row["y"], row["width"], row["height"]),
        )
        for row in rows
    ] == [
        (number.text, number.confidence, number.accepted, number.reason, number.box)
        for number in Reader().read(page).numbers
    ]


def test_all_pages_of_a_file_are_read(tmp_path: Path, draw: Draw) -> None:
    """A PDF and a TIFF have a row for each number of each page, and are one file each."""
    (tmp_path / "scans").mkdir()
    for ending in ("pdf", "tif"):
        first, second = (Image.fromarray(draw(number)) for number in ("12", "345"))
        first.save(tmp_path / "scans" / f"two.{ending}", save_all=True, append_images=[second])
    summary = read_many(tmp_path / "scans", tmp_path / "out", workers=1)
    rows = parquet.read_table(tmp_path / "out" / "readings").to_pylist()
    assert [(row["file"], row["page"], row["text"]) for row in rows] == [
        (f"two.{ending}", page, text) for ending in ("pdf", "tif") for page, text in ((1, "12"), (2, "345"))
    ]
    assert (summary.tally.files, summary.tally.read, summary.tally.numbers) == (2, 2, 4)


def test_the_output_does_not_depend_on_who_reads(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """One worker, two, threads or processes of one's own: the same bytes; also with rules, a file's own among them."""
    rows = (f"{path.name},{'' if n % 3 else '0:4'}" for n, path in enumerate(sorted(digits.iterdir())))
    (digits / "list.csv").write_text("\n".join(["file,range", *rows]))
    (digits / "roster.txt").write_text("2\n4\n6\n")
    words: dict[str, Any] = {"level": "number", "model": tiny, "rules": {"values": digits / "roster.txt"}}
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(1) as processes:
        ways: dict[str, tuple[int, Executor | None]] = {
            "one": (1, None), "two": (2, None), "threads": (2, threads), "processes": (1, processes),
        }  # fmt: skip
        for name, (workers, executor) in ways.items():
            read_many(digits / "list.csv", tmp_path / name, workers=workers, executor=executor, **words)
    one, *others = (readings(tmp_path / name) for name in ways)
    assert list(one) == ["0000000.parquet", "0000001.parquet", "0000002.parquet"]
    assert all(other == one for other in others)
    texts = parquet.read_table(tmp_path / "one" / "readings")["text"].to_pylist()
    assert set(texts[::3]) <= {"2", "4"}
    assert set(texts) <= {"2", "4", "6"}


def test_only_what_is_missing_is_read(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """A second start of a finished batch reads nothing; of one that lacks a shard, that shard."""
    read_many(digits, tmp_path / "out", level="digit", model=tiny)
    before = readings(tmp_path / "out")
    again = read_many(digits, tmp_path / "out", level="digit", model=tiny)
    (tmp_path / "out" / "readings" / "0000001.parquet").unlink()
    mended = read_many(digits, tmp_path / "out", level="digit", model=tiny)
    assert (again.files_now, mended.files_now, mended.tally.files) == (0, 4, 12)
    assert readings(tmp_path / "out") == before


def test_another_model_is_not_mixed_in(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """It is named, and nothing is read."""
    read_many(digits, tmp_path / "out", level="digit", model=tiny)
    with pytest.raises(BatchMismatchError, match="its model_sha256 is"):
        read_many(digits, tmp_path / "out", level="digit")


@pytest.mark.parametrize("victim", ["parent", "worker"])
def test_a_killed_batch_goes_on_to_the_same_bytes(victim: str, digits: Path, tiny: Path, tmp_path: Path) -> None:
    """The command or its worker is killed with SIGKILL in the middle, then started again."""
    copy_until(240, digits)
    words: dict[str, Any] = {"level": "number", "model": tiny, "rules": {"range": "0:4"}}
    read_many(digits, tmp_path / "straight", **words)
    out = tmp_path / "killed"
    command = start_batch(digits, out, "--level", "number", "--model", tiny, "--range", "0:4", "--workers", 1)
    wait_until(lambda: (out / "readings").exists() and any((out / "readings").iterdir()))
    os.kill(command.pid if victim == "parent" else children_of(command.pid)[0], signal.SIGKILL)
    status = command.wait(DEADLINE_S)
    assert status == (-signal.SIGKILL if victim == "parent" else 0)
    read_many(digits, out, **words)
    assert readings(out) == readings(tmp_path / "straight")


def test_a_file_that_never_ends_is_cut_off(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """A pipe nobody writes to keeps its reader waiting, and costs itself alone."""
    os.mkfifo(digits / "pipe.png")
    summary = read_many(digits, tmp_path / "out", level="digit", model=tiny, timeout_s=3.0)
    assert summary.tally.failed == 1
    assert summary.tally.reasons["took longer than 3 s and was cut off; read it alone with 'inkdigits read'"] == 1
    assert summary.tally.files == 13


def test_a_batch_tells_how_far_it_is(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """After each shard; the summary that is left behind says what was returned."""
    told: list[Summary] = []
    summary = read_many(digits, tmp_path / "out", level="digit", model=tiny, workers=1, progress=told.append)
    assert [so_far.tally.files for so_far in told] == [0, 4, 8, 12]
    assert told[1].seconds_left > 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary.to_dict()
    assert len(summary.slowest) == 10
    assert set(summary.to_dict()) == {
        "files", "read", "review", "declined", "failed", "numbers", "accepted", "reasons",
        "left_out", "files_now", "seconds", "files_per_second", "slowest",
    }  # fmt: skip


def test_few_shards_wait_at_a_time(digits: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, two for each worker are handed out."""
    monkeypatch.setattr(shards, "SHARD_FILES", 1)

    class Counting(ThreadPoolExecutor):
        waiting = most = 0

        def submit(self, *words: object, **options: object) -> Future[object]:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            future = super().submit(*words, **options)  # type: ignore[arg-type]
            future.add_done_callback(lambda _: setattr(self, "waiting", self.waiting - 1))
            return future

    with Counting(1) as executor:
        read_many(digits, tmp_path / "out", level="digit", model=tiny, executor=executor, workers=1)
    assert 1 < executor.most <= 3  # one may be done and not yet looked at


def test_a_shard_that_fails_is_tried_again(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """A machine that is lost once costs nothing."""

    class Flaky(ThreadPoolExecutor):
        lost = False

        def submit(self, *words: object, **options: object) -> Future[object]:
            if not self.lost:
                self.lost = True
                return super().submit(os.listdir, "/no such folder")  # type: ignore[return-value]
            return super().submit(*words, **options)  # type: ignore[arg-type]

    with Flaky(1) as executor:
        summary = read_many(digits, tmp_path / "out", level="digit", model=tiny, executor=executor)
    assert summary.tally.files == 12


def test_what_cannot_go_on_stops_and_says_where(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """An executor that is broken for good ends the batch, with what to do."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(BatchStoppedError, match=r"stopped at '00.png' and 3 files after it: .*start it again"):
        read_many(digits, tmp_path / "out", level="digit", model=tiny, executor=executor)
    assert read_many(digits, tmp_path / "out", level="digit", model=tiny).tally.files == 12


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"level": "word"}, BatchError),
        ({"model": "missing.onnx"}, ModelFileError),
        ({"rules": {"length": "3", "range": "0:9", "check": "ean"}}, RuleError),
        ({"rules": {"length": 1}, "level": "digit"}, RuleError),
    ],
    ids=["level", "model", "rules", "rules of digits"],
)
def test_wrong_words_are_refused_before_anything_is_written(
    digits: Path, tmp_path: Path, words: dict[str, Any], error: type[InkdigitsError]
) -> None:
    """No folder is begun."""
    with pytest.raises(error):
        read_many(digits, tmp_path / "out", **words)
    assert not (tmp_path / "out").exists()


def test_a_plan_says_what_would_be_done(digits: Path, tiny: Path, tmp_path: Path) -> None:
    """Before, and in the middle; nothing is written."""
    before = plan_many(digits, tmp_path / "out", level="digit", model=tiny)
    assert not (tmp_path / "out").exists()
    read_many(digits, tmp_path / "out", level="digit", model=tiny)
    (tmp_path / "out" / "readings" / "0000002.parquet").unlink()
    after = plan_many(digits, tmp_path / "out", level="digit", model=tiny)
    assert (before, after) == tuple(Plan(files=12, left_out=0, shards=3, files_done=n) for n in (0, 8))


def test_outcomes_add_up() -> None:
    """Tallies are added outcome by outcome, reason by reason."""
    one, two = Tally(files=1, failed=1, reasons={"x": 1}), Tally(files=2, read=1, failed=1, reasons={"x": 1})
    assert one + two == Tally(files=3, read=1, failed=2, reasons={"x": 2})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a Dask scheduler and two workers, each a process: the scheduler's address, and the workers."""
    pytest.importorskip("distributed", reason="Dask is not installed: no cluster to read on")
    where = tmp_path / "scheduler.json"
    words = ["--scheduler-file", where, "--no-dashboard"]
    processes = [start("-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", 0, *words)]
    wait_until(where.exists)
    worker = ["worker", "--nthreads", 1, "--no-nanny", "--local-directory", tmp_path, *words]
    processes += [start("-m", "dask", *worker) for _ in range(2)]
    yield json.loads(where.read_text())["address"], processes[1:]
    for process in reversed(processes):
        process.kill()
        process.wait()


def test_a_cluster_makes_the_same_bytes(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], digits: Path, tiny: Path, tmp_path: Path
) -> None:
    """Also when one of its workers is killed in the middle."""
    address, workers = cluster
    copy_until(240, digits)
    read_many(digits, tmp_path / "here", level="digit", model=tiny)
    out = tmp_path / "there"
    command = start_batch(digits, out, "--level", "digit", "--model", tiny, "--dask", address)
    wait_until(lambda: (out / "readings").exists() and any((out / "readings").iterdir()))
    workers[0].kill()
    assert command.wait(DEADLINE_S) == 0
    assert readings(out) == readings(tmp_path / "here")


def test_no_cluster_is_wrong_use(tmp_path: Path) -> None:
    """An address where nobody answers is named."""
    pytest.importorskip("distributed", reason="Dask is not installed: no cluster to read on")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        done = start_batch(tmp_path, tmp_path / "out", "--dask", address, stderr=subprocess.PIPE)
        _, said = done.communicate(timeout=DEADLINE_S)
    assert done.returncode == 2
    assert f"Error: cannot reach '{address}'" in said.decode().splitlines()[-1]


@pytest.fixture
def store() -> Iterator[FlakyStore]:
    """Serve the protocol of S3 on this machine, with a bucket."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: no object storage to read from")
    pytest.importorskip("moto", reason="moto is not installed: no object storage to read from")
    store = FlakyStore()
    store.put("")
    yield store
    store.close()


@pytest.mark.parametrize("one_in", [0, 20], ids=["sound", "flaky"])
def test_an_object_store_holds_the_same_bytes(
    one_in: int, store: FlakyStore, digits: Path, tiny: Path, tmp_path: Path
) -> None:
    """Source and output on s3://; a store that fails one time in twenty costs at most another start."""
    read_many(digits, tmp_path / "here", level="digit", model=tiny)
    for path in digits.iterdir():
        store.put(f"digits/{path.name}", path.read_bytes())
    store.one_in = one_in
    words = ["--level", "digit", "--model", tiny]
    status = 1
    for _ in range(5):
        command = start_batch(
            "s3://bucket/digits", "s3://bucket/out", *words, stderr=subprocess.PIPE, env=store.environment
        )
        _, said = command.communicate(timeout=DEADLINE_S)
        status = command.returncode
        assert status == 0 or b"Error: " in said.splitlines()[-1]
        if status == 0:
            break
    store.one_in = 0
    assert status == 0
    here = readings(tmp_path / "here")
    assert {name: store.get(f"out/readings/{name}") for name in here} == here


class FlakyStore:
    """Moto's S3 behind a server that fails one request in so many: with a 500, or by hanging up in the middle."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.environment = {"AWS_ENDPOINT_URL": self.address, "AWS_DEFAULT_REGION": "us-east-1"}
        self.environment |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
        self.one_in = self._requests = 0
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, name: str, content: bytes = b"") -> None:
        """Store an object; without a name the bucket."""
        self._request("PUT", name, content)

    def get(self, name: str) -> bytes:
        """Return an object."""
        return self._request("GET", name)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _request(self, method: str, name: str, content: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.server_port)
        with closing(connection):
            connection.request(method, f"/bucket/{name}".rstrip("/"), content, {"Authorization": UNCHECKED})
            return connection.getresponse().read()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._requests += 1
        if not self.one_in or self._requests % self.one_in:
            return self._app(environ, start_response)
        if self._requests % (2 * self.one_in):
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]
        start_response("200 OK", [("Content-Length", "1000")])
        return [b"half of it"]


def copy_until(count: int, digits: Path) -> None:
    """Copy the twelve digits until there are so many."""
    for number in range(12, count):
        shutil.copy(digits / f"{number % 12:02}.png", digits / f"{number}.png")


def start_batch(source: object, out: object, *words: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own, with four files to a shard."""
    code = "from inkdigits import cli, shards; shards.SHARD_FILES = 4; cli.main()"
    return start("-c", code, "batch", source, "--out", out, *words, **options)


def start(
    *words: object, stderr: int = subprocess.DEVNULL, env: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start Python in a process of its own, with some more in its environment."""
    command = [sys.executable, *(str(word) for word in words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=os.environ | (env or {}))


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in threads for child in path.read_text().split()]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
