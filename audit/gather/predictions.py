"""The model's answers for every row of every split, asked for once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.data.dataset import Dataset
from audit.data.labels import require_answers
from audit.errors import DataError, quote, quote_all
from audit.evidence import Predictions, Settings

if TYPE_CHECKING:
    from audit.gather import Context
    from audit.models.answers import Answers


def gather(context: Context, *, batch: int = 8192) -> Predictions:
    """Ask the model for all rows, or read the columns that already hold its answers.

    Parameters
    ----------
    context : Context
    batch : int
        Rows to a call of the model.
    """
    from audit.models.answers import ask

    dataset = context.dataset
    if context.model is None:
        return _from_columns(dataset, context.settings)
    everything = np.arange(len(dataset))
    X = dataset.inputs(everything)
    answers = ask(context.model, X, dataset, progress=context.progress, what="predicting", batch=batch)
    return _answer(predictions_of(answers, dataset, everything, context.settings), answers, dataset)


def _answer(predictions: Predictions, answers: Answers, dataset: Dataset) -> Predictions:
    """Leave out rows whose answer is not a class: they are counted apart, as `invalid`."""
    everyone = np.ones(len(predictions), dtype=np.bool_)
    answered = everyone if answers.answered is None else answers.answered
    if len(answered):
        require_answers(answered, dataset.classes)
    faulty = ~everyone if answers.faulty is None else answers.faulty
    said = np.full(len(predictions), None, dtype=object) if answers.said is None else answers.said
    return predictions.without_invalid(answered, faulty, said)


def predictions_of(answers: Answers, dataset: Dataset, rows: npt.NDArray[np.intp], settings: Settings) -> Predictions:
    """Put answers for `rows` of the data set beside what is known of those rows."""
    return Predictions(
        task=dataset.task,
        y_true=dataset.y[rows],
        y_pred=answers.y_pred,
        y_score=answers.y_score,
        probabilities=answers.probabilities,
        classes=answers.classes,
        weight=None if dataset.weight is None else dataset.weight[rows],
        cluster=None if dataset.cluster is None else dataset.cluster.take(rows),
        keys={"split": dataset.split.take(rows), **{name: g.take(rows) for name, g in dataset.sensitive.items()}},
        sensitive=tuple(dataset.sensitive),
        levels={name: factor.take(rows) for name, factor in dataset.levels.items()},
        row=rows.astype(np.int64),
        settings=settings,
        invalid=answers.invalid,
        score_reason=answers.score_reason,
    )


def labels_follow_scores(context: Context) -> bool:
    """Tell whether the model decides for the likeliest class, as its clones then do: scores are all to ask for."""
    from audit.models.answers import decides_for_likeliest

    plain = context.need("predictions", Predictions)
    return decides_for_likeliest(context.require_model(), plain.y_pred, plain.y_score if plain.probabilities else None)


def _from_columns(dataset: Dataset, settings: Settings) -> Predictions:
    """Read predictions and scores from the tables: of all test rows, and of other rows that have them."""
    from audit.models.answers import ROUNDING, _numbers, classify

    roles = dataset.roles
    if roles.prediction is None and roles.score is None:
        raise DataError("no [model], and no [data] prediction or score column: there is nothing to audit.")
    rows, notes = _rows_with_answers(dataset)
    table = dataset.frame.take(rows)
    if dataset.task == "regression":
        name = roles.prediction or str(roles.score)
        return replace(predictions_of(_numbers(table[name].to_numpy()), dataset, rows, settings), notes=notes)
    raw, known = _score_columns(dataset, rows)
    if roles.prediction is not None:
        label: npt.NDArray[np.generic] = table[roles.prediction].to_numpy(dtype=object)
    else:
        label, lines = _labels_from_scores(raw, dataset)
        notes += lines
    in_range = raw is not None and bool(((raw >= -ROUNDING) & (raw <= 1 + ROUNDING)).all())
    said = f"column {quote(roles.prediction)} holds" if roles.prediction is not None else "the scores are of"
    answers = classify(label, raw, known, dataset, from_probabilities=in_range, what=said)
    predictions = _answer(predictions_of(answers, dataset, rows, settings), answers, dataset)
    return replace(predictions, notes=(*predictions.notes, *notes))


def _rows_with_answers(dataset: Dataset) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Return the test rows and those of other splits that have an answer in every named column, in order."""
    names = [name for name in (dataset.roles.prediction, *dataset.roles.score_columns()) if name is not None]
    has = dataset.frame[names].notna().all(axis=1).to_numpy(copy=True)
    has[dataset.rows("test")] = True
    notes = []
    for split in dataset.split.levels:
        own = has[dataset.rows(split)]
        if own.any() and not own.all():
            missing = int((~own).sum())
            notes.append(f"{missing} of {len(own)} {split} rows have no prediction and are left out of {split} scores")
    return np.flatnonzero(has), tuple(notes)


def _score_columns(
    dataset: Dataset, rows: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.generic] | None]:
    score = dataset.roles.score
    if score is None:
        return None, None
    if isinstance(score, str):
        if dataset.task == "multiclass":
            raise DataError(
                "[data] score names one column, a multiclass task needs one a class: "
                f'[data.score] {dataset.classes[0]} = "column" …'
            )
        columns, known = [score], None
    else:
        columns, known = list(score.values()), np.array([str(name) for name in score], dtype=object)
        missing = [name for name in dataset.classes if name not in score]
        if missing:
            raise DataError(f"[data.score] names no column for class {quote(missing[0])}.")
    try:
        raw = dataset.frame.take(rows)[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"score column {quote(columns[0])} holds text; expected numbers.") from error
    return (raw[:, 0] if known is None else raw), known


def _labels_from_scores(
    raw: npt.NDArray[np.float64] | None, dataset: Dataset
) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    from audit.models.answers import ROUNDING

    assert raw is not None  # noqa: S101 -- a prediction or a score column is there
    names = np.array(dataset.classes, dtype=object)
    if missing := int(np.isnan(raw.reshape(len(raw), -1)).any(axis=1).sum()):
        raise DataError(
            f"{missing} rows have no score in {quote_all(dataset.roles.score_columns())}, and there is no "
            "prediction column. Leave these rows out of the table, or add [data] prediction."
        )
    if raw.ndim == 2 and dataset.task == "multiclass":
        order = [str(name) for name in dataset.roles.score or ()]
        return np.array(order, dtype=object)[raw.argmax(axis=1)], ("labels are the class with the highest score",)
    single = raw if raw.ndim == 1 else raw[:, list(dataset.roles.score or ()).index(dataset.classes[1])]
    if not ((single >= -ROUNDING) & (single <= 1 + ROUNDING)).all():
        raise DataError(
            f"the score column leaves [0, 1] ({single.min():g} to {single.max():g}) and there is no prediction column, "
            "so no threshold is known. "
            "Add [data] prediction."
        )
    return names[(single >= 0.5).astype(int)], ("labels are scores of 0.5 and more",)
