"""Ask a model in batches and put its answers into the terms of the data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_texts
from audit.data.dataset import Dataset
from audit.errors import AuditError, ModelError, listed
from audit.models.load import Model
from audit.progress import Progress

FloatArray = npt.NDArray[np.float64]
BATCH = 8192
SUM_SLACK = 1e-3
"""Scores of a row may sum to one give or take so much: models answer in single precision."""
NOT_FINITE, NO_SUM = "scores that are not finite numbers", "rows of scores that do not sum to 1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Labels, scores and what is odd about them, row for row of what was asked."""

    y_pred: npt.NDArray[np.generic]
    y_score: FloatArray | None
    probabilities: bool
    classes: tuple[str, ...]
    invalid: dict[str, int] = field(default_factory=dict)
    score_reason: str = "the model gives no scores"


def ask(
    model: Model, X: pd.DataFrame, dataset: Dataset, *, progress: Progress, what: str, batch: int = BATCH
) -> Answers:
    """Predict rows of features.

    Parameters
    ----------
    model : Model
    X : DataFrame of shape (n, features)
        Columns in the order of ``dataset.features``.
    dataset : Dataset
        Tells task and classes.
    progress : callable
    what : str
        Words for the progress bar.
    batch : int
        Rows to a call.

    Raises
    ------
    ModelError
        If the model raises, or answers another number of rows.
    """
    from threadpoolctl import threadpool_limits

    batches = [X.iloc[start : start + batch] for start in range(0, len(X), batch)]
    labels, scores = [], []
    scorer = score_method(model) if dataset.task != "regression" else None
    with threadpool_limits(limits=1):  # batches are small: threads would wait for each other
        for done, part in enumerate(batches):
            progress(what, done, len(batches))
            given = as_model_input(model, part)
            labels.append(call(model.predictor.predict, given, len(part), "predict"))
            if scorer is not None:
                scores.append(call(getattr(model.predictor, scorer), given, len(part), scorer))
    progress(what, len(batches), len(batches))
    label = np.concatenate(labels)
    if dataset.task == "regression":
        return _numbers(label)
    raw = None if scorer is None else np.concatenate([np.asarray(part, dtype=np.float64) for part in scores])
    return classified(label, raw, model.classes, dataset, from_probabilities=scorer == "predict_proba")


def score_method(model: Model) -> str | None:
    """Name the method that gives scores: probabilities before margins."""
    for name in ("predict_proba", "decision_function"):
        if callable(getattr(model.predictor, name, None)):
            return name
    return None


def as_model_input(model: Model, X: pd.DataFrame) -> object:
    """Hand over a frame, bare numbers to a model that was fitted without column names, texts to one of texts.

    Raises
    ------
    ModelError
        If a model of texts is given several columns.
    """
    if model.reads_texts:
        if X.shape[1] != 1:
            raise ModelError(
                f"the model reads one column of texts, and the table has {X.shape[1]} features: "
                f"{listed(X.columns)}. Name the one in [data] features."
            )
        return X.iloc[:, 0].to_numpy(dtype=object)
    return X.to_numpy() if model.feature_names is None and model.feature_count is not None else X


def call(method: Callable[[object], object], given: object, rows: int, name: str) -> npt.NDArray[np.generic]:
    """Call a method of the model and insist on one answer a row.

    Raises
    ------
    ModelError
        If it raises or answers another number of rows.
    """
    try:
        answer = np.asarray(method(given))
    except AuditError:
        raise
    except Exception as error:  # whatever a stranger's model raises, the user reads one line
        said = " ".join(str(error).split())[:300]
        raise ModelError(
            f"the model's {name} raised {type(error).__name__} on {rows} rows: {said}. "
            "Check that table and model belong together and that the model reads these columns."
        ) from error
    if answer.ndim == 0 or len(answer) != rows:
        shape = "a single value" if answer.ndim == 0 else f"{len(answer)} answers"
        raise ModelError(f"the model's {name} returned {shape} for {rows} rows; expected one a row.")
    if name == "predict" and answer.ndim > 1:
        answer = answer.reshape(rows, -1)
        if answer.shape[1] != 1:
            raise ModelError(f"the model's predict returned {answer.shape[1]} columns; expected one answer a row.")
        answer = answer[:, 0]
    return answer


def _numbers(values: npt.NDArray[np.generic]) -> Answers:
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"the model predicts {listed(values[:1])} where regression needs numbers.") from error
    bad = int((~np.isfinite(numbers)).sum())
    invalid = {"predictions that are not finite numbers": bad} if bad else {}
    return Answers(y_pred=numbers, y_score=None, probabilities=False, classes=(), invalid=invalid)


def classified(
    label: npt.NDArray[np.generic],
    raw: FloatArray | None,
    known: npt.NDArray[np.generic] | None,
    dataset: Dataset,
    *,
    from_probabilities: bool,
) -> Answers:
    """Turn labels and raw scores into codes and columns of the data set's classes.

    Raises
    ------
    ModelError
        If the model's labels and the target's have nothing in common.
    """
    texts = _in_words_of(label_texts(label), dataset.classes)
    own = None if known is None else tuple(_in_words_of(label_texts(known), dataset.classes))
    _require_common(texts, own, dataset)
    classes = dataset.classes
    if dataset.task == "multiclass":
        answered = dict.fromkeys("(no label)" if text is None else text for text in (*(own or ()), *pd.unique(texts)))
        classes = (*classes, *(text for text in answered if text not in classes))
    codes = pd.Index(classes).get_indexer(pd.Index(["(no label)" if text is None else text for text in texts]))
    invalid = {}
    outside = int(((codes < 0) | (codes >= len(dataset.classes))).sum())
    if outside:
        invalid["labels that the target does not have"] = outside
    y_pred = np.where(codes < 0, 0, codes).astype(np.int64)
    if raw is None:
        return Answers(y_pred=y_pred, y_score=None, probabilities=False, classes=classes, invalid=invalid)
    invalid |= (faults := _faults(raw, from_probabilities))
    score = _columns(raw, own, classes, dataset)
    return _scored(y_pred, score, classes, invalid, faults if from_probabilities or faults else None)


def _in_words_of(texts: npt.NDArray[np.object_], classes: tuple[str, ...]) -> npt.NDArray[np.object_]:
    """Let a model fitted on True and False meet a table that says 1 and 0, and the other way round."""
    if set(classes) == {"0", "1"} and set(texts) <= {"True", "False", None}:
        return np.array([{"True": "1", "False": "0"}.get(text) for text in texts], dtype=object)
    if set(classes) == {"False", "True"} and set(texts) <= {"1", "0", None}:
        return np.array([{"1": "True", "0": "False"}.get(text) for text in texts], dtype=object)
    return texts


def _require_common(texts: npt.NDArray[np.object_], own: tuple[str, ...] | None, dataset: Dataset) -> None:
    said = set(own) if own is not None else {text for text in texts if text is not None}
    if said and not said & set(dataset.classes):
        raise ModelError(
            f"the model answers {listed(sorted(map(str, said)))}, the target holds {listed(dataset.classes)}; "
            "they share no label. Write the target as the model was taught it."
        )


def _columns(raw: FloatArray, own: tuple[str, ...] | None, classes: tuple[str, ...], dataset: Dataset) -> FloatArray:
    """Bring score columns into the order of `classes`; binary keeps the positive class alone."""
    if dataset.task == "binary":
        if raw.ndim == 1 or raw.shape[1] == 1:
            score = raw.reshape(-1)
            flipped = own is not None and len(own) == 2 and own[1] != classes[1]
            return np.asarray(-score if flipped else score)
        names = own if own is not None else tuple(sorted(classes))
        if classes[1] not in names or len(names) != raw.shape[1]:
            raise ModelError(f"the model scores {raw.shape[1]} classes, {listed(names)}; expected {listed(classes)}.")
        return np.asarray(raw[:, names.index(classes[1])])
    names = own if own is not None else dataset.classes
    if raw.ndim != 2 or raw.shape[1] != len(names):
        raise ModelError(f"the model's scores have shape {raw.shape}; expected {len(names)} columns, one a class.")
    score = np.zeros((len(raw), len(classes)))
    for place, name in enumerate(names):
        score[:, classes.index(name)] = raw[:, place]
    return score


def _faults(raw: FloatArray, from_probabilities: bool) -> dict[str, int]:
    """Count rows whose scores cannot be, over all columns that the model gives."""
    table = raw[:, None] if raw.ndim == 1 else raw
    with np.errstate(invalid="ignore"):
        outside = ((table < -1e-9) | (table > 1 + 1e-9)).any(axis=1) & from_probabilities
        off = (np.abs(table.sum(axis=1) - 1) > SUM_SLACK) & from_probabilities & (table.shape[1] > 1)
    counts = {NOT_FINITE: ~np.isfinite(table).all(axis=1), "scores outside [0, 1]": outside, NO_SUM: off}
    return {kind: int(rows.sum()) for kind, rows in counts.items() if rows.any()}


def _scored(
    y_pred: npt.NDArray[np.int64],
    score: FloatArray,
    classes: tuple[str, ...],
    invalid: dict[str, int],
    faults: dict[str, int] | None,
) -> Answers:
    """Keep scores that can be used, as probabilities where they have no fault; ``None`` stands for margins."""
    reason = "the model gives margins, not probabilities"
    if faults is not None and NOT_FINITE in faults:
        reason = f"{faults[NOT_FINITE]} of {len(score)} scores are not finite numbers"
        return Answers(
            y_pred=y_pred, y_score=None, probabilities=False, classes=classes, invalid=invalid, score_reason=reason
        )
    if faults == {}:
        clean = np.clip(score, 0.0, 1.0)
        return Answers(y_pred=y_pred, y_score=clean, probabilities=True, classes=classes, invalid=invalid)
    if faults is not None:
        reason = "some scores are no probabilities: outside [0, 1] or not summing to 1"
    return Answers(
        y_pred=y_pred, y_score=score, probabilities=False, classes=classes, invalid=invalid, score_reason=reason
    )
