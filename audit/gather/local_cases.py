"""The rows that matter: most wrong, most uncertain, typical of each class and group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audit.errors import ConfigError, hint, quote
from audit.evidence import Attributions, FloatArray, Predictions
from audit.explain.cases import Change, LocalCase
from audit.explain.counterfactual import Space, nearest_counterfactual
from audit.gather._explained import Explained, draw_explained, require_narrow, value_words
from audit.gather.attributions import Plan, attribute
from audit.gather.lime import fit_lime

if TYPE_CHECKING:
    from audit.gather import Context

MOST_LEVELS = 4


def gather(
    context: Context, *, most: int = 8, samples: int = 5000, fixed: Sequence[str] = (), evaluations: int = 750_000
) -> tuple[LocalCase, ...]:
    """Pick telling test rows and explain each by SHAP, by LIME and by its nearest counterfactual.

    Parameters
    ----------
    context : Context
    most : int
        Rows at most.
    samples : int
        Samples of LIME.
    fixed : sequence of str
        Features that a counterfactual must not change, besides the sensitive ones.
    evaluations : int
        Rows that the model may be asked for by the SHAP values; fewer where it is large.

    Raises
    ------
    ConfigError
        If `fixed` names something that is not a feature.
    """
    dataset = context.dataset
    require_narrow(dataset)
    for name in fixed:
        if name not in dataset.features:
            raise ConfigError(
                f"[gather.local_cases] fixed names {quote(name)}, which is not a feature."
                + hint(name, dataset.features)
            )
    predictions = context.need("predictions", Predictions)
    picked = pick(predictions.select(split="test"), most)
    chosen = np.array([row for row, _ in picked], dtype=np.intp)
    shap = attribute(context, Plan(chosen=tuple(chosen.tolist()), evaluations=evaluations))
    what = draw_explained(context, rows=len(chosen), background=100, chosen=chosen)
    lime = fit_lime(context, what, samples)
    held = tuple(dict.fromkeys([*fixed, *(name for name in dataset.roles.sensitive if name in dataset.features)]))
    turned = _counterfactuals(context, what, held)
    kept = len(shap.values)
    return tuple(
        _case(what, place, why, predictions, shap, lime, turned[place], held)
        for place, (_, why) in enumerate(picked[:kept])
    )


def pick(test: Predictions, most: int) -> list[tuple[int, str]]:
    """Choose rows with the reason for each: wrong, uncertain, typical of a class, typical of a group."""
    sure = _certainty(test)
    table: dict[int, str] = {}
    if test.task == "regression":
        error = np.abs(test.y_pred.astype(np.float64) - test.y_true.astype(np.float64))
        _note(table, test, int(np.argmax(error)), "largest error")
        middle = np.argsort(test.y_pred.astype(np.float64))[len(test) // 2]
        _note(table, test, int(middle), "typical prediction")
    else:
        wrong = np.flatnonzero(test.y_pred != test.y_true)
        if len(wrong):
            _note(table, test, int(wrong[np.argmax(sure[wrong])]), "most wrong: surest of the errors")
        _note(table, test, int(np.argmin(sure)), "most uncertain")
        for code in np.unique(test.y_pred)[:MOST_LEVELS]:
            _note(table, test, _typical(np.flatnonzero(test.y_pred == code), sure), f"typical of {test.classes[code]}")
    shown = test.without_hidden_groups()
    for feature in shown.sensitive:
        factor = shown.keys[feature]
        big = np.argsort(-factor.counts(), kind="stable")[:MOST_LEVELS]
        for code in big:
            here = np.flatnonzero(factor.codes == code)
            if len(here) >= max(test.settings.min_n, 1):
                _note(table, test, _typical(here, sure), f"typical of {feature}={factor.levels[code]}")
    return list(table.items())[: max(most, 1)]


def _note(table: dict[int, str], test: Predictions, place: int, why: str) -> None:
    row = int(test.row[place])
    table[row] = f"{table[row]}; {why}" if row in table else why


def _certainty(test: Predictions) -> FloatArray:
    """Return how far each row's score is from undecided; zeros where there are no scores."""
    if test.task == "regression":
        return test.y_pred.astype(np.float64)
    if test.y_score is None:
        return np.zeros(len(test))
    if test.y_score.ndim == 1:
        return np.abs(test.y_score - (0.5 if test.probabilities else 0.0))
    ranked = np.sort(test.y_score, axis=1)
    return np.asarray(ranked[:, -1] - ranked[:, -2] if ranked.shape[1] > 1 else ranked[:, -1])


def _typical(here: np.ndarray, sure: FloatArray) -> int:
    """Return the row in the middle of the order of certainty."""
    return int(here[np.argsort(sure[here], kind="stable")[len(here) // 2]])


def _counterfactuals(context: Context, what: Explained, held: tuple[str, ...]) -> list[FloatArray | None]:
    if not what.output.classes:
        return [None] * len(what.X)
    free = np.array([name not in held for name in what.encoding.names], dtype=np.bool_)
    space = Space.of(what.reference, numeric=what.encoding.numeric, free=free)
    decide = what.decider()
    decided = decide(what.reference)
    arrays: list[FloatArray | None] = []
    for number, row in enumerate(what.X):
        context.progress("looking for counterfactuals", number, len(what.X))
        arrays.append(nearest_counterfactual(decide, row, what.reference, decided, space))
    context.progress("looking for counterfactuals", len(what.X), len(what.X))
    return arrays


def _case(
    what: Explained,
    place: int,
    why: str,
    predictions: Predictions,
    shap: Attributions,
    lime: Attributions,
    turned: FloatArray | None,
    held: tuple[str, ...],
) -> LocalCase:
    row, names = int(what.rows[place]), what.encoding.names
    at = int(np.flatnonzero(predictions.row == row)[0])
    otherwise = ""
    changes = None
    if turned is not None:
        otherwise = what.output.classes[int(what.output.decide(what.encoding.decode(turned[None]))[0])]
        moved = [
            k for k in range(len(names)) if what.encoding.text(k, turned[k]) != what.encoding.text(k, what.X[place, k])
        ]
        changes = tuple(
            Change(
                feature=names[k], now=what.encoding.text(k, what.X[place, k]), needed=what.encoding.text(k, turned[k])
            )
            for k in moved
        )
    return LocalCase(
        why=why,
        row=row,
        predicted=value_words(predictions, predictions.y_pred[at]),
        actual=value_words(predictions, predictions.y_true[at]),
        output=float(shap.output[place]) if shap.output is not None else 0.0,
        base=float(shap.base[place]) if shap.base is not None else 0.0,
        features=names,
        values=tuple(what.encoding.text(k, what.X[place, k]) for k in range(len(names))),
        shap=shap.values[place],
        lime=lime.values[place],
        fit=float(lime.fit[place]) if lime.fit is not None else 0.0,
        changes=changes,
        method=shap.method,
        scale=shap.scale,
        decided_otherwise=otherwise,
        fixed=held,
    )
