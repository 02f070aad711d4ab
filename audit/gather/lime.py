"""LIME: a local linear model around each row, to be compared with the SHAP values of the same rows."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from audit.errors import ConfigError, NotApplicable, hint, quote
from audit.evidence import Attributions
from audit.explain.lime_tabular import LocalModels, cut, lime_tabular
from audit.gather._explained import Explained, draw_explained, require_narrow
from audit.optional import require

if TYPE_CHECKING:
    from audit.gather import Context

ENGINES = ("batched", "package")


def gather(
    context: Context, *, rows: int = 50, samples: int = 5000, engine: str = "batched", run: int = 0
) -> Attributions:
    """Fit LIME around a sample of the test rows: the first of those that are explained by SHAP.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    samples : int
        Samples of each local model; the batched engine shares them among the rows.
    engine : {"batched", "package"}
        Our own, or the ``lime`` package row by row.
    run : int
        Another number draws other samples.

    Raises
    ------
    ConfigError
        If the engine is unknown.
    """
    if engine not in ENGINES:
        raise ConfigError(f"[gather.lime] engine is {quote(engine)}; it can be {ENGINES}." + hint(engine, ENGINES))
    require_narrow(context.dataset)
    return fit_lime(context, draw_explained(context, rows=max(rows, 1), background=1), samples, engine, run)


def fit_lime(context: Context, what: Explained, samples: int, engine: str = "batched", run: int = 0) -> Attributions:
    """Fit LIME around rows that were chosen already."""
    fitted = _by_package if engine == "package" else _batch
    n, width = what.X.shape
    values, fit, output = np.zeros((n, width)), np.zeros(n), np.zeros(n)
    for code, here in what.groups():
        local_models = fitted(context, what, code, here, max(samples, 50), run)
        values[here], fit[here], output[here] = local_models.values, local_models.fit, local_models.output
    notes = [note for note in what.notes if not note.startswith("background")]
    notes.append(f"{max(samples, 50)} samples around {len(what.reference)} reference rows, {engine} engine")
    return Attributions(
        method="lime",
        features=what.encoding.names,
        values=values,
        scale=what.output.scale,
        output=output,
        keys=what.keys(n),
        row=what.rows.astype(np.int64),
        seed=run,
        fit=fit,
        notes=tuple(notes),
    )


def _batch(context: Context, what: Explained, code: int, here: np.ndarray, samples: int, run: int) -> LocalModels:
    return lime_tabular(
        what.score(code),
        what.X[here],
        cut(what.reference, what.encoding.numeric),
        generator=context.generator(f"lime {run} {code}"),
        samples=samples,
        tick=lambda done, total: context.progress("fitting LIME", done, total),
    )


def _by_package(context: Context, what: Explained, code: int, here: np.ndarray, samples: int, run: int) -> LocalModels:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the package imports is older than what it is imported with
        lime_tabular_package = require("lime.lime_tabular", extra="explain", purpose="LIME by its own package")
    if np.isnan(what.reference).any() or np.isnan(what.X).any():
        raise NotApplicable('the lime package cannot read missing numbers: use [gather.lime] engine = "batched"')
    score, width = what.score(code), what.X.shape[1]
    explainer = lime_tabular_package.LimeTabularExplainer(
        what.reference,
        mode="regression",
        feature_names=list(what.encoding.names),
        categorical_features=list(np.flatnonzero(~what.encoding.numeric)),
        random_state=int(context.generator(f"lime {run} {code}").integers(2**31)),
    )
    values, intercept, fit = np.zeros((len(here), width)), np.zeros(len(here)), np.zeros(len(here))
    for number, row in enumerate(what.X[here]):
        context.progress("fitting LIME", number, len(here))
        result = explainer.explain_instance(row, score, num_features=width, num_samples=samples)
        for feature, weight in result.local_exp[1]:
            values[number, feature] = weight
        intercept[number], fit[number] = result.intercept[1], result.score
    return LocalModels(values, intercept, fit, score(what.X[here]))
