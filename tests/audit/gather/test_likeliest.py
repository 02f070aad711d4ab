"""Labels that follow from probabilities are taken from them, where it is known and seen that they do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit.data.dataset import Dataset, Roles, build
from audit.models.answers import Answers, ask, decides_for_likeliest
from audit.models.load import Model, wrap
from reports.record import Task

RNG = np.random.default_rng(0)


def dataset(classes: int) -> Dataset:
    frame = pd.DataFrame(RNG.normal(size=(400, 4)).round(1), columns=list("abcd"))
    frame["y"] = np.digitize(frame["a"] + frame["b"] + RNG.normal(size=400), np.linspace(-1, 1, classes - 1))
    task: Task = "binary" if classes == 2 else "multiclass"
    return build({"test": frame}, Roles(target="y", task=task, positive=0 if classes == 2 else None))


def fitted(estimator: BaseEstimator, data: Dataset) -> Model:
    return wrap(estimator.fit(data.frame[list("abcd")], data.frame["y"]))


def answers(model: Model, data: Dataset, *, likeliest: bool = False) -> Answers:
    return ask(model, data.inputs(data.rows("test")), data, progress=lambda *_: None, what="", likeliest=likeliest)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    "make",
    [
        lambda: LogisticRegression(),
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        lambda: RandomForestClassifier(10, random_state=0),  # whose classes are often as good as equal
        lambda: HistGradientBoostingClassifier(max_iter=10, random_state=0),
    ],
)
def test_the_same_labels_at_half_the_calls(make: Callable[[], BaseEstimator], classes: int) -> None:
    data = dataset(classes)
    model = fitted(make(), data)
    plain = answers(model, data)
    assert decides_for_likeliest(model, plain.y_pred, plain.y_score)
    quick = answers(model, data, likeliest=True)
    assert np.array_equal(quick.y_pred, plain.y_pred)
    assert plain.y_score is not None
    assert np.array_equal(quick.y_score, plain.y_score)  # type: ignore[arg-type]


class Contrary(LogisticRegression):  # type: ignore[misc]
    """A class of the user's own may decide as it likes."""


def test_models_that_may_decide_otherwise_are_asked() -> None:
    data = dataset(2)
    for estimator in (FixedThresholdClassifier(LogisticRegression(), threshold=0.8), Contrary()):
        model = fitted(estimator, data)
        plain = answers(model, data)
        assert not decides_for_likeliest(model, plain.y_pred, plain.y_score)


def test_labels_that_contradict_the_probabilities_are_not_trusted() -> None:
    data = dataset(2)
    model = fitted(LogisticRegression(), data)
    plain = answers(model, data)
    assert not decides_for_likeliest(model, 1 - plain.y_pred, plain.y_score)


def test_a_clone_that_saw_one_class_alone_answers_with_it() -> None:
    data = dataset(4)
    rows = np.flatnonzero(data.y == 1)
    clone = RandomForestClassifier(5, random_state=0).fit(
        data.frame[list("abcd")].take(rows), data.frame["y"].take(rows)
    )
    assert set(answers(wrap(clone), data, likeliest=True).y_pred.tolist()) == {1}
