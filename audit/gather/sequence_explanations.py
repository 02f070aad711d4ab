"""Which time steps of a series drive the model's output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audit.errors import ConfigError, NotApplicable
from audit.evidence import FloatArray, Predictions
from audit.explain.steps import SequenceCase, SequenceExplanations, step_shapley
from audit.gather._explained import Explained, draw_explained, draw_rows, value_words
from audit.gather.local_cases import pick

if TYPE_CHECKING:
    from audit.gather import Context

MOST_STEPS = 60


def gather(
    context: Context,
    *,
    cases: int = 4,
    rows: int = 40,
    shape: Sequence[int] = (),
    background: int = 50,
    pairs: int = 75,
) -> SequenceExplanations:
    """Let steps of other series stand in for steps of explained ones and ask the model again.

    Parameters
    ----------
    context : Context
    cases : int
        Series shown one by one.
    rows : int
        Further series, drawn at random, whose steps are weighed together.
    shape : sequence of int
        (steps, channels) of the flattened rows; read off the network where there is one.
    background : int
        Training rows whose steps stand in.
    pairs : int
        Effort: a series costs about ``2 · pairs · (steps − 1)`` evaluations of the model.

    Raises
    ------
    NotApplicable
        If the model reads no series.
    ConfigError
        If the shape does not fit the columns.
    """
    model, dataset = context.require_model(), context.dataset
    steps, channels = sequence_shape(model.predictor, tuple(shape), len(dataset.features))
    predictions = context.need("predictions", Predictions)
    picked = pick(predictions.select(split="test"), cases)
    drawn, notes = draw_rows(dataset, rows, context.generator("explained rows"))
    chosen = np.array([*(row for row, _ in picked), *drawn], dtype=np.intp)
    what = draw_explained(context, rows=len(chosen), background=background, chosen=chosen)
    values, base, output = _attributions(context, what, steps, pairs)
    place = {int(row): number for number, row in enumerate(predictions.row)}
    sequence_cases = tuple(
        SequenceCase(
            why=why,
            row=row,
            predicted=value_words(predictions, predictions.y_pred[place[row]]),
            actual=value_words(predictions, predictions.y_true[place[row]]),
            values=what.X[number].reshape(steps, channels),
            shap=values[number],
            base=float(base[number]),
            output=float(output[number]),
        )
        for number, (row, why) in enumerate(picked)
    )
    return SequenceExplanations(
        cases=sequence_cases, sample=values[len(picked) :], scale=what.output.scale, notes=(*notes, *what.notes)
    )


def sequence_shape(predictor: object, stated: tuple[int, ...], features: int) -> tuple[int, int]:
    """Return (steps, channels), from the user or from the network.

    Raises
    ------
    NotApplicable, ConfigError
    """
    if stated and (len(stated) != 2 or int(np.prod(stated)) != features):
        raise ConfigError(
            f"[gather.sequence_explanations] shape is {list(stated)}; expected [steps, channels] with a product of "
            f"{features}, the number of columns."
        )
    known = stated or tuple(getattr(predictor, "input_shape_", ()))
    if len(known) != 2 or int(np.prod(known)) != features:
        raise NotApplicable(
            'for models that read sequences; if this one does, state [data] modality = "sequence" and shape'
        )
    if known[0] > MOST_STEPS:
        raise NotApplicable(f"{known[0]} steps are too many to explain one by one; at most {MOST_STEPS} are explained")
    return int(known[0]), int(known[1])


def _attributions(
    context: Context, what: Explained, steps: int, pairs: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n = len(what.X)
    values, base, output = np.zeros((n, steps)), np.zeros(n), np.zeros(n)
    for code, here in what.groups():
        attribution = step_shapley(
            what.score(code),
            what.X[here],
            what.background,
            steps,
            generator=context.generator(f"steps {code}"),
            pairs=pairs,
            tick=lambda done, total: context.progress("taking steps away", done, total),
        )
        values[here], base[here], output[here] = attribution.values, attribution.base, attribution.output
    return values, base, output
