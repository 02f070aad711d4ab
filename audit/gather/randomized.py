"""Attributions of the same network with its weights shuffled: they should not look alike."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from audit.errors import NotApplicable
from audit.evidence import Attributions
from audit.explain.gradients import NetworkEstimator, shuffled_weights
from audit.gather._explained import MOST_COLUMNS
from audit.gather.attribution_runs import WIDE_ROWS
from audit.gather.attributions import Plan, attribute

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, rows: int = 40, evaluations: int = 750_000) -> Attributions:
    """Explain a sample of the test rows after shuffling the weights.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows, the first of those that are explained.
    evaluations : int
        Rows that the model may be asked for; fewer where it is large.

    Raises
    ------
    NotApplicable
        If the model is not a network.
    """
    model = context.require_model()
    if not isinstance(model.last, NetworkEstimator):
        raise NotApplicable("for networks trained with trainers only; this model is of another kind")
    first: Attributions = context.need("attributions", tuple)[0]
    predictor = copy.deepcopy(model.predictor)
    other = replace(model, predictor=predictor)
    last = cast("NetworkEstimator", other.last)
    last.network_ = shuffled_weights(last.network_, int(context.generator("randomized").integers(2**31)))
    rows = min(rows, WIDE_ROWS) if len(first.features) > MOST_COLUMNS else rows
    plan = Plan(rows=min(rows, len(first.values)), evaluations=evaluations, method=first.method)
    return attribute(replace(context, model=other, collected={}), plan)
