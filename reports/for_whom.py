"""For whom is it worse? Rates of two groups in words, how far the gap reaches, and what is open."""

from __future__ import annotations

from collections.abc import Sequence

from reports.answer import Answer
from reports.families import families_in
from reports.lookup import Estimates, value_of
from reports.people import (
    Gap,
    capital,
    class_words,
    gap_sentence,
    group_words,
    groups_in,
    rate_words,
    widest_gap,
    words_of,
)
from reports.phrases import (
    count_noun,
    interval,
    list_names,
    percent,
    percent_interval,
    visible,
)
from reports.ranking import concerns_of, of_families
from reports.record import AuditRecord, Estimate
from reports.results import GateResult, gate_of, gate_results
from reports.sentences import known_words, limit_words, reach_words, verdict_words
from reports.strips import Strip, StripRow, points, share_row
from reports.summary import lacks_labels
from reports.traits import is_trait

GROUPS = families_in("worse", answering=True)
MOST_GROUPS = 4
"""Groups that are drawn."""


def for_whom(record: AuditRecord, known: Estimates) -> Answer:
    """Say which group fares worse and by how much, in the words of the outcome."""
    question = "For whom is it worse?"
    if not record.data.sensitive:
        sentence = "Not asked: no column that distinguishes people was declared."
        return Answer(
            id="worse",
            short="For whom",
            question=question,
            sentence=sentence,
            details=_undeclared(record),
            strip=_by_class(record, known),
        )
    failed = [
        result for result in concerns_of(record, GROUPS) if result.worst.outcome == "fail" and not _is_direction(result)
    ]
    gap = first_gap(record, known, failed)
    first, *others = _about_first(record, known, failed, gap) or [""]
    details = (first, _errors(record, known, gap), *others, *_varies(record, known, gap), *_direction(record, gap))
    outcome = _outcome(record, gap) if gap else ""
    words = (
        f"{capital(record, gap_sentence(record, gap))}{_of_labeled(record)}{_JUDGED.get(outcome, '')}" if gap else ""
    )
    return Answer(
        id="worse",
        short="For whom",
        question=question,
        sentence=f"{words or _first_words(record, known, failed)}.",
        details=(*_withheld(record, gap), *(detail for detail in details if detail)),
        strip=gap_strip(record, known, gap, over=outcome == "fail") if gap else None,
    )


def _of_labeled(record: AuditRecord) -> str:
    """Say of decisions, which need no label, that those without one are left out all the same."""
    lacks = record.task == "binary" and any(lacks_labels(split) for split in record.data.splits if split.name == "test")
    return ", of rows with a label" if lacks else ""


def first_gap(record: AuditRecord, known: Estimates, failed: Sequence[GateResult]) -> Gap | None:
    """Choose the gap to tell first: outcomes by the feature of the first concern, else where they lie farthest apart.

    How often each group gets the outcome is what people ask first; what the first concern is about follows.
    """
    for result in failed:
        groups = groups_in(result.lead.where)
        if len(groups) == 1 and (gap := widest_gap(record, known, rate_of_groups(record), next(iter(groups)))):
            return gap
    gaps = [gap for name in record.data.sensitive if (gap := widest_gap(record, known, rate_of_groups(record), name))]
    return max(gaps, key=lambda gap: abs(value_of(gap.group) - value_of(gap.other)), default=None)


def rate_of_groups(record: AuditRecord) -> str:
    """Name the number of groups that is shown first."""
    return {"binary": "selection_rate", "multiclass": "accuracy"}.get(record.task, "mean_absolute_error")


def _first_words(record: AuditRecord, known: Estimates, failed: Sequence[GateResult]) -> str:
    if failed:
        return capital(record, verdict_words(record, known, failed[0].lead))
    if hidden := withheld(record):
        return f"Not compared: {_withheld_words(hidden)}"
    if alone := [name for name in record.data.sensitive if _is_one_group(record, name)]:
        missing = record.data.missing_sensitive.get(alone[0])
        blank = f"; {count_noun(missing, 'test row')} without a value" if missing and len(alone) == 1 else ""
        names = list_names([visible(name, 60) for name in alone], limit=3)
        return f"Not compared: {names} has fewer than two groups{blank}"
    spread = _spread(record, known)
    return f"No group holds enough rows to be compared alone{f'; {spread}' if spread else ''}"


def _is_one_group(record: AuditRecord, name: str) -> bool:
    levels = sum(group.feature == name for group in record.data.groups)
    return levels == 1 or (levels == 0 and bool(record.data.missing_sensitive.get(name)))


def withheld(record: AuditRecord) -> tuple[str, ...]:
    """Name the sensitive features of which fewer than two groups are shown because one is too small to be."""
    sizes = {
        name: [group.rows for group in record.data.groups if group.feature == name] for name in record.data.sensitive
    }
    return tuple(
        name for name, rows in sizes.items() if len(rows) > 1 and None in rows and len(rows) - rows.count(None) < 2
    )


def _withheld_words(names: Sequence[str]) -> str:
    which = list_names([visible(name, 60) for name in names], limit=3)
    return (
        f"groups of {which} are withheld, because so few rows are in one of them, or in none, that the others would "
        "give them away; join that group with another, or leave those rows out"
    )


def _withheld(record: AuditRecord, gap: Gap | None) -> list[str]:
    hidden = withheld(record) if gap is not None else ()
    return [f"Not compared: {_withheld_words(hidden)}."] if hidden else []


def _spread(record: AuditRecord, known: Estimates, *, shown: bool = False) -> str:
    """Say how much the levels of a feature of very many differ at all, beyond chance; `shown`: only where they do."""
    metric = f"{rate_of_groups(record)}_spread"
    estimates = [
        estimate for estimate in known.of(metric) if estimate.value is not None and not (shown and not estimate.low)
    ]
    if not estimates:
        return ""
    widest = max(estimates, key=value_of)
    feature = visible(widest.where.get("feature", ""), 60)
    words = words_of(rate_of_groups(record))
    size = f"{percent(value_of(widest)).removesuffix(' %')} points" if words.share else f"{value_of(widest):.3g}"
    span = percent_interval(widest) if words.share else interval(widest)
    what = words.noun.format(positive=class_words(record, record.data.positive))
    if widest.low:
        return f"{what} varies by {size} {span} between the levels of {feature}, beyond chance"
    return f"{what} is not shown to vary between the levels of {feature} beyond chance (by {size} {span})"


def _about_first(record: AuditRecord, known: Estimates, failed: Sequence[GateResult], gap: Gap | None) -> list[str]:
    """Say what the first two concerns are about, how far they reach and what is certain of them."""
    if not failed:
        return [] if gap is None else [_no_gap(record)]
    lines = []
    for result in sorted(failed[:2], key=lambda result: gap is not None and not _same_gap(result, gap)):
        said = result is failed[0] if gap is None else _same_gap(result, gap)  # in the sentence above
        gate, reach = gate_of(record, result.lead), reach_words(record, result.lead)
        shown = known_words(result.lead, gate) if result is failed[0] else ""
        limit = "" if said or shown else limit_words(record, result.lead, gate)
        words = "" if said else verdict_words(record, known, result.lead)
        reached = f"to keep the limit, about {reach} would have to change" if reach else ""
        if reach and limit:
            limit, reached = f"{limit}, about {reach} over it", ""
        text = "; ".join(text for text in (words, shown, limit, reached) if text)
        if text:
            lines.append(f"{capital(record, text)}.")
    return lines


def _no_gap(record: AuditRecord) -> str:
    """Say that no limit is shown to be passed, and whether it may be all the same."""
    results = of_families(record, gate_results(record), GROUPS)
    every = [verdict.estimate for result in results for verdict in result.verdicts if verdict.outcome == "inconclusive"]
    sizes: dict[str, int] = {}
    for estimate in every:
        if estimate is not None and len(groups := groups_in(estimate.where)) == 1:
            name = group_words(record, groups)
            sizes[name] = min(estimate.n or 0, sizes.get(name, estimate.n or 0))
    smallest = [f"{name} (n {sizes[name]:,})" for name in sorted(sizes, key=lambda name: sizes[name])]
    whom = f" for {list_names(smallest, limit=2)}" if smallest else ""
    return f"No gap over the limits is shown among the groups{f'; not ruled out{whom}' if every else ''}."


def _by_class(record: AuditRecord, known: Estimates) -> Strip | None:
    """Draw how often each true class is missed, where no groups of people were named."""
    recalls = [level for level in known.levels("recall", "class") if level.value is not None]
    missed = sorted((level.affine(-1.0, 1.0) for level in recalls), key=value_of, reverse=True)[:MOST_GROUPS]
    rows = [share_row(class_words(record, level.where["class"]), level) for level in missed]
    return points(rows, share=True, note="wrong decisions, by true class")


def _varies(record: AuditRecord, known: Estimates, gap: Gap | None) -> list[str]:
    spread = _spread(record, known, shown=True) if gap is not None else ""
    return [f"{spread[:1].upper() + spread[1:]}."] if spread else []


def _is_direction(result: GateResult) -> bool:
    """Tell whether a concern says that the direction is open, which `_direction` says with both readings."""
    estimate = result.lead.estimate
    return estimate is not None and estimate.metric == "favorable_outcome_not_stated"


_JUDGED = {"pass": "; within its limit", "inconclusive": "; not shown to be over its limit"}
"""What is added to a gap by what its rule says of it."""


def _outcome(record: AuditRecord, gap: Gap) -> str:
    """Return what the rule on a gap says of it, the worst first; ``""`` where none was judged."""
    outcomes = {
        verdict.outcome
        for result in of_families(record, gate_results(record), GROUPS)
        for verdict in result.verdicts
        if verdict.estimate is not None
        and verdict.estimate.metric.startswith((gap.rate, words_of(gap.rate).judged_as or gap.rate))
        and gap.features == set(groups_in(verdict.where))
    }
    return next((outcome for outcome in ("fail", "inconclusive", "pass") if outcome in outcomes), "")


def _errors(record: AuditRecord, known: Estimates, gap: Gap | None) -> str:
    """Say how often each of the two groups is wrongly called positive, and how often missed."""
    if gap is None or record.task != "binary":
        return ""
    wrong = [known.get("false_positive_rate", level.where) for level in (gap.group, gap.other)]
    right = [known.get("true_positive_rate", level.where) for level in (gap.group, gap.other)]
    alarms = [percent(level.value) for level in wrong if level is not None and level.value is not None]
    missed = [percent(1 - level.value) for level in right if level is not None and level.value is not None]
    if len(alarms) < 2 or len(missed) < 2:
        return ""
    positive, where = class_words(record, record.data.positive), groups_in(gap.group.where)
    mine, other = (
        group_words(record, groups_in(level.where)).removeprefix(f"{next(iter(where))}: ")
        for level in (gap.group, gap.other)
    )
    called = f"{alarms[0]} of {mine}, {alarms[1]} of {other}"
    return f"Wrongly called {positive}: {called}; missed: {missed[0]}, {missed[1]}."


def _same_gap(result: GateResult, gap: Gap) -> bool:
    metric = result.lead.estimate.metric if result.lead.estimate else ""
    return metric.startswith(gap.rate) and gap.features == set(groups_in(result.lead.where))


def _is_open(record: AuditRecord, gap: Gap) -> bool:
    """Tell whether nobody said which of the two groups is the worse off."""
    return record.task == "binary" and not record.data.favorable and words_of(gap.rate).of_outcome


def _direction(record: AuditRecord, gap: Gap | None) -> list[str]:
    """Say that nobody stated which outcome is good for the person, and how both read."""
    if record.task != "binary" or record.data.favorable:
        return []
    if gap is None or not words_of(gap.rate).of_decision or gap.group.value is None or gap.other.value is None:
        return ["Which outcome is good for the person was not stated ([data] favorable): the direction is open."]
    other = next((name for name in record.data.classes if name != record.data.positive), "the other class")
    rest = f"called {class_words(record, other)}: {percent(1 - gap.group.value)} and {percent(1 - gap.other.value)}"
    return [f"Which outcome is good for the person was not stated ([data] favorable). The other way round, {rest}."]


def gap_strip(record: AuditRecord, known: Estimates, gap: Gap, *, over: bool) -> Strip | None:
    """Draw a rate by the groups of a feature, from the group that fares worse on; `over`: whether a limit is passed.

    Where decisions are drawn, a dashed line stands at the share that has the outcome in truth.
    """
    first = [gap.group, gap.other]
    rest = sorted(
        (level for level in gap.levels if level not in first and (level.n or 0) >= 30),
        key=lambda estimate: -(estimate.n or 0),
    )[: MOST_GROUPS - len(first)]
    falls = value_of(gap.group) > value_of(gap.other)
    decided = words_of(gap.rate).of_decision
    rows = [
        StripRow(
            label=group_words(record, estimate.where),
            value=value_of(estimate),
            low=estimate.low,
            high=estimate.high,
            text=rate_words(estimate) + (f" (n {estimate.n:,})" if estimate.n is not None else ""),
            strong=over and estimate is gap.group and not _is_open(record, gap),
            mark=_true_share(record, known, estimate) if decided else None,
        )
        for estimate in sorted([*first, *rest], key=value_of, reverse=falls)
    ]
    positive = class_words(record, record.data.positive)
    caption = f"called {positive}" if decided else words_of(gap.rate).begin
    left = sum({group.feature} == gap.features for group in record.data.groups) - len(rows)
    marked = "dashed: truly so" if any(row.mark is not None for row in rows) else ""
    red = "red: worse off" if any(row.strong for row in rows) else ""
    missing = count_noun(left, "more group") if left > 0 else ""
    notes = (caption, marked, red, missing)
    return points(rows, share=words_of(gap.rate).share, note="; ".join(note for note in notes if note))


def _true_share(record: AuditRecord, known: Estimates, level: Estimate) -> float | None:
    """Work out from two counts of the record how many of a group are positive; nothing where rows have weights."""
    if record.task != "binary" or record.data.weight or not level.n:
        return None
    rate = known.get("true_positive_rate", level.where)
    return None if rate is None or rate.n is None else rate.n / level.n


def _undeclared(record: AuditRecord) -> tuple[str, ...]:
    """Name the columns that sound as if they did."""
    names = [feature.name for feature in record.data.features if is_trait(feature.name)]
    if not names:
        return ()
    sound = "sounds as if it does" if len(names) == 1 else "sound as if they do"
    known = list_names(visible(name, 40) for name in names)
    return (f"{known} {sound}: name in [data] sensitive those that do, and audit again.",)
