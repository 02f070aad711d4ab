"""How good is it? Right decisions or small errors, beside what a constant would reach."""

from __future__ import annotations

from reports.answer import Answer
from reports.lookup import Estimates, headline_words, value_of
from reports.over_time import with_course
from reports.people import capital, class_words, quoted_class, words_of
from reports.phrases import (
    estimate_text,
    metric_words,
    per_hundred,
    percent,
    percent_interval,
    significant,
    significant_interval,
    visible,
)
from reports.record import AuditRecord, Estimate
from reports.sentences import telling_words
from reports.strips import Strip, StripRow, bars, share_row
from reports.summary import lacks_labels

SAME = 0.0005
"""A difference of scores below which two models are the same to a reader."""

NEAR = 0.01
"""A difference of right decisions below which a model is hardly better than a constant."""

SAID = frozenset({"accuracy", "r2_score"})
"""Headline metrics that the first sentence says."""
_DRAWN = {
    "binary": ("accuracy", "recall", "precision"),
    "multiclass": ("accuracy",),
    "regression": ("typical_error", "mean_absolute_error", "r2_score"),
}
"""Numbers of a window that are drawn as they went."""
SKEWED = 2.0
"""Mean error in medians from which on a few large errors decide it; 1.2 of normal errors, 1.4 of exponential ones."""
FOLLOWS = 0.3
"""Rank correlation from which on answers that are worse than a constant follow the truth all the same."""


def how_good(record: AuditRecord, known: Estimates) -> Answer:
    """Say how often the model is right, beside what a constant would reach."""
    sentence, chart = _regression(record, known) if record.task == "regression" else _decisions(record, known)
    chart = with_course(chart, record, _DRAWN[record.task])
    details = (
        _labeled(record),
        _no_skill(known),
        _headline(record, known),
        _calibration(record, known),
        _simple_model(record, known),
    )
    return Answer(
        id="good",
        short="How good",
        question="How good is it?",
        sentence=sentence,
        strip=chart,
        details=tuple(detail for detail in details if detail)[:2],
    )


def _labeled(record: AuditRecord) -> str:
    """Say of which rows the numbers are where not a few labels are missing."""
    for split in record.data.splits:
        if split.name == "test" and lacks_labels(split):
            some = f"This is of the {split.rows:,} rows with a label; {split.dropped_rows:,} have none."
            return some if split.rows else f"None of the {split.dropped_rows:,} rows has a label."
    return ""


def _decisions(record: AuditRecord, known: Estimates) -> tuple[str, Strip | None]:
    right, base = known.get("accuracy"), always(known)
    if right is None or right.value is None:
        return "This record holds no performance figure.", None
    sentence = f"Right in {per_hundred(right.value)} decisions {percent_interval(right)}".rstrip()
    if base is not None and base.value is not None:
        name = quoted_class(record, base.where["class"])
        sentence += _beside_constant(right, base, name)
    rows = [share_row("right decisions", right, mark=base.value if base else None)]
    rows += _binary_rows(record, known) if record.task == "binary" else _class_rows(record, known)
    note = "dashed: always the most frequent class" if base else ""
    return f"{sentence}.", bars(rows, end=1.0, note=note)


def _beside_constant(right: Estimate, base: Estimate, name: str) -> str:
    """Set right decisions beside those of an answer that never changes; say so where the two are hardly different."""
    mine, constant = value_of(right), value_of(base)
    reached = per_hundred(constant)
    if constant > (right.high if right.high is not None else mine):
        return f"; worse than always saying {name}, which is right in {reached}"
    if mine - constant < NEAR:
        return f"; hardly better than always saying {name}, which is right in {reached}"
    return f"; always saying {name} is right in {reached}"


def always(known: Estimates) -> Estimate | None:
    """Return the share of the commonest class among the test rows."""
    shares = [level for level in known.levels("class_share", "class") if level.value is not None]
    return max(shares, key=lambda estimate: estimate.value or 0.0, default=None)


def _binary_rows(record: AuditRecord, known: Estimates) -> list[StripRow]:
    positive = class_words(record, record.data.positive)
    named = (("recall", f"found among all {positive}"), ("precision", f"right among those called {positive}"))
    return [share_row(words, estimate) for metric, words in named if (estimate := known.get(metric))]


def _class_rows(record: AuditRecord, known: Estimates) -> list[StripRow]:
    """Show the classes that are found least."""
    weakest = sorted((level for level in known.levels("recall", "class") if level.value is not None), key=value_of)[:3]
    return [
        share_row(f"found in class {quoted_class(record, estimate.where['class'])}", estimate) for estimate in weakest
    ]


def _regression(record: AuditRecord, known: Estimates) -> tuple[str, Strip | None]:
    miss, explained = known.get("mean_absolute_error"), known.get("r2_score")
    parts = []
    if miss is not None and miss.value is not None:
        size = f"{significant(miss.value)} {significant_interval(miss)}".rstrip()
        parts.append(f"Misses {visible(record.data.target, 40)} by {size} on average{_usual_miss(known, miss.value)}")
    if explained is not None and explained.value is not None:
        parts.append(f"explains {percent(max(explained.value, 0.0))} of its variation {percent_interval(explained)}")
    if not parts:
        return "This record holds no performance figure.", None
    rows = [share_row("variation explained (R²)", explained)] if explained and (explained.low or 0) >= 0 else []
    return f"{'; '.join(parts)}.", bars(rows, end=1.0)


def _usual_miss(known: Estimates, mean: float) -> str:
    """Say the median where a few large errors decide the mean."""
    median = known.get("median_absolute_error")
    if median is None or median.value is None or mean < SKEWED * median.value:
        return ""
    return f", half of the time by less than {significant(median.value)}"


def _no_skill(known: Estimates) -> str:
    """Say so where a constant answer may be as good."""
    skill = known.get("skill_over_constant")
    if skill is None or skill.low is None or skill.low > 0:
        return ""
    if skill.low == skill.high == 0:
        return "All its answers are alike: a constant does as well."
    if skill.high is not None and skill.high < 0:
        return f"It does worse than a constant answer{_why_worse(known)}."
    return "These rows do not show that it does better than a constant answer."


def _why_worse(known: Estimates) -> str:
    """Guess at a scale or a sign where answers follow the truth all the same."""
    together = known.get("rank_correlation_with_truth")
    if together is None or together.value is None or abs(together.value) < FOLLOWS:
        return ""
    said = f"(rank correlation {together.value:.2f})"
    if together.value < 0:
        return f", because its answers fall where the true values rise {said}: look for a turned sign"
    return f", although its answers rise with the true values {said}: look for another unit, a logarithm or an offset"


def _headline(record: AuditRecord, known: Estimates) -> str:
    estimate = known.get(record.headline)
    if estimate is None or record.headline in SAID:
        return ""
    words = words_of(record.headline)
    called = words.title or metric_words(record.headline).capitalize()
    turned = estimate.high is not None and words.chance is not None and estimate.high < words.chance
    tail = "; worse than chance: higher scores go with the other class" if turned else ""
    return f"{called} {estimate_text(estimate)}{tail}."


def _calibration(record: AuditRecord, known: Estimates) -> str:
    error = known.get("calibration_error")
    return f"{capital(record, telling_words(record, known, error))}." if error is not None else ""


def _simple_model(record: AuditRecord, known: Estimates) -> str:
    gain = known.get("simple_model_gain")
    if gain is None or gain.value is None or abs(gain.value) < SAME:
        return ""
    words = "worse" if gain.value > 0 else "better"
    points = f"{100 * abs(gain.value):.1f} points of {headline_words(record, known)}"
    return f"{words.capitalize()} than a plain linear model by {points}."
