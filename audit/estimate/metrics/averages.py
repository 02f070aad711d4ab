"""F1, and means of recall, precision and F1 over classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audit.estimate.cells import Counts, Margins, Rows, margins, proportion, rate_masks
from audit.estimate.metric import BINARY, CLASSES, Composite, Edge, Inexact, Metric
from audit.estimate.rates import RATES
from audit.statistics.intervals import Interval, Span, around, linear
from audit.statistics.variance import Measured, Undefined

_JACCARD = (np.array([[0, 0], [0, 1]], dtype=np.bool_), np.array([[0, 1], [1, 1]], dtype=np.bool_))


def _balanced_accuracy(m: Margins) -> Inexact:
    """Mean recall over the classes that have rows (scikit-learn's definition)."""
    present = m.true != 0
    recall = np.where(present, m.hit / np.where(present, m.true, 1), 0)
    classes = present.sum(-1)
    return np.where(classes >= 2, recall.sum(-1) / np.where(classes >= 2, classes, 1), np.nan)


def _precision_macro(m: Margins) -> Inexact:
    return np.asarray((m.hit / m.predicted).mean(-1))


def _f1_by_class(m: Margins) -> Inexact:
    return 2 * m.hit / (m.true + m.predicted)


def _f1_macro(m: Margins) -> Inexact:
    """Mean F1 over the classes that occur, true or predicted."""
    both = m.true + m.predicted
    present = both != 0
    f1 = np.where(present, 2 * m.hit / np.where(present, both, 1), 0)
    classes = present.sum(-1)
    return np.where(classes >= 1, f1.sum(-1) / np.where(classes >= 1, classes, 1), np.nan)


def _weight(values: Inexact, m: Margins) -> Inexact:
    """Mean over classes weighted by their true rows; classes without rows have no say."""
    parts = np.where(m.true == 0, 0, m.true * values)
    return np.asarray(parts.sum(-1) / m.true.sum(-1))


def _precision_weighted(m: Margins) -> Inexact:
    return _weight(m.hit / m.predicted, m)


def _f1_weighted(m: Margins) -> Inexact:
    return _weight(_f1_by_class(m), m)


def _binary_f1(m: Margins) -> Inexact:
    return _f1_by_class(m)[..., 1]


def _f1(counts: Counts, level: float, rows: Rows | None) -> Measured:
    """Measure F1 of the positive class: a monotone function of a proportion, TP / (TP + FP + FN)."""
    span, method = proportion(_JACCARD, counts, level, rows, "no positive rows, true or predicted")
    value, low, high = (2 * jaccard / (1 + jaccard) for jaccard in span)
    return Measured(value, low, high, f"{method} of TP / (TP + FP + FN)", int(counts.n.sum()))


def _f1_span(counts: Counts, level: float) -> Span:
    measured = _f1(counts, level, None)
    return Span(measured.value or 0.0, measured.low or 0.0, measured.high or 0.0)


def _precision_span(counts: Counts, level: float) -> Span:
    rate = RATES["precision"]
    return proportion(rate_masks(rate, 2), counts, level, None, rate.empty)[0]


def _of_classes(of_class: Callable[[Counts, float], Span], *, weighted: bool) -> Edge:
    """Return the interval of a mean over classes from those of the single classes."""

    def edge(value: float, counts: Counts, level: float, _rows: Rows | None) -> Interval:
        total = margins(counts.weight).true
        spans, shares = [], []
        for position in range(len(counts.n)):
            try:
                spans.append(of_class(counts.one_vs_rest(position), level))
            except Undefined:
                continue
            shares.append(float(total[position]) if weighted else 1.0)
        span = linear([share / sum(shares) for share in shares], spans)
        return around(value, max(span.low, 0.0), min(span.high, 1.0), "mover of wilson")

    return edge


def _never_predicted(counts: Counts, names: tuple[str, ...]) -> str:
    chosen = margins(counts.weight).predicted
    missing = [label for label, rows in zip(names, chosen, strict=True) if not rows]
    return f"no rows predicted as {', '.join(map(repr, missing[:3]))}"


def _mean(value: Callable[[Margins], Inexact], edge: Edge, **more: object) -> Composite:
    return Composite(value=value, edge=edge, **more)  # type: ignore[arg-type]


_F1_EDGE, _F1_WEIGHTED_EDGE = (_of_classes(_f1_span, weighted=weighted) for weighted in (False, True))
_RECALLS = _mean(_balanced_accuracy, _F1_EDGE, over="true")
_PRECISIONS = Composite(value=_precision_macro, edge=_F1_EDGE, undefined=_never_predicted, over="predicted")
_WEIGHTED_PRECISION = Composite(
    value=_precision_weighted, edge=_of_classes(_precision_span, weighted=True), undefined=_never_predicted
)

AVERAGES = (
    Metric(
        name="balanced_accuracy", needs="counts", tasks=CLASSES, place=20, performance=CLASSES, groups=("multiclass",),
        comparison=CLASSES, composite=_RECALLS,
    ),
    Metric(
        name="f1", needs="counts", tasks=BINARY, place=90, performance=BINARY, comparison=BINARY,
        composite=_mean(_binary_f1, _F1_EDGE, measured=_f1),
    ),
    Metric(
        name="precision_macro", needs="counts", tasks=CLASSES, place=62, performance=("multiclass",),
        composite=_PRECISIONS,
    ),
    Metric(
        name="recall_macro", needs="counts", tasks=CLASSES, place=72, performance=("multiclass",), composite=_RECALLS
    ),
    Metric(
        name="f1_macro", needs="counts", tasks=CLASSES, place=92, performance=("multiclass",),
        comparison=("multiclass",), composite=_mean(_f1_macro, _F1_EDGE),
    ),
    Metric(
        name="f1_weighted", needs="counts", tasks=CLASSES, place=94, performance=("multiclass",),
        composite=_mean(_f1_weighted, _F1_WEIGHTED_EDGE),
    ),
    Metric(name="precision_weighted", needs="counts", tasks=CLASSES, composite=_WEIGHTED_PRECISION),
    *(
        Metric(name=name, needs="counts", tasks=CLASSES, rate=RATES["accuracy"])
        for name in ("recall_weighted", "recall_micro", "precision_micro", "f1_micro")
    ),
)  # fmt: skip
"""A weighted recall and all micro averages are the share of right rows."""
