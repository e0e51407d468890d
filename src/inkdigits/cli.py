"""The commands: parse, call one library function, show. Results go to stdout, talk to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inkdigits import __version__
from inkdigits.describe import (
    describe_adaptation,
    describe_data,
    describe_evaluation,
    describe_line_training,
    describe_model,
    describe_numbers,
    describe_plan,
    describe_progress,
    describe_reading,
    describe_so_far,
    describe_summary,
    describe_training,
    format_image,
    printable,
)
from inkdigits.errors import InkdigitsError
from inkdigits.progress import Show, show_progress, show_waiting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inkdigits.batch import Summary
    from inkdigits.datasets import Dataset
    from inkdigits.evaluation import Evaluation
    from inkdigits.modelfile import Model
    from inkdigits.readings import PageReading
    from inkdigits.table import Row

# The names of recipes.RECIPES and ALIASES, datasets.SPLIT_METHODS, workers.LEVELS, rules.CHECKS and
# confidence.PROMISES and MILD, without loading them for --help
RECIPE_NAMES = (
    *(
        "tutorial",
        "plain",
        "small-data",
        "small-data-average",
        "fast",
        "tiny",
        "reader",
        "line",
        "line-further",
        "adapt",
    ),
    "convnet",
)
RECIPE_HELP = f"{', '.join(RECIPE_NAMES)}."
SPLIT_NAMES = ("first", "random", "stratified", "writers")
SPLIT_HELP = f"{', '.join(SPLIT_NAMES)}."
LEVEL_NAMES = ("digit", "number", "page")
CHECK_NAMES = ("luhn", "mod11", "ean", "iban")
MAX_ERRORS = ("0.001", "0.005", "0.01", "0.02", "0.05")
FOLDER = click.Path(path_type=Path, file_okay=False)
ADAPT = "adapt"  # the recipe that learns from numbers instead of digits
GO_ON = (ADAPT, "line-further")  # recipes that go on from a model
STORE, STORE_THERE = click.Path(path_type=Path), click.Path(path_type=Path, exists=True, dir_okay=False)
DATA_HELP = "digits, mnist, or :DIR after mnist, optdigits, semeion, pendigits, folder, numbers."
STOPPED = 130  # exit status after a Ctrl-C, as shells have it


def rule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take what numbers may be; it passes the words on to rules.parse_rules."""
    for option in (
        click.option("--check", type=click.Choice(CHECK_NAMES), help="With a valid check digit."),
        click.option("--pattern", metavar="DIGITS", help="Of this form, as dd.dd.dddd; d is any digit."),
        click.option("--values", type=click.Path(path_type=Path), metavar="FILE", help="One of a list, one per line."),
        click.option("--range", metavar="A:B", help="From A to B."),
        click.option("--length", metavar="N", help="Numbers have N digits, or 3:5."),
    ):
        command = option(command)
    return command


second_opinion_option = click.option("--second-opinion", is_flag=True, help="Ask RapidOCR if in doubt; extra [ocr].")


def reader_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a Reader besides its model."""
    for option in (
        second_opinion_option,
        click.option("--separators", is_flag=True, help="Keep points, commas and dashes in the text."),
        click.option(
            "--max-error",
            type=click.Choice(MAX_ERRORS),
            metavar="RATE",
            default="0.01",
            help="Errors promised.  [default: 0.01]",
        ),
    ):
        command = option(command)
    return command


class _RefusedError(click.ClickException):
    """What was given cannot be used: one line, and the exit status of wrong use."""

    exit_code = 2


class _Commands(click.Group):
    """A group whose commands end with one line, not a traceback, when inkdigits refuses."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InkdigitsError as error:
            raise _RefusedError(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="inkdigits")
def main() -> None:
    """Read handwritten digits; train and check the readers.

    Start with 'inkdigits train', the tutorial everybody starts with, or 'inkdigits read PICTURE'.
    """


@main.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...")
@click.option("--model", help="A file, or a bundled one.  [default: reader]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture and line.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a table too: .csv or .parquet.")
@click.option("--show-input", type=FOLDER, metavar="DIR", help="Write what the network was shown.")
@click.option("--annotate", "annotated", type=FOLDER, metavar="DIR", help="Write the pictures, readings drawn on them.")
@click.option("--explain", "explained", is_flag=True, help="Say what was seen, and what would help.")
@reader_options
@rule_options
def read(
    pictures: tuple[str, ...],
    *,
    model: str | None,
    as_json: bool,
    out: Path | None,
    show_input: Path | None,
    annotated: Path | None,
    explained: bool,
    max_error: str,
    separators: bool,
    second_opinion: bool,
    **words: Any,
) -> None:
    """Read the digits on pictures: photos, scans, drawings, all pages of a PDF or TIFF, all pictures in a folder.

    Exit status: 0 all read, 1 some failed, 2 wrong use, 130 stopped.
    """
    from inkdigits.reader import Reader
    from inkdigits.rules import parse_rules
    from inkdigits.table import check_table, rows_of, write_table

    rule = parse_rules(**words)
    if out is not None:
        _check_writable(out)
        check_table(out)
    statuses: list[str] = []
    rows: list[Row] = []
    with _stop_in_words(statuses, out), show_progress(bar=not sys.stdout.isatty()) as show:
        reader = Reader(model, max_error=max_error, separators=separators, second_opinion=second_opinion)
        files = _find_files(pictures)
        for number, (file, refused) in enumerate(files, start=1):
            for reading in [refused] if refused else reader.read_pages(file, rule=rule):
                notes = {"notes": _explain(file, reading)} if explained else {}
                found = {"file": file, **reading.to_dict(), **notes}
                click.echo(json.dumps(found) if as_json else describe_reading(file, reading))
                if show_input is not None:
                    _save_inputs(show_input, f"{number}-{Path(file).stem}", reading)
                if annotated is not None:
                    _save_annotated(annotated, f"{number}-{Path(file).stem}", file, reading)
                statuses.append(reading.status)
                rows += rows_of(file, reading) if out is not None else []
                show(describe_progress(number, len(files), reading), number - 1 + _share_read(reading), len(files))
        if out is not None:
            write_table(out, rows)
    if "failed" in statuses:
        click.echo(f"{statuses.count('failed')} of {len(statuses)} pictures failed", err=True)
        sys.exit(1)


@main.command()
@click.argument("source")
@click.option("--out", required=True, metavar="DIR", help="Where the readings go, or go on.")
@click.option("--level", type=click.Choice(LEVEL_NAMES), default="page", show_default=True, help="What a picture is.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="At a time.  [default: processors]")
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler, as tcp://host:8786.")
@click.option("--model", help="A file, or a bundled one.  [default: reader]")
@click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@reader_options
@rule_options
def batch(
    source: str,
    *,
    out: str,
    level: Any,
    workers: int | None,
    dask: str | None,
    model: str | None,
    plan: bool,
    quiet: bool,
    max_error: str,
    separators: bool,
    second_opinion: bool,
    **rules: Any,
) -> None:
    """Read many pictures to Parquet files; started again, it goes on. SOURCE is a folder, a pattern, a manifest (.csv,
    .parquet: paths, rules), a .zip, a .tar, an IDX file or a .parquet with pictures; a path, or a URL as s3://. Exit
    status: 0 all read, 1 some failed or it stopped, 2 wrong use.
    """  # noqa: D205 - one paragraph: --help fits a screen
    from inkdigits.batch import connect_dask, plan_many, read_many
    from inkdigits.errors import BatchStoppedError

    options = {"max_error": max_error, "separators": separators, "second_opinion": second_opinion}
    terms = {"level": level, "model": model, "rules": rules, **options}
    if plan:
        click.echo(describe_plan(plan_many(source, out, **terms)))
        return
    try:
        with connect_dask(dask) if dask else nullcontext((None, None)) as (executor, threads), show_progress() as show:
            summary = read_many(
                source,
                out,
                **terms,
                executor=executor,
                workers=workers or threads,
                progress=None if quiet else lambda so_far: _show_batch(show, so_far),
            )
    except BatchStoppedError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("stopped by Ctrl-C: what is done is kept; start it again, it goes on", err=True)
        sys.exit(STOPPED)
    click.echo(describe_summary(summary, out))
    sys.exit(1 if summary.tally.failed else 0)


@main.command()
@click.option("--recipe", type=click.Choice(RECIPE_NAMES), metavar="NAME", default="tutorial", help=RECIPE_HELP)
@click.option("--data", default="digits", metavar="DATA", help=DATA_HELP)
@click.option("--also", multiple=True, metavar="DATA", help="Learn from this set too. Repeatable.")
@click.option("--from", "start", metavar="MODEL", help="A reader of lines to go on from.")
@click.option("--train", "n_train", type=int, metavar="N", help="Images to train on.  [default: by custom]")
@click.option("--split", "method", type=click.Choice(SPLIT_NAMES), metavar="HOW", default="first", help=SPLIT_HELP)
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), metavar="S", help="Seed.  [default: the recipe's]")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Keep the model, as in my.onnx.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write one HTML page with all of it.")
@click.option("--figures", type=FOLDER, metavar="DIR", help="Write the figures as PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--resume", is_flag=True, help="Go on where a training to --out was cut off.")
def train(  # noqa: PLR0917 - click passes them by name
    recipe: str,
    data: str,
    also: tuple[str, ...],
    start: str | None,
    n_train: int | None,
    method: Any,
    seed: int | None,
    out: Path | None,
    report: Path | None,
    figures: Path | None,
    as_json: bool,
    resume: bool,
) -> None:
    """Train a network and judge it on images it has not seen.

    Without options this is the tutorial: 8x8 digits, 15 neurons, 0.9147.
    """
    from inkdigits.line_training import LineTrainingResult
    from inkdigits.recipes import find_recipe
    from inkdigits.training import TrainingResult

    if find_recipe(recipe).network == "line" and (report or figures):
        raise click.UsageError(f"recipe '{recipe}' has no --report or --figures: they show single digits")
    if (recipe == ADAPT) != data.startswith("numbers:"):
        raise click.UsageError(f"--recipe {ADAPT} and --data numbers:DIR belong together")
    if start and recipe not in GO_ON:
        raise click.UsageError(f"--from MODEL goes with --recipe {' or '.join(GO_ON)}")
    _check_writable(out, report)
    checkpoint = _checkpoint(out, resume=resume)
    with show_progress(at_once=True, left="at most") as show:
        result = _trainer(recipe, data, also, start, method)(
            n_train=n_train,
            random_state=seed,
            checkpoint=checkpoint,
            progress=lambda epoch, epochs, loss: show(
                f"epoch {epoch} of at most {epochs}  loss {loss:.5f}", epoch, epochs
            ),
        )
    click.echo(result.stopped_because, err=True)
    if out is not None:
        result.model.save(out)
    if checkpoint is not None and not result.interrupted:
        checkpoint.unlink(missing_ok=True)
    values = {**result.to_dict(), "data": data, "model": str(out) if out else None}
    if isinstance(result, TrainingResult):
        click.echo(json.dumps(values) if as_json else describe_training(result))
        _write_judgement(result.evaluation, result.model, f"Recipe {recipe} on {data}", report, figures)
    elif isinstance(result, LineTrainingResult):
        click.echo(json.dumps(values) if as_json else describe_line_training(result))
    else:
        click.echo(json.dumps(values) if as_json else describe_adaptation(result))


@main.command()
@click.argument("model")
@click.option("--data", default="digits", metavar="DATA", help=DATA_HELP)
@click.option("--numbers", type=FOLDER, metavar="DIR", help="Whole numbers instead: a folder.")
@rule_options
@second_opinion_option
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write one HTML page with all of it.")
@click.option("--figures", type=FOLDER, metavar="DIR", help="Write the figures as PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    model: str,
    data: str,
    numbers: Path | None,
    second_opinion: bool,
    report: Path | None,
    figures: Path | None,
    as_json: bool,
    **rules: Any,
) -> None:
    """Judge a MODEL file (or a bundled model's name) on labelled images it was not trained on.

    With --numbers DIR on pictures of whole numbers: labels.csv there has the columns file and reading.
    """
    from inkdigits import evaluation
    from inkdigits.modelfile import open_model

    if numbers is not None and (report or figures):
        raise click.UsageError("--numbers has no --report or --figures: they show single digits")
    if numbers is None and (second_opinion or any(rules.values())):
        raise click.UsageError("rules and a second opinion are for whole numbers: they belong to --numbers DIR")
    if numbers is not None:
        _evaluate_numbers(model, numbers, rules, second_opinion=second_opinion, as_json=as_json)
        return
    _check_writable(report)
    opened = open_model(model)
    judged = evaluation.evaluate(opened, _load(data, opened.metadata.preparation))
    click.echo(f"trained on {judged.seen}", err=True)
    click.echo(
        json.dumps({"model": model, "data": data, **judged.to_dict()}) if as_json else describe_evaluation(judged)
    )
    _write_judgement(judged, opened, f"Model {model} on {judged.dataset.name}", report, figures)


@main.command()
@click.argument("dataset", metavar="[DATA]", default="digits")
@click.option("--show", type=int, metavar="N", help="Print image N as numbers.")
@click.option("--image", "image", type=int, metavar="N", help="Draw image N: to FILE of --grid, or image-N.png.")
@click.option("--grid", type=click.Path(path_type=Path), metavar="FILE", help="Draw images with their labels.")
@click.option("--start", type=int, default=0, show_default=True, help="First image of the grid.")
@click.option("--count", type=int, default=16, show_default=True, help="Images in the grid.")
def data(dataset: str, show: int | None, image: int | None, grid: Path | None, start: int, count: int) -> None:
    """Look at a data set: its figures, its images.

    DATA is digits, mnist, or one of mnist, optdigits, semeion, pendigits, folder with :DIR.
    """
    loaded = _load(dataset, None)
    if show is not None:
        if not 0 <= show < len(loaded):
            raise click.UsageError(f"no image {show}: '{loaded.name}' has 0 to {len(loaded) - 1}")
        click.echo(format_image(loaded, show))
    if image is not None:
        _draw(loaded, grid or Path(f"image-{image}.png"), image, 1)
    elif grid is not None:
        _draw(loaded, grid, start, count)
    elif show is None:
        click.echo(describe_data(loaded))


@main.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the bundled models, or print the card of one (or of a model file)."""
    from inkdigits.modelfile import bundled_models, open_any

    if name is not None:
        card = open_any(name).metadata.card
        click.echo("".join(c for c in card if c.isprintable() or c == "\n").rstrip())  # nothing that steers a terminal
        return
    for known, path in bundled_models().items():
        click.echo(describe_model(known, path.stat().st_size, open_any(path).metadata.figures))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; elsewhere a token is needed.")
@click.option("--port", type=click.IntRange(0, 65535), default=8020, show_default=True, help="0: any free one.")
@click.option("--model", help="A model file, or the name of a bundled model.  [default: reader]")
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help="The token that callers must know.")
@click.option("--store", "store_file", type=STORE, metavar="FILE", help="Keep what is doubtful there, to be reviewed.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
def serve(
    host: str, port: int, model: str | None, token_file: Path | None, store_file: Path | None, open_page: bool
) -> None:
    """Serve the page and the API: write a digit and see, or send pictures over HTTP.

    Ctrl-C stops it after what it holds is finished. Pictures are kept nowhere without --store.
    """
    from inkdigits.reader import Reader
    from inkdigits.store import Store
    from inkdigits.web.serve import serve as serve_until_stopped

    with Store(store_file) if store_file else nullcontext() as store:
        serve_until_stopped(
            Reader(model),
            host=host,
            port=port,
            token_file=token_file,
            store=store,
            open_page=open_page,
            say=lambda line: click.echo(line, err=True),
        )


@main.command()
@click.option("--from", "folder", required=True, metavar="DIR", help="What 'inkdigits batch' wrote with --out.")
@click.option("--store", "store_file", required=True, type=STORE, metavar="FILE", help="Where 'serve' looks for it.")
def review(folder: str, store_file: Path) -> None:
    """Put what a batch was not sure of into a store, to be looked at on the page's Review view.

    The pictures must still be where the batch read them. Exit status: 0 all fed, 1 some files are gone, 2 wrong use.
    """
    from inkdigits.backlog import feed_backlog
    from inkdigits.store import Store

    with Store(store_file) as store:
        fed = feed_backlog(folder, store)
        waiting = store.count_waiting()
    click.echo(f"{fed.files} files to review: {fed.doubts} new pictures wait in the store, {waiting} in all")
    if fed.gone:
        click.echo(f"{fed.gone} of {fed.files} files cannot be read any more", err=True)
        sys.exit(1)


@main.group()
def corrections() -> None:
    """Work with what was corrected on the page's Review view."""


@corrections.command("export")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--store", "store_file", required=True, type=STORE_THERE, metavar="FILE", help="What serve was given.")
def export(folder: Path, store_file: Path) -> None:
    """Write the corrections to a new folder DIR, to learn from.

    'inkdigits train' takes it as folder:DIR (single digits) and as numbers:DIR (numbers).
    """
    from inkdigits.corrections import export_corrections
    from inkdigits.store import Store

    with Store(store_file) as store:
        done = export_corrections(store, folder)
    click.echo(f"{done.digits} digits, {done.numbers} numbers and {done.blank} without a number in {folder}")


def _find_files(pictures: tuple[str, ...]) -> list[tuple[str, PageReading | None]]:
    """Return the files to read, in place of a folder those in it; an empty folder has its answer already."""
    from inkdigits.pictures import list_pictures
    from inkdigits.readings import PageReading

    files: list[tuple[str, PageReading | None]] = []
    for picture in pictures:
        try:
            found = map(str, list_pictures(picture)) if Path(picture).is_dir() else [picture]
            files += [(file, None) for file in found]
        except InkdigitsError as error:
            files.append((picture, PageReading(status="failed", reason=str(error), page=0, pages=0)))
    return files


@contextmanager
def _stop_in_words(statuses: list[str], out: Path | None) -> Iterator[None]:
    """End a reading at a Ctrl-C with one line: what was printed stands, a table would not be whole."""
    try:
        yield
    except KeyboardInterrupt:
        table = "" if out is None else f"; '{out}' is not written"
        click.echo(f"stopped by Ctrl-C; pictures read: {len(statuses)}{table}", err=True)
        sys.exit(STOPPED)


def _share_read(reading: PageReading) -> float:
    """Return which share of a file is read with this page: all of it where it could not be opened."""
    return reading.page / reading.pages if reading.pages else 1.0


def _show_batch(show: Show, summary: Summary) -> None:
    show(describe_so_far(summary), summary.files_now, summary.files_now + summary.files - summary.tally.files)


def _save_inputs(folder: Path, picture: str, reading: PageReading) -> None:
    """Write what the network was shown, one PNG per digit: its picture and page, its place in it, its answer."""
    from inkdigits.pictures import save_picture

    picture += f"-page{reading.page}" if reading.pages > 1 else ""
    digits = [digit for number in reading.numbers for digit in number.digits]
    for i, digit in enumerate(digits):
        save_picture(folder / f"{picture}-{i}-{digit.text}.png", digit.shown_picture)


def _save_annotated(folder: Path, name: str, file: str, reading: PageReading) -> None:
    """Write a picture, or its page, with what was read; one that could not be opened is not written."""
    from inkdigits.annotate import annotate
    from inkdigits.pictures import save_picture

    if reading.status != "failed":
        name += f"-page{reading.page}" if reading.pages > 1 else ""
        save_picture(folder / f"{name}.jpg", annotate(_load_page(file, reading), reading))


def _explain(file: str, reading: PageReading) -> tuple[str, ...]:
    """Say on stderr what was seen of a picture and what would help; return it."""
    from inkdigits.explain import explain

    notes = (reading.reason,) if reading.status == "failed" else explain(_load_page(file, reading), reading)
    page = f" page {reading.page}:" if reading.pages > 1 else ""
    for note in notes:
        click.echo(printable(f"{file}:{page} {note}"), err=True)
    return notes


def _load_page(file: str, reading: PageReading) -> NDArray[np.uint8]:
    from inkdigits.pictures import open_pages

    with open_pages(file) as pages:
        return pages.load(reading.page)


def _trainer(recipe: str, data: str, also: tuple[str, ...], start: str | None, method: Any) -> Callable[..., Any]:
    """Return what trains by a recipe, with its data loaded."""
    from inkdigits import adaptation, line_training, training
    from inkdigits.recipes import find_recipe

    chosen = find_recipe(recipe)
    if recipe == ADAPT:
        more = [_load(one, chosen.preparation) for one in also]
        return partial(adaptation.adapt, start, data, also=more)
    dataset = _load(data, chosen.preparation)
    more = [_load(one, dataset.preparation) for one in also]
    if chosen.network == "line":
        return partial(line_training.train_lines, recipe, dataset, also=more, start=start, split_method=method)
    return partial(training.train, recipe, dataset, also=more, split_method=method)


def _evaluate_numbers(model: str, folder: Path, rules: dict[str, Any], *, second_opinion: bool, as_json: bool) -> None:
    from inkdigits.number_set import load_numbers
    from inkdigits.numbers import evaluate_numbers
    from inkdigits.reader import Reader
    from inkdigits.rules import parse_rules

    rule = parse_rules(**rules)
    judged = evaluate_numbers(Reader(model, second_opinion=second_opinion), load_numbers(folder), rule=rule)
    for reason in judged.skipped:
        click.echo(f"left out: {reason}", err=True)
    values = {"model": model, "data": str(folder), **judged.to_dict()}
    click.echo(json.dumps(values) if as_json else describe_numbers(judged))


def _load(spec: str, preparation: str | None) -> Dataset:
    """Load a data set; say what is going on where that takes long, and what was left out."""
    from inkdigits.datasets import load_dataset

    download = "MNIST: downloading 15 MB once, or reading scikit-learn's cache"
    with show_waiting(download) if spec == "mnist" else nullcontext():
        dataset = load_dataset(spec, preparation=preparation)
    for reason in dataset.skipped:
        click.echo(f"left out: {reason}", err=True)
    return dataset


def _check_writable(*paths: Path | None) -> None:
    """Refuse before the training what could not be written after it."""
    for path in filter(None, paths):
        if not path.parent.is_dir():
            raise click.UsageError(f"cannot write '{path}': there is no folder '{path.parent}'; make it first")
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise click.UsageError(f"cannot write '{path}': it is a folder, or its folder is read-only; choose another")


def _checkpoint(out: Path | None, *, resume: bool) -> Path | None:
    """Return the file beside --out that a long training can go on from."""
    path = None if out is None else out.with_name(out.name + ".checkpoint")
    if resume and (path is None or not path.exists()):
        raise click.UsageError(f"nothing to resume: there is no '{path or 'FILE.checkpoint'}'; leave out --resume")
    if path is not None and not resume:
        path.unlink(missing_ok=True)
    return path


def _write_judgement(
    evaluation: Evaluation, model: Model, title: str, report: Path | None, figures: Path | None
) -> None:
    if report is not None:
        from inkdigits.report import write_report

        write_report(report, evaluation, title=title, model=model)
        click.echo(f"report: {report}", err=True)
    if figures is not None:
        from inkdigits.plots import figures_of, save_figures

        loss_curve = model.metadata.recipe.get("loss_curve", ())
        for path in save_figures(figures_of(evaluation, loss_curve, model.hidden_weights), figures):
            click.echo(f"figure: {path}", err=True)


def _draw(dataset: Dataset, path: Path, start: int, count: int) -> None:
    from inkdigits.plots import plot_images, save_figure

    figure = plot_images(dataset, start=start, count=count)
    save_figure(figure, path)
    click.echo(f"figure: {path}", err=True)
