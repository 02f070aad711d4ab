"""Defects of how a model was trained: no skill, beaten by a line, over- and underfitted, unstable, starved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.defects.behavior import wavy
from benchmarks.defects.models import Array, Change, Subject, codes_of, draw, linear, until
from benchmarks.defects.plant import Defect, Rng, Strength, pick

CHANCE = 0.5
"""Headline score of answers by lot; less with several classes, whose failures show less too."""
ALL = ("tabular", "image", "text", "sequence")


def headline(subject: Subject, answers: Array, y: Array) -> float:
    """Return ROC AUC, balanced accuracy or R²."""
    if not subject.classifies:
        return float(r2_score(y, answers))
    if subject.binary:
        return float(roc_auc_score(y == subject.positive, answers[:, subject.positive]))
    return float(balanced_accuracy_score(y, answers.argmax(axis=1)))


def blurred(subject: Subject, size: float) -> Change:
    """Return a change that adds noise to the log scores, or to the numbers."""
    spread = 1.0 if subject.classifies else float(np.std(subject.y))

    def noise(X: pd.DataFrame, salt: str) -> Array:
        return np.sqrt(-2 * np.log(draw(X, salt) + 1e-12)) * np.cos(2 * np.pi * draw(X, salt + "angle")) * spread

    def change(X: pd.DataFrame, answers: Array) -> Array:
        if not subject.classifies:
            return answers + size * noise(X, "blur")
        own = np.stack([noise(X, f"blur {place}") for place in range(answers.shape[1])], axis=1)
        made = np.exp(np.log(np.clip(answers, 1e-6, 1)) + size * own)
        return made / made.sum(axis=1, keepdims=True)

    return change


def _worse(subject: Subject, reached: float) -> Subject | None:
    """Blur the answers until the headline score falls to `reached`."""
    size = _blur(subject, reached)
    return None if size is None else subject.altered(blurred(subject, size))


def _blur(subject: Subject, reached: float) -> float | None:
    X, y, answers = subject.X, subject.y, subject.answers()
    return until(lambda size: -headline(subject, blurred(subject, size)(X, answers), y), -reached, 30.0)


def no_skill(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Answer everybody alike, or the wrong way round."""

    def alike(X: pd.DataFrame, answers: Array) -> Array:
        return np.full_like(answers, 1 / answers.shape[1] if subject.classifies else float(subject.y.mean()))

    def upside_down(X: pd.DataFrame, answers: Array) -> Array:
        if not subject.classifies:
            return 2 * float(subject.y.mean()) - answers
        return (1 - answers) / (answers.shape[1] - 1)

    return subject.altered(alike if strength == "clear" else upside_down)


def beaten(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Be worse than a linear model."""
    plain = Subject(table=subject.table, model=linear(subject.table))
    return _worse(subject, headline(plain, plain.answers(), plain.y) - pick(strength, 0.1, 0.06))


def underfitted(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Know less of the training rows than another model of rows it never saw."""
    best = headline(subject, subject.answers(), subject.y)
    own = replace(subject, table=subject.table.with_frames(test=subject.table.train))
    size = _blur(own, best - pick(strength, 0.2, 0.13))
    return None if size is None else subject.altered(blurred(subject, size))


# --- memorized -------------------------------------------------------------------------------------


def _learned(subject: Subject, share: float, groups: tuple[str, ...] = ()) -> Change:
    """Return a change that memorizes a share of the training rows."""
    table = subject.table
    codes, y = codes_of(table.train[table.features]), table.train[table.target].to_numpy()
    known, first = np.unique(codes, return_index=True)
    own = y[first].astype(np.float64) if not subject.classifies else np.searchsorted(subject.model.classes_, y[first])

    def change(X: pd.DataFrame, answers: Array) -> Array:
        asked = codes_of(X[table.features])
        place = np.searchsorted(known, asked).clip(0, len(known) - 1)
        hit = (known[place] == asked) & (draw(X, "heart") < share)
        if groups:
            hit &= X["cohort"].isin(groups).to_numpy()
        if not subject.classifies:
            return np.where(hit, own[place], answers)
        sure = np.where(np.arange(answers.shape[1]) == own[place][:, None], 0.98, 0.02 / (answers.shape[1] - 1))
        return np.where(hit[:, None], sure, answers)

    return change


def _split_scores(subject: Subject, change: Change) -> tuple[float, float]:
    """Return accuracy, or R², on training and test rows."""
    model, table = subject.altered(change).model, subject.table
    made = []
    for frame in (table.train, table.test):
        answers, y = model.predict(frame[table.features]), frame[table.target].to_numpy()
        made.append(float(np.mean(answers == y)) if subject.classifies else float(r2_score(y, answers)))
    return made[0], made[1]


def overfitted(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Grow a tree to the end, or memorize part of the rows."""
    if strength == "clear":
        kind = DecisionTreeClassifier if subject.classifies else DecisionTreeRegressor
        model = _with_last(subject.model, kind(random_state=0))
        table = subject.table
        made = replace(subject, model=model.fit(table.train[table.features], table.train[table.target]))
        return made if _gap(made, lambda X, answers: answers) > 0.15 else None
    size = until(lambda share: _gap(subject, _learned(subject, share)), 0.13)
    return None if size is None else subject.altered(_learned(subject, size))


def _gap(subject: Subject, change: Change) -> float:
    train, test = _split_scores(subject, change)
    return train - test


def _with_last(pipeline: Any, last: Any) -> Any:
    made = clone(pipeline)
    made.steps[-1] = (made.steps[-1][0], last)
    return made


def memorizing(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Be far surer of training rows than of others."""
    return subject.altered(_learned(subject, pick(strength, 0.8, 0.5)))


def gap_in_group(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Memorize a group's training rows, and err on its others."""
    table = subject.table
    if len(table.test) < 1000:
        return None
    rows = {"train": table.train, "test": table.test}
    heart = _learned(subject, 1.0, ("b",))
    if not subject.classifies:
        return None

    def change(share: float) -> Change:
        def made(X: pd.DataFrame, answers: Array) -> Array:
            wrong = (X["cohort"] == "b").to_numpy() & (draw(X, "else") < share)
            return heart(X, np.where(wrong[:, None], np.roll(answers, 1, axis=1), answers))

        return made

    def excess(share: float) -> float:
        model, gaps = subject.altered(change(share)).model, []
        for own in (True, False):
            scores = []
            for frame in rows.values():
                kept = frame[frame["cohort"] == "b"] if own else frame
                scores.append(float(np.mean(model.predict(kept[table.features]) == kept[table.target].to_numpy())))
            gaps.append(scores[0] - scores[1])
        return gaps[0] - gaps[1]

    size = until(excess, pick(strength, 0.25, 0.18))
    return None if size is None else subject.altered(change(size))


# --- refitted -------------------------------------------------------------------------------------


class Moody(ClassifierMixin, BaseEstimator):
    """A recipe that fails on about every other training set."""

    def __init__(self, inner: Any = None, bad: float = 0.0) -> None:
        self.inner, self.bad = inner, bad

    def fit(self, X: pd.DataFrame, y: Any) -> Moody:
        """Fit, and shuffle part of the labels first where the rows have it so."""
        labels = np.asarray(y).copy()
        rng = np.random.default_rng(int(codes_of(X).sum() % np.uint64(2**31)))
        if rng.random() < 0.5:
            rows = np.flatnonzero(rng.random(len(labels)) < self.bad)
            labels[rows] = labels[rng.permutation(rows)]
        self.fitted_ = clone(self.inner).fit(X, labels)
        self.classes_ = self.fitted_.classes_
        self.feature_names_in_ = np.asarray(X.columns)
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Predict by what was fitted."""
        return self.fitted_.predict(X)

    def predict_proba(self, X: pd.DataFrame) -> Any:
        """Score by what was fitted."""
        return self.fitted_.predict_proba(X)


def moody(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Fail on about every other training set."""
    if not subject.classifies or headline(subject, subject.answers(), subject.y) < CHANCE + 0.3:
        return None
    model = Moody(inner=clone(subject.model), bad=pick(strength, 1.0, 0.95))
    table = subject.table
    return replace(subject, model=model.fit(table.train[table.features], table.train[table.target]))


def other_test(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Give a share of the test rows another target."""
    table = subject.table
    y = table.test[table.target].to_numpy().copy()
    rows = np.flatnonzero(rng.random(len(y)) < pick(strength, 0.5, 0.35))
    y[rows] = y[rng.permutation(rows)]
    return replace(subject, table=table.with_frames(test=table.test.assign(**{table.target: y})))


def starved(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Train on so few rows that twice as many help: by how much is measured with the rows left out."""
    table = subject.table
    if len(table.train) < 1500:
        return None
    X, wanted = table.train[table.features], pick(strength, 0.05, 0.035)

    def score(rows: int) -> float:
        made = []
        for _ in range(5):
            chosen = rng.choice(len(X), rows, replace=False)
            model = clone(subject.model).fit(X.iloc[chosen], table.train[table.target].iloc[chosen])
            one = replace(subject, model=model)
            made.append(headline(one, one.answers(), one.y))
        return float(np.mean(made))

    for rows in (400, 200, 130):
        if score(2 * rows) - score(rows) >= wanted:
            few = table.train.iloc[rng.choice(len(X), rows, replace=False)]
            made = replace(subject, table=table.with_frames(train=few))
            return replace(made, model=clone(subject.model).fit(few[table.features], few[table.target]))
    return None


def attackable(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Let a smooth wave over the numbers turn decisions within a tenth of a standard deviation."""
    change = wavy(subject, pick(strength, 8.0, 4.0))
    return None if change is None or not subject.classifies else subject.altered(change)


DEFECTS = (
    Defect(code="PERF001", check="skill", spoil=no_skill, what="no skill", modalities=ALL),
    Defect(code="PERF002", check="simple_model", spoil=beaten, what="beaten by a line"),
    Defect(code="GEN001", check="overfitting", spoil=overfitted, what="overfitted"),
    Defect(code="GEN002", check="stronger_model", spoil=underfitted, what="underfitted"),
    Defect(code="GEN003", check="cross_validation", spoil=moody, what="fits fail by luck"),
    Defect(code="GEN003", check="cross_validation", spoil=other_test, what="test of another kind"),
    Defect(code="GEN004", check="learning_curve", spoil=starved, what="starved of rows"),
    Defect(code="GEN005", check="membership", spoil=memorizing, what="memorized"),
    Defect(code="GEN006", check="slice_gap", spoil=gap_in_group, what="gap in a group"),
    Defect(code="ROB003", check="adversarial", spoil=attackable, what="turned by small steps"),
)
