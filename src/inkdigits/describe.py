"""What results look like in words and tables: readings, batches, trainings, evaluations, data sets."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a reading is described without what trains
    from inkdigits.adaptation import AdaptationResult
    from inkdigits.batch import Plan, Summary
    from inkdigits.datasets import Dataset
    from inkdigits.evaluation import Evaluation
    from inkdigits.line_training import LineTrainingResult
    from inkdigits.numbers import NumbersEvaluation
    from inkdigits.readings import PageReading
    from inkdigits.training import TrainingResult
    from inkdigits.trust import Trust

UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # Unicode's control characters, halves of characters, line separators
OUTCOMES = {"read": "read", "review": "to review", "declined": "declined", "failed": "failed"}
MOST_REASONS = 10  # that are shown of why files failed; summary.json has all


def describe_reading(file: str, reading: PageReading) -> str:
    """Return a line per number: what, how sure, where, and why it is doubtful."""
    page = f"page {reading.page}" if reading.pages > 1 else ""
    lines = [f"{file}: {reading.status}: {page and page + ': '}{reading.reason}"] if reading.status != "ok" else []
    for number in reading.numbers:
        x, y, width, height = number.box
        place = f"{x},{y} {width}x{height}{page and ' on ' + page}"
        doubt = "" if number.accepted else f"  look: {number.reason}"
        lines.append(f"{file}: {number.text}  {number.confidence:.3f}  at {place}{doubt}")
    return "\n".join(map(printable, lines))


def describe_progress(number: int, files: int, reading: PageReading) -> str:
    """Return which file and page was just read."""
    page = f", page {reading.page} of {reading.pages}" if reading.pages > 1 else ""
    return f"file {number} of {files}{page}"


def describe_plan(plan: Plan) -> str:
    """Return what a batch would do, and by which rules."""
    others = f" ({plan.left_out:,} others do not end like a picture)" if plan.left_out else ""
    done = f"{plan.files_done:,} are done, {plan.files - plan.files_done:,} are left"
    rules = [f"numbers {plan.rule}"] if plan.rule else []
    rules += [f"{plan.ruled:,} files have rules of their own"] if plan.ruled else []
    return "; ".join([f"{plan.files:,} files{others} in {plan.shards:,} shard{'s' * (plan.shards > 1)}", done, *rules])


def describe_so_far(summary: Summary) -> str:
    """Return how far a batch is, how fast, and how well it goes."""
    tally = summary.tally
    accepted = f"{tally.accepted / tally.numbers:.1%} accepted  " if tally.numbers else ""
    rate = f"{summary.files_per_second:,.0f}/s"
    return f"{tally.files:,} of {summary.files:,} files  {rate}  {accepted}{tally.failed:,} failed"


def describe_summary(summary: Summary, out: str) -> str:
    """Return what came of a batch: outcomes, reasons, the slowest files."""
    tally = summary.tally
    outcomes = (f"{getattr(tally, outcome):,} {words}" for outcome, words in OUTCOMES.items())
    others = [f"{summary.left_out:,} others do not end like a picture"] if summary.left_out else []
    return "\n".join(
        [
            f"{tally.files:,} files: {', '.join(outcomes)}",
            *others,
            f"{tally.numbers:,} numbers, {tally.accepted:,} accepted",
            *(f"{count:6,}  {reason}" for reason, count in list(summary.to_dict()["reasons"].items())[:MOST_REASONS]),
            *(f"slowest: {seconds:.2f} s  {file}" for seconds, file in summary.slowest[:3]),
            f"{summary.files_now:,} files in {summary.seconds:.1f} s; the readings are in {out}",
        ]
    )


def describe_training(result: TrainingResult) -> str:
    """Return what was trained on what, some readings beside the truth, and the figures."""
    from inkdigits.evaluation import compare

    train, test = result.split.train, result.split.test
    last = ", ".join(f"{loss:.8f}" for loss in result.loss_curve[-5:])
    return "\n".join(
        [
            f"{result.recipe.name} on {train.name}: trained on {len(train)} images, tested on {len(test)}",
            f"the split {result.split.people}",
            *(f"besides on {one['name']}: {one['n_train']} images" for one in result.model.metadata.data["also"]),
            f"{result.n_iter} epochs in {result.seconds:.2f} s; the last losses: {last}",
            *compare(result.predictions[:50], test.labels[:50]),
            describe_evaluation(result.evaluation),
        ]
    )


def describe_line_training(result: LineTrainingResult) -> str:
    """Return what a reader of lines was trained on, and its figures."""
    train = result.material.parts.train
    return "\n".join(
        [
            f"{result.recipe.name} on lines made of {train.name}: {len(train)} digits",
            *(f"besides of {one.name}: {len(one)} digits" for one in result.material.more),
            f"{len(result.fitted.loss_curve)} epochs in {result.seconds:.0f} s",
            describe_numbers(result.evaluation),
        ]
    )


def describe_adaptation(result: AdaptationResult) -> str:
    """Return what going on with a user's numbers gained and lost, and what is promised now."""
    before, after = result.before, result.after
    n_own, n_made_up = len(after.own.truths), len(after.made_up.truths)
    return "\n".join(
        [
            *(f"left out: {reason}" for reason in result.skipped),
            f"{len(result.fitted.loss_curve)} epochs with {result.n_learned} numbers in {result.seconds:.0f} s",
            f"{'read exactly':28}{'before':>8}{'after':>8}",
            f"{f'your numbers, {n_own} held out':28}{before.own.exact:8.4f}{after.own.exact:8.4f}",
            f"{f'made-up lines, {n_made_up:,}':28}{before.made_up.exact:8.4f}{after.made_up.exact:8.4f}",
            _describe_gain(result),
            "measured anew on the held-out numbers; what the old model promised does not hold for this one:",
            *(_describe_trust(after.own.trust)),
            *(_describe_lack(after.own)),
        ]
    )


def describe_numbers(evaluation: NumbersEvaluation) -> str:
    """Return the figures of whole numbers, the most telling one last."""
    misread, dropped, invented = evaluation.edits
    return "\n".join(
        [
            f"digits misread {misread}, dropped {dropped}, invented {invented}",
            *_describe_trust(evaluation.trust),
            f"exact {evaluation.exact:.4f} of {len(evaluation.truths)} numbers",
        ]
    )


def describe_evaluation(evaluation: Evaluation) -> str:
    """Return the figures of single digits as tables, the most telling one last."""
    matrix = evaluation.confusion_matrix
    rows = [f"{digit:>6} " + " ".join(f"{count or '.':>4}" for count in row) for digit, row in enumerate(matrix)]
    scores = [f"{s.digit:>6}  {s.precision:9.3f}  {s.recall:6.3f}  {s.images:6}" for s in evaluation.per_digit]
    return "\n".join(
        [
            " digit  precision  recall  images",
            *scores,
            "true \\ read as",
            "       " + " ".join(f"{digit:>4}" for digit in range(10)),
            *rows,
            *_describe_trust(evaluation.trust),
            f"accuracy {evaluation.accuracy}: {evaluation.errors} errors of {len(evaluation.dataset)}",
        ]
    )


def describe_data(dataset: Dataset) -> str:
    """Return the figures of a data set, and where it comes from."""
    n, size, low, high = len(dataset), dataset.images.shape[1], dataset.images.min(), dataset.images.max()
    facts = [f"attributes   {', '.join(dataset.attributes)}"] if dataset.attributes else []
    counts = "  ".join(f"{digit}: {count}" for digit, count in dataset.counts.items())
    return "\n".join(
        [
            f"name         {dataset.name}",
            f"images       {n:,} of {size}x{size}, values {low}..{high}; flattened ({n}, {size * size})",
            f"per digit    {counts}",
            f"to train on  the first {dataset.n_train:,} by custom",
            f"writers      {dataset.people}",
            f"source       {dataset.source}",
            *facts,
            "",
            dataset.description.strip(),
        ]
    )


def format_image(dataset: Dataset, number: int) -> str:
    """Return an image as rows of numbers."""
    return "\n".join(" ".join(f"{value:3}" for value in row) for row in dataset.images[number])


def describe_model(name: str, size: int, figures: Mapping[str, Any]) -> str:
    """Return a bundled model's name, its size in bytes as kB, and the figure of its test."""
    right, of = (figures["exact"], "made-up numbers") if "exact" in figures else (figures["accuracy"], "test images")
    return f"{name}  {size / 1000:.0f} kB  {right:.2%} of {figures['n_test']:,} {of}"


def printable(line: str) -> str:
    """Return a line in which a file's name, which may be any bytes, neither steers the terminal nor fails to print."""
    plain = "".join(repr(c)[1:-1] if unicodedata.category(c) in UNPRINTABLE else c for c in line)
    encoding = sys.stdout.encoding or "utf-8"
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def _describe_gain(result: AdaptationResult) -> str:
    change = f"{result.gained} of the held-out numbers are read exactly that were not before, {result.lost} no longer"
    return change if result.improved else f"NO BETTER: {change}; keep the model that you have, or add numbers"


def _describe_lack(evaluation: NumbersEvaluation) -> Iterator[str]:
    from inkdigits.confidence import MILD, PROMISES

    missing = [f"{float(rate):.1%}" for rate in (*PROMISES, *MILD) if rate not in evaluation.thresholds]
    if missing:
        n = len(evaluation.truths)
        yield f"{n} held-out numbers are too few, or too often wrong, to promise {', '.join(missing)} errors"


def _describe_trust(trust: Trust) -> Iterator[str]:
    for p in trust.promises:
        yield (
            f"promised {float(p.promised):.1%} errors: {p.coverage:.1%} accepted (confidence {p.threshold:.3f} and "
            f"more), {p.error_rate:.2%} of them wrong"
        )
    yield f"confidence off by {trust.expected_calibration_error:.2%} on average (expected calibration error)"
