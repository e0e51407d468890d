"""Cards: what a model file tells people of how it was made and what it is worth."""

from __future__ import annotations

from dataclasses import replace

from inkdigits.cards import with_figures
from inkdigits.modelfile import Metadata

DIGITS = Metadata(
    name="mine",
    preparation="uci-8",
    labels="0123456789-",
    temperature=1.25,
    thresholds={"0.01": 0.9},
    coverages={"0.01": 0.97},
    recipe={
        "name": "mine",
        "drawn": 20,
        "negatives": 30,
        "held_out": 0.1,
        "random_state": 3,
        "stopped_because": "finished its 2 epochs",
    },
    data={
        "name": "digits",
        "source": "a friend",
        "n_train": 100,
        "fingerprint": "f1",
        "people": "keeps writers apart",
        "also": [{"name": "more", "source": "a foe", "n_train": 50, "fingerprint": "f2"}],
    },
)


def test_a_card_tells_it_all() -> None:
    """Data, recipe, seed, figures, people, promises and weakness, a line each."""
    figures = {"n_test": 40, "accuracy": 0.975, "errors": 1}
    assert with_figures(DIGITS, figures).card == (
        "# A reader of digits, recipe mine\n\n"
        "Reads one digit, prepared as uci-8, as one of 0 1 2 3 4 5 6 7 8 9.\n\n"
        "- Data: digits (a friend), 100 training images, fingerprint f1.\n"
        "- Also: more (a foe), 50 images, fingerprint f2.\n"
        "- Made up: 20 drawn digits of national forms and 30 images of no digit.\n"
        "- Recipe: mine, seed 3; finished its 2 epochs.\n"
        "- Figures: 97.50% of 40 test images (1 errors).\n"
        "- The split keeps writers apart.\n"
        "- Confidence: temperature 1.250, from 10% of the training part, held out. Promises, from distorted images of "
        "the same: at most 1.0% errors from confidence 0.900, which 97.0% reach.\n"
        "- Fails on: letters that look like a digit (O, l, S, Z, B), digits that touch; more in docs/limits.md.\n"
    )


def test_a_card_of_a_reader_of_lines_tells_it_all() -> None:
    """The same of whole numbers: what lines were made of, how many numbers came out exactly."""
    figures = {"n_test": 40, "exact": 0.925}
    assert with_figures(replace(DIGITS, preparation="line-32"), figures).card == (
        "# A reader of whole numbers, recipe mine\n\n"
        "Reads one line of digits, prepared as line-32, by connectionist temporal classification.\n\n"
        "- Data: lines made of digits (a friend), 100 training images, fingerprint f1.\n"
        "- Also: more (a foe), 50 images, fingerprint f2.\n"
        "- Made up: 20 drawn digits of national forms and 30 images of no digit.\n"
        "- Recipe: mine, seed 3; finished its 2 epochs.\n"
        "- Figures: 92.50% of 40 made-up numbers of the test part's digits exactly.\n"
        "- The split keeps writers apart.\n"
        "- Confidence: this network and the bundled one of single digits together, weighed by 10% of the training "
        "part, held out. Promises, from other lines of the same: at most 1.0% errors from confidence 0.900, which "
        "97.0% reach.\n"
        "- Fails on: a letter that looks like a digit is read as one.\n"
    )
