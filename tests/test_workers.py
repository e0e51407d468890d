"""Pictures that kill or keep the process that reads them cost themselves, and nobody else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.errors import BatchMismatchError, BatchStoppedError, MissingExtraError, ModelFileError, SourceError
from inkdigits.graph import Layer
from inkdigits.ledger import Terms
from inkdigits.modelfile import Metadata, Model, read_model
from inkdigits.sources import Content, Item
from inkdigits.workers import Answer, Crew, Job


@dataclass(frozen=True)
class Dangerous:
    """A source whose items do to the process that reads them what their names say."""

    address: str
    by_ending = False

    def items(self) -> Iterator[Item]:
        """List nothing: items are made by the tests."""
        yield from ()

    def contents(self, items: Sequence[Item]) -> Iterator[Content]:
        """Do it; the number of deaths is kept in a file, as the process forgets it."""
        for item in items:
            died = Path(self.address, item.file)
            if item.file == "kill" or (item.file == "kill once" and not died.exists()):
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if item.file == "hang":
                time.sleep(1000)
            if item.file == "break":
                raise SourceError("the archive is damaged")
            yield blank()


@pytest.fixture
def crew() -> Iterator[Crew]:
    """Lend a crew, and dismiss it."""
    crew = Crew()
    yield crew
    crew.dismiss()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return what to do with items: read them as digits, with a model that is quickly loaded."""
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((64, 10)), np.zeros(10)))]
    model = Model.from_layers(layers, Metadata(name="m", preparation="uci-8"), image_size=8)
    model.save(tmp_path / "model.onnx")
    terms = Terms(level="digit", model_sha256=model.sha256)
    return Job(source=Dangerous(str(tmp_path)), folder=str(tmp_path), terms=terms, timeout_s=20.0)


def blank() -> NDArray[np.uint8]:
    """Return a picture that is quickly declined."""
    return np.full((20, 20), 255, np.uint8)


def reasons(answers: Iterator[Answer]) -> list[str]:
    """Return the beginning of the reason why each file was not read."""
    return [answer.rows[0].reason[:40] for answer in answers]


DECLINED = "nothing to read: no ink stands out from "


def test_a_file_that_kills_its_reader_twice_is_set_aside(crew: Crew, job: Job) -> None:
    """It has failed, with the signal; those before and after it are read."""
    items = [Item(name, 0, "") for name in ("a", "kill", "b")]
    first, killer, last = crew.read_items(job, items)
    assert first.rows[0].status == last.rows[0].status == "declined"
    assert killer.rows[0].status == "failed"
    assert killer.rows[0].reason == "ended the process that read it twice (Killed); save it with another program"


def test_a_file_whose_reader_died_once_is_read(crew: Crew, job: Job) -> None:
    """The first death may be somebody else's doing: no memory, an impatient person."""
    assert reasons(crew.read_items(job, [Item("kill once", 0, ""), Item("a", 0, "")])) == [DECLINED] * 2


def test_a_file_that_takes_too_long_is_cut_off(crew: Crew, job: Job, tmp_path: Path) -> None:
    """At once and for good; the next is read."""
    short = replace(job, timeout_s=2.0)
    first, last = crew.read_items(short, [Item("hang", 0, ""), Item("a", 0, "")])
    assert first.rows[0].reason == "took longer than 2 s and was cut off; read it alone with 'inkdigits read'"
    assert last.rows[0].status == "declined"


def test_a_source_that_breaks_is_no_fault_of_a_file(crew: Crew, job: Job) -> None:
    """The shard is not written: nothing is set aside that could be read later."""
    with pytest.raises(SourceError, match="the archive is damaged"):
        list(crew.read_items(job, [Item("a", 0, ""), Item("break", 0, "")]))


def test_rules_against_each_other_cost_a_file(crew: Crew, job: Job) -> None:
    """It has failed with the reason; the others are read."""
    ruled = replace(job, terms=replace(job.terms, level="number", rules={"length": "2"}))
    items = [Item("a", 0, ""), Item("b", 0, "", rules='{"range": "100:200"}')]
    assert [answer.rows[0].reason for answer in crew.read_items(ruled, items)] == [
        "nothing to read: no ink stands out from the paper",
        "there are no numbers of 2 digits and from 100 to 200: change one of these rules, or leave it out",
    ]


def test_a_list_that_is_gone_is_no_fault_of_a_file(crew: Crew, job: Job) -> None:
    """Nothing is set aside that could be read when the list is back."""
    ruled = replace(job, terms=replace(job.terms, level="number", rules={"values": "sha256:abc"}))
    with pytest.raises(BatchMismatchError, match=r"values/abc.txt': it is another list than at the beginning"):
        list(crew.read_items(ruled, [Item("a", 0, "")]))


def test_a_worker_is_kept_from_shard_to_shard(crew: Crew, job: Job) -> None:
    """Its model is loaded once."""
    for _ in range(3):
        list(crew.read_items(job, [Item("a", 0, "")]))
    assert len(crew._all) == 1


def test_a_worker_killed_while_it_is_idle_is_replaced(crew: Crew, job: Job) -> None:
    """And no file is blamed for it."""
    list(crew.read_items(job, [Item("a", 0, "")]))
    [worker] = crew._all
    worker._process.kill()
    assert reasons(crew.read_items(job, [Item("a", 0, "")])) == [DECLINED]


def test_a_model_that_cannot_be_used_is_refused(crew: Crew) -> None:
    """Before anything is read, in the words of the model file's own checks."""
    with pytest.raises(ModelFileError, match="it is cut off or not an ONNX file"):
        crew.check_model(read_model(None)[:1000], Terms(level="page", model_sha256=""))


def test_a_second_opinion_that_cannot_be_had_is_refused(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's process says what to install, before anything is read."""
    (tmp_path / "rapidocr.py").write_text("raise ImportError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)  # a worker looks for packages where we do
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[ocr\]'"):
        crew.check_model(read_model(None), Terms(level="page", model_sha256="", second_opinion=True))


def test_a_dismissed_crew_reads_nothing(crew: Crew, job: Job) -> None:
    """Its workers have ended, and none is started."""
    list(crew.read_items(job, [Item("a", 0, "")]))
    [worker] = crew._all
    crew.dismiss()
    assert worker._process.poll() is not None
    with pytest.raises(BatchStoppedError, match="start it again, it goes on where it was"):
        list(crew.read_items(job, [Item("a", 0, "")]))
