"""The rival of benchmarks/batch.py, a process of its own: Ray Data reads a folder of digits to Parquet files.

    python benchmarks/ray_data.py FOLDER OUT CPUS

Its settings are those that were fastest among several (docs/lab-log.md). It prints the seconds of reading, without
Ray's own start and end, as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import ray

from inkdigits import Reader

BLOCKS = 8  # for each processor; with fewer one of them waits for the other at the end
LANES = 3  # that Ray counts as processors, for each that there is: opening, reading and writing hold one each
OBJECT_STORE_BYTES = 200_000_000  # by default it takes a third of the machine's memory


class DigitReader:
    """What an actor does: its reader is made once."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._reader = Reader()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Read digits that were opened already."""
        readings = [self._reader.read_digit(image) for image in batch["image"]]
        return {
            "file": [Path(path).name for path in batch["path"]],
            "text": [reading.text for reading in readings],
            "confidence": [reading.confidence for reading in readings],
        }


def main(folder: str, out: str, cpus: int) -> None:
    """Read a folder on so many processors, and print how long that took."""
    with tempfile.TemporaryDirectory() as scratch:
        ray.init(
            num_cpus=LANES * cpus,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=scratch,
        )
        try:
            started = time.perf_counter()
            digits = ray.data.read_images(folder, mode="L", include_paths=True, override_num_blocks=BLOCKS * cpus)
            actors = ray.data.ActorPoolStrategy(size=cpus)
            digits.map_batches(DigitReader, batch_size=None, compute=actors, num_cpus=1).write_parquet(out)
            print(json.dumps({"seconds": time.perf_counter() - started}))
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
