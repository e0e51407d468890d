"""Recipes: how each reader is made, in settings one can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from inkdigits.augment import Augmentation
from inkdigits.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a reader is made: which network, with which settings, from what besides the data set."""

    name: str
    network: Literal["mlp", "convnet", "line"]  # MLPClassifier, our ConvNetClassifier, the network of whole lines
    summary: str
    max_epochs: int
    preparation: str  # of pictures; the data sets that come prepared are what they are
    settings: Mapping[str, Any] = field(default_factory=dict)  # parameters of the network's class
    drawn: int = 0  # digits of national forms added to the training part, see strokes.py
    redrawn: int = 0  # digits of the training part added to it as other pens draw them, see redraw.py
    negatives: int = 0  # images of what is no digit added to it, see negatives.py
    held_out: float = 0.0  # share of the training part kept back to calibrate confidence
    random_state: int | None = None


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name; raise RecipeError where there is none."""
    known = ALIASES.get(name, name)
    if known not in RECIPES:
        raise RecipeError(f"no recipe '{name}': use {', '.join([*RECIPES, *ALIASES])}")
    return RECIPES[known]


POSES = Augmentation(
    rotation=14, scale=0.2, shear=0.3, shift=0.075, elastic=0, pen=0, blur=0, clutter=0, gamma=0.5, noise=0
)
QUICK = Augmentation(
    rotation=8, scale=0.1, shear=0.15, shift=0.05, elastic=0, pen=0, blur=0, clutter=0, gamma=0, noise=0
)
TIDY = Augmentation(
    rotation=8, scale=0.1, shear=0.15, shift=0.05, elastic=0.02, pen=0, blur=0, clutter=0, gamma=0, noise=0
)
SMALL = {
    "stages": ((32, 32), (64, 64), (96, 96)),
    "enlarge": True,
    "batch_size": 50,
    "learning_rate": 3e-3,
    "dropout": 0.3,
    "augmentation": POSES,
}
ALIASES = {"convnet": "reader"}  # the name the bundled reader's recipe had first
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="tutorial",
            network="mlp",
            summary="scikit-learn's tutorial: 15 logistic neurons, plain gradient descent; 0.9147 on 8x8 digits",
            settings={
                "hidden_layer_sizes": (15,),
                "activation": "logistic",
                "alpha": 1e-4,
                "solver": "sgd",
                "tol": 1e-4,
                "learning_rate_init": 0.1,
            },
            max_epochs=200,  # scikit-learn's own
            preparation="uci-8",
            random_state=1,
        ),
        Recipe(
            name="plain",
            network="mlp",
            summary="MLPClassifier(hidden_layer_sizes=(15,)), everything else as scikit-learn ships it",
            settings={"hidden_layer_sizes": (15,)},
            max_epochs=200,  # scikit-learn's own
            preparation="uci-8",
        ),
        Recipe(
            name="small-data",
            network="convnet",
            summary="about a thousand 8x8 images, enlarged: six convolutions, distorted poses; ten seconds",
            settings=SMALL,
            max_epochs=40,
            preparation="uci-8",
            random_state=0,
        ),
        Recipe(
            name="small-data-average",
            network="convnet",
            summary="the same four times, from different weights, the answers averaged in one model",
            settings=SMALL | {"n_networks": 4},
            max_epochs=40,
            preparation="uci-8",
            random_state=0,
        ),
        Recipe(
            name="fast",
            network="convnet",
            summary="MNIST in seconds: three strided convolutions, 34,000 parameters; 100,000 digits/s on one core",
            settings={
                "stages": ((16,), (32,), (64,)),
                "strided": True,
                "batch_size": 512,
                "learning_rate": 1.5e-2,
                "beta_2": 0.95,
                "dropout": 0.0,
                "augmentation": QUICK,
            },
            max_epochs=3,
            preparation="mnist-28",
            random_state=0,
        ),
        Recipe(
            name="tiny",
            network="convnet",
            summary="for a browser or a microcontroller: six narrow convolutions, under 10,000 parameters",
            settings={
                "stages": ((8, 8), (12, 12), (16, 16)),
                "learning_rate": 1e-2,
                "weight_decay": 1e-3,
                "dropout": 0.0,
                "augmentation": TIDY,
            },
            max_epochs=60,
            preparation="mnist-28",
            held_out=0.05,
            random_state=0,
        ),
        Recipe(
            name="reader",
            network="convnet",
            summary="the bundled reader: eight convolutions, 295,000 parameters, strong distortions, knows non-digits",
            settings={
                "stages": ((16, 16), (32, 32), (64, 64), (128, 128)),
                "augmentation": Augmentation(),
                "calm_epochs": 17,
            },
            max_epochs=72,
            preparation="mnist-28",
            drawn=6300,
            redrawn=6000,
            negatives=5600,
            held_out=0.1,
            random_state=0,
        ),
        Recipe(
            name="line",
            network="line",
            summary="reads whole numbers, touching digits too: made-up lines of one writer each; 346,000 parameters",
            settings={"learning_rate": 3e-3, "batch_size": 64, "n_batches": 150},
            max_epochs=120,
            preparation="mnist-28",  # of the digits that lines are made of
            drawn=8000,
            held_out=0.1,
            random_state=0,
        ),
        Recipe(
            name="line-further",
            network="line",
            summary="a reader of lines goes on with made-up lines, as when more forms are drawn; with --from MODEL",
            settings={"learning_rate": 1.2e-3, "batch_size": 64, "n_batches": 150},
            max_epochs=60,
            preparation="mnist-28",  # of the digits that lines are made of
            drawn=12_000,
            held_out=0.1,
            random_state=1,
        ),
        Recipe(
            name="adapt",
            network="line",
            summary="a reader of lines goes on with a user's own numbers, shaken; half of each batch is rehearsed",
            settings={"learning_rate": 1e-3, "batch_size": 64, "n_batches": 60},
            max_epochs=30,
            preparation="mnist-28",  # of the digits that lines are made of
            drawn=3000,
            held_out=0.25,
            random_state=0,
        ),
    )
}
