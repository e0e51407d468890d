"""How long the commands take to start, side by side with the imports they cannot do without.

Run it with nothing else running: python benchmarks/startup.py
Each pair is timed in turns, A B A B, so that a machine that slows down slows both; the medians and their ratio count.
All find their bytecode, as pip leaves it, whether or not the machine's settings keep any.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 15
PAGE = Path(__file__).parent.parent / "examples" / "page.jpg"
COMMAND = [sys.executable, "-m", "inkdigits"]
PAIRS = {  # what is timed: the command, what it is compared with, the most it may take of that
    "inkdigits --help": ([*COMMAND, "--help"], "import numpy", 3),
    "inkdigits read page.jpg": ([*COMMAND, "read", str(PAGE)], "import onnxruntime, cv2", 3),
}


def main() -> None:
    """Time each pair and print a row for it."""
    print(f"{'command':26}{'median':>9}  {'compared with':34}{'median':>9}{'ratio':>8}{'bar':>6}")
    for name, (command, imports, bar) in PAIRS.items():
        ours, theirs = time_in_turns(command, [sys.executable, "-c", imports])
        print(f"{name:26}{ours:8.3f}s  {f'python -c {imports!r}':34}{theirs:8.3f}s{ours / theirs:8.2f}{bar:6}")


def time_in_turns(a: list[str], b: list[str]) -> tuple[float, float]:
    """Return the median wall time of two commands in seconds, run in turns after one warm-up each."""
    times: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as bytecode:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
        for run in range(RUNS + 1):
            for command, kept in zip((a, b), times, strict=True):
                started = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
                if run:  # the first fills the disk cache, and writes the bytecode
                    kept.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
