"""Labels of tables and of models: mapped as stated, refused where they do not meet, counted apart."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score

import modelassay as ma
from audit.data.labels import require_same_labels, rewrite_labels
from audit.data.tables import read_tables
from audit.errors import AuditError, DataError
from reports.record import AuditRecord

RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.normal(size=600), "b": RNG.normal(size=600)})
Y = (X["a"] + RNG.normal(size=600) > 0).astype(int).to_numpy()


def taught(words: list[object]) -> LogisticRegression:
    return LogisticRegression().fit(X[:300], np.array(words)[Y[:300]])


def audited(model: object, y: object, **said: object) -> AuditRecord:
    asked: dict[str, object] = {"task": "binary", "checks": ["classification", "output_validity"], **said}
    return ma.run(model, X[300:], y, **asked)  # type: ignore[arg-type]


def accuracy(model: LogisticRegression, words: list[object]) -> float:
    return float(accuracy_score(np.array(words)[Y[300:]], model.predict(X[300:])))


@pytest.mark.parametrize(
    ("model", "table", "positive"),
    [
        ([0, 1], [1, 2], 2),
        (["no", "yes"], ["no", "Yes"], "Yes"),
        (["no", "yes"], ["no", "yes "], "yes "),
        (["no", "yes"], ["NO", "YES"], "YES"),
        (["bad", "good"], [1, 2], 2),
        ([1, 2], [2, 3], 3),
        (["a", "b"], ["a", "c"], "c"),
    ],
)
def test_labels_that_do_not_meet_are_refused_with_the_line_that_maps_them(
    model: list[object], table: list[object], positive: object
) -> None:
    fitted = taught(model)
    with pytest.raises(AuditError) as caught:
        audited(fitted, np.array(table)[Y[300:]], positive=positive)
    told = str(caught.value)
    assert all(f"'{word}'" in told for word in (*model, *table))
    assert "[data] labels = {" in told
    mapped = dict(zip(table, model, strict=True))
    record = audited(fitted, np.array(table)[Y[300:]], positive=positive, labels=mapped)
    assert record.metric("accuracy").value == pytest.approx(accuracy(fitted, model))
    assert record.data.positive == str(model[1])


def test_scores_in_place_of_labels_are_told_as_such() -> None:
    with pytest.raises(AuditError, match=r"column 'p' holds numbers such as .*: these are scores"):
        predicted(np.linspace(0, 1, 300))


def test_the_suggested_line_maps_by_spelling() -> None:
    with pytest.raises(AuditError, match=r'"Yes" = "yes"'):
        audited(taught(["no", "yes"]), np.array(["no", "Yes"])[Y[300:]], positive="Yes")


def test_labels_that_turn_into_each_other_are_not_guessed() -> None:
    with pytest.raises(AuditError, match="both of its sides"):
        audited(taught([0, 1]), Y[300:], labels={0: 1, 1: 0})


@pytest.mark.parametrize(("target", "positive"), [(Y == 1, 1), (Y == 1, "1"), (Y, True), (Y.astype(str), 1), (Y, "1")])
def test_truth_values_digits_and_numbers_meet(target: np.ndarray, positive: object) -> None:
    model = LogisticRegression().fit(X[:300], target[:300])
    record = audited(model, target[300:], positive=positive)
    assert record.metric("accuracy").value == pytest.approx(model.score(X[300:], target[300:]))
    assert record.metric("roc_auc").value == pytest.approx(roc_auc_score(Y[300:], model.predict_proba(X[300:])[:, 1]))


@pytest.mark.parametrize("words", [("FALSE", "TRUE"), ("false", "true"), ("False", "True")])
@pytest.mark.parametrize("taught_as", [(False, True), ("FALSE", "TRUE"), (0, 1)])
def test_truth_values_meet_in_any_case(
    words: tuple[str, str], taught_as: tuple[object, object], tmp_path: Path
) -> None:
    model = taught(list(taught_as))
    X[300:].assign(y=np.array(words)[Y[300:]]).to_csv(tmp_path / "t.csv", index=False)
    tables = read_tables({"test": tmp_path / "t.csv"})
    frame = tables.frames["test"]
    record = audited(model, frame["y"], positive=words[1])
    assert record.metric("accuracy").value == pytest.approx(accuracy(model, list(taught_as)))
    assert record.data.positive == "True"


@pytest.mark.parametrize(("one", "other"), [("Female", "female"), ("u", "u ")])
def test_groups_that_differ_in_case_or_blanks_are_refused(one: str, other: str) -> None:
    groups = pd.Series(np.array([one, other, "v"])[np.arange(300) % 3], name="sex")
    with pytest.raises(AuditError, match=r"sensitive feature 'sex' holds both .* differ only in case or blanks"):
        audited(taught([0, 1]), Y[300:], sensitive=groups)


@pytest.mark.parametrize(("model", "task"), [(LinearRegression(), "binary"), (LogisticRegression(), "regression")])
def test_a_model_of_another_task_is_refused(model: LinearRegression | LogisticRegression, task: str) -> None:
    with pytest.raises(AuditError, match=f"the task is {task}; expected a "):
        ma.run(model.fit(X[:300], Y[:300]), X[300:], Y[300:], task=task)  # type: ignore[arg-type]


def test_a_word_among_numbers_is_told_with_its_column() -> None:
    rows = X[300:].assign(a=X["a"][300:].astype(object))
    rows.iloc[3, 0] = "n.a."
    with pytest.raises(AuditError, match=r"the model reads numbers, and column 'a' holds 'n\.a\.'"):
        ma.run(taught([0, 1]), rows, Y[300:], task="binary")


def test_a_target_that_differs_in_blanks_is_refused() -> None:
    words = np.array(["yes", "yes ", "no"], dtype=object)[np.arange(300) % 3]
    with pytest.raises(AuditError, match="differ only in case or blanks"):
        audited(taught(["no", "yes"]), words, task="multiclass")


# --- columns of predictions -----------------------------------------------------------------------


def predicted(answers: object, **said: object) -> AuditRecord:
    frame = pd.DataFrame({"y": np.array(["no", "yes"])[Y[300:]], "p": answers, "a": X["a"][300:].to_numpy()})
    asked: dict[str, object] = {"target": "y", "prediction": "p", "positive": "yes", "task": "binary"}
    return ma.run(test=frame, checks=["classification", "output_validity"], **{**asked, **said})  # type: ignore[arg-type]


SAID = np.array(["no", "yes"], dtype=object)[(X["a"][300:] > 0).astype(int).to_numpy()]


@pytest.mark.parametrize("blank", [None, "", "  ", "maybe", np.nan])
def test_rows_without_a_label_are_counted_apart(blank: object) -> None:
    answers = SAID.copy()
    answers[::10] = blank
    record = predicted(answers)
    kept = np.arange(300) % 10 != 0
    right = float((SAID[kept] == np.array(["no", "yes"])[Y[300:]][kept]).mean())
    assert record.metric("accuracy").value == pytest.approx(right)
    assert record.metric("accuracy").n == kept.sum()
    assert record.metric("invalid_outputs").value == 30
    assert next(verdict.outcome for verdict in record.verdicts if verdict.gate == "ROB007") == "fail"


@pytest.mark.parametrize("odd", ["Yes", "yes ", " YES"])
def test_predictions_that_differ_in_case_or_blanks_are_refused(odd: str) -> None:
    with pytest.raises(AuditError, match="column 'p' holds"):
        predicted(np.where(SAID == "yes", odd, SAID))
    with pytest.raises(AuditError, match="column 'p' holds"):
        predicted(np.where((SAID == "yes") & (np.arange(300) > 100), odd, SAID))


# --- scores ---------------------------------------------------------------------------------------


class Bare:
    """Answers as another model does, and tells no classes."""

    def __init__(
        self, inner: LogisticRegression, order: list[int], column: int | None = None, factor: float = 1
    ) -> None:
        self.inner, self.order, self.column, self.factor = inner, order, column, factor

    def predict(self, X: pd.DataFrame) -> object:
        return self.inner.predict(X)

    def predict_proba(self, X: pd.DataFrame) -> object:
        table = self.inner.predict_proba(X)[:, self.order] * self.factor
        return table if self.column is None else table[:, self.column]


@pytest.mark.parametrize("words", [[9, 10], [-2, -1], [0, 1], ["a", "b"], ["10", "9"]])
@pytest.mark.parametrize("positive", [0, 1])
def test_columns_are_in_the_order_of_scikit_learn(words: list[object], positive: int) -> None:
    model = taught(words)
    labels = np.array(words)[Y[300:]]
    found = audited(Bare(model, [0, 1]), labels, positive=model.classes_[positive])
    right = roc_auc_score(labels == model.classes_[1], model.predict_proba(X[300:])[:, 1])
    assert found.metric("roc_auc").value == pytest.approx(right)


def test_columns_in_another_order_are_not_taken_on_faith() -> None:
    with pytest.raises(AuditError, match="contradict each other"):
        audited(Bare(taught([0, 1]), [1, 0]), Y[300:])


def test_columns_in_another_order_than_the_model_says_are_refused() -> None:
    model = Bare(taught([0, 1]), [1, 0])
    model.classes_ = np.array([0, 1])  # type: ignore[attr-defined]
    with pytest.raises(AuditError, match=r"its classes_ put them in the order '0', '1'"):
        audited(model, Y[300:], positive=1)


@pytest.mark.parametrize("role", ["weight", "cluster", "time"])
def test_values_in_place_of_a_column_name_are_refused(role: str) -> None:
    with pytest.raises(AuditError, match=f"{role} is a ndarray; expected the name of a column of the table"):
        audited(taught([0, 1]), Y[300:], **{role: np.ones(300)})


def test_one_column_of_an_unknown_class_is_asked_for() -> None:
    model = taught([0, 1])
    assert audited(Bare(model, [0, 1], 1), Y[300:]).metric("roc_auc").value == pytest.approx(
        roc_auc_score(Y[300:], model.predict_proba(X[300:])[:, 1])
    )
    with pytest.raises(AuditError, match="does not say of which class"):
        audited(Bare(model, [0, 1], 0), Y[300:], positive=0)
    with pytest.raises(AuditError, match="contradict each other"):
        audited(Bare(model, [0, 1], 0), Y[300:])


@pytest.mark.parametrize(("factor", "said"), [(1 + 2e-7, "pass"), (1.02, "fail")])
def test_what_single_precision_does_is_no_fault(factor: float, said: str) -> None:
    sure = LogisticRegression(C=1e6).fit(X[:300] * 1e4, (X["a"][:300] > 0).astype(int))
    sure.coef_ *= 1e6
    record = audited(Bare(sure, [0, 1], 1, factor), Y[300:])
    assert next(verdict.outcome for verdict in record.verdicts if verdict.gate == "ROB007") == said
    if said == "pass":
        assert record.metric("brier_score").value is not None
    else:
        with pytest.raises(LookupError):
            record.metric("brier_score")


def test_the_target_is_no_feature() -> None:
    frame = X[300:].assign(y=Y[300:])
    with pytest.raises(AuditError, match="features names the target 'y'"):
        ma.run(taught([0, 1]), test=frame, target="y", features=["a", "y"])


@pytest.mark.parametrize(
    ("said", "classes", "line"),
    [
        (("0", "1"), ("<=50K", ">50K"), '{ "<=50K" = "0", ">50K" = "1" }'),
        (("no", "yes", "YES"), ("no", "yes"), '{ "YES" = "yes" }'),
        (("bad", "good"), ("Good", "bad"), '{ "Good" = "good" }'),
        (("no", "yes"), ("granted", "refused"), '{ "granted" = "?", "refused" = "?" }'),
    ],
)
def test_labels_are_paired_by_spelling_or_by_number_and_never_by_chance(
    said: tuple[str, ...], classes: tuple[str, ...], line: str
) -> None:
    with pytest.raises(DataError, match=re.escape(f"[data] labels = {line}")):
        require_same_labels(said, classes, what="the model answers", whole=True, binary=True)


def test_more_labels_than_classes_are_not_paired() -> None:
    with pytest.raises(DataError, match="Write the labels alike"):
        require_same_labels(("a", "b", "c"), ("x", "y"), what="the model answers", whole=True, binary=True)


def test_a_word_written_in_two_ways_is_mapped_onto_one() -> None:
    words = np.array(["YES", "yes", "no"], dtype=object)
    assert rewrite_labels(words, {"YES": "yes"}, "the predictions").tolist() == ["yes", "yes", "no"]
