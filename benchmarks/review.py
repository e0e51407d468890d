"""Corrections after a kill and on a full disk: `python benchmarks/review.py [TRIALS] [FOLDER_ON_A_SMALL_DISK]`.

Each trial starts `inkdigits serve --store`, answers one doubtful picture after another, kills the service with SIGKILL
at a random moment, and looks whether the store is sound and holds every answer that was confirmed. On a small disk, as
`mount -t tmpfs -o size=5m tmpfs FOLDER` makes one, pictures are added until it is full.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from inkdigits.doubts import Doubt
from inkdigits.errors import StoreError
from inkdigits.store import Store

ITEMS = 2000  # that wait at the start of each trial: more than are answered before the kill
LONGEST_S = 0.5  # from the first answer to the kill
JSON = {"Content-Type": "application/json"}
BALLAST = 2_000_000  # bytes on the small disk that are freed after it was full: SQLite writes what changes twice


def main(trials: int, small: Path | None) -> None:
    """Print a line per kind of trial."""
    rng = random.Random(0)  # noqa: S311 - not for secrets
    with tempfile.TemporaryDirectory() as folder:
        confirmed = [try_kill(Path(folder, f"{n}.db"), rng.uniform(0, LONGEST_S)) for n in range(trials)]
    print(
        f"{trials} kills: {sum(confirmed)} confirmed answers, all there after it; {min(confirmed)} at least in a trial"
    )
    if small is not None:
        print(f"full disk: {try_full_disk(small)}")


def try_kill(path: Path, seconds: float) -> int:
    """Kill the service while answers come in; return how many were confirmed, and are all there."""
    with Store(path) as store:
        store.add(make_doubts(ITEMS, size=300), model_sha256="")
    confirmed: dict[int, str] = {}
    begun = threading.Event()
    with serving(path) as (process, host, port):
        answering = threading.Thread(target=answer_all, args=(host, port, confirmed, begun))
        answering.start()
        begun.wait(60)
        time.sleep(seconds)
        process.kill()
        answering.join()
    with closing(sqlite3.connect(path)) as db:
        sound = db.execute("PRAGMA integrity_check").fetchall()
    with Store(path) as store:
        there = {item.id: item.said for item in store.corrections()}
    lost = {number for number, text in confirmed.items() if there.get(number) != text}
    if sound != [("ok",)] or lost:
        raise SystemExit(f"after a kill at {seconds:.3f} s: {sound}, lost {sorted(lost)}")
    return len(confirmed)


def answer_all(host: str, port: int, confirmed: dict[int, str], begun: threading.Event) -> None:
    """Answer one picture after another until the service is gone; note what it has confirmed."""
    with closing(HTTPConnection(host, port, timeout=60)) as service:
        for number in range(1, ITEMS + 1):
            text = str(number % 10)
            try:
                said = json.dumps({"answers": [{"id": number, "text": text}]})
                service.request("POST", "/v1/review/answers", said, JSON)
                answer = service.getresponse()
                answer.read()
            except (OSError, HTTPException):
                return
            if answer.status == 200:
                confirmed[number] = text
            begun.set()


def try_full_disk(folder: Path) -> str:
    """Fill a small disk; return how much went in, and what was said then. All of it is there, and can be answered."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(BALLAST))
    with Store(folder / "store.db") as store:
        added, said = 0, ""
        while not said:
            try:
                added += store.add(make_doubts(10, size=5000, start=added), model_sha256="")
            except StoreError as error:
                said = str(error)
        waiting = store.count_waiting()
        ballast.unlink()
        answered = store.next_items(added)
        store.answer({item.id: "7" for item in answered})
        kept = sum(item.said == "7" for item in store.corrections())
    (folder / "store.db").unlink()
    if not added == waiting == len(answered) == kept:
        raise SystemExit(f"{added} pictures were added, {waiting} are there, {kept} of {len(answered)} answers")
    return f"{added} pictures went in and are there; then '{said}'; with {BALLAST:,} bytes freed all are answered"


def make_doubts(n: int, *, size: int, start: int = 0) -> list[Doubt]:
    """Return doubtful readings with pictures of some size in bytes."""
    pictures = (random.Random(start + i).randbytes(size) for i in range(n))  # noqa: S311 - not for secrets
    return [Doubt(picture=picture, text="7", confidence=0.5, reason="") for picture in pictures]


@contextmanager
def serving(path: Path) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """Start the service with a store; yield its process and its address."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", "--store", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        address = urlsplit(process.stderr.readline().split()[2])
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or the pipe would fill up
        yield process, str(address.hostname), int(address.port or 0)
        process.kill()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
