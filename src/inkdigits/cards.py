"""What a model file says of its model: how it was made, what was measured, and a card for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Protocol

from inkdigits.material import Material
from inkdigits.modelfile import NOT_A_DIGIT, LineModel, Metadata
from inkdigits.prepare import LINE
from inkdigits.recipes import Recipe

MADE_UP = {
    "drawn": "drawn digits of national forms",
    "redrawn": "training digits that another pen draws",
    "negatives": "images of no digit",
}


class Fitted(Protocol):
    """What a training tells of itself."""

    @property
    def stopped_because(self) -> str:
        """Why it ended."""

    @property
    def loss_curve(self) -> tuple[float, ...]:
        """The mean loss of each epoch."""


def describe(recipe: Recipe, fitted: Fitted, material: Material, *, preparation: str, labels: str) -> Metadata:
    """Return what is known of a model before it is calibrated and judged; the recipe is as it was followed."""
    settings = asdict(recipe)
    del settings["network"], settings["preparation"]
    known = {**settings, "stopped_because": fitted.stopped_because, "loss_curve": fitted.loss_curve}
    return Metadata(
        name=recipe.name,
        preparation=preparation,
        labels=labels,
        recipe=json.loads(json.dumps(known)),
        data=material.to_dict(),
    )


def name_made_up(recipe: Mapping[str, Any]) -> list[str]:
    """Return what was made up for a training, each with its number."""
    return [f"{recipe[kind]} {name}" for kind, name in MADE_UP.items() if recipe.get(kind)]


def origin(model: LineModel) -> dict[str, Any]:
    """Return what a model file says of the one that its training went on from."""
    return {"sha256": model.sha256, "recipe": dict(model.metadata.recipe)}


def with_figures(metadata: Metadata, figures: Mapping[str, Any]) -> Metadata:
    """Return the metadata with what was measured, and with the card that tells it all."""
    metadata = replace(metadata, figures=figures)
    return replace(metadata, card=_card(metadata))


def _card(metadata: Metadata) -> str:
    recipe, data, of_lines = metadata.recipe, metadata.data, _reads_lines(metadata)
    also = "".join(
        f"- Also: {one['name']} ({one['source']}), {one['n_train']} images, fingerprint {one['fingerprint']}.\n"
        for one in data["also"]
    )
    made_up = " and ".join(name_made_up(recipe))
    return f"""# A reader of {"whole numbers" if of_lines else "digits"}, recipe {metadata.name}

{_task(metadata)}

- Data: {"lines made of " if of_lines else ""}{data["name"]} ({data["source"]}), {data["n_train"]} training images, \
fingerprint {data["fingerprint"]}.
{also}- Made up: {made_up or "nothing"}.
- Recipe: {recipe["name"]}, seed {recipe["random_state"]}; {recipe["stopped_because"]}.
- Figures: {_figures(metadata)}.
- The split {data["people"]}.
- Confidence: {_confidence(metadata)}
- Fails on: {_weakness(metadata)}
"""


def _reads_lines(metadata: Metadata) -> bool:
    return metadata.preparation == LINE


def _task(metadata: Metadata) -> str:
    if _reads_lines(metadata):
        return (
            f"Reads one line of digits, prepared as {metadata.preparation}, by connectionist temporal classification."
        )
    return f"Reads one digit, prepared as {metadata.preparation}, as one of {' '.join(metadata.digits)}."


def _figures(metadata: Metadata) -> str:
    figures = metadata.figures
    if _reads_lines(metadata):
        return f"{figures['exact']:.2%} of {figures['n_test']} made-up numbers of the test part's digits exactly"
    return f"{figures['accuracy']:.2%} of {figures['n_test']} test images ({figures['errors']} errors)"


def _confidence(metadata: Metadata) -> str:
    held_out = metadata.recipe["held_out"]
    if not held_out:
        return "as the network gives it; it promises nothing, since nothing was held out."
    promises = "; ".join(
        f"at most {float(rate):.1%} errors from confidence {threshold:.3f}, which {metadata.coverages[rate]:.1%} reach"
        for rate, threshold in metadata.thresholds.items()
    )
    if _reads_lines(metadata):
        weighed = "this network and the bundled one of single digits together, weighed by"
        judged = "other lines"
    else:
        weighed, judged = f"temperature {metadata.temperature:.3f}, from", "distorted images"
    return (
        f"{weighed} {held_out:.0%} of the training part, held out. "
        f"Promises, from {judged} of the same: {promises or 'nothing, there are too few'}."
    )


def _weakness(metadata: Metadata) -> str:
    if _reads_lines(metadata):
        return "a letter that looks like a digit is read as one."
    if metadata.labels.endswith(NOT_A_DIGIT):
        return "letters that look like a digit (O, l, S, Z, B), digits that touch; more in docs/limits.md."
    return "what is not a digit. It always answers with one of its labels."
