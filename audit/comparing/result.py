"""What a comparison holds, and how it is said in one sentence: what changed, by how much, for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from audit.comparing.changes import Change, Turn
from audit.comparing.conclusion import Conclusion, Word
from audit.comparing.contest import Contender
from reports.phrases import address, count_noun, list_names, metric_words, number, visible
from reports.record import Estimate, Table

PER = 1000
"""Decisions out of which changes are counted."""
_BEGIN: Mapping[Word, str] = {
    "worse": "Worse",
    "better": "Better",
    "mixed": "Better and worse",
    "no difference shown": "No difference shown",
    "same answers": "The same answer to every row",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison:
    """All that differs between two audits."""

    before: str
    after: str
    """Names of the two models."""
    paired: bool
    rows: int | None
    """Rows that both answered."""
    note: str
    """How the two were compared."""
    identity: tuple[tuple[str, str, str], ...] = ()
    """What differs of model, data, policy and run: name, before, after."""
    changes: tuple[Change, ...] = ()
    churn: tuple[Estimate, ...] = ()
    """Share of decisions that changed, overall and by group; of a binary task also by their new outcome."""
    disagreement: Table | None = None
    """Rows that only one of the two answers correctly, with McNemar's test."""
    area_test: Estimate | None = None
    """p-value of the difference in ROC AUC (DeLong), where both are scored and rows are paired."""
    turns: tuple[Turn, ...] = ()
    same_policy: bool = True
    """Whether both were judged by the same rules; else a verdict may turn because its rule did."""
    own: tuple[str, ...] = ()
    """Metrics of the user's own, of which a record holds numbers and no code: they are compared unpaired."""
    headline: str = ""
    favorable: str = ""
    """The class that is good for the person; ``""``: not stated, or the task is not binary."""
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Value labels of the later audit."""
    conclusion: Conclusion = field(default_factory=lambda: Conclusion(word="no difference shown"))
    contenders: tuple[Contender, ...] = ()
    """Every model against the best of all, where more than two are compared."""

    @property
    def worse(self) -> bool:
        """Whether the later model is shown to be worse: over all rows, for a group, or by a gate of severity error."""
        return bool(self.conclusion.worse or self.conclusion.groups_worse or self.conclusion.turned)

    def __repr__(self) -> str:
        return f"Comparison of {visible(self.before, 60)} and {visible(self.after, 60)}\n  {bottom_line(self)}"


def bottom_line(comparison: Comparison) -> str:
    """Say what a comparison comes to.

    Returns
    -------
    str
        Such as ``Worse: recall −0.030 [−0.050, −0.010]; 12 of 1,000 decisions changed; no group shown to be worse.``
    """
    end = comparison.conclusion
    worse, better = ([_move(change) for change in part] for part in (end.worse, end.better))
    if end.word == "mixed":
        lines = [f"worse {', '.join(worse[:2])}"] if worse else []
        lines += [f"better {', '.join(better[:2])}"] if better else []
    else:
        lines = [list_names(worse or better, limit=2)] if worse or better else _open(comparison)
        lines = [f"no difference shown over all rows ({lines[0]})"] if end.word == "worse" and not worse else lines
    lines += [f"criterion {visible(turn.gate, 40)} is no longer met" for turn in end.turned[:2]]
    lines += _decisions(comparison) + _groups(comparison)
    return f"{_BEGIN[end.word]}{': ' if lines else ''}{'; '.join(lines)}."


def ranking_line(contenders: Sequence[Contender], metric: str) -> str:
    """Say which of several models is the best, as far as the rows tell."""
    best = [visible(contender.name, 60) for contender in contenders if contender.standing == "best shown"]
    open_ = [visible(contender.name, 60) for contender in contenders if contender.standing == "may be the best"]
    words = metric_words(metric)
    if best:
        return f"Best in {words}: {best[0]}; every other model is shown to be worse."
    if not open_:
        return f"Which model is best in {words} cannot be decided: a record holds no interval for it."
    worse = len(contenders) - len(open_)
    rest = f"; {count_noun(worse, 'model is', 'models are')} shown to be worse" if worse else ""
    return f"Best in {words}: not settled among {list_names(open_, limit=4)}{rest}."


def signed_interval(estimate: Estimate | None) -> str:
    """Write a difference with its sign and interval.

    Examples
    --------
    >>> signed_interval(Estimate(metric="recall_difference", value=-0.03, low=-0.05, high=-0.01, unit="difference"))
    '−0.030 [−0.050, −0.010]'
    """
    if estimate is None or estimate.value is None:
        return "–"
    unit = estimate.unit or ("count" if estimate.method == "count" else "")
    value = _sign(estimate.value, unit)
    if estimate.method == "count" or estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{_sign(estimate.low, unit)}, {_sign(estimate.high, unit)}]"


def _sign(value: float, unit: str) -> str:
    text = number(round(value, 3) if unit in ("difference", "proportion", "score", "ratio") else value, unit)
    return text.replace("-", "−") if value <= 0 or text.startswith("0.000") else f"+{text}"


def per_thousand(share: Estimate) -> str:
    """Write a share of decisions as so many of 1,000.

    Examples
    --------
    >>> per_thousand(Estimate(metric="churn", value=0.012)), per_thousand(Estimate(metric="churn", value=0.0002))
    ('12 of 1,000', 'fewer than 1 of 1,000')
    """
    many = PER * (share.value or 0.0)
    if 0 < many < 0.95:
        return f"fewer than 1 of {PER:,}"
    return f"{many:.0f} of {PER:,}" if many >= 10 or many == round(many) else f"{many:.1f} of {PER:,}"


def _move(change: Change) -> str:
    return f"{metric_words(change.metric)} {signed_interval(change.difference)}"


def _open(comparison: Comparison) -> list[str]:
    """Say how much the headline could have moved where no metric is shown to have."""
    if comparison.conclusion.word == "same answers":
        return []
    here = [
        change
        for change in comparison.changes
        if change.metric == comparison.headline and set(change.where) <= {"split"}
    ]
    known = [change for change in here if change.difference is not None and change.difference.value is not None]
    words = metric_words(comparison.headline or "headline metric")
    return [_move(known[0])] if known else [f"{words} is missing from one audit or from both"]


def _decisions(comparison: Comparison) -> list[str]:
    whole = [estimate for estimate in comparison.churn if set(estimate.where) <= {"split"}]
    if not whole:
        return []
    if whole[0].value == 0:
        return ["no decision changed"] if comparison.conclusion.word != "same answers" else []
    toward = [estimate for estimate in whole[1:] if estimate.value]
    words = [
        f"{per_thousand(estimate).split(' of ')[0]} {metric_words(estimate.metric.removeprefix('churn_'))}"
        for estimate in toward
    ]
    split = f" ({', '.join(words)})" if comparison.favorable and words else ""
    return [f"{per_thousand(whole[0])} decisions changed{split}"]


def _groups(comparison: Comparison) -> list[str]:
    end = comparison.conclusion
    if not end.groups or end.word == "same answers":
        return []
    if not end.groups_worse:
        return ["no group shown to be worse"]
    first = end.groups_worse[0]
    names = list(dict.fromkeys(address(change.where, comparison.names) for change in end.groups_worse))
    more = f" and {count_noun(len(names) - 1, 'more group', 'more groups')}" if len(names) > 1 else ""
    return [f"worse for {names[0]} ({_move(first)}){more}"]
