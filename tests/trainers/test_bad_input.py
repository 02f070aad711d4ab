"""Every bad input ends in one clear message before training, and trouble while training keeps the best weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from trainers import NetworkClassifier, NetworkRegressor, TrainerError
from trainers.history import HistoryRow, series
from trainers.schema import read

pytest.importorskip("torch")

X, Y = make_classification(100, 6, random_state=0)

BAD_PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"network": "mpl"}, "network is 'mpl'.*Did you mean 'mlp'"),
    ({"optimizer": "adamm"}, "optimizer is 'adamm'.*Did you mean 'adam"),
    ({"activation": "Relu"}, "activation is 'Relu'.*Did you mean 'relu'"),
    ({"schedule": "cosin"}, "Did you mean 'cosine'"),
    ({"init": "heh"}, "Did you mean 'he'"),
    ({"learning_rate": 0}, "learning_rate is '0'; expected a number above 0"),
    ({"learning_rate": -1.0}, "learning_rate is '-1.0'"),
    ({"learning_rate": float("nan")}, "learning_rate is 'nan'"),
    ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
    ({"hidden": (0,)}, "hidden is .*expected a tuple of whole numbers above 0"),
    ({"hidden": (True,)}, "hidden is"),
    ({"batch_size": 0}, "batch_size is '0'"),
    ({"batch_size": "big"}, "batch_size is 'big'.*or 'auto'"),
    ({"epochs": 0}, "epochs is '0'"),
    ({"dropout": 1.0}, "dropout is '1.0'"),
    ({"validation_fraction": 1.5}, "validation_fraction"),
    ({"batch_norm": True, "batch_size": 1}, "a batch needs two rows"),
    ({"batch_norm": "yes"}, "batch_norm is 'yes'; expected True or False"),
    ({"layers": 10**9}, "layers is"),
    ({"augment": {"turn": 1.0}}, "augment is"),
    ({"augment": {"crop": 1.0}}, "augment crops all of an image"),
    ({"augment": {"flip": 1.5}}, "augment flips with a probability above 1"),
    ({"augment": {"flip": 0.5}}, "augment moves, turns or mirrors rows of shape"),
    ({"network": "transformer", "units": 30, "heads": 4}, "expected a multiple of the heads"),
    ({"tokens": "word"}, "network='mlp', which cannot read a sequence"),
    ({"device": "quantum"}, "device is 'quantum'"),
    ({"input_shape": (2, 4), "network": "lstm"}, "input_shape is .* holds 8 numbers; a row of X holds 6"),
    ({"on_epoch": 3}, "on_epoch is '3'"),
    ({"clip_norm": 0.0}, "clip_norm is '0.0'"),
    ({"class_weight": "even"}, "class_weight is 'even'"),
    ({"class_weight": {7: 1.0}}, "class_weight names '7'"),
    ({"class_weight": {0: -1.0}}, "expected numbers of at least 0"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS)
def test_bad_parameters_are_named(parameters: dict[str, Any], message: str) -> None:
    model = NetworkClassifier(**parameters)
    with pytest.raises(TrainerError, match=message):
        model.fit(X, Y)
    assert not hasattr(model, "network_")


def test_bad_tables_are_named() -> None:
    holes = X.copy()
    holes[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        NetworkClassifier().fit(holes, Y)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        NetworkClassifier().fit(X[:0], Y[:0])
    with pytest.raises(TrainerError, match="one class only, '1'"):
        NetworkClassifier().fit(X, np.ones(100, dtype=int))
    with pytest.raises(TrainerError, match="y contains NaN"):
        NetworkRegressor().fit(X, np.where(Y == 0, np.nan, 1.0))
    with pytest.raises(TrainerError, match="expected numbers"):
        NetworkRegressor().fit(X, np.where(Y == 0, "low", "high"))
    with pytest.raises(ValueError, match="inconsistent"):
        NetworkClassifier().fit(X, Y[:50])
    with pytest.raises(TrainerError, match="X has 5 dimensions"):
        NetworkClassifier().fit(X.reshape(100, 1, 1, 2, 3), Y)
    with pytest.raises(TrainerError, match=r"expected \(steps, channels\)"):
        NetworkClassifier(network="gru").fit(X.reshape(100, 1, 2, 3), Y)
    model = NetworkClassifier(epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :3])
    with pytest.raises(ValueError, match="0 sample"):
        model.predict(X[:0])


def test_bad_weights_are_named() -> None:
    for weights, message in (
        (-np.ones(100), "negative"),
        (np.zeros(100), "zero for every row"),
        (np.ones(7), r"expected \(100,\)"),
        (np.full(100, np.inf), "infinite"),
    ):
        with pytest.raises(TrainerError, match=message):
            NetworkClassifier().fit(X, Y, sample_weight=weights)


def test_one_row_under_batch_norm_is_refused_and_a_single_last_row_joins() -> None:
    with pytest.raises(TrainerError, match="one row is left"):
        NetworkRegressor(batch_norm=True).fit(X[:1], [1.0])
    model = NetworkRegressor(batch_norm=True, batch_size=33, epochs=2, validation_fraction=0).fit(X, X[:, 0])
    assert model.n_iter_ == 2


def test_own_validation_must_fit() -> None:
    with pytest.raises(TrainerError, match="not a tuple"):
        NetworkClassifier().fit(X, Y, validation=X)
    with pytest.raises(TrainerError, match="classes are"):
        NetworkClassifier().fit(X, Y, validation=(X, Y + 5))


def test_a_loss_that_is_no_number_stops_and_keeps_good_weights() -> None:
    y = X[:, 0] * 100
    model = NetworkRegressor(optimizer="sgd", learning_rate=1e6, epochs=50, random_state=0)
    with pytest.warns(RuntimeWarning, match="not a finite number in epoch"):
        model.fit(X, y)
    assert model.stopped_ == "not_finite"
    assert model.n_iter_ < 50
    assert HistoryRow(model.n_iter_, "train", "not_finite", 1.0) in model.history_
    assert all(np.isfinite(row.value) for row in model.history_)
    assert np.isfinite(model.predict(X)).all()


def test_an_interrupt_keeps_the_best_weights_and_says_so() -> None:
    def interrupt(rows: tuple[HistoryRow, ...]) -> None:
        if rows[0].epoch == 5:
            raise KeyboardInterrupt

    model = NetworkClassifier(epochs=50, on_epoch=interrupt, random_state=0)
    with pytest.warns(UserWarning, match="interrupted in epoch 5; the weights of epoch 5 are kept"):
        model.fit(X, Y)
    assert model.stopped_ == "interrupted"
    assert len(series(model.history_, "loss")) == 5
    whole = NetworkClassifier(epochs=5, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), whole.predict_proba(X))


ENDLESS = (".".join(["a"] * 50_000) + " = 1", "a = " + "[" * 5_000, "a = " + "9" * 5_000, "#" * (1 << 21))


@pytest.mark.parametrize("text", ENDLESS, ids=len)
def test_a_configuration_is_bounded(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.toml").write_text(text)
    with pytest.raises(TrainerError, match="cannot be read as TOML"):
        read(tmp_path / "train.toml")


def test_an_array_of_sequences_of_several_lengths_and_columns_of_times_say_what_to_do() -> None:
    ragged = np.array([np.ones((3, 1)), np.ones((4, 1))], dtype=object)
    with pytest.raises(TrainerError, match=r"rows of 2 lengths, from 3 to 4.*np\.pad"):
        NetworkClassifier(network="lstm").fit(ragged, [0, 1])
    dates = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=4), "much": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(TrainerError, match=r"times in .when..*TablePreparation"):
        NetworkRegressor().fit(dates, [1.0, 2.0, 3.0, 4.0])
