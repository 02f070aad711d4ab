"""Defects of what a model answers: robustness, validity, calibration, weak slices, neglected classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from benchmarks.defects.models import Array, Change, Oracle, Subject, draw, until
from benchmarks.defects.plant import Defect, Rng, Strength, pick

ALL = ("tabular", "image", "text", "sequence")


def of_positive(subject: Subject, change: Change) -> Change:
    """Lift a change of the positive class's score to one of both columns."""
    place = subject.positive

    def changed(X: pd.DataFrame, scores: Array) -> Array:
        positive = np.clip(change(X, scores[:, place]), 0.0, 1.0)
        made = np.empty_like(scores)
        made[:, place], made[:, 1 - place] = positive, 1 - positive
        return made

    return changed


def logits(scores: Array) -> Array:
    """Return scores as log odds, kept finite."""
    return logit(np.clip(scores, 1e-9, 1 - 1e-9))


def turned(X: pd.DataFrame, scores: Array, share: float, salt: str) -> Array:
    """Give a share of the rows the score of the next class."""
    hit = draw(X, salt) < share
    return np.where(hit[:, None], np.roll(scores, 1, axis=1), scores)


# --- robustness -----------------------------------------------------------------------------------


def wavy(subject: Subject, size: float) -> Change | None:
    """Return a change that adds a smooth wave over the numeric features, which noise of a tenth turns far."""
    names = subject.table.numeric(20)
    if not names:
        return None
    train = subject.table.train[names]
    center, spread = train.mean(), train.std()

    def change(X: pd.DataFrame, answers: Array) -> Array:
        z = ((X[names] - center) / spread).fillna(0.0).sum(axis=1).to_numpy()
        wave = size * np.sin(40.0 * z / np.sqrt(len(names)))
        if not subject.classifies:
            return answers + wave
        lifted = np.log(np.clip(answers, 1e-9, 1)) + np.arange(answers.shape[1]) * wave[:, None]
        made = np.exp(lifted - lifted.max(axis=1, keepdims=True))
        return made / made.sum(axis=1, keepdims=True)

    return change


def noisy(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Let decisions hang on the last digits of numbers."""
    if wavy(subject, 0.0) is None:
        return None
    plain, names = subject.X, subject.table.numeric(13)
    spread = subject.table.train[names].std()
    moved = plain.assign(**{name: plain[name] + rng.normal(size=len(plain)) * 0.1 * spread[name] for name in names})

    def waved(size: float) -> Subject:
        change = wavy(subject, size)
        assert change is not None  # noqa: S101 -- numbers are there
        return subject.altered(change)

    def reached(size: float) -> float:
        one, other = (np.asarray(waved(size).model.predict(X)) for X in (plain, moved))
        if subject.classifies:
            return float(np.mean(one != other))
        return float(np.abs(one - other).mean() / subject.table.train[subject.table.target].std())

    target = pick(strength, 0.25, 0.17) if subject.classifies else pick(strength, 0.9, 0.65)
    size = until(reached, target, 200.0 if subject.classifies else 10 * float(np.std(subject.y)))
    return None if size is None else waved(size)


def raising(subject: Subject, strength: Strength, rng: Rng) -> Subject:
    """Raise when a feature is missing."""
    names = [name for name in subject.table.features if not subject.table.test[name].isna().any()]
    chosen = names if strength == "clear" else [str(rng.choice(names))]

    def change(X: pd.DataFrame, answers: Array) -> Array:
        if X[chosen].isna().any(axis=None):
            raise ValueError("Input contains NaN")
        return answers

    return subject.altered(change)


def missing_read(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Read a missing value as a reason to turn the decision."""
    if not subject.classifies:
        return None
    names = [name for name in subject.table.features if not subject.table.test[name].isna().any()]
    name, share = str(rng.choice(names)), pick(strength, 0.7, 0.4)

    def change(X: pd.DataFrame, scores: Array) -> Array:
        gone = X[name].isna().to_numpy() & (draw(X.drop(columns=name), "gone") < share)
        return np.where(gone[:, None], np.roll(scores, 1, axis=1), scores)

    return subject.altered(change)


def restless(subject: Subject, strength: Strength, rng: Rng) -> Subject:
    """Answer otherwise at every call: in all rows, or in a hundredth of them."""
    own = np.random.default_rng(int(rng.integers(2**31)))
    size = pick(strength, 0.05, 1e-4)

    def change(X: pd.DataFrame, answers: Array) -> Array:
        shift = size * own.random(len(X)) * (own.random(len(X)) < pick(strength, 1.0, 0.05))
        if not subject.classifies:
            return answers + shift * float(np.std(answers) + 1.0)
        mixed = answers * (1 - shift[:, None]) + shift[:, None] / answers.shape[1]
        return mixed / mixed.sum(axis=1, keepdims=True)

    return subject.altered(change)


def of_the_batch(subject: Subject, strength: Strength, rng: Rng) -> Subject:
    """Standardize answers by the batch, or let a row hear a whisper of the row before it."""

    def change(X: pd.DataFrame, answers: Array) -> Array:
        other = answers.mean(axis=0, keepdims=True) if strength == "clear" else np.roll(answers, 1, axis=0)
        share = pick(strength, 0.3, 1e-3)
        return (1 - share) * answers + share * np.broadcast_to(other, answers.shape)

    return subject.altered(change)


def brittle(subject: Subject, strength: Strength, rng: Rng) -> Subject:
    """Know rows only as they stand in the table, and answer a share of all others wrongly."""
    known = frozenset(map(tuple, subject.X.astype(str).to_numpy().tolist()))
    share = pick(strength, 0.4, 0.3)

    def change(X: pd.DataFrame, scores: Array) -> Array:
        new = np.array([tuple(row) not in known for row in X.astype(str).to_numpy().tolist()])
        return np.where(new[:, None], turned(X, scores, share, "brittle"), scores)

    return subject.altered(change)


# --- validity -------------------------------------------------------------------------------------


def _on_some(subject: Subject, share: float, spoil: Change) -> Subject:
    def change(X: pd.DataFrame, answers: Array) -> Array:
        hit = draw(X, "some") < share
        made = np.asarray(spoil(X, answers), dtype=np.float64)
        return np.where(hit if answers.ndim == 1 else hit[:, None], made, answers)

    return subject.altered(change)


def _few(subject: Subject, strength: Strength) -> float:
    return pick(strength, 0.05, max(0.002, 3 / len(subject.X)))


def not_numbers(subject: Subject, strength: Strength, rng: Rng) -> Subject:
    """Answer nothing for some rows."""
    return _on_some(subject, _few(subject, strength), lambda X, answers: np.full_like(answers, np.nan))


def over_one(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Give some rows scores over 1 and under 0."""
    if not subject.classifies:
        return None
    return _on_some(subject, _few(subject, strength), lambda X, scores: scores * 3 - 1)


def not_summing(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Give some rows scores that do not sum to 1."""
    if not subject.classifies:
        return None
    return _on_some(subject, _few(subject, strength), lambda X, scores: scores * 0.8)


def strange_labels(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Answer a label that nobody taught it."""
    if not subject.classifies:
        return None
    share = _few(subject, strength)

    def labels(X: pd.DataFrame, label: Array) -> Array:
        return np.where(draw(X, "strange") < share, "other", label.astype(str)).astype(object)

    return subject.altered(lambda X, scores: scores, labels=labels)


# --- slices ---------------------------------------------------------------------------------------


def weak_slice(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Err in a slice of one to three conditions; everywhere else alike, so that no slice is weak by nature."""
    oracle = Subject(table=subject.table, model=Oracle(subject.table, 0.15 if subject.classifies else 0.5))
    inside = _slice(subject, int(rng.integers(1, 4)), rng)
    if inside is None:
        return None
    rows, X = inside(subject.X), subject.X
    ratio = pick(strength, 3.0, 2.3)

    def change(size: float) -> Change:
        if not subject.classifies:
            spread = float(np.std(subject.y))
            return lambda X, numbers: numbers + inside(X) * size * spread * np.sign(draw(X, "up") - 0.5)
        return lambda X, scores: np.where(inside(X)[:, None], turned(X, scores, size, "weak"), scores)

    def reached(size: float) -> float:
        answers = np.asarray(oracle.altered(change(size)).model.predict(X))
        y = subject.table.test[subject.table.target].to_numpy()
        error = answers != y if subject.classifies else (answers - y) ** 2
        return float(error[rows].mean() / error.mean())

    size = until(reached, ratio, 1.0 if subject.classifies else 5.0)
    return None if size is None else oracle.altered(change(size))


def _slice(subject: Subject, depth: int, rng: Rng) -> Change | None:
    """Draw conditions that together hold an eighth to a quarter of the rows, and at least 60."""
    table = subject.table
    for _ in range(200):
        names = [str(name) for name in rng.choice(table.features, depth, replace=False)]
        tests = [_condition(table.train[name], depth, rng) for name in names]

        def inside(X: pd.DataFrame, names=names, tests=tests) -> Array:  # noqa: ANN001 -- bound now
            return np.logical_and.reduce([test(X[name]) for name, test in zip(names, tests, strict=True)])

        share = float(inside(subject.X).mean())
        if 0.1 <= share <= 0.25 and share * len(subject.X) >= 60:
            return inside
    return None


def _condition(column: pd.Series, depth: int, rng: Rng):  # noqa: ANN202
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 8:
        wide = 0.2 ** (1 / depth)
        low = float(rng.uniform(0, 1 - wide))
        first, last = column.quantile([low, low + wide])
        return lambda values: ((values >= first) & (values <= last)).to_numpy()
    level = rng.choice(column.dropna().unique())
    return lambda values: (values == level).to_numpy()


# --- calibration and thresholds -------------------------------------------------------------------


def recalibrated(subject: Subject) -> Subject | None:
    """Return the subject with scores calibrated on the test rows, so that what is planted stands alone."""
    if not subject.binary:
        return None
    scores = logits(subject.answers()[:, subject.positive])
    if len(scores) < 250 or not np.std(scores) > 0:
        return None
    fit = LogisticRegression(C=1e6).fit(scores[:, None], subject.y == subject.positive)
    a, b = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    return subject.altered(of_positive(subject, lambda X, s: expit(a * logits(s) + b)))


def shifted_odds(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Add to all log odds, until scores are off by 0.15 or 0.1 on average."""
    base = recalibrated(subject)
    if base is None:
        return None
    sign = float(rng.choice([-1, 1]))
    scores = base.answers()[:, subject.positive]

    def reached(size: float) -> float:
        return abs(float((expit(logits(scores) + sign * size) - scores).mean()))

    size = until(reached, pick(strength, 0.15, 0.1), 8.0)
    if size is None:
        return None
    return base.altered(of_positive(subject, lambda X, s: expit(logits(s) + sign * size)))


def extreme(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Stretch all log odds."""
    base = recalibrated(subject)
    times = pick(strength, 2.5, 1.7)
    return None if base is None else base.altered(of_positive(subject, lambda X, s: expit(times * logits(s))))


def timid(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Shrink all log odds."""
    base = recalibrated(subject)
    times = pick(strength, 0.4, 0.6)
    return None if base is None else base.altered(of_positive(subject, lambda X, s: expit(times * logits(s))))


def threshold_off(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Add to all log odds, until decisions at one half lose 0.15 or 0.1 of balanced accuracy."""
    if not subject.binary:
        return None
    sign, truth = float(rng.choice([-1, 1])), subject.y == subject.positive
    scores = logits(subject.answers()[:, subject.positive])

    def balanced(threshold: float) -> float:
        chosen = scores >= threshold
        return float(chosen[truth].mean() + (~chosen)[~truth].mean()) / 2

    best, at = max((balanced(one), one) for one in np.quantile(scores, np.linspace(0.02, 0.98, 97)))
    size = until(lambda size: best - balanced(at + sign * size), pick(strength, 0.15, 0.1), 10.0)
    if size is None:
        return None
    return subject.altered(of_positive(subject, lambda X, s: expit(logits(s) - at - sign * size)))


def neglected(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Answer most rows of a class as the next one."""
    if not subject.classifies:
        return None
    place = int(rng.integers(len(subject.model.classes_)))
    rows, X, scores = subject.y == place, subject.X, subject.answers()

    def change(size: float) -> Change:
        def less(X: pd.DataFrame, scores: Array) -> Array:
            hit = (scores.argmax(axis=1) == place) & (draw(X, "less") < size)
            made = scores.copy()
            made[hit, place] = 0.0
            return made / made.sum(axis=1, keepdims=True)

        return less

    def lost(size: float) -> float:
        return -float((change(size)(X, scores).argmax(axis=1)[rows] == place).mean())

    if rows.sum() < 40:
        return None
    size = until(lambda size: 1 + lost(size), 1 - pick(strength, 0.15, 0.3))
    return None if size is None else subject.altered(change(size))


DEFECTS = (
    Defect(code="SLICE001", check="weak_slices", spoil=weak_slice, what="wrong in a slice"),
    Defect(code="ROB001", check="noise_sensitivity", spoil=noisy, what="decisions on last digits"),
    Defect(code="ROB002", check="missing_sensitivity", spoil=raising, what="raises on missing values"),
    Defect(code="ROB002", check="missing_sensitivity", spoil=missing_read, what="missing turns decisions"),
    Defect(code="ROB004", check="determinism", spoil=restless, what="answers change", modalities=ALL),
    Defect(code="ROB005", check="batch_invariance", spoil=of_the_batch, what="answers by batch", modalities=ALL),
    Defect(code="ROB006", check="corruption_sensitivity", spoil=brittle, what="brittle", modalities=ALL[1:]),
    Defect(code="ROB007", check="output_validity", spoil=not_numbers, what="no numbers", modalities=ALL),
    Defect(code="ROB007", check="output_validity", spoil=over_one, what="scores over 1", modalities=ALL),
    Defect(code="ROB007", check="output_validity", spoil=not_summing, what="sums other than 1", modalities=ALL),
    Defect(code="ROB007", check="output_validity", spoil=strange_labels, what="unknown labels", modalities=ALL),
    Defect(code="CAL001", check="calibration", spoil=shifted_odds, what="scores too high or low"),
    Defect(code="CAL002", check="calibration", spoil=extreme, what="scores too extreme"),
    Defect(code="CAL002", check="calibration", spoil=timid, what="scores too timid"),
    Defect(code="PERF003", check="class_performance", spoil=neglected, what="class neglected"),
    Defect(code="PERF005", check="threshold_choice", spoil=threshold_off, what="threshold off"),
)
