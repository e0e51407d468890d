"""The tutorial, live: a training told epoch by epoch as server-sent events; its network can be asked to read after."""

from __future__ import annotations

import asyncio
import logging
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from inkdigits.errors import InkdigitsError
from inkdigits.pictures import encode_png
from inkdigits.reader import Reader
from inkdigits.recipes import Recipe, find_recipe
from inkdigits.web.api import Service, TheService
from inkdigits.web.problems import describe_problems

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier

    from inkdigits.evaluation import Mistake
    from inkdigits.training import TrainingResult

LOG = logging.getLogger("inkdigits.web")
MOST_MISTAKES = 300  # that are shown; the tutorial's network makes 68, a bad one 700
RECIPES = {"mlp": "tutorial", "convnet": "small-data"}
Tell = Callable[[str, dict[str, Any]], None]

router = APIRouter(prefix="/v1")


class TrainingAsked(BaseModel):
    """Which network to train on scikit-learn's digits; by default the tutorial's."""

    network: Literal["mlp", "convnet"] = Field(
        "mlp", description="scikit-learn's network, or a small convolutional one"
    )
    neurons: int = Field(15, ge=1, le=100, description="in the hidden layer of an mlp")
    learning_rate: float | None = Field(None, gt=0, le=10, description="by default the recipe's")
    seed: int = Field(1, ge=0, le=2**32 - 1)

    def to_recipe(self) -> Recipe:
        """Return the tutorial's recipe, or the small convolutional network's, with the settings asked for."""
        recipe = find_recipe(RECIPES[self.network])
        settings = dict(recipe.settings)
        if self.network == "mlp":
            settings["hidden_layer_sizes"] = (self.neurons,)
        if self.learning_rate is not None:
            settings["learning_rate_init" if self.network == "mlp" else "learning_rate"] = self.learning_rate
        if settings == recipe.settings:
            return recipe
        return replace(recipe, name=f"my-{self.network}", summary="trained on the page", settings=settings)


async def hold_training(service: TheService) -> AsyncIterator[None]:
    """Let one training run at a time."""
    if not service.training.acquire(blocking=False):
        raise HTTPException(503, "another training is under way; come again when it is done", {"Retry-After": "5"})
    try:
        yield
    finally:
        service.training.release()


@router.post(
    "/train",
    response_class=EventSourceResponse,
    responses=describe_problems(400, 401, 403, 413, 422, 503),
    dependencies=[Depends(hold_training)],
    tags=["learning"],
)
async def train(asked: TrainingAsked, service: TheService) -> AsyncIterator[ServerSentEvent]:
    """Train a network on scikit-learn's digits: an event `epoch` each, then `result` or `problem`.

    The training ends when the caller goes away. `result.model` is a name that ?model= takes.
    """
    events: asyncio.Queue[ServerSentEvent] = asyncio.Queue()
    loop, gone = asyncio.get_running_loop(), threading.Event()

    def tell(event: str, data: dict[str, Any]) -> None:
        if gone.is_set():
            raise _GoneError
        loop.call_soon_threadsafe(events.put_nowait, ServerSentEvent(event=event, data=data))

    training = asyncio.ensure_future(asyncio.to_thread(_train, asked, service, tell))
    try:
        while True:
            event = await events.get()
            yield event
            if event.event != "epoch":
                break
    finally:
        gone.set()
        await training


class _GoneError(Exception):
    """Nobody listens any more."""


def _train(asked: TrainingAsked, service: Service, tell: Tell) -> None:
    """Train in a thread and tell of it; whatever goes wrong is told too."""
    from inkdigits import training

    def tell_loss(epoch: int, epochs: int, loss: float) -> None:
        tell("epoch", {"epoch": epoch, "epochs": epochs, "loss": loss})

    watched: dict[str, Any] = {"watch": _watcher(tell)} if asked.network == "mlp" else {"progress": tell_loss}
    try:
        result = training.train(asked.to_recipe(), random_state=asked.seed, **watched)
        tell("result", {"model": service.keep(Reader(result.model)), **_describe(result)})
    except _GoneError:
        LOG.info("training abandoned")
    except InkdigitsError as error:
        tell("problem", {"detail": str(error)})
    except Exception:
        LOG.exception("training failed")
        tell("problem", {"detail": "the training failed; the fault is the service's own, and its log has the trace"})


def _watcher(tell: Tell) -> Callable[[MLPClassifier], None]:
    """Return what tells of each epoch of scikit-learn's network: loss, accuracy, what its neurons look at."""
    from inkdigits.datasets import load_digits, split

    test = split(load_digits()).test

    def watch(network: MLPClassifier) -> None:
        weights = network.coefs_[0].T  # (neurons, pixels)
        scaled = np.rint(weights * (127 / np.abs(weights).max())).astype(np.int8)
        values = {
            "epoch": len(network.loss_curve_),
            "epochs": network.max_iter,
            "loss": network.loss_,
            "accuracy": float((network.predict(test.flat) == test.labels).mean()),
            "weights": b64encode(scaled.tobytes()).decode(),
        }
        tell("epoch", values)

    return watch


def _describe(result: TrainingResult) -> dict[str, Any]:
    evaluation = result.evaluation
    return {
        "accuracy": evaluation.accuracy,
        "errors": evaluation.errors,
        "n_test": len(evaluation.dataset),
        "n_iter": result.n_iter,
        "stopped_because": result.stopped_because,
        "seconds": result.seconds,
        "confusion_matrix": evaluation.confusion_matrix.tolist(),
        "mistakes": [_describe_mistake(mistake) for mistake in evaluation.mistakes[:MOST_MISTAKES]],
    }


def _describe_mistake(mistake: Mistake) -> dict[str, Any]:
    return {
        "label": mistake.label,
        "read_as": mistake.read_as,
        "confidence": mistake.confidence,
        "number": mistake.number,
        "shown": b64encode(encode_png(mistake.image * np.uint8(15))).decode(),
    }
