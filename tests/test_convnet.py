"""ConvNetClassifier: an estimator that fits with PyTorch and predicts without it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import inkdigits
from inkdigits.augment import Augmentation
from inkdigits.convnet import ConvNetClassifier
from inkdigits.datasets import load_digits
from inkdigits.errors import CheckpointError, MissingExtraError

DIGITS = load_digits()
X, Y = DIGITS.images[:200], DIGITS.labels[:200]
SMALL: dict[str, Any] = {
    "stages": ((8, 8), (16, 16)),
    "max_epochs": 12,
    "batch_size": 20,
    "augmentation": None,
    "random_state": 0,
}
RULED_OUT = {  # scikit-learn's checks that this estimator does not pass, and why
    "check_sample_weight_equivalence_on_dense_data": "batches are drawn by image: a weight of 2 is not the image twice",
}


@pytest.fixture
def torch() -> Any:
    """Return PyTorch, or skip the test."""
    return pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch be missing."""
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("_torch", "_torch_digit"):
        monkeypatch.delitem(sys.modules, f"inkdigits.{name}", raising=False)
        monkeypatch.delattr(inkdigits, name, raising=False)


@pytest.mark.usefixtures("torch")
@parametrize_with_checks(
    [
        ConvNetClassifier(
            ((8, 8), (16, 16)),
            max_epochs=40,
            batch_size=16,
            learning_rate=1e-2,
            dropout=0.0,
            augmentation=None,
            pad_to_square=True,  # the checks fit tables of two to ten columns
            random_state=0,
        )
    ],
    expected_failed_checks=lambda estimator: RULED_OUT,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator: ConvNetClassifier, check: Any) -> None:
    """It passes scikit-learn's estimator checks but for those listed with a reason."""
    check(estimator)


@pytest.mark.usefixtures("torch")
def test_it_learns() -> None:
    """After a few epochs it knows its training images, and the loss has fallen."""
    network = ConvNetClassifier(**SMALL).fit(X, Y)
    assert network.score(X, Y) > 0.9
    assert len(network.loss_curve_) == network.n_iter_ == 12
    assert network.loss_curve_[-1] < network.loss_curve_[0] / 2
    assert network.stopped_because_ == "finished its 12 epochs"


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("shape", [{"n_networks": 2}, {"enlarge": True, "strided": True}], ids=", ".join)
def test_larger_shapes_learn_too(shape: dict[str, Any]) -> None:
    """Two networks side by side, and one that sees its images enlarged, know their training images soon."""
    network = ConvNetClassifier(**{**SMALL, "max_epochs": 6, "learning_rate": 1e-2}, **shape).fit(X, Y)
    assert network.score(X, Y) > 0.9
    assert network.loss_curve_[-1] < network.loss_curve_[0] / 2


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("shape", [{"n_networks": 2}, {"enlarge": True, "strided": True}], ids=", ".join)
def test_the_best_epoch_s_score_is_the_model_s(monkeypatch: pytest.MonkeyPatch, shape: dict[str, Any]) -> None:
    """What PyTorch scored on the validation part, ONNX Runtime scores on it after the training."""
    monkeypatch.setattr("inkdigits.convnet._hold_out", lambda part, fraction, seed: (part, part))
    network = ConvNetClassifier(**{**SMALL, "max_epochs": 3}, **shape, early_stopping=True).fit(X, Y)
    assert 0.2 < network.score(X, Y) < 1
    assert network.score(X, Y) == max(network.validation_curve_)


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("max_epochs", range(1, 7))
def test_a_training_may_be_a_few_steps(max_epochs: int) -> None:
    """Epochs of a single batch are no error, however few of them there are."""
    network = ConvNetClassifier(**{**SMALL, "max_epochs": max_epochs}).fit(X[:20], Y[:20])
    assert len(network.loss_curve_) == max_epochs


def watch_augment(monkeypatch: pytest.MonkeyPatch) -> list[Augmentation]:
    """Collect the distortions of each batch, and distort nothing."""
    from inkdigits import _torch_digit

    seen: list[Augmentation] = []

    def watched(images: Any, settings: Augmentation, generator: Any) -> Any:
        seen.append(settings)
        return images

    monkeypatch.setattr(_torch_digit, "augment", watched)
    return seen


@pytest.mark.usefixtures("torch")
def test_the_last_epochs_are_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the calm epochs every batch is distorted half as far, before them as far as was asked for."""
    seen = watch_augment(monkeypatch)
    far = Augmentation(rotation=20, blur=0.8)
    settings = {**SMALL, "augmentation": far, "max_epochs": 5, "calm_epochs": 2}
    ConvNetClassifier(**settings).fit(X[:40], Y[:40])
    assert seen == [far.times(1)] * 2 * 3 + [far.times(0.5)] * 2 * 2


@pytest.mark.usefixtures("torch")
def test_parts_are_never_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows which partial_fit is the last: each distorts as far as was asked for."""
    seen = watch_augment(monkeypatch)
    far = Augmentation(rotation=20, blur=0.8)
    network = ConvNetClassifier(**{**SMALL, "augmentation": far, "max_epochs": 2, "calm_epochs": 2})
    for _ in range(3):
        network.partial_fit(X[:40], Y[:40], classes=np.arange(10))
    assert seen == [far.times(1)] * 2 * 3


@pytest.mark.usefixtures("torch")
def test_images_come_square_or_flat_as_bytes_or_floats() -> None:
    """(n, 8, 8) and (n, 64), 0..16 and 0..1: the same images give the same network."""
    ways = (X, X.reshape(200, 64), X.astype(float), X / 16.0)
    answers = [ConvNetClassifier(**SMALL).fit(way, Y).predict_proba(way) for way in ways]
    assert all(np.array_equal(answers[0], answer) for answer in answers)


@pytest.mark.usefixtures("torch")
def test_the_same_seed_gives_the_same_network() -> None:
    """Two fits with one seed agree to the last bit, another seed does not."""
    same, again, other = (
        ConvNetClassifier(**{**SMALL, "random_state": seed}).fit(X, Y).predict_proba(X) for seed in (0, 0, 1)
    )
    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)


@pytest.mark.usefixtures("torch")
def test_labels_may_be_words() -> None:
    """Predictions are of the kind the labels were."""
    words = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[Y]
    network = ConvNetClassifier(**SMALL).fit(X, words)
    assert (network.predict(X) == words).mean() > 0.9
    assert network.predict_proba(X).shape == (200, 10)


@pytest.mark.usefixtures("torch")
def test_weights_of_zero_leave_images_out() -> None:
    """Images whose labels are wrong do no harm when they weigh nothing."""
    wrong = np.where(np.arange(200) % 2, (Y + 1) % 10, Y)
    weights = np.where(np.arange(200) % 2, 0.0, 1.0)
    weighted = ConvNetClassifier(**{**SMALL, "max_epochs": 20}).fit(X, wrong, sample_weight=weights)
    assert weighted.score(X[::2], Y[::2]) > 0.9


@pytest.mark.usefixtures("torch")
def test_early_stopping_keeps_the_best_epoch() -> None:
    """A held-out part is scored after each epoch; it stops when none gets better, and says so."""
    network = ConvNetClassifier(**{**SMALL, "max_epochs": 100}, early_stopping=True, n_iter_no_change=3).fit(X, Y)
    epochs = len(network.validation_curve_)
    assert epochs < 100
    assert int(np.argmax(network.validation_curve_)) == epochs - 4
    assert network.stopped_because_ == (
        f"stopped after {epochs} epochs: the validation score no longer rose for 3 epochs"
    )


@pytest.mark.usefixtures("torch")
def test_learning_goes_on_in_parts() -> None:
    """partial_fit trains an epoch more each time; the first call names the classes."""
    network = ConvNetClassifier(**SMALL)
    with pytest.raises(ValueError, match="the first partial_fit needs classes"):
        network.partial_fit(X, Y)
    for _ in range(12):
        network.partial_fit(X, Y, classes=np.arange(10))
    assert len(network.loss_curve_) == 12
    assert network.score(X, Y) > 0.9


@pytest.mark.usefixtures("torch")
def test_a_warm_start_goes_on_from_the_last_fit() -> None:
    """The second fit begins where the first ended, not at chance."""
    network = ConvNetClassifier(**SMALL, warm_start=True).fit(X, Y)
    first = network.loss_curve_[0]
    assert network.fit(X, Y).loss_curve_[0] < first / 2


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    "change", [{"stages": ((8, 8),)}, {"strided": True}, {"enlarge": True}, {"n_networks": 2}], ids=", ".join
)
def test_a_warm_start_needs_the_same_network(change: dict[str, Any]) -> None:
    """Weights of one shape are no start for a network of another, and the message says what to do."""
    network = ConvNetClassifier(**{**SMALL, "max_epochs": 1}, warm_start=True).fit(X, Y).set_params(**change)
    with pytest.raises(ValueError, match="cannot go on") as caught:
        network.fit(X, Y)
    assert str(caught.value) == (
        "cannot go on from the last fit: stages, enlarge or n_networks have changed; clone it first"
    )


@pytest.mark.usefixtures("torch")
def test_an_interrupted_fit_goes_on_from_its_checkpoint_to_the_same_result(tmp_path: Path) -> None:
    """Stopped after five epochs and started again, it ends with the very network of an uninterrupted fit."""
    checkpoint = tmp_path / "run.checkpoint"

    def interrupt(epoch: int, loss: float) -> None:
        if epoch == 5:
            raise KeyboardInterrupt

    settings = {**SMALL, "augmentation": "default"}
    stopped = ConvNetClassifier(**settings, checkpoint=checkpoint, on_epoch=interrupt).fit(X, Y)
    assert stopped.stopped_because_ == "interrupted after 5 epochs: the network is the best until then"
    resumed = ConvNetClassifier(**settings, checkpoint=checkpoint).fit(X, Y)
    straight = ConvNetClassifier(**settings).fit(X, Y)
    assert resumed.loss_curve_ == straight.loss_curve_
    assert np.array_equal(resumed.predict_proba(X), straight.predict_proba(X))


def test_parts_go_on_though_a_whole_fit_would_stop_early_or_resume(torch: Any, tmp_path: Path) -> None:
    """With early stopping and a checkpoint, each partial_fit is still an epoch more on all of its images."""
    settings = {**SMALL, "early_stopping": True, "checkpoint": tmp_path / "run.checkpoint"}
    network, plain = ConvNetClassifier(**settings), ConvNetClassifier(**SMALL)
    for _ in range(2):
        network.partial_fit(X, Y, classes=np.arange(10))
        plain.partial_fit(X, Y, classes=np.arange(10))
    assert network.loss_curve_ == plain.loss_curve_
    assert not list(tmp_path.iterdir())


def test_a_foreign_or_damaged_checkpoint_is_refused(torch: Any, tmp_path: Path) -> None:
    """A checkpoint of other settings or data is not mixed in; what to do is said."""
    checkpoint = tmp_path / "run.checkpoint"
    ConvNetClassifier(**SMALL, checkpoint=checkpoint).fit(X, Y)
    with pytest.raises(CheckpointError, match="is of other data, settings or device; remove it to begin anew"):
        ConvNetClassifier(**{**SMALL, "learning_rate": 0.1}, checkpoint=checkpoint).fit(X, Y)
    torch.save([1, 2], checkpoint)
    with pytest.raises(CheckpointError, match="is of other data, settings or device; remove it to begin anew"):
        ConvNetClassifier(**SMALL, checkpoint=checkpoint).fit(X, Y)
    checkpoint.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="it is damaged; remove it to begin anew"):
        ConvNetClassifier(**SMALL, checkpoint=checkpoint).fit(X, Y)


@pytest.mark.usefixtures("torch")
def test_a_checkpoint_of_another_device_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a GPU draws by chance differs: from a processor's checkpoint the result would not be the same."""
    from inkdigits import _torch

    ConvNetClassifier(**SMALL, checkpoint=tmp_path / "run.checkpoint").fit(X, Y)
    here = _torch._Run.identity.func  # type: ignore[attr-defined]
    monkeypatch.setattr(_torch._Run, "identity", property(lambda run: here(run).replace("on cpu", "on cuda")))
    with pytest.raises(CheckpointError, match="is of other data, settings or device; remove it to begin anew"):
        ConvNetClassifier(**SMALL, checkpoint=tmp_path / "run.checkpoint").fit(X, Y)


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("labels", "weights"),
    [
        (Y, np.where(np.arange(200) < 100, 1.5, 0.5)),
        (Y, None),
        (np.where(Y == 3, 8, np.where(Y == 8, 3, Y)), np.ones(200)),
        (np.roll(Y, 1), np.ones(200)),
    ],
    ids=["other weights", "no weights", "exchanged digits", "moved labels"],
)
def test_a_checkpoint_is_of_these_labels_and_weights(
    tmp_path: Path, labels: NDArray[np.uint8], weights: NDArray[np.float64] | None
) -> None:
    """Other labels or weights for the same images are other data, though the labels' counts or sum are the same."""
    checkpoint = tmp_path / "run.checkpoint"
    settings = {**SMALL, "max_epochs": 1, "checkpoint": checkpoint}
    ConvNetClassifier(**settings).fit(X, Y, sample_weight=np.ones(200))
    with pytest.raises(CheckpointError) as caught:
        ConvNetClassifier(**settings).fit(X, labels, sample_weight=weights)
    assert (
        str(caught.value) == f"checkpoint '{checkpoint}' is of other data, settings or device; remove it to begin anew"
    )


@pytest.mark.usefixtures("torch")
def test_it_works_where_estimators_work() -> None:
    """Pipeline, cross-validation and grid search take it like any other."""
    few = {**SMALL, "max_epochs": 4}
    pipeline = make_pipeline(FunctionTransformer(np.sqrt), ConvNetClassifier(**few))
    assert pipeline.fit(X.reshape(200, 64), Y).predict(X.reshape(200, 64)).shape == (200,)
    assert cross_val_score(ConvNetClassifier(**few), X, Y, cv=2).shape == (2,)
    search = GridSearchCV(ConvNetClassifier(**few), {"batch_size": [20, 50]}, cv=2).fit(X, Y)
    assert search.best_params_["batch_size"] in (20, 50)


@pytest.mark.usefixtures("torch")
def test_it_travels_between_processes() -> None:
    """A pickled network answers as the one it was made from."""
    network = ConvNetClassifier(**SMALL).fit(X, Y)
    again = pickle.loads(pickle.dumps(network))  # noqa: S301 - our own
    assert np.array_equal(again.predict_proba(X), network.predict_proba(X))


@pytest.mark.usefixtures("torch")
def test_predicting_needs_no_torch(tmp_path: Path) -> None:
    """A fitted network answers in a process that never loads PyTorch."""
    network = ConvNetClassifier(**SMALL).fit(X, Y)
    (tmp_path / "network.pickle").write_bytes(pickle.dumps(network))
    code = (
        "import sys, pickle, numpy as np;"
        f"network = pickle.load(open({str(tmp_path / 'network.pickle')!r}, 'rb'));"
        "print(network.predict(np.zeros((1, 8, 8), np.uint8)).shape, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(1,) False\n"


@pytest.mark.usefixtures("torch")
def test_fitting_loads_no_compiler() -> None:
    """A fit does not wait for PyTorch's compiler to load, of which it has no use."""
    code = (
        "import sys, numpy as np; from inkdigits.convnet import ConvNetClassifier;"
        "ConvNetClassifier(((4,),), max_epochs=1).fit(np.zeros((20, 8, 8)), np.arange(20) % 2);"
        "print('torch' in sys.modules, 'torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


@pytest.mark.parametrize("n_steps", [6, 7, 100], ids=lambda n: f"{n} steps")
def test_the_cycle_is_that_of_pytorch(torch: Any, n_steps: int) -> None:
    """Learning rate and momentum go up and down as PyTorch's OneCycleLR lets them."""
    from inkdigits._torch import one_cycle

    theirs = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    cycle = torch.optim.lr_scheduler.OneCycleLR(theirs, 1.0, total_steps=n_steps, pct_start=0.2)
    expected = []
    for step in range(n_steps):
        expected.append((theirs.param_groups[0]["lr"], theirs.param_groups[0]["betas"][0]))
        theirs.step()
        if step < n_steps - 1:
            cycle.step()
    assert np.allclose([one_cycle(step, n_steps) for step in range(n_steps)], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("torch")
def test_scikit_learns_callbacks_hear_every_epoch() -> None:
    """Where scikit-learn has callbacks (1.9), they are told of each epoch, and may stop the training."""
    pytest.importorskip("sklearn.callback", reason="this scikit-learn has no callbacks")

    class Watcher:
        """Hears of epochs and stops after the third."""

        def __init__(self) -> None:
            self.epochs = 0

        def setup(self, estimator: Any, context: Any) -> None:
            """Begin."""

        def teardown(self, estimator: Any, context: Any) -> None:
            """End."""

        def on_fit_task_begin(self, estimator: Any, context: Any, **told: Any) -> None:
            """Hear that a task begins."""

        def on_fit_task_end(self, estimator: Any, context: Any, **told: Any) -> bool:
            """Hear that a task is done."""
            self.epochs += context.task_name == "epoch"
            return self.epochs == 3

    watcher = Watcher()
    network = ConvNetClassifier(**SMALL).set_callbacks(watcher).fit(X, Y)
    assert watcher.epochs == len(network.loss_curve_) == 3
    assert network.stopped_because_ == "stopped after 3 epochs: a callback asked for it"


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"strided": True},
        {"stages": ((4,), (8,), (8,), (8,))},
        {"enlarge": True},
        {"n_networks": 3},
    ],
    ids=lambda shape: ", ".join(shape) or "plain",
)
def test_the_layers_give_what_the_network_gave(torch: Any, shape: dict[str, Any]) -> None:
    """ONNX Runtime on the folded layers agrees with PyTorch on the network they came from, whatever its shape."""
    from inkdigits import _torch, _torch_digit
    from inkdigits.convnet import input_layers
    from inkdigits.modelfile import Metadata, Model

    plain: dict[str, Any] = {
        "stages": ((8, 8), (16, 16)),
        "strided": False,
        "enlarge": False,
        "n_networks": 1,
    }
    made_of = _torch_digit.Architecture(**{**plain, **shape}, dropout=0.2)
    torch.manual_seed(0)
    network = _torch_digit.build_network(made_of, size=16 if made_of.enlarge else 8, n_classes=10)
    images = torch.from_numpy(X.astype(np.float32) / 16)[:, None]
    shown = _torch_digit.enlarge(images) if made_of.enlarge else images
    network.train()(shown)  # gives the batch normalisation statistics of its own
    logits = network.eval()(shown).view(len(X), made_of.n_networks, 10).mean(dim=1)
    expected = logits.softmax(dim=1).detach().numpy()
    layers = [*input_layers(16), *_torch_digit.input_layers(made_of), *_torch.to_layers(network)]
    model = Model.from_layers(layers, Metadata(name="m", preparation="uci-8"), image_size=8)
    assert np.abs(model.predict_proba(X) - expected).max() < 1e-5


@pytest.mark.usefixtures("torch")
def test_ctrl_c_before_the_first_epoch_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing learned yet to be taken for a network."""
    from inkdigits import _torch

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_torch._Run, "train_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ConvNetClassifier(**SMALL).fit(X, Y)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (X[:, :4], Y, "images must be square, got 4 x 8: pad or crop them"),
        (X.reshape(200, 64)[:, :63], Y, "63 features are no square image of 8 to 64 pixels a side"),
        (X[:, :4, :4], Y, "16 features are no square image"),
        (np.zeros((20, 65, 65)), Y[:20], "images of 65 x 65 are too large, at most 64 x 64: scale them down"),
        (np.where(X == 0, np.nan, X), Y, "contains NaN"),
        (X, np.zeros(200, int), "cannot learn from one class"),
        (X, np.arange(200), r"y has 200 classes, there are ten digits: are these labels\?"),
        (X, Y + 0.5, "Unknown label type"),
        (X[:0], Y[:0], "0 sample"),
        (X, Y[:100], "inconsistent numbers of samples"),
    ],
    ids=[
        "not square",
        "63 columns",
        "too small",
        "too large",
        "NaN",
        "one class",
        "too many",
        "fractions",
        "empty",
        "y",
    ],
)
@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_what_cannot_be_learned_from_is_refused(images: NDArray[Any], labels: NDArray[Any], message: str) -> None:
    """Scikit-learn's kind of ValueError, saying what to do."""
    with pytest.raises(ValueError, match=message):
        ConvNetClassifier(**SMALL).fit(images, labels)


STAGES = "stages must be lists of widths, such as ((32, 32), (64, 64)), got "
A_COUNT = "parameter of ConvNetClassifier must be an int in the range"


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stages": (2, 4)}, f"{STAGES}(2, 4)"),
        ({"stages": ()}, f"{STAGES}()"),
        ({"stages": ((4,), ())}, f"{STAGES}((4,), ())"),
        ({"stages": ((0,),)}, f"{STAGES}((0,),)"),
        ({"stages": ((4.5,),)}, f"{STAGES}((4.5,),)"),
        ({"n_networks": 0}, f"The 'n_networks' {A_COUNT} [1, inf). Got 0 instead."),
        ({"n_networks": 1.5}, f"The 'n_networks' {A_COUNT} [1, inf). Got 1.5 instead."),
        ({"batch_size": 0}, f"The 'batch_size' {A_COUNT} [1, inf). Got 0 instead."),
        ({"max_epochs": 0}, f"The 'max_epochs' {A_COUNT} [1, inf). Got 0 instead."),
        ({"calm_epochs": -3}, f"The 'calm_epochs' {A_COUNT} [0, inf). Got -3 instead."),
        ({"calm_epochs": 13}, "calm_epochs must be at most max_epochs, got 13 of 12"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_settings_that_make_no_network_are_refused(wrong: dict[str, Any], message: str) -> None:
    """A ValueError names the setting and what it may be, before PyTorch is needed."""
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        ConvNetClassifier(**{**SMALL, **wrong}).fit(X, Y)
    assert str(caught.value) == message


@pytest.mark.usefixtures("torch")
def test_a_network_too_large_for_a_model_file_is_refused_before_its_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three networks on large images, enlarged: nothing is trained that could not be used."""
    from inkdigits import _torch

    monkeypatch.delattr(_torch, "fit_network")
    images, labels = np.eye(64)[None].repeat(20, axis=0), np.arange(20) % 10
    with pytest.raises(ValueError, match="too large") as caught:
        ConvNetClassifier(n_networks=3, enlarge=True).fit(images, labels)
    assert str(caught.value) == (
        "the network is too large (cannot use the new model 'convnet': its layer 5.out is of unknown size, or larger "
        "than in any reader of digits; train it again): narrow its stages, or fewer of them"
    )


@pytest.mark.usefixtures("torch")
def test_images_of_another_size_are_refused_later() -> None:
    """What was fitted on 8x8 does not answer for 9x9."""
    network = ConvNetClassifier(**{**SMALL, "max_epochs": 1}).fit(X, Y)
    with pytest.raises(ValueError, match="X has 81 features, but ConvNetClassifier is expecting 64"):
        network.predict(np.zeros((1, 9, 9)))


def test_it_is_an_estimator() -> None:
    """It can be cloned with its settings, and says when it is not fitted."""
    network = clone(ConvNetClassifier(**SMALL))
    assert network.get_params()["stages"] == ((8, 8), (16, 16))
    with pytest.raises(NotFittedError):
        network.predict(X)


@pytest.mark.usefixtures("no_torch")
def test_without_torch_it_says_what_to_install() -> None:
    """Fitting without PyTorch names the extra."""
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[train\]'"):
        ConvNetClassifier(**SMALL).fit(X, Y)
