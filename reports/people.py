"""Groups and outcomes in the words of the data's owner: value labels, the class detected, the favorable one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from reports.addresses import HOUSE_WORDS, address
from reports.lookup import Estimates, value_of
from reports.phrases import percent, percent_interval, significant, significant_interval, visible
from reports.record import AuditRecord, Estimate


class RateWords(NamedTuple):
    """How a rate of groups is worded."""

    begin: str
    """How a sentence about it begins."""
    worse: Literal["lower", "higher", "called", "found", ""]
    """Which group is worse off; ``called``: the one called positive more often, unless that is the favorable outcome;
    ``found``: the lower one where it is, else neither."""
    share: bool = True
    """Whether it is a share of rows."""
    of_outcome: bool = False
    """Whether it speaks of the favorable outcome where one is stated, else of the positive class."""
    of_decision: bool = False
    """Whether it says how often the model decides so: value labels of the outcome alone tell it."""
    noun: str = ""
    """What varies between groups, within a sentence."""
    title: str = ""
    """What it is called at the start of a sentence, where that is not its name."""
    judged_as: str = ""
    """The rate whose gaps the rules judge in its place."""
    chance: float | None = None
    """What scores that say nothing reach, if below it they rank the classes the wrong way round."""


RATES: Mapping[str, RateWords] = {
    "selection_rate": RateWords(
        "called {positive}", "called", of_outcome=True, of_decision=True, noun="the share called {positive}"
    ),
    "base_rate": RateWords("labeled {positive}", "called", of_outcome=True),
    "true_positive_rate": RateWords("found among those who are {positive}", "found"),
    "false_positive_rate": RateWords("called {positive} although they are not", "called"),
    "precision": RateWords("right among those called {positive}", "lower"),
    "error_rate": RateWords("wrong decisions", "higher"),
    "accuracy": RateWords("right decisions", "lower", noun="the share of right decisions", judged_as="error_rate"),
    "roc_auc": RateWords(
        "ranking within the group (ROC AUC)", "lower", share=False, title="Ranking (ROC AUC)", chance=0.5
    ),
    "mean_absolute_error": RateWords("mean size of the error", "higher", share=False, noun="the mean error"),
}
"""Rates that are compared among groups."""
_OTHER = RateWords("", "", share=False)


def words_of(rate: str) -> RateWords:
    """Return how a metric of groups is worded.

    Examples
    --------
    >>> words_of("error_rate").begin, words_of("unknown").begin
    ('wrong decisions', '')
    """
    return RATES.get(rate, _OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One rate of two groups of the same feature."""

    rate: str
    """Metric of the two."""
    features: frozenset[str]
    """What distinguishes the groups: one feature, or several that are crossed."""
    group: Estimate
    """The group that the sentence is about."""
    other: Estimate
    """The group it is compared with."""
    levels: tuple[Estimate, ...]
    """All groups of the same features, in the order of the record."""


def class_words(record: AuditRecord, name: str) -> str:
    """Write a class as the value labels do, else between quotation marks."""
    label = record.data.names.get(record.data.target, {}).get(name, "")
    return visible(label, 60) or f"“{visible(name, 40)}”"


def quoted_class(record: AuditRecord, name: str) -> str:
    """Write a class between quotation marks, whether it has a value label or not."""
    return f"“{class_words(record, name).strip('“”')}”"


def group_words(record: AuditRecord, where: Mapping[str, str]) -> str:
    """Write a slice with value labels; test rows go without saying."""
    return address(where, record.data.names)


def other_class(record: AuditRecord) -> str:
    """Return the class of a binary target that is not the positive one."""
    return next((name for name in record.data.classes if name != record.data.positive), "")


def groups_in(where: Mapping[str, str]) -> dict[str, str]:
    """Keep the features of an address, without house words."""
    return {key: level for key, level in where.items() if key not in HOUSE_WORDS}


def toward_positive(record: AuditRecord, rate: Estimate) -> Estimate:
    """Turn a rate of outcomes toward the class that the model detects.

    Selection and base rates speak of the favorable class; a reader learns how often the model says what
    it was built to say, so that a refusal is called one.
    """
    spoken = rate.where.get("class") or record.data.favorable or record.data.positive
    turns = record.task == "binary" and words_of(rate.metric).of_outcome and spoken != record.data.positive
    if not turns or rate.value is None:
        return rate
    where = {key: level for key, level in rate.where.items() if key != "class"}
    return replace(rate.affine(-1.0, 1.0), where=where)


def gap_of(
    record: AuditRecord, known: Estimates, rate: str, where: Mapping[str, str], compared_by: str = "", min_n: int = 30
) -> Gap | None:
    """Set a group beside the one it is compared with; of several classes, within the class that `where` names.

    The other group is the reference of `compared_by`, a difference or a ratio of the rate (the difference without one):
    its ratio to itself is 1, its difference to itself is not made. Where that is the group itself or is not known,
    it is the group with the farthest rate among those of at least `min_n` rows.
    """
    place = {key: level for key, level in where.items() if key != "class" or record.task != "binary"}
    estimates = known.alike(compared_by or f"{rate}_difference", where)
    compared = known.once(
        (rate, compared_by, Estimates.shape(where), min_n),
        lambda: _compare(record, known.alike(rate, place), estimates, min_n),
    )
    groups = groups_in(place)
    own = frozenset(groups.items())
    mine = compared.by_group.get(own)
    ends = (*compared.ranked[:2], *compared.ranked[-2:])
    rest = [end for end in ends if end is not mine] or [level for level in compared.levels if level is not mine]
    if mine is None or not rest:
        return None
    reference = [estimate for estimate in compared.whole if estimate is not mine] or [
        estimate for estimate in compared.apart if estimate is not mine and own in compared.compared
    ]
    other = (
        reference[0]
        if len(reference) == 1
        else max(rest, key=lambda estimate: abs(value_of(estimate) - value_of(mine)))
    )
    return Gap(rate=rate, features=frozenset(groups), group=mine, other=other, levels=compared.levels)


class _Compared(NamedTuple):
    """All groups of the same features, and which of them others are compared with."""

    levels: tuple[Estimate, ...]
    by_group: Mapping[frozenset[tuple[str, str]], Estimate]
    ranked: tuple[Estimate, ...]
    """Those of enough rows, the lowest first."""
    whole: tuple[Estimate, ...]
    """Those of enough rows whose ratio to the reference is 1."""
    apart: tuple[Estimate, ...]
    """Those of enough rows that are not compared with another."""
    compared: frozenset[frozenset[tuple[str, str]]]


def _compare(record: AuditRecord, rates: Sequence[Estimate], estimates: Sequence[Estimate], min_n: int) -> _Compared:
    levels = tuple(toward_positive(record, rate) for rate in rates if rate.value is not None)
    enough = [level for level in levels if (level.n or min_n) >= min_n] or levels
    key = {id(estimate): frozenset(groups_in(estimate.where).items()) for estimate in (*levels, *estimates)}
    compared = frozenset(key[id(estimate)] for estimate in estimates)
    whole = {key[id(estimate)] for estimate in estimates if estimate.value == 1 and estimate.metric.endswith("_ratio")}
    return _Compared(
        levels=levels,
        by_group={key[id(level)]: level for level in levels},
        ranked=tuple(sorted(enough, key=value_of)),
        whole=tuple(estimate for estimate in enough if key[id(estimate)] in whole),
        apart=tuple(estimate for estimate in enough if key[id(estimate)] not in compared),
        compared=compared,
    )


def harmed_first(record: AuditRecord, gap: Gap) -> Gap:
    """Put the group that is worse off first in a gap.

    Worse off is the group with more errors, or with worse rates; of the rates at which people are called
    positive, the group with the higher one, or the lower one where that is the favorable outcome.
    """
    spoken = gap.group.where.get("class", record.data.positive)
    good: bool | None = record.data.favorable == spoken
    if record.task != "binary" and not good:
        good = None
    low_is_worse = {"lower": True, "higher": False, "called": good, "found": good or None}.get(words_of(gap.rate).worse)
    if low_is_worse is None or value_of(gap.group) == value_of(gap.other):
        return gap
    first_is_low = value_of(gap.group) < value_of(gap.other)
    return gap if first_is_low == low_is_worse else replace(gap, group=gap.other, other=gap.group)


def widest_gap(record: AuditRecord, known: Estimates, rate: str, feature: str, min_n: int = 30) -> Gap | None:
    """Set the two groups of a feature side by side that lie farthest apart, the worse off first.

    Groups of fewer than `min_n` rows are not compared.
    """
    levels = tuple(toward_positive(record, level) for level in known.levels(rate, feature) if level.value is not None)
    ranked = sorted((level for level in levels if (level.n or 0) >= min_n), key=value_of)
    if len(ranked) < 2:
        return None
    gap = Gap(rate=rate, features=frozenset({feature}), group=ranked[0], other=ranked[-1], levels=levels)
    return harmed_first(record, gap)


def gap_sentence(record: AuditRecord, gap: Gap) -> str:
    """Say a rate of two groups.

    With value labels: ``Black applicants: 17.5 % refused (n 126); others 2.4 % (n 826)``; without:
    ``called “yes”: 17.5 % of afam: yes (n 126), 2.4 % of afam: no (n 826)``.
    """
    mine, other = (group_words(record, groups_in(estimate.where)) for estimate in (gap.group, gap.other))
    if words_of(gap.rate).of_decision and record.task == "binary" and ": " not in mine + other:
        first = f"{mine}: {rate_words(gap.group)} {outcome_words(record)}{rows_words(gap.group)}"
        return f"{first}; {other} {rate_words(gap.other)}{rows_words(gap.other)}"
    of = " of " if words_of(gap.rate).share else " in "
    split = gap.group.where.get("split", "test")
    begin = _begin(record, gap.group) + (f" in {visible(split, 40)} rows" if split != "test" else "")
    parts = (
        f"{rate_words(estimate)}{of}{name}" + (f" (n {estimate.n:,})" if estimate.n is not None else "")
        for estimate, name in ((gap.group, mine), (gap.other, other))
    )
    return f"{begin}: {', '.join(parts)}"


def rate_sentence(record: AuditRecord, estimate: Estimate) -> str:
    """Say a rate of one group, or of all rows, with its interval."""
    groups, share = groups_in(estimate.where), words_of(estimate.metric).share
    turned = toward_positive(record, estimate)
    ends = percent_interval(turned) if share else significant_interval(turned)
    on = f"{' of ' if share else ' in '}{group_words(record, groups)}" if groups else ""
    return f"{_begin(record, turned)}: {rate_words(turned)} {ends}".rstrip() + f"{on}{rows_words(turned)}"


def _begin(record: AuditRecord, estimate: Estimate) -> str:
    positive = class_words(record, estimate.where.get("class") or record.data.positive)
    return words_of(estimate.metric).begin.format(positive=positive)


def capital(record: AuditRecord, text: str) -> str:
    """Begin a sentence with a capital letter, unless it begins with a name of the data's owner."""
    first = text.split(" ", 1)[0].rstrip(":,")
    own = {feature.name for feature in record.data.features} | set(record.data.sensitive) | {record.data.target}
    return text if first in own else text[:1].upper() + text[1:]


def outcome_words(record: AuditRecord) -> str:
    """Say what it is to be called positive: ``refused`` by its label, else ``called “yes”``."""
    words = class_words(record, record.data.positive)
    return words if record.data.positive in record.data.names.get(record.data.target, {}) else f"called {words}"


def rate_words(estimate: Estimate) -> str:
    """Write the value of a rate: a share in percent, anything else as a number."""
    if estimate.value is None:
        return "unknown"
    return percent(estimate.value) if words_of(estimate.metric).share else significant(estimate.value)


def rows_words(estimate: Estimate) -> str:
    """Write the rows behind a number in brackets, with their split where it is not the test rows, or nothing."""
    split = estimate.where.get("split", "test")
    parts = [f"n {estimate.n:,}"] if estimate.n is not None else []
    parts += [f"{visible(split, 40)} rows"] if split != "test" else []
    return f" ({', '.join(parts)})" if parts else ""
