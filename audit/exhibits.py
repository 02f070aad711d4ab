"""Turn estimates into exhibits: the same few tables, forests and bars for every check."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from reports.addresses import address
from reports.phrases import metric_words
from reports.record import Cell, Estimate, Exhibit, Forest, ForestRow, Table, Where

HOUSE_WORDS = ("split", "fold", "variant", "class", "feature")


def label(where: Where, *, leave_out: Iterable[str] = ("split",)) -> str:
    """Write an address as every report does, without the keys that go without saying.

    Examples
    --------
    >>> label({"split": "test", "sex": "Female", "race": "Black"})
    'race: Black, sex: Female'
    >>> label({"split": "test"})
    'all rows'
    """
    skipped = set(leave_out)
    return address({key: level for key, level in where.items() if key not in skipped})


def lowest_first(estimates: Sequence[Estimate], metric: str, few: int) -> tuple[Estimate, ...]:
    """Rank addresses by one metric, the lowest first, where there are more than a `few`; what has none comes last.

    Examples
    --------
    >>> values = {"a": 0.5, "b": 0.1}
    >>> made = [Estimate(metric="recall", value=value, where={"class": name}) for name, value in values.items()]
    >>> [one.where["class"] for one in lowest_first(made, "recall", 1)]
    ['b', 'a']
    """
    rank = {
        label(estimate.where): estimate.value
        for estimate in estimates
        if estimate.metric == metric and estimate.value is not None
    }
    if len({label(estimate.where) for estimate in estimates}) <= few:
        return tuple(estimates)
    return tuple(sorted(estimates, key=lambda estimate: rank.get(label(estimate.where), math.inf)))


def estimates_table(title: str, estimates: Sequence[Estimate], *, caption: str = "", folded: bool = False) -> Table:
    """List estimates one a row: metric, value, interval, n, method.

    Examples
    --------
    >>> one = Estimate(metric="recall", value=0.5, low=0.4, high=0.6, n=9, method="wilson")
    >>> estimates_table("Scores", [one]).rows
    (('recall', 0.5, 0.4, 0.6, 9, 'wilson'),)
    """
    rows = [_row(estimate) for estimate in estimates]
    return Table(
        title=title,
        columns=("metric", "value", "low", "high", "n", "method"),
        rows=tuple(rows),
        caption=caption,
        folded=folded,
    )


def _row(estimate: Estimate) -> tuple[Cell, ...]:
    return (
        estimate.metric,
        estimate.value,
        estimate.low,
        estimate.high,
        estimate.n,
        estimate.method if estimate.value is not None else estimate.reason,
    )


def by_address_table(
    title: str, estimates: Sequence[Estimate], *, first: str = "group", caption: str = "", folded: bool = False
) -> Table:
    """Lay estimates out with one row an address and one column a metric.

    Examples
    --------
    >>> made = [Estimate(metric=m, value=v, where={"sex": "f"}, n=4) for m, v in (("recall", 0.5), ("fpr", 0.1))]
    >>> table = by_address_table("By group", made)
    >>> table.columns, table.rows
    (('group', 'n', 'recall', 'fpr'), (('sex: f', 4, '0.500', '0.100'),))
    """
    metrics = list(dict.fromkeys(estimate.metric for estimate in estimates))
    groups: dict[str, dict[str, Estimate]] = {}
    sizes: dict[str, list[int]] = {}
    for estimate in estimates:
        group = label(estimate.where)
        groups.setdefault(group, {})[estimate.metric] = estimate
        sizes.setdefault(group, []).extend([] if estimate.n is None else [estimate.n])
    rows: list[tuple[Cell, ...]] = []
    for group, cells in groups.items():
        counts = sizes[group]
        entries = [_told(cells.get(metric)) for metric in metrics]
        rows.append((group, max(counts) if counts else None, *entries))
    return Table(title=title, columns=(first, "n", *metrics), rows=tuple(rows), caption=caption, folded=folded)


def by_decider_exhibits(deciders: Sequence[str], estimates: Sequence[Estimate], whole: Estimate) -> tuple[Exhibit, ...]:
    """Lay out numbers by model and version, and draw one of them; nothing where a log does not say what answered.

    Parameters
    ----------
    deciders : sequence of str
        The keys of what answered.
    estimates : sequence of Estimate
        Numbers by what answered.
    whole : Estimate
        The number of all rows that is drawn by what answered, where several did.

    Examples
    --------
    >>> made = [Estimate(metric="recall", value=0.5, n=40, where={"split": "test", "version": name}) for name in "ab"]
    >>> [exhibit.title for exhibit in by_decider_exhibits(("version",), made, made[0])]
    ['recall by version', 'Metrics by version']
    """
    names = " and ".join(deciders)
    decided = [estimate for estimate in estimates if estimate.where.get("split") == "test"]
    shadow = [estimate for estimate in estimates if estimate not in decided]
    tables = ((f"Metrics by {names}", decided), (f"Metrics by {names}, in the shadow", shadow))
    drawn = [estimate for estimate in estimates if estimate.metric == whole.metric]
    caption = f"The line is the value over all rows{' that decided' if shadow else ''}."
    words = metric_words(whole.metric)
    figure = forest(f"{words} by {names}", drawn, x_label=words, reference=whole.value, caption=caption)
    return (
        *((figure,) if len(drawn) > 1 else ()),
        *(by_address_table(title, part, first="answers") for title, part in tables if part),
    )


def _told(estimate: Estimate | None) -> str | None:
    return None if estimate is None else str(estimate) if estimate.value is not None else f"– ({estimate.reason})"


def forest(
    title: str,
    estimates: Sequence[Estimate],
    *,
    x_label: str,
    reference: float | None = None,
    log_scale: bool = False,
    min_n: int = 30,
    caption: str = "",
) -> Forest:
    """Draw one metric by group; hollow marks stand for fewer than `min_n` rows.

    Examples
    --------
    >>> one = Estimate(metric="recall", value=0.5, low=0.4, high=0.6, n=9, where={"sex": "f"})
    >>> forest("Recall by sex", [one], x_label="recall").rows[0].hollow
    True
    """
    rows = [
        ForestRow(
            label=label(estimate.where),
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=estimate.n,
            hollow=estimate.n is not None and estimate.n < min_n,
            reason=estimate.reason,
        )
        for estimate in estimates
    ]
    return Forest(
        title=title, x_label=x_label, rows=tuple(rows), reference=reference, log_scale=log_scale, caption=caption
    )
