"""Is the model better on rows it learned from than on rows it did not?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.estimate.comparing import span_of
from audit.estimate.making import absent, with_interval
from audit.estimate.measure import estimates
from audit.estimate.metrics import metric
from audit.evidence import Predictions
from audit.exhibits import by_address_table
from audit.statistics.intervals import Span, difference
from reports.phrases import metric_words
from reports.record import Estimate, Measurement

METRICS = {
    "binary": ("accuracy", "balanced_accuracy", "f1"),
    "multiclass": ("accuracy", "balanced_accuracy", "f1_macro"),
    "regression": ("r2_score", "mean_absolute_error"),
}


@check(title="Train against test", family="generalization", references=("Newcombe 1998",), requires=("train_answers",))
def overfitting(predictions: Predictions) -> Measurement:
    """Subtract the score on test rows from the score on training rows.

    Reading. A gap whose whole interval lies above zero shows that part of what was learned holds for the
    training rows alone. The gap is that of accuracy, in regression of R².

    Limits. A gap is not a fault in itself where the test score is good enough; no gap is not proof that the
    model will hold on rows of another kind.
    """
    train, test = predictions.select(split="train"), predictions.select(split="test")
    names = METRICS[test.task]
    names = names if test.headline in names else (*names, test.headline)
    on_train, on_test = estimates(train, names), estimates(test, names)
    gaps = [gap(estimate, other) for estimate, other in zip(on_train, on_test, strict=True)]
    main = gaps[0]
    return Measurement(
        summary=f"{metric_words(names[0])} on train minus test: {main}.",
        estimates=(_rename(main, "train_test_gap"), *gaps),
        exhibits=(
            by_address_table("Scores by split", [_at(estimate) for estimate in (*on_train, *on_test)], first="split"),
        ),
    )


def gap(train: Estimate, test: Estimate) -> Estimate:
    """Subtract two independent estimates, as ``<metric>_train_test_difference``."""
    name = f"{train.metric}_train_test_difference"
    blank = absent(name, test.where, "undefined on the training or on the test rows", unit="difference")
    a, b = _span(train), _span(test)
    if a is None or b is None:
        return blank
    span = difference(a, b)
    return with_interval(
        name,
        span.value,
        (span.low, span.high),
        test.where,
        method="MOVER",
        n=test.n,
        unit="difference",
        level=train.level,
    )


def _span(estimate: Estimate) -> Span | None:
    """Return value and limits; rows that are memorized leave no error to vary, which is not a doubt."""
    if estimate.value is not None and estimate.low is None and estimate.value == metric(estimate.metric).perfect:
        return Span(estimate.value, estimate.value, estimate.value)
    return span_of(estimate)


def _rename(estimate: Estimate, name: str) -> Estimate:
    return replace(estimate, metric=name)


def _at(estimate: Estimate) -> Estimate:
    return replace(estimate, where={"": estimate.where["split"]})
