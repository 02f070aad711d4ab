"""Signs of a training history as estimates: counts of the run at hand, exact and without an interval of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from audit.estimate.making import exact
from audit.statistics.training_log import Sign
from reports.record import Estimate

UNITS: Mapping[str, str] = {
    "memorized_share": "difference",
    "simple_model_lead": "difference",
    "late_improvement": "proportion",
    "epochs_not_finite": "count",
    "largest_gradient_norm": "",
    "clipped_share": "proportion",
    "dead_units": "proportion",
}


def sign_estimates(signs: Iterable[Sign], epochs: int | None = None) -> tuple[Estimate, ...]:
    """Return an estimate for each sign that has a number.

    Examples
    --------
    >>> from audit.evidence import HistoryRow
    >>> from audit.statistics.training import diagnose
    >>> losses = ((1, 1.0), (2, 0.5))
    >>> rows = [HistoryRow(epoch=epoch, split="train", quantity="loss", value=value) for epoch, value in losses]
    >>> [(one.metric, one.value) for one in sign_estimates(diagnose(rows))][0]
    ('training_loss_ratio', 0.5)
    """
    return tuple(
        exact(
            sign.quantity,
            sign.value,
            {"split": "train", "layer": sign.layer} if sign.layer else {},
            n=epochs,
            unit=UNITS.get(sign.quantity, "ratio"),
        )
        for sign in signs
        if sign.value is not None
    )
