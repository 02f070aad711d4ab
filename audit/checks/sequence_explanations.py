"""Which time steps drive the model's answers."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import with_interval
from audit.evidence import Predictions
from audit.explain.importance import Band, share_band
from audit.explain.steps import SequenceCase, SequenceExplanations
from reports.record import Curve, Estimate, Exhibit, Measurement, Series, Table


@check(
    title="Time steps that drive the answers",
    family="explanations",
    references=("Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions",),
)
def sequence_explanations(
    sequence_explanations: SequenceExplanations, predictions: Predictions, *, values: bool = True
) -> Measurement:
    """Show what the steps of series add to the model's output.

    Reading. A step's attribution is what it adds to the output on average over orders in which steps are
    put in place of those of other series (SHAP with all channels of a step together). The share of a step
    is its part of the mean absolute attribution over a sample of test series.

    Limits. Series patched together from others may jump where real ones do not. Neighboring steps share
    what they both carry. Single series are shown unless the option `values` is false.
    """
    given, level = sequence_explanations, predictions.settings.level
    if not len(given.sample):
        raise NotApplicable("no series was explained")
    band = share_band(given.sample, seed=0, level=level)
    if not band.value.any():
        raise NotApplicable("no step moves the model's output")
    top = int(np.argmax(band.value))
    exhibits: list[Exhibit] = [_weights(band)]
    for case in given.cases if values else ():
        exhibits += [_curve(case, given.scale), _table(case)]
    return Measurement(
        summary=(
            f"Step {top + 1} of {len(band.value)} moves the output most, with {band.value[top]:.1%} of the mean "
            f"absolute attribution [{band.low[top]:.1%}, {band.high[top]:.1%}] over {len(given.sample)} test series."
        ),
        estimates=_estimates(band, len(given.sample), level),
        exhibits=tuple(exhibits),
        notes=(f"scale {given.scale}", *given.notes),
    )


def _estimates(band: Band, n: int, level: float) -> tuple[Estimate, ...]:
    return tuple(
        with_interval(
            "step_attribution_share",
            float(band.value[place]),
            (float(band.low[place]), float(band.high[place])),
            {"split": "test", "feature": f"step {place + 1}"},
            method="bootstrap over rows",
            n=n,
            unit="proportion",
            level=level,
        )
        for place in range(len(band.value))
    )


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _weights(band: Band) -> Curve:
    steps = _numbers(np.arange(1, len(band.value) + 1))
    line = Series(name="share", x=steps, y=_numbers(band.value), low=_numbers(band.low), high=_numbers(band.high))
    return Curve(
        title="Weight of the steps",
        x_label="step",
        y_label="share of mean absolute attribution",
        series=(line,),
        caption="High: steps that move the output much. Band: other samples of series.",
    )


def _curve(case: SequenceCase, scale: str) -> Curve:
    steps = _numbers(np.arange(1, len(case.shap) + 1))
    zero = Series(name="zero", x=(steps[0], steps[-1]), y=(0.0, 0.0), style="dashed")
    return Curve(
        title=f"Series {case.row}: {case.why}",
        x_label="step",
        y_label=f"attribution ({scale})",
        series=(Series(name="attribution", x=steps, y=_numbers(case.shap)), zero),
        caption=(
            f"Predicted {case.predicted}, in fact {case.actual}; the steps move the output from {case.base:.3g} to "
            f"{case.output:.3g}."
        ),
    )


def _table(case: SequenceCase) -> Table:
    channels = case.values.shape[1]
    names = ("value",) if channels == 1 else tuple(f"channel {number + 1}" for number in range(channels))
    rows = tuple((step + 1, *_numbers(case.values[step]), float(case.shap[step])) for step in range(len(case.shap)))
    return Table(
        title=f"Series {case.row}, step by step", columns=("step", *names, "attribution"), rows=rows, folded=True
    )
