"""What each feature adds to each row's output: SHAP values by the quickest method that is right for the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.errors import ConfigError, MissingExtra, NotApplicable, hint, quote, quote_all
from audit.evidence import Attributions, FloatArray
from audit.explain.additive import additive_shapley
from audit.explain.exact import exact_shapley
from audit.explain.gradients import (
    Network,
    NetworkEstimator,
    expected_gradients,
    incomplete,
    integrated_gradients,
    network_of,
)
from audit.explain.permutation import Shapley, evaluations, permutation_shapley
from audit.explain.shap_explainers import shap_deep, shap_kernel, shap_permutation
from audit.explain.tree import tree_scale, tree_shapley
from audit.gather import LATE
from audit.gather._column_wise import Lookup
from audit.gather._explained import MOST_COLUMNS, Explained, Positions, draw_explained

if TYPE_CHECKING:
    from audit.gather import Context

CHUNK = 25
TOLERANCE = 0.01
LEAST_ROWS = 50
FEW_PAIRS = 10
MOST_BASELINES = 10
LEAST_GRADIENTS, GRADIENT_NUMBERS = 256, 2**20
"""Gradients for a row at most: so many at least, or so many numbers."""
WIDE_ROWS, WIDE_BACKGROUND, WIDE_EVALUATIONS = 50, 50, 1_500_000
"""At most where columns are too many to be looked at one by one: rows, background rows, evaluations."""
PATIENCE, LEAST_CHUNK = 4, 5
"""A handful of rows that takes so many budgets is not begun."""
WIDE = 64
"""More columns than this are too many for permutations where a network offers gradients."""


def gather(
    context: Context,
    *,
    rows: int = 200,
    background: int = 100,
    pairs: int = 150,
    evaluations: int = 3_000_000,
    method: str = "auto",
) -> tuple[Attributions, ...]:
    """Explain a sample of the test rows.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows explained at most.
    background : int
        Training rows (test rows without a training table) that stand for values not known.
    pairs : int
        Effort of `permutation`: a row costs about ``2 · pairs · (features − 1)`` evaluations of the model.
    evaluations : int
        Rows that the model may be asked for by `permutation`, fewer where it is large: first the background is
        cut, then there are fewer rows.
    method : str
        ``auto``, or one of ``tree``, ``additive``, ``exact``, ``integrated_gradients``, ``permutation``; on
        request ``expected_gradients``, ``deep``, ``shap_kernel``, ``shap_permutation``.

    Raises
    ------
    ConfigError
        If `method` is unknown.
    NotApplicable
        If the method asked for does not fit the model.
    """
    return (
        attribute(context, Plan(rows=rows, background=background, pairs=pairs, evaluations=evaluations, method=method)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is explained, and how."""

    rows: int = 200
    background: int = 100
    pairs: int = 150
    evaluations: int = 3_000_000
    method: str = "auto"
    run: int = 0
    """Runs differ in seed and background, not in the rows explained."""
    chosen: tuple[int, ...] | None = None
    """Rows of the data set to explain, rather than drawn ones."""


def attribute(context: Context, plan: Plan) -> Attributions:
    """Explain by the first method that fits and whose sums hold; the others leave a note."""
    every = {**METHODS, **ON_REQUEST}
    if plan.method != "auto" and plan.method not in every:
        raise ConfigError(
            f"[gather.attributions] method is {quote(plan.method)}; it can be 'auto', {quote_all(every)}."
            + hint(plan.method, every)
        )
    again = f" {plan.run}" if plan.run else ""
    chosen = None if plan.chosen is None else np.array(plan.chosen, dtype=np.intp)
    plan = _bound(plan, len(context.dataset.features))
    what = draw_explained(
        context, rows=max(plan.rows, 1), background=max(plan.background, 1), reseed=again, chosen=chosen
    )
    order = list(METHODS) if plan.method == "auto" else [plan.method]
    notes: list[str] = []
    for name in order:
        try:
            attributions: Attributions = every[name](context, what, plan)
        except (NotApplicable, MissingExtra) as reason:
            if name == order[-1] and notes and isinstance(reason, NotApplicable):
                raise NotApplicable("; ".join([*notes, str(reason)])) from reason
            if name == order[-1]:
                raise
            if str(reason):
                notes.append(f"method {name} was not used: {reason}")
            continue
        residual = additivity_residual_of(attributions)
        if residual <= TOLERANCE or (name == order[-1] and name not in ON_REQUEST):
            return replace(attributions, residual=residual, notes=(*what.notes, *notes, *attributions.notes))
        notes.append(f"method {name} was not used: its sums miss the model's output by {residual:.1%} of its spread")
    raise NotApplicable("; ".join(notes))


def _bound(plan: Plan, width: int) -> Plan:
    """Ask for fewer rows of very wide tables, whose rows say as much as many of narrow ones."""
    if width <= MOST_COLUMNS:
        return plan
    rows, behind = min(plan.rows, WIDE_ROWS), min(plan.background, WIDE_BACKGROUND)
    return replace(plan, rows=rows, background=behind, evaluations=min(plan.evaluations, WIDE_EVALUATIONS))


def additivity_residual_of(attributions: Attributions) -> float:
    """Return how far the sums are from the output, relative to the spread of the output."""
    assert attributions.base is not None  # noqa: S101 -- every method here is additive
    assert attributions.output is not None  # noqa: S101
    error = np.abs(attributions.values.sum(axis=1) + attributions.base - attributions.output).mean()
    spread = np.abs(attributions.output - attributions.base).mean()
    return float(error / spread) if spread > 1e-12 else float(error)


def _pack(what: Explained, name: str, parts: list[tuple[np.ndarray, Shapley]], kept: int, *notes: str) -> Attributions:
    """Put the classes' parts back into the order of the rows, beside the model's own outputs."""
    values = np.zeros((kept, what.X.shape[1]))
    base, output = np.zeros(kept), np.zeros(kept)
    for here, attribution in parts:
        values[here], base[here], output[here] = attribution.values, attribution.base, attribution.output
    return Attributions(
        method=name,
        features=what.encoding.names,
        values=values,
        scale=what.output.scale,
        base=base,
        output=output,
        keys=what.keys(kept),
        row=what.rows[:kept].astype(np.int64),
        notes=notes,
    )


def _tree(context: Context, what: Explained, plan: Plan) -> Attributions:
    dataset, inner = what.output.dataset, what.lookup
    estimator = what.output.model.predictor if inner is None else inner.estimator
    scale = tree_scale(estimator, regression=dataset.task == "regression")
    if scale is None:
        raise NotApplicable("" if plan.method == "auto" else "the model is not a tree ensemble that shap can read")
    if scale != what.output.scale or (scale == "log-odds" and dataset.task == "multiclass"):
        raise NotApplicable(f"shap does not explain these trees on the scale {what.output.scale}")
    context.progress("explaining trees", 0, 1)
    rows, background = _as_trees_read(what.X, what, inner), _as_trees_read(what.background, what, inner)
    parts = []
    for code, here in what.groups():
        column = _column(what, code)
        attribution = tree_shapley(
            estimator, rows.iloc[here], background, column=column, owner=_owner(inner), features=what.X.shape[1]
        )
        if scale == "log-odds" and column == 0:  # one output, that of the other class
            attribution = Shapley(-attribution.values, -attribution.base, -attribution.output)
        parts.append((here, attribution._replace(output=what.score(code)(what.X[here]))))
    context.progress("explaining trees", 1, 1)
    through = [] if inner is None else ["the trees behind a preparation of single columns were explained"]
    return _pack(what, "tree", parts, len(what.rows), *through)


def _owner(inner: Lookup | None) -> Positions | None:
    """Return which column of the table each prepared one was made from; the number of columns for one that stays."""
    if inner is None:
        return None
    owner = np.full(len(inner.constant), len(inner.places), dtype=np.intp)
    for column, places in enumerate(inner.places):
        if (owner[places] < len(inner.places)).any():
            raise NotApplicable("a prepared column depends on two columns of the table")
        owner[places] = column
    return owner


def _as_trees_read(numbers: FloatArray, what: Explained, inner: Lookup | None) -> pd.DataFrame:
    if inner is None:
        return what.encoding.decode(numbers)
    given = inner.rows(numbers)
    if given is None:
        raise NotApplicable("a value of these rows has no prepared form")
    return pd.DataFrame(given if isinstance(given, np.ndarray) else given.toarray())


def _column(what: Explained, code: int) -> int | None:
    """Return the model's own column of the class explained."""
    if not what.output.classes:
        return None
    name = what.output.classes[code if what.output.dataset.task == "multiclass" else 1]
    own = what.output.own
    return list(own).index(name) if own is not None and name in own else 1


def _additive(context: Context, what: Explained, plan: Plan) -> Attributions:
    del context
    parts = []
    for code, here in what.groups():
        attribution = additive_shapley(what.score(code), what.X[here], what.background)
        if attribution is None:
            raise NotApplicable("" if plan.method == "auto" else "the model does not add up over its features")
        parts.append((here, attribution))
    return _pack(what, "additive", parts, len(what.rows), "the model adds up over its features: values are exact")


def _exact(context: Context, what: Explained, plan: Plan) -> Attributions:
    width = what.X.shape[1]
    each = 2**width * len(what.background)
    if plan.method == "auto" and each > 4 * plan.pairs * max(width - 1, 1):
        raise NotApplicable("")
    if width > 14:
        raise NotApplicable(f"exact enumeration works for up to 14 features; the table has {width}")

    def tick(done: int, total: int) -> None:
        context.progress("explaining exactly", done, total)

    parts = []
    for code, here in what.groups():
        parts.append((here, exact_shapley(what.score(code), what.X[here], what.background, tick=tick)))
    return _pack(what, "exact", parts, len(what.rows), "all coalitions of features were asked for: values are exact")


def _gradients(context: Context, what: Explained, plan: Plan) -> Attributions:
    """Integrate gradients of a network from the mean background row."""
    known = isinstance(what.output.model.predictor, NetworkEstimator)
    if plan.method == "auto" and (what.X.shape[1] <= WIDE or not known):
        raise NotApplicable("")

    def tick(done: int, total: int) -> None:
        context.progress("integrating gradients", done, total)

    parts, open_rows = [], 0
    most = max(LEAST_GRADIENTS, GRADIENT_NUMBERS // what.X.shape[1])
    for code, here in what.groups():
        network, baseline = _network(what, code), what.background.mean(axis=0)
        attribution = integrated_gradients(network, what.X[here], baseline, most=most, tick=tick)
        open_rows += incomplete(network, attribution)
        parts.append((here, attribution._replace(output=what.score(code)(what.X[here]))))
    notes = ["integrated gradients from the mean background row; the way is halved where sums miss"]
    if open_rows:
        notes.append(f"{open_rows} rows miss their sum by over 0.1 % after {most:,} gradients")
    return _pack(what, "integrated_gradients", parts, len(what.rows), *notes)


def _network(what: Explained, code: int) -> Network:
    """Return the network that explains class `code`, on the explained scale."""
    task, estimator = what.output.dataset.task, what.output.model.predictor
    network = network_of(estimator, task=task, column=_column(what, code))
    if network is None or what.output.scale not in {"log-odds", "target"}:
        raise NotApplicable("the model is not a network that reads numbers")
    return network


def _by_name(context: Context, what: Explained, plan: Plan) -> Attributions:
    """Explain by an estimator that is used only where it is asked for."""
    parts = []
    for code, here in what.groups():
        seed = int(context.generator(f"{plan.method} {plan.run} {code}").integers(2**31))
        context.progress(f"explaining by {plan.method}", 0, 1)
        if plan.method == "deep":
            attribution = shap_deep(_network(what, code), what.X[here], what.background)
        elif plan.method == "expected_gradients":
            few = what.background[:MOST_BASELINES]
            attribution = expected_gradients(_network(what, code), what.X[here], few, tolerance=TOLERANCE / 2)
        elif plan.method == "shap_kernel":
            attribution = shap_kernel(what.score(code), what.X[here], what.background, seed=seed)
        else:
            attribution = shap_permutation(what.score(code), what.X[here], what.background, seed=seed)
        context.progress(f"explaining by {plan.method}", 1, 1)
        parts.append((here, attribution._replace(output=what.score(code)(what.X[here]))))
    return _pack(what, plan.method, parts, len(what.rows))


def _permutation(context: Context, what: Explained, plan: Plan) -> Attributions:
    """Ask for coalitions or walk permutations in chunks of rows, within the budget."""
    what, wanted = what.with_places(), len(what.rows)
    budget = context.affordable(plan.evaluations)
    background, pairs = _within(what, plan, budget)
    each = evaluations(what.X.shape[1], len(background), pairs)
    wanted = min(wanted, max(budget // each, min(LEAST_CHUNK, wanted)))
    size = CHUNK if what.X.shape[1] <= MOST_COLUMNS else LEAST_CHUNK
    parts: list[tuple[np.ndarray, Shapley]] = []
    kept = 0
    while kept < wanted and not (kept and context.late()):
        context.progress("explaining by permutation", kept, wanted)
        chunk = slice(kept, min(kept + size, wanted))
        for code, here in what.groups(chunk):
            generator = context.generator(f"permutation {plan.run} {code}")
            attribution = permutation_shapley(
                what.score(code), what.X[chunk][here], background, pairs=pairs, generator=generator, batch=what.batch
            )
            parts.append((kept + here, attribution))
        kept = chunk.stop
    context.progress("explaining by permutation", wanted, wanted)
    notes = [f"up to {each:,} evaluations of the model a row"]
    if len(background) < len(what.background):
        notes.append(f"background cut to {len(background)} rows, within {budget:,} evaluations")
    if kept < len(what.rows):
        why = LATE if kept < wanted else f"within {budget:,} evaluations"
        notes.append(f"{kept} of {len(what.rows)} rows explained: {why}")
    return _pack(what, "permutation", parts, kept, *notes)


def _within(what: Explained, plan: Plan, budget: int) -> tuple[FloatArray, int]:
    """Cut background and permutations to what a budget of evaluations pays for on some rows."""
    few = min(LEAST_ROWS, len(what.rows))
    possible = budget / few
    width, behind = what.X.shape[1], what.background
    if evaluations(width, len(behind), plan.pairs) <= possible:
        return behind, plan.pairs
    least = evaluations(width, 1, 1)
    if least * min(FEW_PAIRS, len(behind)) * min(LEAST_CHUNK, few) > PATIENCE * budget:
        raise NotApplicable(
            f"{width:,} columns need {least:,} evaluations for each pair of row and background row; too many for a "
            f"budget of {budget:,}, which depends on the size of the model"
        )
    size = int(possible // max(least, 1))
    size = max(min(size, len(behind)), min(FEW_PAIRS, len(behind)))
    return behind[:size], size


METHODS: dict[str, Callable[[Context, Explained, Plan], Attributions]] = {
    "tree": _tree,
    "additive": _additive,
    "exact": _exact,
    "integrated_gradients": _gradients,
    "permutation": _permutation,
}
"""By name, in the order in which they are tried."""

ON_REQUEST = dict.fromkeys(("expected_gradients", "deep", "shap_kernel", "shap_permutation"), _by_name)
"""Never tried unless asked for by name."""
