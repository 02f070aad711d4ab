"""The model is asked once, in batches, and its answers are put into the data set's terms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from audit.data.dataset import Dataset, Roles, build
from audit.errors import DataError, ModelError
from audit.evidence import Absence, Predictions, Settings
from audit.gather import Context, available, check_options, derived_seed
from audit.models.load import wrap


def _frame(rows: int = 60) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"a": generator.normal(size=rows), "b": generator.normal(size=rows)})
    return frame.assign(y=np.where(frame["a"] > 0, "yes", "no"), g=generator.choice(["u", "v"], rows))


def _data(frame: pd.DataFrame, **roles: object) -> Dataset:
    given: dict[str, object] = {"target": "y", "positive": "yes", "sensitive": ("g",), "features": ("a", "b"), **roles}
    return build({"train": frame, "test": frame}, Roles(**given))  # type: ignore[arg-type]


def _context(model: object | None, data: Dataset, **options: object) -> Context:
    return Context(model=None if model is None else wrap(model), dataset=data, settings=Settings(), **options)  # type: ignore[arg-type]


class Counting:
    """A model that counts how often and how it is asked."""

    classes_ = np.array(["no", "yes"])

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        self.sizes.append(len(X))
        return np.where(X["a"] > 0, "yes", "no")

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        p = 1 / (1 + np.exp(-X["a"].to_numpy()))
        return np.column_stack([1 - p, p])


def test_asks_once_in_batches() -> None:
    model = Counting()
    context = _context(model, _data(_frame()), options={"predictions": {"batch": 50}})
    first, again = context.need("predictions"), context("predictions")
    assert first is again
    assert model.sizes == [50, 50, 20]
    assert isinstance(first, Predictions)
    assert first.probabilities
    assert len(first.select(split="test")) == 60


@pytest.mark.parametrize("positive", ["yes", "no"])
def test_the_score_is_that_of_the_positive_class(positive: str) -> None:
    frame = _frame()
    data = _data(frame, positive=positive)
    for model in (LogisticRegression(), SVC()):
        found = _context(model.fit(frame[["a", "b"]], frame["y"]), data).need("predictions")
        assert isinstance(found, Predictions)
        assert found.y_score is not None
        assert found.y_score[found.y_pred == 1].min() > found.y_score[found.y_pred == 0].max()
        assert found.probabilities == isinstance(model, LogisticRegression)


@pytest.mark.parametrize(("labels", "target"), [([False, True], [0, 1]), ([0, 1], [False, True]), ([0.0, 1.0], [0, 1])])
def test_labels_of_another_type_meet(labels: list[object], target: list[object]) -> None:
    frame = _frame()
    sign = (frame["a"] > 0).astype(int)
    model = LogisticRegression().fit(frame[["a", "b"]], np.array(labels)[sign])
    data = _data(frame.assign(y=np.array(target)[sign]), positive=target[1])
    found = _context(model, data).need("predictions")
    assert isinstance(found, Predictions)
    assert (found.y_true == found.y_pred).mean() > 0.9


class Inventive(Counting):
    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.where(X["a"] > 1, "never seen", super().predict(X))

    predict_proba = None  # type: ignore[assignment]


def test_labels_that_the_target_lacks_are_counted() -> None:
    found = _context(Inventive(), _data(_frame())).need("predictions")
    assert isinstance(found, Predictions)
    assert found.invalid == {"labels that the target does not have": int((_frame()["a"] > 1).sum() * 2)}


def test_a_class_that_only_the_model_knows_has_its_column() -> None:
    frame = _frame().assign(y=lambda f: np.digitize(f["a"], [-0.5, 0.5]))
    model = LogisticRegression().fit(frame[["a", "b"]], frame["y"])
    rare = frame[frame["y"] != 2]
    data = _data(rare, task="multiclass", positive=None)
    found = _context(model, data).need("predictions")
    assert isinstance(found, Predictions)
    assert found.classes == ("0", "1", "2")
    assert found.probabilities


def test_a_class_that_only_the_model_knows_is_a_fault_where_training_lacks_it() -> None:
    frame = _frame().assign(y=lambda f: np.digitize(f["a"], [-0.5, 0.5]))
    model = LogisticRegression().fit(frame[["a", "b"]], frame["y"])
    rest = frame.assign(y=frame["y"].replace(2, 1))
    roles = Roles(target="y", task="multiclass", features=("a", "b"))
    for tables, invalid in (({"test": rest}, False), ({"train": rest, "test": rest}, True)):
        found = _context(model, build(tables, roles)).need("predictions")
        assert isinstance(found, Predictions)
        assert bool(found.invalid) == invalid


def test_scores_by_class_from_columns() -> None:
    frame = _frame().assign(y=list("abc") * 20)
    for name in "abc":
        frame[f"p_{name}"] = np.where(frame["y"] == name, 0.8, 0.1)
    data = _data(frame, task="multiclass", positive=None, score={name: f"p_{name}" for name in "cab"})
    found = _context(None, data).need("predictions")
    assert isinstance(found, Predictions)
    assert found.probabilities
    assert (found.y_pred == found.y_true).all()
    with pytest.raises(DataError, match="names no column for class"):
        _context(None, _data(frame, task="multiclass", positive=None, score={"a": "p_a"})).need("predictions")


def test_scores_without_labels_need_a_known_threshold() -> None:
    frame = _frame().assign(s=lambda f: f["a"])
    with pytest.raises(DataError, match="no threshold is known"):
        _context(None, _data(frame, score="s")).need("predictions")


def test_a_missing_score_is_no_label() -> None:
    frame = _frame().assign(s=0.7)
    frame.loc[:4, "s"] = np.nan
    with pytest.raises(DataError, match="5 rows have no score in 's'"):
        _context(None, _data(frame, score="s")).need("predictions")


def test_scores_of_the_other_class_are_refused_where_labels_contradict_them() -> None:
    frame = _frame().assign(s=lambda f: np.where(f["a"] > 0, 0.1, 0.9), said=lambda f: f["y"])
    with pytest.raises(ModelError, match=r"score column 's' and column 'said' contradict .* positive class, 'yes'"):
        _context(None, _data(frame, score="s", prediction="said")).need("predictions")


def test_folds_keep_clusters_together() -> None:
    frame = _frame(200).assign(person=np.arange(200) // 4)
    data = _data(frame, cluster="person")
    found = _context(LogisticRegression().fit(frame[["a", "b"]], frame["y"]), data)("folds")
    assert isinstance(found, Predictions)
    found = found.select(split="train")
    assert found.cluster is not None
    fold_of = pd.Series(found.keys["fold"].codes).groupby(found.cluster.codes).nunique()
    assert (fold_of == 1).all()
    assert len(found) == 200


def test_folds_say_why_not() -> None:
    alone = _context(Counting(), _data(_frame()))("folds")
    assert isinstance(alone, Absence)
    assert "no fit" in alone.reason


def test_a_model_that_cannot_be_asked_stops_the_audit() -> None:
    class Broken(Counting):
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            raise ValueError("no")

    with pytest.raises(ModelError, match="ValueError"):
        _context(Broken(), _data(_frame())).need("predictions")


def test_names_of_evidence() -> None:
    assert {"predictions", "folds", "history", "attributions"} <= set(available())
    assert derived_seed(1, "a") != derived_seed(1, "b") != derived_seed(2, "b")
    check_options({"folds": {"folds": 3}})


def _with_answers(rows: int, wrong: int) -> pd.DataFrame:
    frame = _frame(rows)
    flipped = np.arange(rows) < wrong
    score = np.where((frame["y"] == "yes") ^ flipped, 0.9, 0.1)
    return frame.assign(p=np.where(score > 0.5, "yes", "no"), s=score)


@pytest.mark.parametrize("columns", [{"prediction": "p"}, {"score": "s"}, {"prediction": "p", "score": "s"}])
def test_answers_for_training_rows_are_read_where_the_table_holds_them(columns: dict[str, str]) -> None:
    tables = {"train": _with_answers(80, 4), "test": _with_answers(60, 15)}
    roles = Roles(target="y", positive="yes", features=("a", "b"), **columns)  # type: ignore[arg-type]
    found = _context(None, build(tables, roles)).need("predictions")
    assert isinstance(found, Predictions)
    train, test = found.select(split="train"), found.select(split="test")
    assert (len(train), len(test)) == (80, 60)
    assert (train.y_true != train.y_pred).sum() == 4
    assert (test.y_true != test.y_pred).sum() == 15
    assert np.array_equal(found.row, np.arange(140))
    assert "left out" not in str(found.notes)


def test_training_rows_without_an_answer_are_left_out_and_counted() -> None:
    train = _with_answers(80, 4)
    train.loc[train.index[:30], "p"] = None
    roles = Roles(target="y", positive="yes", features=("a", "b"), prediction="p")
    found = _context(None, build({"train": train, "test": _with_answers(60, 15)}, roles)).need("predictions")
    assert isinstance(found, Predictions)
    assert len(found.select(split="train")) == 50
    assert found.notes == ("30 of 80 train rows have no prediction and are left out of train scores",)
    bare = _context(None, build({"train": train.drop(columns="p"), "test": _with_answers(60, 15)}, roles))
    alone = bare.need("predictions")
    assert isinstance(alone, Predictions)
    assert not alone.has(split="train")
    assert len(alone) == 60


@pytest.mark.parametrize("given", ["train", "bare"])
def test_predicted_numbers_of_training_rows(given: str) -> None:
    table = _frame(60).assign(y=lambda f: f["a"], p=lambda f: f["a"] + 0.1)
    train = table if given == "train" else table.drop(columns="p")
    roles = Roles(target="y", task="regression", features=("a", "b"), prediction="p")
    found = _context(None, build({"train": train, "test": table}, roles)).need("predictions")
    assert isinstance(found, Predictions)
    assert found.has(split="train") == (given == "train")
    assert np.allclose(found.y_pred.astype(float), found.y_true.astype(float) + 0.1)


def _weighted_apart() -> pd.DataFrame:
    """Rows whose labels are flipped in nine of ten, which weigh next to nothing."""
    generator = np.random.default_rng(3)
    frame = _frame(400)
    flipped = generator.random(400) < 0.9
    label = np.where(flipped, np.where(frame["a"] > 0, "no", "yes"), frame["y"])
    return frame.assign(y=label, w=np.where(flipped, 0.001, 1.0))


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}, cv=2),
    ],
)
def test_refits_learn_by_the_sample_weights(model: object) -> None:
    frame = _weighted_apart()
    model.fit(frame[["a", "b"]], frame["y"])  # type: ignore[attr-defined]
    found = _context(model, _data(frame, weight="w"))("folds")
    assert isinstance(found, Predictions)
    assert found.weight is not None
    assert np.average(found.y_true == found.y_pred, weights=found.weight) > 0.9


def test_a_model_that_takes_no_weights_is_refitted_without_them_and_it_is_said() -> None:
    frame = _weighted_apart()
    model = KNeighborsClassifier().fit(frame[["a", "b"]], frame["y"])
    found = _context(model, _data(frame, weight="w"))("folds")
    assert isinstance(found, Predictions)
    assert "takes no sample weights" in str(found.notes)


class Uncloneable(LogisticRegression):  # type: ignore[misc]
    def get_params(self, deep: bool = True) -> dict[str, object]:
        return {**super().get_params(deep), "more": object()}


def test_a_model_that_cannot_be_cloned_is_not_applicable() -> None:
    frame = _frame(200)
    found = _context(Uncloneable().fit(frame[["a", "b"]], frame["y"]), _data(frame))("folds")
    assert isinstance(found, Absence)
    assert found.outcome == "not_applicable"
    assert "could not be refitted" in found.reason
