"""Ask a model in batches and put its answers into the terms of the data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_texts, sorted_labels
from audit.data.dataset import Dataset
from audit.data.labels import NO_LABEL, UNKNOWN, in_words_of, require_same_labels, rewrite_labels
from audit.data.reading import is_number
from audit.errors import AuditError, DataError, ModelError, quote_all
from audit.models.agreement import require_agreement
from audit.models.boosters import typed_frame
from audit.models.containment import guard_call
from audit.models.load import Model
from audit.models.reading_rows import naming_columns, warn_if_changed
from audit.models.threads import thread_limit
from audit.progress import Progress

FloatArray = npt.NDArray[np.float64]
BATCH = 8192
CLOSE = 1e-9
"""Lead of a class under which a model is asked for its label."""
LIKELIEST = frozenset({
    "DecisionTreeClassifier", "ExtraTreesClassifier", "GradientBoostingClassifier", "HistGradientBoostingClassifier",
    "LogisticRegression", "RandomForestClassifier",
})  # fmt: skip
"""Classifiers of scikit-learn whose label is that of the largest probability, by their own code."""
PROBED = 256
"""Rows on which a model's outputs are recognized."""
SUM_SLACK = 1e-3
"""Scores of a row may sum to one give or take so much: models answer in single precision."""
ROUNDING = 1e-6
"""Probabilities may leave [0, 1] by so much: single precision rounds 1 to 1.0000001."""
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
    answered: npt.NDArray[np.bool_] | None = None
    """Rows whose label is one of the classes; ``None`` for all."""
    faulty: npt.NDArray[np.bool_] | None = None
    """Rows counted in `invalid`; ``None`` for none."""
    said: npt.NDArray[np.object_] | None = None
    """Labels that the target does not have, ``None`` in rows that have another; ``None`` for none."""


def learn_labels(model: Model, dataset: Dataset) -> str:
    """Tell a model that knows no labels (a bare torch module, an ONNX graph of logits) those of the target.

    Returns
    -------
    str
        A note where the order of words as classes is taken for granted; else empty.

    Raises
    ------
    ModelError
        If its outputs do not fit them; ends with the lines to write.
    """
    learn = getattr(model.predictor, "learn_labels", None)
    if learn is None:
        return ""
    labels = () if dataset.task == "regression" else dataset.label_order or dataset.classes
    rows = dataset.inputs(dataset.rows("test" if dataset.has("test") else "train")[:PROBED])
    try:
        learn(labels, dataset.task, rows)
    except AuditError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise ModelError(
            f"the model raised {type(error).__name__} on rows of {len(dataset.features)} features: {said}. State "
            'what it reads: [data] features = ["…"]; images and sequences: [data] modality and shape.'
        ) from error
    if not getattr(model.predictor, "sorts_labels", False) or not labels or is_number(labels):
        return ""
    return (
        f"The model names no classes, and its outputs are read in the order {quote_all(labels)}. If it was trained in "
        "another order, state it: [model] classes (from Python classes)."
    )


def ask(
    model: Model,
    X: pd.DataFrame,
    dataset: Dataset,
    *,
    progress: Progress,
    what: str,
    batch: int = BATCH,
    likeliest: bool = False,
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
    likeliest : bool
        Whether the model is known to decide for the likeliest class (:func:`decides_for_likeliest`), so that labels
        follow from its scores; it is asked for those of rows whose two likeliest classes are as good as equal.

    Raises
    ------
    ModelError
        If the model raises, or answers another number of rows.
    """
    batches = [X.iloc[start : start + batch] for start in range(0, len(X), batch)]
    labels, scores = [], []
    scorer = score_method(model) if dataset.task != "regression" else None
    with thread_limit(1), naming_columns(X):  # batches are small: threads would wait for each other
        for done, part in enumerate(batches):
            progress(what, done, len(batches))
            if likeliest and scorer is not None:
                scores.append(call(getattr(model.predictor, scorer), as_model_input(model, part), len(part), scorer))
                labels.append(_likeliest(model, part, scores[-1]))
                continue
            given = as_model_input(model, part)
            labels.append(call(model.predictor.predict, given, len(part), "predict"))
            if done == 0:
                warn_if_changed(given, as_model_input(model, part))
            if scorer is not None:
                given = as_model_input(model, part)
                scores.append(call(getattr(model.predictor, scorer), given, len(part), scorer))
    progress(what, len(batches), len(batches))
    label = np.concatenate(labels)
    if dataset.task == "regression":
        return _numbers(label)
    raw = None if scorer is None else np.concatenate([np.asarray(part, dtype=np.float64) for part in scores])
    return classify(label, raw, model.classes, dataset, from_probabilities=scorer == "predict_proba")


def decides_for_likeliest(model: Model, labels: npt.NDArray[np.generic], scores: FloatArray | None) -> bool:
    """Tell whether a model decides for its likeliest class: a class of scikit-learn that does, seen to do so.

    Parameters
    ----------
    model : Model
    labels : ndarray of shape (n,)
        Codes that it answered.
    scores : ndarray of shape (n,) or (n, k), optional
        Its probabilities for the same rows.
    """
    if scores is None or score_method(model) != "predict_proba" or not _is_likeliest_by_construction(model.predictor):
        return False
    both = np.stack([1 - scores, scores], axis=1) if scores.ndim == 1 else scores
    clear = _lead(both) > CLOSE
    return bool((both.argmax(axis=1)[clear] == labels[clear]).all())


def _is_likeliest_by_construction(predictor: object) -> bool:
    kind = type(predictor)
    if kind.__module__.partition(".")[0] != "sklearn":
        return False
    if kind.__name__ == "Pipeline":
        return _is_likeliest_by_construction(predictor.steps[-1][1])  # type: ignore[attr-defined]
    return kind.__name__ in LIKELIEST


def _lead(scores: FloatArray) -> FloatArray:
    """Return by how much the largest score of each row exceeds the next; without limit where there is no next."""
    if scores.shape[1] < 2:
        return np.full(len(scores), np.inf)
    two = np.partition(scores, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def _likeliest(model: Model, part: pd.DataFrame, scores: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return the label of the largest score of each row; where two are as good as equal, the model is asked."""
    numbers = np.asarray(scores, dtype=np.float64)
    known: npt.NDArray[np.generic] = np.asarray(model.predictor.classes_)  # type: ignore[attr-defined]
    label: npt.NDArray[np.generic] = known[numbers.argmax(axis=1)]
    close = np.flatnonzero(~(_lead(numbers) > CLOSE))
    if len(close):
        label[close] = call(model.predictor.predict, as_model_input(model, part.iloc[close]), len(close), "predict")
    return label


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
                f"{quote_all(X.columns)}. Name the one in [data] features."
            )
        return X.iloc[:, 0].to_numpy(dtype=object, copy=True)
    if model.categories:
        X = typed_frame(X, model.categories)
    names = model.feature_names
    if names is None and model.feature_count is not None:
        return X.to_numpy(copy=True)
    if names is not None and len(names) == X.shape[1]:  # a library may write the table's names otherwise
        return X.set_axis(list(names), axis=1).copy()
    return X.copy()


def call(method: Callable[[object], object], given: object, rows: int, name: str) -> npt.NDArray[np.generic]:
    """Call a method of the model and insist on one answer a row.

    Raises
    ------
    ModelError
        If it raises or answers another number of rows.
    """
    try:
        with guard_call(f"{name} on {rows} rows"):
            answer = as_array(method(given))
    except (AuditError, MemoryError) as error:
        if isinstance(error, MemoryError):
            raise ModelError(
                f"the model's {name} ran out of memory on {rows} rows; state [model] memory (GiB) if it may have more."
            ) from error
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
            raise ModelError(
                f"the model's predict returned {answer.shape[1]} columns; expected one answer a row. "
                "A model of several outputs is audited one at a time: name the target of that output, and state "
                f"[model] output_column = 0 (to {answer.shape[1] - 1}); from Python output_column=0."
            )
        answer = answer[:, 0]
    return answer if name == "predict" else as_scores(answer, name)


def as_array(answer: object) -> npt.NDArray[np.generic]:
    """Return what a model answered as an array; masked values become missing, sparse ones dense."""
    if isinstance(answer, np.ma.MaskedArray):
        if answer.dtype.kind in "fc":
            return np.asarray(answer.filled(np.nan))
        values = np.array(answer.data, dtype=object)
        values[np.ma.getmaskarray(answer)] = None
        return values
    if hasattr(answer, "toarray") and hasattr(answer, "tocsr"):
        return np.asarray(answer.toarray())
    return np.asarray(answer)


def as_scores(answer: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.generic]:
    """Return scores as float64, missing ones as NaN.

    Raises
    ------
    ModelError
        If they are not numbers, or more than a column a class.
    """
    if answer.dtype.kind in "mMcSU" or answer.ndim > 2:
        what = f"values of type {answer.dtype}" if answer.ndim <= 2 else f"an array of shape {answer.shape}"
        raise ModelError(f"the model's {name} returned {what}; expected numbers, one a row or one a row and class.")
    try:
        if answer.dtype == object:
            return np.asarray(pd.DataFrame(answer).to_numpy(dtype=np.float64, na_value=np.nan).reshape(answer.shape))
        return answer.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"the model's {name} returned {quote_all(answer.ravel()[:1])}; expected numbers.") from error


def _numbers(values: npt.NDArray[np.generic]) -> Answers:
    try:
        if values.dtype.kind in "mMcSU":
            raise TypeError
        numbers = as_scores(values, "predict").astype(np.float64)
    except (TypeError, ValueError, ModelError) as error:
        raise ModelError(f"the model predicts {quote_all(values[:1])} where regression needs numbers.") from error
    faulty = ~np.isfinite(numbers)
    invalid = {"predictions that are not finite numbers": int(faulty.sum())} if faulty.any() else {}
    return Answers(y_pred=numbers, y_score=None, probabilities=False, classes=(), invalid=invalid, faulty=faulty)


def classify(
    label: npt.NDArray[np.generic],
    raw: FloatArray | None,
    known: npt.NDArray[np.generic] | None,
    dataset: Dataset,
    *,
    from_probabilities: bool,
    what: str = "the model answers",
) -> Answers:
    """Turn labels and raw scores into codes and columns of the data set's classes.

    Rows whose label is missing, or no class, are distinguished in `answered`: they are of no class.

    Raises
    ------
    ModelError
        If the model's labels and the target's do not meet, or its scores do not say of which class they are.
    """
    texts, own = labels_of(label, known, dataset, what=what)
    classes = dataset.classes
    if dataset.task == "multiclass":
        classes = (*classes, *(name for name in own or () if name not in classes))
        classes = (*classes, *sorted_labels({text for text in texts if text is not None} - set(classes)))
    codes = pd.Index(classes).get_indexer(pd.Index(texts, dtype=object))
    taught = () if own is None or dataset.has("train") else own  # without training rows the model tells its classes
    odd = _odd_labels(texts, codes, len({*classes} & {*dataset.classes, *taught}))
    answered = codes >= 0
    y_pred = np.where(answered, codes, 0).astype(np.int64)
    answers = Answers(y_pred=y_pred, y_score=None, probabilities=False, classes=classes)
    if raw is not None:
        faults = _faults(raw, from_probabilities)
        odd |= faults
        score = columns_of(raw, own, classes, dataset, from_probabilities=from_probabilities)
        if answered.any():
            require_agreement(y_pred[answered], score[answered], dataset, classes, own=own)
        counted = {kind: int(rows.sum()) for kind, rows in faults.items()}
        answers = _scored(y_pred, score, classes, counted if from_probabilities or faults else None)
    none = np.zeros(len(texts), dtype=np.bool_)
    said = texts.copy()
    said[~odd.get(UNKNOWN, none)] = None
    return replace(
        answers,
        invalid={kind: int(rows.sum()) for kind, rows in odd.items()},
        answered=None if answered.all() else answered,
        faulty=np.logical_or.reduce([none, *odd.values()]),
        said=said,
    )


def labels_of(
    label: npt.NDArray[np.generic],
    known: npt.NDArray[np.generic] | None,
    dataset: Dataset,
    *,
    what: str = "the model answers",
) -> tuple[npt.NDArray[np.object_], tuple[str, ...] | None]:
    """Write labels, and the classes a model knows, in the words of the data set; a blank is not a label.

    Raises
    ------
    ModelError
        If they do not meet the target's.
    """
    said = label_texts(label)
    said = np.array([None if text is None or not text.strip() else text for text in said], dtype=object)
    names = None if known is None else label_texts(known)
    try:
        texts = rewrite_labels(said, dataset.roles.labels, what, () if names is None else names)
        own = None if names is None else tuple(own_names(names, dataset, said))
        texts = in_words_of(texts, dataset.classes)
        answers = set(own) if own is not None else {text for text in texts if text is not None}
        require_same_labels(answers, dataset.classes, what=what, whole=own is not None, binary=dataset.task == "binary")
    except DataError as error:
        raise ModelError(str(error)) from error
    return texts, own


def own_names(
    names: npt.NDArray[np.object_], dataset: Dataset, beside: npt.NDArray[np.object_] | None = None
) -> npt.NDArray[np.object_]:
    """Write the classes a model knows in the words of the data set."""
    mapped = rewrite_labels(names, dataset.roles.labels, "the model's classes", () if beside is None else beside)
    return in_words_of(mapped, dataset.classes)


def _odd_labels(
    texts: npt.NDArray[np.object_], codes: npt.NDArray[np.intp], classes: int
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return by kind which rows have no label, or one that is none of the first `classes`."""
    missing = np.array([text is None for text in texts], dtype=np.bool_)
    outside = ~missing & ((codes < 0) | (codes >= classes))
    return {kind: rows for kind, rows in ((NO_LABEL, missing), (UNKNOWN, outside)) if rows.any()}


def columns_of(
    raw: FloatArray,
    own: tuple[str, ...] | None,
    classes: tuple[str, ...],
    dataset: Dataset,
    *,
    from_probabilities: bool,
) -> FloatArray:
    """Bring score columns into the order of `classes`; binary keeps the positive class alone.

    A model without ``classes_`` is taken to order its columns as scikit-learn sorts the target's values.

    Raises
    ------
    ModelError
        If the scores do not say of which class they are.
    """
    names = own if own is not None else dataset.label_order or dataset.classes
    if dataset.task == "binary":
        if raw.ndim == 1 or raw.shape[1] == 1:
            return _single(raw.reshape(-1), own, names, dataset, from_probabilities)
        if classes[1] not in names or len(names) != raw.shape[1]:
            raise ModelError(
                f"the model scores {raw.shape[1]} classes, {quote_all(names)}; expected {quote_all(classes)}."
            )
        return np.asarray(raw[:, names.index(classes[1])])
    if raw.ndim != 2 or raw.shape[1] != len(names):
        raise ModelError(f"the model's scores have shape {raw.shape}; expected {len(names)} columns, one a class.")
    score = np.zeros((len(raw), len(classes)))
    for place, name in enumerate(names):
        score[:, classes.index(name)] = raw[:, place]
    return score


def _single(
    score: FloatArray, own: tuple[str, ...] | None, names: tuple[str, ...], dataset: Dataset, from_probabilities: bool
) -> FloatArray:
    """Read one column of scores, which is of the class that is sorted last."""
    if names[-1] == dataset.classes[1]:
        return score
    if own is None and dataset.roles.score is None:
        raise ModelError(
            f"the model gives one column of scores and does not say of which class: of {quote_all(names)} the last is "
            f"usual, and {dataset.classes[1]!r} is positive. Give the model classes_, or one column a class."
        )
    if own is None:
        return score  # a column of the table that the user names holds scores of the positive class
    return np.asarray(1 - score if from_probabilities else -score)


def _faults(raw: FloatArray, from_probabilities: bool) -> dict[str, npt.NDArray[np.bool_]]:
    """Return by kind which rows have scores that cannot be, over all columns that the model gives."""
    table = raw[:, None] if raw.ndim == 1 else raw
    with np.errstate(invalid="ignore"):
        outside = ((table < -ROUNDING) | (table > 1 + ROUNDING)).any(axis=1) & from_probabilities
        off = (np.abs(table.sum(axis=1) - 1) > SUM_SLACK) & from_probabilities & (table.shape[1] > 1)
    kinds = {NOT_FINITE: ~np.isfinite(table).all(axis=1), "scores outside [0, 1]": outside, NO_SUM: off}
    return {kind: rows for kind, rows in kinds.items() if rows.any()}


def _scored(
    y_pred: npt.NDArray[np.int64],
    score: FloatArray,
    classes: tuple[str, ...],
    faults: dict[str, int] | None,
) -> Answers:
    """Keep scores that can be used, as probabilities where they have no fault; ``None`` stands for margins."""
    reason = "the model gives margins, not probabilities"
    if faults is not None and NOT_FINITE in faults:
        reason = f"{faults[NOT_FINITE]} of {len(score)} scores are not finite numbers"
        return Answers(y_pred=y_pred, y_score=None, probabilities=False, classes=classes, score_reason=reason)
    if faults == {}:
        return Answers(y_pred=y_pred, y_score=np.clip(score, 0.0, 1.0), probabilities=True, classes=classes)
    if faults is not None:
        reason = "some scores are not probabilities: outside [0, 1] or not summing to 1"
    return Answers(y_pred=y_pred, y_score=score, probabilities=False, classes=classes, score_reason=reason)
