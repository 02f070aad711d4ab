"""What steers and shows a training: checkpoints, callbacks, scorers, printed lines, and what a record says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.metrics import balanced_accuracy_score

from audit.models.load import wrap
from trainers import FileError, NetworkClassifier, NetworkRegressor, TrainerError, load, save
from trainers.history import HistoryRow, series, without_seconds
from trainers.preparation import TablePreparation
from trainers.search import search
from trainers.space import Choice

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = pytest.importorskip("torch")
    from torch import nn

X, Y = load_breast_cancer(return_X_y=True)
SETTINGS: dict[str, Any] = {
    "hidden": (8,), "dropout": 0.3, "epochs": 8, "learning_rate": 0.01, "schedule": "cosine", "random_state": 0,
}  # fmt: skip


class KilledError(Exception):
    """The machine went down."""


def kill_after(epochs: int) -> Any:  # noqa: ANN401
    def tell(rows: tuple[HistoryRow, ...]) -> None:
        if rows[0].epoch == epochs:
            raise KilledError

    return tell


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_killed_run_goes_on_from_its_last_epoch_with_the_same_bits(optimizer: str, tmp_path: Path) -> None:
    whole = NetworkClassifier(**SETTINGS, optimizer=optimizer).fit(X, Y)
    path = tmp_path / "run.ckpt"
    stopped = NetworkClassifier(**SETTINGS, optimizer=optimizer, checkpoint=str(path), on_epoch=kill_after(5))
    with pytest.raises(KilledError):
        stopped.fit(X, Y)
    assert path.is_file()
    seen: list[int] = []
    resumed = NetworkClassifier(**SETTINGS, optimizer=optimizer, checkpoint=str(path))
    resumed.set_params(on_epoch=lambda rows: seen.append(rows[0].epoch))
    resumed.fit(X, Y)
    assert seen == [6, 7, 8]
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    assert without_seconds(resumed.history_) == without_seconds(whole.history_)
    assert not path.exists()


def test_a_run_without_a_seed_takes_that_of_its_checkpoint(tmp_path: Path) -> None:
    path = str(tmp_path / "run.ckpt")
    free = {**SETTINGS, "random_state": None}
    with pytest.raises(KilledError):
        NetworkClassifier(**free, checkpoint=path, on_epoch=kill_after(2)).fit(X, Y)
    model = NetworkClassifier(**free, checkpoint=path).fit(X, Y)
    assert model.n_iter_ == 8


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    with pytest.raises(KilledError):
        NetworkClassifier(**SETTINGS, checkpoint=str(path), on_epoch=kill_after(2)).fit(X, Y)
    with pytest.raises(TrainerError, match="belongs to another training"):
        NetworkClassifier(**{**SETTINGS, "hidden": (9,)}, checkpoint=str(path)).fit(X, Y)
    with pytest.raises(TrainerError, match="belongs to another training"):
        NetworkClassifier(**SETTINGS, checkpoint=str(path)).fit(X[1:], Y[1:])
    path.write_bytes(b"no checkpoint")
    with pytest.raises(FileError, match="cannot be read"):
        NetworkClassifier(**SETTINGS, checkpoint=str(path)).fit(X, Y)


def _moments(change: Any) -> Any:  # noqa: ANN401
    """Return a change of every moment that the optimizer remembers."""

    def damage(state: dict[str, Any]) -> None:
        for memory in state["optimizer"]["state"].values():
            memory.update({name: change(values) for name, values in memory.items() if values.shape != ()})

    return damage


def _weights(change: Any) -> Any:  # noqa: ANN401
    return lambda state: state["network"].update({name: change(held) for name, held in state["network"].items()})


DAMAGES: dict[str, Any] = {
    "no optimizer": lambda state: state.pop("optimizer"),
    "an epoch that was not": lambda state: state.update(epoch=10**9),
    "an epoch in words": lambda state: state.update(epoch="2"),
    "weights that are no numbers": _weights(lambda held: held * float("nan")),
    "weights of another shape": _weights(lambda held: held[:1]),
    "weights of another type": _weights(lambda held: held.double()),
    "best weights of another network": lambda state: state.update(weights={}),
    "another penalty": lambda state: state["optimizer"]["param_groups"][0].update(weight_decay=1e9),
    "short moments": _moments(lambda held: held[:1]),
    "a moment for all": _moments(lambda held: torch.tensor(0.0)),
    "moments that share their memory": _moments(lambda held: torch.zeros(1).expand(held.shape)),
    "moments in words": _moments(str),
    "no second moment": lambda state: [memory.pop("exp_avg_sq") for memory in state["optimizer"]["state"].values()],
    "no moments": lambda state: state["optimizer"]["state"].clear(),
    "moments of half the weights": lambda state: state["optimizer"]["state"].popitem(),
    "moments that are no numbers": _moments(lambda held: held * float("nan")),
    "moments of another optimizer": lambda state: state["optimizer"]["state"].update(
        {place: {"momentum_buffer": memory["exp_avg"]} for place, memory in state["optimizer"]["state"].items()}
    ),
    "moments of whole numbers": _moments(lambda held: held.to(torch.int8)),
    "the best of no number": lambda state: state["watch"].__setitem__(0, float("nan")),
    "a history of no number": lambda state: state["history"].append([2, "train", "loss", float("nan")]),
    "a short generator": lambda state: state.update(generator=torch.zeros(3, dtype=torch.uint8)),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("kept") / "run.ckpt"
    with pytest.raises(KilledError):
        NetworkClassifier(**SETTINGS, checkpoint=str(path), on_epoch=kill_after(2)).fit(X, Y)
    return path.read_bytes()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_told_before_compiled_code_reads_it(damage: str, kept: bytes, tmp_path: Path) -> None:
    """Moments of another shape end the process in a fused step."""
    path = tmp_path / "run.ckpt"
    path.write_bytes(kept)
    state = torch.load(path, weights_only=True)
    DAMAGES[damage](state)
    torch.save(state, path)
    with pytest.raises(FileError, match=r"'.*run.ckpt' is damaged \("):
        NetworkClassifier(**SETTINGS, checkpoint=str(path)).fit(X, Y)


def test_a_fit_whose_callback_raises_leaves_the_estimator_as_it_was() -> None:
    model = NetworkClassifier(**SETTINGS, on_epoch=kill_after(2))
    with pytest.raises(KilledError):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.set_params(on_epoch=None).fit(X, Y)
    before, history = model.predict_proba(X), model.history_
    for parameters in ({"warm_start": False}, {"warm_start": True}):
        model.set_params(**parameters, on_epoch=kill_after(10 if parameters["warm_start"] else 2))
        with pytest.raises(KilledError):
            model.fit(X, Y)
        np.testing.assert_array_equal(model.predict_proba(X), before)
        assert model.history_ == history
    model.set_params(on_epoch=None)
    assert model.fit(X, Y).n_iter_ > len(series(history, "loss"))


def test_a_refused_or_broken_part_of_a_stream_changes_nothing() -> None:
    model = NetworkClassifier(**SETTINGS).partial_fit(X, Y, classes=[0, 1])
    before = model.predict_proba(X)
    with pytest.raises(TrainerError):
        model.partial_fit(X, np.full(len(X), 2))
    model.set_params(on_epoch=kill_after(2))
    with pytest.raises(KilledError):
        model.partial_fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    with pytest.raises(TrainerError):
        model.fit(X[:, :3], np.zeros(len(X)))
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("answer", [True, np.True_, torch.tensor(True)])
def test_a_callback_can_stop(answer: object) -> None:
    model = NetworkClassifier(**SETTINGS, on_epoch=lambda rows: answer if rows[0].epoch == 3 else None).fit(X, Y)
    assert (model.n_iter_, model.stopped_) == (3, "callback")


@pytest.mark.parametrize("answer", [1, "stop", [True], np.array([True, False]), False, np.False_])
def test_another_answer_of_a_callback_stops_nothing(answer: object) -> None:
    model = NetworkClassifier(**{**SETTINGS, "epochs": 2}, on_epoch=lambda _: answer).fit(X, Y)
    assert (model.n_iter_, model.stopped_) == (2, "epochs")


def test_scorers_are_measured_each_epoch() -> None:
    names = ("balanced_accuracy", "roc_auc")
    train, test = (X[:400], Y[:400]), (X[400:], Y[400:])
    model = NetworkClassifier(**{**SETTINGS, "early_stopping": False}, scoring=names).fit(*train, validation=test)
    found = series(model.history_, "score:balanced_accuracy", "validation")
    assert len(found) == 8
    assert found[-1][1] == pytest.approx(balanced_accuracy_score(test[1], model.predict(test[0])))
    assert 0.9 < series(model.history_, "score:roc_auc", "validation")[-1][1] <= 1
    fitted = NetworkRegressor(epochs=2, scoring=("r2",), random_state=0).fit(X, X[:, 0])
    rows = dict(series(fitted.history_, "score", "validation"))
    assert series(fitted.history_, "score:r2", "validation")[-1][1] == pytest.approx(rows[2], abs=1e-5)
    with pytest.raises(TrainerError, match="Did you mean 'f1'"):
        NetworkClassifier(scoring=("f11",)).fit(X, Y)


def test_verbose_prints_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    NetworkClassifier(**{**SETTINGS, "epochs": 4}, verbose=2).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 2", "epoch 4"]
    assert "validation loss" in lines[0]


BUILDERS: dict[str, tuple[Any, str]] = {
    "a module": (nn.Linear(30, 1), r"is a module; expected a function.*def build\(shape, outputs\)"),
    "another call": (
        lambda shape: nn.Linear(shape[0], 1),
        r"cannot be called \(too many positional arguments\).*\(30,\)",
    ),
    "nothing that learns": (lambda _shape, _outputs: nn.Identity(), "without weights that learn"),
    "two logits": (lambda shape, _: nn.Linear(shape[0], 2), r"shape \(2, 2\); expected a tensor of shape \(2, 1\)"),
    "a tuple": (lambda shape, outputs: Pair(shape[0], outputs), "2 rows with tuple; expected a tensor"),
}


class Pair(nn.Linear):
    def forward(self, rows: Any) -> Any:  # noqa: ANN401
        return super().forward(rows), rows


@pytest.mark.parametrize("name", BUILDERS)
def test_a_network_that_cannot_be_trained_is_refused_with_what_to_write(name: str) -> None:
    network, text = BUILDERS[name]
    with pytest.raises(TrainerError, match=text):
        NetworkClassifier(**{**SETTINGS, "network": network}).fit(X, Y)


def test_a_scorer_that_does_not_fit_the_task_is_told() -> None:
    with pytest.raises(TrainerError, match="'roc_auc', which cannot be measured here: multi_class"):
        NetworkClassifier(**SETTINGS, scoring=("roc_auc",)).fit(X, np.arange(len(X)) % 3)


def test_durations_are_numbers() -> None:
    table = pd.DataFrame({"waited": pd.to_timedelta(np.arange(60), unit="h")})
    preparation = TablePreparation(clip=0.0).fit(table)
    assert preparation.get_feature_names_out().tolist() == ["waited"]
    assert np.diff(preparation.transform(table)[:, 0]) == pytest.approx(3.46 / 60, rel=0.01)


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "silu"])
def test_more_activations_learn_and_are_saved(activation: str, tmp_path: Path) -> None:
    model = NetworkClassifier(activation=activation, epochs=10, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.93
    again = load(save(model, tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def drops(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(shape[0], 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, outputs))


def test_dropout_of_your_own_network_is_seeded_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    first = NetworkClassifier(network=drops, epochs=3, random_state=0).fit(X, Y).predict_proba(X)
    after = torch.rand(1)
    torch.manual_seed(2)
    second = NetworkClassifier(network=drops, epochs=3, random_state=0).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))


def test_a_record_says_how_a_network_was_chosen_and_its_table_prepared(tmp_path: Path) -> None:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from trainers.preparation import TablePreparation

    table = pd.DataFrame(X[:150, :3], columns=["a", "b", "c"]).assign(kind=np.where(X[:150, 4] > 0.1, "p", "q"))
    model = Pipeline([("prepare", TablePreparation()), ("network", NetworkClassifier(epochs=2, random_state=0))])
    found = search(model, {"network__hidden": Choice(((4,), (6,)))}, table, Y[:150], trials=3, folds=2, seed=5)
    again = load(save(found.model, tmp_path / "m.safetensors"))
    told = wrap(again).info.training
    assert told["search"].startswith("chosen from 3 trials (")
    assert "seed 5" in told["search"]
    assert "hidden" in told["chosen"]
    assert "flatters" in told["note on the search"]
    assert told["preparation"].startswith("3 columns of numbers")
    assert "1 of categories" in told["preparation"]
