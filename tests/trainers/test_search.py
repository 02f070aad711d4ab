"""Searches find, prune, resume, choose among objectives, and leave their trials in the model's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, make_classification, make_regression
from sklearn.pipeline import Pipeline

from trainers import NetworkClassifier, NetworkRegressor, TrainerError, load, save
from trainers.history import HistoryRow
from trainers.preparation import TablePreparation
from trainers.search import METHODS, Search, search
from trainers.settings import NETWORKS
from trainers.space import Choice, Real, Space, Stack, Whole, default_space
from trainers.trials import Trial

pytest.importorskip("torch")
pytest.importorskip("optuna")

X, Y = make_classification(150, 6, n_informative=4, random_state=0)
MODEL = NetworkClassifier(epochs=8, random_state=0)
SPACE: Space = {"learning_rate": Real(1e-5, 0.1, log=True), "hidden": Stack((1, 2), (4, 32))}


def run(**more: Any) -> Search:  # noqa: ANN401
    settings: dict[str, Any] = {"trials": 8, "folds": 3, "seed": 0} | more
    return search(MODEL, SPACE, X, Y, **settings)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_a_good_learning_rate_and_repeats_itself(method: str) -> None:
    found = run(method=method)
    assert len(found.trials) == 8
    rates = {one.number: float(str(one.parameters["learning_rate"])) for one in found.trials}
    assert rates[found.chosen.number] > 1e-4
    complete = [one for one in found.trials if one.state == "complete"]
    assert found.chosen.score == max(one.score or 0.0 for one in complete)
    assert found.model.score(X, Y) > 0.7
    assert run(method=method).trials == found.trials


def test_bad_trials_are_pruned() -> None:
    found = run(method="nsga2", trials=16)
    pruned = [one for one in found.trials if one.state == "pruned"]
    assert pruned
    assert all(len(one.folds) == 2 and "median" in one.reason for one in pruned)
    assert not [one for one in run(method="nsga2", prune=False, trials=12).trials if one.state == "pruned"]


def test_broken_trials_are_told_and_the_search_goes_on() -> None:
    space: Space = {"heads": Choice((2, 3)), "learning_rate": Real(1e-3, 1e-2)}
    model = NetworkClassifier(network="transformer", units=8, epochs=2, random_state=0)
    found = search(model, space, X, Y, trials=6, folds=2)
    failed = [one for one in found.trials if one.state == "failed"]
    assert failed
    assert all("expected a multiple of the heads" in one.reason and one.score is None for one in failed)
    assert found.chosen.parameters["heads"] == 2


def test_a_search_goes_on_from_its_journal(tmp_path: Path) -> None:
    journal = tmp_path / "search.journal"
    first = run(trials=4, journal=journal)
    seen: list[Trial] = []
    second = run(trials=9, journal=journal, on_trial=lambda trial, _: seen.append(trial))
    assert second.trials[:4] == first.trials
    assert [one.number for one in seen] == [4, 5, 6, 7, 8]
    assert run(trials=9, journal=journal).trials == second.trials
    with pytest.raises(TrainerError, match="belongs to another search"):
        run(trials=9, journal=journal, folds=4)


def test_an_interrupt_keeps_what_was_found() -> None:
    epochs: list[int] = []

    def interrupt(rows: tuple[HistoryRow, ...]) -> None:
        epochs.append(rows[0].epoch)
        if len(epochs) == 70:
            raise KeyboardInterrupt

    model = NetworkClassifier(epochs=8, random_state=0, on_epoch=interrupt)
    with pytest.warns(UserWarning, match="interrupted after 2 of 8 trials"):
        found = search(model, SPACE, X, Y, trials=8, folds=3, seed=0)
    assert len(found.trials) == 2
    epochs.clear()
    with pytest.raises(KeyboardInterrupt):
        search(model.set_params(epochs=80), SPACE, X, Y, trials=8, folds=3, seed=0)


def test_score_against_a_group_gap() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 400)
    features = rng.normal(size=(400, 3)) + np.c_[group, np.zeros((400, 2))] * 2
    y = (features[:, 0] + features[:, 1] + rng.normal(0, 0.5, 400) > 1).astype(int)
    found = search(
        NetworkClassifier(epochs=10, random_state=0),
        {"learning_rate": Real(1e-5, 0.1, log=True)},
        features,
        y,
        method="nsga2",
        trials=10,
        folds=3,
        sensitive=np.array(["a", "b"])[group],
        gap="selection_rate",
        tolerance=0.5,
    )
    gaps = [one.gap for one in found.trials]
    assert all(gap is not None and 0 <= gap <= 1 for gap in gaps)
    assert found.chosen.gap == min(gap for gap in gaps if gap is not None)
    for one in found.front:
        assert not any(
            (other.score or 0) > (one.score or 0) and (other.gap or 0) < (one.gap or 0) for other in found.trials
        )
    with pytest.raises(TrainerError, match="fewer than two groups hold 30 rows"):
        search(MODEL, SPACE, X, Y, trials=2, folds=2, sensitive=np.arange(150))


def test_clusters_stay_together_and_regression_works() -> None:
    data, target = make_regression(120, 4, random_state=0)
    clusters = np.repeat(np.arange(30), 4)
    found = search(
        NetworkRegressor(epochs=20, random_state=0),
        {"learning_rate": Choice((1e-4, 0.02))},
        data,
        target,
        trials=4,
        folds=3,
        clusters=clusters,
        sensitive=np.repeat(["a", "b"], 60),
    )
    assert found.chosen.parameters == {"learning_rate": 0.02}


def test_trials_seed_and_choice_stand_in_the_file(tmp_path: Path) -> None:
    found = run(trials=3, seed=5)
    again = load(save(found.model, tmp_path / "m.safetensors"))
    assert again.search_ == found.model.search_
    assert again.search_["seed"] == 5
    assert again.search_["method"] == "tpe"
    assert len(again.search_["trials"]) == 3
    assert again.search_["chosen"]["number"] == found.chosen.number
    assert again.get_params()["learning_rate"] == found.chosen.parameters["learning_rate"]


def test_a_pipeline_is_searched_as_scikit_learn_names_it() -> None:
    table = pd.DataFrame(X, columns=[f"f{number}" for number in range(6)])
    pipeline = Pipeline([("prepare", TablePreparation()), ("network", NetworkClassifier(epochs=5, random_state=0))])
    space: Space = {"network__learning_rate": Real(1e-3, 0.1, log=True), "prepare__clip": Choice((0.0, 0.01))}
    found = search(pipeline, space, table, Y, trials=3, folds=2)
    assert found.model.steps[-1][1].search_["chosen"]["parameters"].keys() == space.keys()


@pytest.mark.parametrize("network", [one for one in NETWORKS if one != "resnet"])
def test_default_spaces_fit_their_networks(network: str) -> None:
    known = NetworkClassifier(network=network).get_params()
    assert set(default_space(network)) <= set(known)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"method": "tpee"}, "method is 'tpee'.*Did you mean 'tpe'"),
    ({"gap": "error"}, "Did you mean 'error_rate'"),
    ({"trials": 0}, "0 trials"),
    ({"folds": 1}, "in 1 folds"),
    ({"folds": 100}, "the rarest class has fewer rows"),
    ({"space": {}}, "the space is empty"),
    ({"space": {"learning_rat": Real(0.1, 0.2)}}, "Did you mean 'learning_rate'"),
    ({"space": {"units": 3}}, "expected Choice, Whole, Real or Stack"),
    ({"space": {"units": Choice((3, 4))}, "method": "cmaes"}, "a choice, which CMA-ES cannot search"),
    ({"space": {"dropout": Choice((2.0, 3.0))}, "trials": 2}, "none of 2 trials completed.*dropout is"),
]


@pytest.mark.parametrize(("more", "message"), BAD)
def test_bad_searches_are_named(more: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"trials": 2, "folds": 2, "space": SPACE} | more
    with pytest.raises(TrainerError, match=message):
        search(MODEL, settings.pop("space"), X, Y, **settings)


def test_bad_ranges_are_named() -> None:
    with pytest.raises(TrainerError, match="smaller number first"):
        Whole(3, 2)
    with pytest.raises(TrainerError, match="above 0"):
        Real(0.0, 1.0, log=True)
    with pytest.raises(TrainerError, match="no values"):
        Choice(())


@pytest.mark.slow
def test_a_search_is_better_than_the_first_guess_on_real_data() -> None:
    data, target = load_breast_cancer(return_X_y=True)
    poor = NetworkClassifier(learning_rate=1e-5, epochs=20, random_state=0)
    found = search(poor, default_space("mlp"), data, target, trials=20, folds=5)
    first = search(poor, {"learning_rate": Choice((1e-5,))}, data, target, trials=1, folds=5)
    assert (found.chosen.score or 0) > (first.chosen.score or 0) + 0.05
