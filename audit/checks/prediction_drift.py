"""Does the model answer differently than it did in the reference audit?"""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.estimate.drift import effective_counts, stability_index
from audit.estimate.making import absent
from audit.evidence import SCORE_TABLE, FloatArray, Predictions, ReferenceScores
from audit.statistics.binning import quantile_edges
from reports.record import Cell, Estimate, Measurement, Table

BINS = 20
WHERE = {"split": "test"}


@check(
    title="Prediction drift",
    family="drift",
    references=(
        "Siddiqi 2006, Credit risk scorecards",
        "Yurdakul and Naranjo 2020, Statistical properties of the population stability index",
    ),
    requires=("test",),
)
def prediction_drift(predictions: Predictions, reference_scores: ReferenceScores | None = None) -> Measurement:
    """Compare the distribution of answers with that of a reference record.

    Reading. ``score_stability_index`` is the population stability index of the scores (of predicted values in
    regression, of predicted classes otherwise) between the reference record and these test rows, less what
    it would be on average without any drift. The distribution is written down here, so that a later audit
    can be compared with this one: ``[gather.reference_scores] path = "audit.json"``.

    Limits. The same distribution can hide that other rows get the scores. The bins are those of the
    reference: scores far outside them all fall into its last bin. Rows are counted without sample weight;
    where they are clustered, the reference's are taken to be clustered alike.
    """
    test = predictions.select(split="test")
    values = _values(test)
    own = _classes(test) if values is None else _table(values, _rows(test))
    if reference_scores is None:
        estimate = absent(
            "score_stability_index",
            WHERE,
            "needs an earlier record: name it with [gather.reference_scores] path",
            unit="score",
        )
        return Measurement(
            summary="There is no reference record; the distribution is written down for later audits.",
            estimates=(estimate,),
            exhibits=(own,),
        )
    estimate = _compare(test, values, reference_scores)
    return Measurement(
        summary=f"Against {reference_scores.source} the stability index of the answers is {estimate}.",
        estimates=(estimate,),
        exhibits=(own,),
    )


def _values(test: Predictions) -> FloatArray | None:
    """Return what is distributed along a line, or ``None`` where answers are classes."""
    if test.task == "regression":
        return test.y_pred.astype(np.float64)
    if test.task == "binary" and test.y_score is not None and test.y_score.ndim == 1:
        return test.y_score
    return None


def _rows(test: Predictions) -> FloatArray | None:
    """Return how many rows stand behind each answer of a counted log."""
    return None if test.repeats is None else test.repeats.n.astype(np.float64)


def _table(values: FloatArray, rows_of: FloatArray | None) -> Table:
    """Write the distribution down in bins of equal mass."""
    finite = np.isfinite(values)
    n = None if rows_of is None else rows_of[finite]
    edges = quantile_edges(values[finite], BINS, n) if finite.any() else np.zeros(0)
    place = np.searchsorted(edges, values[finite], side="left")
    counted = np.bincount(place, n, minlength=len(edges) + 1)
    rows: list[tuple[Cell, ...]] = [(float(edge), int(n)) for edge, n in zip(edges, counted[:-1], strict=True)]
    rows.append((None, int(counted[-1])))
    return Table(
        title=SCORE_TABLE,
        columns=("up to", "rows"),
        rows=tuple(rows),
        caption="Bins of about equal size; the last one has no upper end.",
        folded=True,
    )


def _classes(test: Predictions) -> Table:
    counted = np.bincount(test.y_pred.astype(np.int64), _rows(test), minlength=len(test.classes))
    rows: tuple[tuple[Cell, ...], ...] = tuple((name, int(n)) for name, n in zip(test.classes, counted, strict=True))
    return Table(title=SCORE_TABLE, columns=("class", "rows"), rows=rows, folded=True)


def _compare(test: Predictions, values: FloatArray | None, reference: ReferenceScores) -> Estimate:
    old = np.array(reference.counts)
    if reference.labels and values is None:
        names = list(dict.fromkeys([*test.classes, *reference.labels]))
        before = dict(zip(reference.labels, reference.counts, strict=True))
        old, codes = np.array([before.get(name, 0.0) for name in names]), test.y_pred.astype(np.int64)
    elif reference.edges and values is not None:
        codes = np.where(np.isfinite(values), np.searchsorted(reference.edges, values, side="left"), -1)
    else:
        reason = "the reference record holds answers of another kind (scores or classes)"
        return absent("score_stability_index", WHERE, reason, unit="score")
    new = effective_counts(codes, len(old), cluster=test.cluster, rows=_rows(test))
    kept = float(new.sum()) / max(test.count(codes >= 0), 1)
    return stability_index(
        "score_stability_index", kept * old, new, WHERE, level=test.settings.level, n=test.total,
        reason="fewer than two different answers",
    )  # fmt: skip
