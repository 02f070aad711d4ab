"""Single rows, shown from several sides."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.explain.cases import LocalCase
from reports.record import Bar, Bars, Cell, Exhibit, Measurement, Table

DRAWN = 3


@check(
    by_column=True,
    title="Single rows explained",
    family="explanations",
    references=(
        "Ribeiro, Singh and Guestrin 2016, Why Should I Trust You? Explaining the Predictions of Any Classifier",
        "Wachter, Mittelstadt and Russell 2018, Counterfactual Explanations without Opening the Black Box",
    ),
)
def local_cases(local_cases: tuple[LocalCase, ...], *, top: int = 6, values: bool = True) -> Measurement:
    """Explain the rows that matter most by SHAP, by LIME and by the nearest row with another decision.

    Reading. For each row the strongest features are listed with what they add to the output (SHAP) and
    with LIME's local weight. The counterfactual is the smallest change found that changes the decision, with
    sensitive features held fixed.

    Limits. One row is an anecdote, chosen by a rule that is stated. Attributions are not reasons for a
    decision about a person, and the counterfactual is not advice: the change may be impossible, and there
    may be nearer ones that the search did not find. The rows' values are shown unless the option `values`
    is false.
    """
    if not local_cases:
        raise NotApplicable("no test row was selected")
    exhibits: list[Exhibit] = []
    for number, case in enumerate(local_cases):
        order = np.argsort(-np.abs(case.shap), kind="stable")[: max(top, 1)]
        if number < DRAWN:
            exhibits.append(_bars(case, order))
        exhibits.append(_table(case, order, values))
    turned = [case for case in local_cases if case.changes]
    said = f"{len(local_cases)} test rows are explained one by one"
    if turned:
        fewest = min(len(case.changes or ()) for case in turned)
        said += f"; for {len(turned)} of them a change of {fewest} or more features changes the decision"
    first = local_cases[0]
    fixed = f"counterfactuals leave {', '.join(first.fixed)} as they are" if first.fixed else ""
    return Measurement(
        summary=f"{said}.",
        exhibits=tuple(exhibits),
        notes=tuple(note for note in (f"SHAP by the method {first.method}, scale {first.scale}", fixed) if note),
    )


def _words(case: LocalCase) -> str:
    text = (
        f"Predicted {case.predicted}, in fact {case.actual}. Output {case.output:.3g}, base {case.base:.3g} "
        f"({case.scale}); fit of LIME {case.fit:.2f}."
    )
    if case.changes:
        text += f" The model would say {case.decided_otherwise} with " + "; ".join(
            f"{change.feature} {change.needed} in place of {change.now}" for change in case.changes
        )
        text += "."
    return text


def _table(case: LocalCase, order: np.ndarray, values: bool) -> Table:
    needed = {change.feature: change.needed for change in case.changes or ()}
    rows: list[tuple[Cell, ...]] = []
    for place in order:
        name = case.features[place]
        cells: list[Cell] = [name]
        if values:
            cells.append(case.values[place])
        cells += [float(case.shap[place]), float(case.lime[place])]
        if values:
            cells.append(needed.get(name, ""))
        rows.append(tuple(cells))
    columns = (
        ("feature", "value", "SHAP", "LIME", "would change the decision") if values else ("feature", "SHAP", "LIME")
    )
    caption = _words(case) if values else f"Predicted {case.predicted}, in fact {case.actual}."
    return Table(title=_title(case), columns=columns, rows=tuple(rows), caption=caption, folded=True)


def _title(case: LocalCase) -> str:
    return f"Row {case.row}: {case.why}"


def _bars(case: LocalCase, order: np.ndarray) -> Bars:
    return Bars(
        title=_title(case),
        x_label=f"attribution ({case.scale})",
        bars=tuple(Bar(label=case.features[place], value=float(case.shap[place])) for place in order),
        caption=f"What moves the output of this row from {case.base:.3g} to {case.output:.3g}.",
    )
