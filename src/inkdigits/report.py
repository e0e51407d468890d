"""One self-contained HTML page on what a model is worth: no network, readable on a phone, in light and in dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from inkdigits.cards import name_made_up
from inkdigits.errors import InkdigitsError, reason_of
from inkdigits.evaluation import UNSEEN, Evaluation, Mistake, compare, further_sets
from inkdigits.modelfile import Model
from inkdigits.pictures import encode_png
from inkdigits.prepare import PREPARATIONS

MOST_MISTAKES = 200  # images; nobody looks through more
MOST_PREDICTIONS = 1000  # all of the tutorial's 797, a tenth of MNIST's test part
MOST_WRITERS = 20
MOST_SKIPPED = 50  # pictures
PREDICTIONS_WIDTH = 20  # digits a line; fits a phone


def write_report(path: str | Path, evaluation: Evaluation, *, title: str, model: Model) -> None:
    """Write the page that `render_report` returns.

    Raises
    ------
    InkdigitsError
        If the file cannot be written.
    """
    page = render_report(evaluation, title=title, model=model)
    try:
        Path(path).write_text(page, encoding="utf-8", errors="replace")  # a file's name need not be valid Unicode
    except OSError as error:
        raise InkdigitsError(f"cannot write report '{path}': {reason_of(error)}; choose another path") from error


def render_report(evaluation: Evaluation, *, title: str, model: Model) -> str:
    """Return one HTML page on an evaluation, with all its figures and pictures inside.

    Parameters
    ----------
    evaluation
        The answers that the page judges.
    title
        The page's heading.
    model
        The model that answered; its file tells how it came to be.

    Examples
    --------
    >>> from inkdigits.training import train
    >>> result = train("tutorial", "digits")
    >>> "68 of 797 images read wrongly" in render_report(result.evaluation, title="Tutorial", model=result.model)
    True
    """
    sections = {heading: content for heading, content in _sections(evaluation, model).items() if content}
    template = Template((resources.files("inkdigits") / "report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        headline=_headline(evaluation, model),
        contents="\n".join(f'<a href="#{_anchor(heading)}">{heading}</a>' for heading in sections),
        sections="\n".join(
            f'<section>\n<h2 id="{_anchor(heading)}">{heading}</h2>\n{content}\n</section>'
            for heading, content in sections.items()
        ),
    )


def _sections(evaluation: Evaluation, model: Model) -> dict[str, str]:
    """Return the content of each section by its heading; an empty one does not apply."""
    return {
        "Training": _training(model) if model.metadata.recipe else "",
        "Confusion matrix": _confusion_matrix(evaluation),
        "Per digit": _per_digit(evaluation),
        "Calibration": _calibration(evaluation),
        "Promises": _promises(evaluation),
        "Mistakes": _mistakes(evaluation),
        "Writers": _writers(evaluation),
        "Predictions": _predictions(evaluation),
        "Skipped pictures": _skipped(evaluation.dataset.skipped),
        "Model": _model(model),
    }


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _headline(evaluation: Evaluation, model: Model) -> str:
    """Say the one figure, and beside it what it depends on most: who wrote the images, and what the model has seen."""
    dataset = evaluation.dataset
    split = f"the split {model.metadata.data.get('people')}"
    people = split if evaluation.seen == UNSEEN else dataset.people
    return (
        f'<p class="headline"><strong>{evaluation.accuracy:.4f}</strong> accuracy on {escape(dataset.name)}: '
        f"{evaluation.errors:,} of {len(dataset):,} images read wrongly ({1 - evaluation.accuracy:.2%})</p>\n"
        f'<p class="note"><strong>Trained on</strong> {escape(evaluation.seen)}. '
        f"<strong>The writers:</strong> {escape(people)}.</p>"
    )


def _training(model: Model) -> str:
    """Tell how the model came to be, from its own file."""
    recipe, data = model.metadata.recipe, model.metadata.data
    losses = recipe.get("loss_curve", [])
    seed = recipe.get("random_state")
    facts = {
        "Recipe": f"{recipe.get('name')}: {recipe.get('summary')}",
        "Data": f"{data.get('name')}: {data.get('source')}",
        "Images": f"{data.get('n_train'):,} trained on; split: {data.get('split')}",
        "Besides": _besides(model),
        "Writers": f"the split {data.get('people')}",
        "Seed": "none: each training differs" if seed is None else str(seed),
        "Epochs": f"{len(losses)} of at most {recipe.get('max_epochs')}",
        "Why it stopped": recipe.get("stopped_because", ""),
    }
    entries = "\n".join(f"<dt>{name}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items() if fact)
    return f'<dl>\n{entries}\n</dl>\n<div class="figures">\n{_training_figures(losses, model.hidden_weights)}\n</div>'


def _besides(model: Model) -> str:
    """Name what was learned from besides the data set, if anything."""
    sets = [f"{one.get('name')} ({one.get('n_train')} images)" for one in further_sets(model)]
    return ", ".join([*sets, *name_made_up(model.metadata.recipe)])


def _training_figures(losses: Sequence[float], weights: NDArray[np.float64] | None) -> str:
    from inkdigits import plots

    figures = []
    if losses:
        alt = f"Curve of the loss: {losses[0]:.3g} after epoch 1, {losses[-1]:.3g} after epoch {len(losses)}"
        figures.append(_figure(plots.encode_figure(plots.plot_loss_curve(losses)), alt, "The loss after each epoch."))
    if weights is not None:
        alt = f"The weights from the image to each of {len(weights)} hidden neurons"
        caption = "What each hidden neuron looks at: ink on blue speaks for it, ink on red against it."
        figures.append(_figure(plots.encode_figure(plots.plot_hidden_weights(weights)), alt, caption))
    return "\n".join(figures)


def _confusion_matrix(evaluation: Evaluation) -> str:
    rows = (_confusion_row(digit, counts) for digit, counts in enumerate(evaluation.confusion_matrix))
    caption = "Row: the true digit. Column: what it was read as. Stronger colour: a larger share of the row."
    return _table(caption, ("true", *map(str, range(10))), rows, kind="confusion")


def _confusion_row(digit: int, counts: NDArray[np.int64]) -> str:
    shades = np.sqrt(counts / max(counts.sum(), 1))  # the root, or a handful of mistakes would look like none
    kinds = ["none" if not count else "right" if read == digit else "wrong" for read, count in enumerate(counts)]
    return _row(
        digit,
        *(
            f'<td class="{kind}" style="--shade:{shade:.2f}">{count}</td>'
            for kind, shade, count in zip(kinds, shades, counts, strict=True)
        ),
    )


def _per_digit(evaluation: Evaluation) -> str:
    rows = []
    for score, read in zip(evaluation.per_digit, evaluation.confusion_matrix.sum(axis=0), strict=True):
        precision = f"{score.precision:.3f}" if read else "never read"
        recall = f"{score.recall:.3f}" if score.images else "no images"
        rows.append(_row(score.digit, *map(_cell, (score.images, precision, recall))))
    caption = (
        "Precision: of the images read as the digit, the share that is it. Recall: of its images, the share found."
    )
    return _table(caption, ("digit", "images", "precision", "recall"), rows)


def _calibration(evaluation: Evaluation) -> str:
    from inkdigits import plots

    gap, sure = evaluation.trust.expected_calibration_error, float(evaluation.confidences.mean())
    alt = "Confidence against the share read rightly, beside the diagonal on which confidence is what it says"
    caption = "Below the diagonal the model is surer than right, above it less sure."
    return (
        f"<p>Expected calibration error <strong>{gap:.4f}</strong>: the mean gap between confidence and accuracy. "
        f"On average the model is {sure:.1%} sure and {evaluation.accuracy:.1%} right.</p>\n"
        f"{_figure(plots.encode_figure(plots.plot_reliability(evaluation)), alt, caption)}"
    )


def _promises(evaluation: Evaluation) -> str:
    """Show what is left to people when readings below a confidence are not accepted."""
    from inkdigits import plots

    rows = [
        _row(
            f"{float(promise.promised):.1%}",
            *map(_cell, (f"{promise.threshold:.3f}", f"{promise.coverage:.1%}", f"{promise.error_rate:.2%}")),
        )
        for promise in evaluation.trust.promises
    ]
    caption = "What each error rate that the model promises comes to on these images."
    table = _table(caption, ("promised", "from confidence", "accepted", "errors among them"), rows) if rows else ""
    area = evaluation.trust.area_under_risk_coverage
    alt = f"The error rate among the surest readings against their share; {area:.5f} on average"
    curve = _figure(
        plots.encode_figure(plots.plot_risk_coverage(evaluation)),
        alt,
        f"The surest readings first: how many are accepted, and how many of those are wrong; {area:.5f} on average.",
    )
    return f"{table or '<p>The model promises no error rate.</p>'}\n{curve}"


def _mistakes(evaluation: Evaluation) -> str:
    mistakes = evaluation.mistakes
    if not mistakes:
        return "<p>None.</p>"
    full = PREPARATIONS[evaluation.dataset.preparation].full
    pictures = "\n".join(_mistake(mistake, full) for mistake in mistakes[:MOST_MISTAKES])
    return (
        f"<p>{len(mistakes):,} of {len(evaluation.dataset):,} images, the surest first: those that no threshold on "
        "confidence catches. Below each how sure it was, and the image's number in the whole data set.</p>\n"
        f'<div class="gallery">\n{pictures}\n</div>{_and_more(len(mistakes) - MOST_MISTAKES)}'
    )


def _mistake(mistake: Mistake, full: int) -> str:
    paper = 255 - mistake.image.astype(np.float64) * (255 / full)  # ink on paper, as it was written
    file = f"<br>{escape(mistake.file)}" if mistake.file else ""
    caption = f"{mistake.label} read as <b>{mistake.read_as}</b><br>{mistake.confidence:.2f}, #{mistake.number}{file}"
    return _figure(encode_png(paper.round().astype(np.uint8)), f"A written {mistake.label}", caption)


def _writers(evaluation: Evaluation) -> str:
    scores = evaluation.by_writer
    if not scores:
        return ""
    rows = (
        _row(score.writer, *map(_cell, (score.images, score.errors, f"{score.errors / score.images:.1%}")))
        for score in scores[:MOST_WRITERS]
    )
    caption = f"The writers whose digits are misread most, of {len(scores):,}."
    table = _table(caption, ("writer", "images", "errors", "error rate"), rows)
    return table + _and_more(len(scores) - MOST_WRITERS)


def _predictions(evaluation: Evaluation) -> str:
    labels, predictions = evaluation.dataset.labels[:MOST_PREDICTIONS], evaluation.predictions[:MOST_PREDICTIONS]
    blocks = "\n".join(f"<pre>{block}</pre>" for block in compare(predictions, labels, width=PREDICTIONS_WIDTH))
    return (
        f"<p>What was read, below the true label; {_wrong('^')} marks what is wrong. "
        "At the left the position among the images read, from 0.</p>\n"
        f'<div class="predictions">\n{blocks.replace("^", _wrong("^"))}\n</div>'
        f"{_and_more(len(evaluation.dataset) - MOST_PREDICTIONS)}"
    )


def _skipped(skipped: tuple[str, ...]) -> str:
    if not skipped:
        return ""
    reasons = "\n".join(f"<li>{escape(reason)}</li>" for reason in skipped[:MOST_SKIPPED])
    return (
        f"<p>Pictures of the data set that could not be used: {len(skipped):,}. They count nowhere on this page.</p>\n"
        f"<ul>\n{reasons}\n</ul>{_and_more(len(skipped) - MOST_SKIPPED)}"
    )


def _model(model: Model) -> str:
    card = f'<pre class="card">{escape(model.metadata.card)}</pre>' if model.metadata.card else ""
    return f"{card}\n<p>SHA-256 of its file: <code>{model.sha256}</code></p>"


def _table(caption: str, columns: Iterable[str], rows: Iterable[str], *, kind: str = "") -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(rows)
    return (
        f'<div class="scroll" tabindex="0"><table class="{kind}">\n<caption>{caption}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _row(head: object, *cells: str) -> str:
    return f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>'


def _cell(value: object) -> str:
    return f"<td>{value}</td>"


def _figure(png: bytes, alt: str, caption: str) -> str:
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    return f'<figure><img src="{source}" alt="{escape(alt)}"><figcaption>{caption}</figcaption></figure>'


def _wrong(mark: str) -> str:
    return f"<mark>{mark}</mark>"


def _and_more(count: int) -> str:
    return f'\n<p class="muted">And {count:,} more.</p>' if count > 0 else ""
