"""What a verdict says, in a sentence that needs no glossary: the group, the number, how sure, how far it reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reports.lookup import Estimates, value_of
from reports.people import RATES, class_words, gap_of, gap_sentence, group_words, groups_in, harmed_first
from reports.phrases import (
    counted,
    estimate_text,
    metric_words,
    number,
    per_hundred,
    percent,
    percent_interval,
    visible,
)
from reports.record import AuditRecord, Estimate, Gate, Verdict

Say = Callable[[AuditRecord, Estimate], str]


def verdict_words(record: AuditRecord, known: Estimates, verdict: Verdict) -> str:
    """Say what was found for a verdict, on its slice, without its outcome."""
    found = verdict.estimate
    if found is None:
        return visible(verdict.message, 200).rstrip(".")
    if found.value is None:
        return f"{_on(record, verdict.where)}{metric_words(found.metric)} is undefined: {visible(found.reason, 120)}"
    rates = _rates_of_groups(record, known, verdict, found)
    if rates:
        return rates
    say = SENTENCES.get(found.metric)
    return say(record, found) if say else _plain(record, found)


def extent_words(verdict: Verdict) -> str:
    """Say how far a verdict reaches; nothing where the record does not hold it.

    Examples
    --------
    >>> extent = Estimate(metric="extent", value=53.2, low=46.0, high=60.4, unit="rows per 1,000")
    >>> extent_words(Verdict(gate="g", where={}, outcome="fail", severity="warning", extent=extent))
    '53 of 1,000 decisions [46, 60]'
    """
    extent = verdict.extent
    if extent is None or extent.value is None:
        return ""
    ends = "" if extent.low is None or extent.high is None else f" [{_few(extent.low)}, {_few(extent.high)}]"
    return f"{_few(extent.value)} of 1,000 decisions{ends if extent.low != extent.high else ''}"


def _few(value: float) -> str:
    return f"{value:.0f}" if value >= 2 or value == 0 else f"{value:.1f}"


def known_words(verdict: Verdict, gate: Gate | None) -> str:
    """Say what is known of an open or failed gap: its sign and how large it may be, against its limit.

    Examples
    --------
    >>> gap = Estimate(metric="tpr_difference", value=0.15, low=0.04, high=0.26, unit="difference", n=200)
    >>> one = Verdict(gate="g", where={}, outcome="inconclusive", severity="warning", estimate=gap)
    >>> known_words(one, Gate(id="g", title="", check="", metric="tpr_difference", op="abs<=", threshold=0.1))
    'a gap is shown, its size is between 4 and 26 points; the limit is 10'
    """
    one = verdict.estimate
    if one is None or gate is None or one.unit != "difference" or gate.op != "abs<=" or one.low is None:
        return ""
    high = one.high if one.high is not None else one.low
    if one.low <= 0 <= high or isinstance(gate.threshold, tuple):
        return ""
    near, far = sorted((abs(one.low), abs(high)))
    limit = f"{100 * gate.threshold:g}"
    return f"a gap is shown, its size is between {100 * near:.0f} and {100 * far:.0f} points; the limit is {limit}"


def limit_words(gate: Gate | None) -> str:
    """Write the limit of a gate on a number, for readers who see the number beside it.

    Examples
    --------
    >>> limit_words(Gate(id="g", title="", check="", metric="tpr_difference", op="abs<=", threshold=0.1))
    'limit ±0.1'
    """
    if gate is None:
        return ""
    if isinstance(gate.threshold, tuple):
        return f"limits {gate.threshold[0]:g} and {gate.threshold[1]:g}"
    sign = {">=": "at least ", "<=": "at most ", "abs<=": "±"}[gate.op]
    return f"limit {sign}{gate.threshold:g}"


def _rates_of_groups(record: AuditRecord, known: Estimates, verdict: Verdict, found: Estimate) -> str:
    """Say the two rates behind a difference or a ratio of one feature's groups."""
    for ending in ("_difference", "_ratio"):
        rate = found.metric.removesuffix(ending)
        groups = groups_in(verdict.where)
        if rate != found.metric and rate in RATES and len(groups) == 1:
            feature, level = next(iter(groups.items()))
            gap = gap_of(record, known, rate, feature, level, verdict.where.get("split", "test"))
            if gap is not None:
                return gap_sentence(record, harmed_first(record, gap))
    return ""


def _plain(record: AuditRecord, one: Estimate) -> str:
    n = f" (n {one.n:,})" if one.n is not None else ""
    return f"{_on(record, one.where)}{metric_words(one.metric)} {estimate_text(one)}{n}"


def _on(record: AuditRecord, where: Mapping[str, str]) -> str:
    return f"{group_words(record, where)}: " if set(where) - {"split"} else ""


# --- sentences by metric --------------------------------------------------------------------------


def _feature(one: Estimate) -> str:
    return visible(one.where.get("feature", "a feature"), 60)


def _class_recall(record: AuditRecord, one: Estimate) -> str:
    if set(one.where) - {"split"} != {"class"}:
        return _plain(record, one)
    n = f" (n {one.n:,})" if one.n is not None else ""
    return f"finds {per_hundred(value_of(one))} {class_words(record, one.where['class'])}{n}"


def _slice(record: AuditRecord, one: Estimate) -> str:
    n = f" (n {one.n:,})" if one.n is not None else ""
    where = visible(one.where.get("slice", ""), 100) or group_words(record, one.where)
    ends = "" if one.low is None or one.high is None else f" [{one.low:.1f}, {one.high:.1f}]"
    return f"{where}{n}: {value_of(one):.1f} times the errors{ends}"


def _share(words: str) -> Say:
    """Make a sentence about a share, whose place is ``{share}`` and whose feature or group is ``{what}``."""

    def say(record: AuditRecord, one: Estimate) -> str:
        ends = percent_interval(one)
        share = f"{percent(value_of(one))}{f' {ends}' if ends else ''}"
        rest = {key: level for key, level in one.where.items() if key != "feature"}
        what = _feature(one) if "feature" in one.where else group_words(record, rest)
        return words.format(share=share, what=what) + _other_split(one)

    return say


def _score(words: str) -> Say:
    """Make a sentence about a number that is not a share."""

    def say(record: AuditRecord, one: Estimate) -> str:
        group = groups_in({key: level for key, level in one.where.items() if key != "feature"})
        return words.format(value=estimate_text(one), what=_feature(one), group=group_words(record, group))

    return say


def _other_split(one: Estimate) -> str:
    split = one.where.get("split", "test")
    return "" if split == "test" else f" ({visible(split, 40)} rows)"


def _points(words: str) -> Say:
    """Make a sentence about a difference in points of a hundred."""

    def say(record: AuditRecord, one: Estimate) -> str:
        group = group_words(record, groups_in(one.where)) if groups_in(one.where) else ""
        return words.format(points=f"{100 * value_of(one):+.1f} points {percent_interval(one)}".strip(), group=group)

    return say


def _of_features(words: str) -> Say:
    """Make a sentence about how many of the model's features are concerned."""

    def say(record: AuditRecord, one: Estimate) -> str:
        every = counted(len(record.data.features), "feature")
        return f"{words}, in {number(one.value, 'count')} of {every}"

    return say


def _variant(words: str) -> Say:
    """Make a sentence about points of a hundred that a variant of the rows costs."""

    def say(record: AuditRecord, one: Estimate) -> str:  # noqa: ARG001 -- every sentence is made from both
        points = f"{100 * value_of(one):.1f} points {percent_interval(one)}".strip()
        return words.format(variant=visible(one.where.get("variant", "a change"), 60).replace("_", " "), points=points)

    return say


SENTENCES: Mapping[str, Say] = {
    "recall": _class_recall,
    "slice_error_ratio": _slice,
    "decision_flip_share": _share("{share} of decisions change if only {what} changes"),
    "missing_share": _share("{what}: {share} of the values are missing"),
    "missing_share_difference": _points("values missing, {group}: {points}"),
    "unseen_share": _share("{what}: {share} of test rows hold a value that training never saw"),
    "out_of_range_share": _share("{what}: {share} of test rows lie outside the range of training"),
    "duplicate_share": _share("{share} of rows are extra copies"),
    "conflicting_share": _share("{share} of rows have a twin with another label"),
    "overlap_share": _share("{share} of test rows stand in the training table too"),
    "near_duplicate_share": _share("{share} of test rows are almost equal to a training row"),
    "label_error_share": _share("about {share} of training labels look wrong"),
    "distinct_share": _share("{what}: {share} of its values are distinct, like an identifier"),
    "top_value_share": _share("{what}: one value in {share} of rows"),
    "noise_flip_share": _share("slight noise on the numbers changes {share} of decisions"),
    "missing_flip_share": _share("{what}: a missing value changes {share} of decisions"),
    "attribution_share": _share("{what} holds {share} of what moves the output"),
    "sensitive_attribution_share": _share("{what} holds {share} of what moves the output"),
    "features_that_raise_when_missing": _of_features("the model raises where a value is missing"),
    "features_that_raise_when_unseen": _of_features("the model raises on values it never saw"),
    "missing_rows": _score("{group}: {value} more rows needed to show a gap of ten points"),
    "missing_positives": _score("{group}: {value} more positive rows needed to show a gap of ten points"),
    "missing_negatives": _score("{group}: {value} more negative rows needed to show a gap of ten points"),
    "headline_half_width": _score("the headline is known to ±{value} only"),
    "invalid_outputs": _score("{value} outputs are invalid"),
    "nondeterministic_rows": _score("{value} rows get another answer the second time"),
    "batch_dependent_rows": _score("{value} answers depend on the rows beside them"),
    "blank_sections": _score("{value} sections wait for a person"),
    "favorable_outcome_not_stated": _score("which outcome is good for the person was not stated"),
    "leak_score": _score("{what} alone predicts the target (score {value})"),
    "proxy_auc": _score("{what} tells {group} from the rest (ROC AUC {value})"),
    "stability_index": _score("{what} moved from training to test (stability index {value})"),
    "split_auc": _score("a classifier tells test rows from training rows (ROC AUC {value})"),
    "membership_auc": _score("training rows are recognized by their loss (ROC AUC {value})"),
    "calibration_error": _score("scores miss the outcome rates by {value} on average"),
    "calibration_slope": _score("calibration slope {value} (1 is right; below, scores are too extreme)"),
    "mean_calibration_gap": _points("{group}: scores minus outcomes {points}"),
    "train_test_gap": _points("training minus test score: {points}"),
    "gap_beyond_overall": _points("{group}: training minus test beyond the overall gap {points}"),
    "threshold_gain": _points("another threshold gains {points} of balanced accuracy"),
    "simple_model_gain": _points("a plain linear model does better by {points}"),
    "gain_from_twice_the_rows": _points("twice the training rows would gain {points}"),
    "accuracy_drop": _variant("mild {variant} costs {points} of accuracy"),
    "accuracy_kept_under_attack": _score("under a small attack {value} of the accuracy is left"),
    "non_monotone_share": _share("{what}: {share} of scores move against the declared direction"),
    "missing_flip_ratio": _score("{what}: a missing value changes {value} times what another row's value does"),
    "noise_move": _score("slight noise on the numbers moves predictions by {value} standard deviations of the target"),
    "shared_cluster_share": _share("{share} of test rows belong to a person or device that training saw too"),
    "later_training_rows": _score("{value} training rows are later than the first test row"),
    "score_stability_index": _score("scores moved from the reference (stability index {value})"),
    "standardized_mean_error": _score("{group}: off by {value} standard deviations of the target on average"),
    "underfitting_gap": _points("a stronger model on new rows, less this one on its training rows: {points}"),
    "cross_validation_standard_error": _score("the mean score over folds is uncertain by {value}"),
    "test_score_outside_folds": _score("the test score lies {value} outside what the folds foretell"),
    "validation_loss_rise": _share("validation loss was kept {share} above its lowest"),
    "dead_units": _share("{share} of units in a layer are always or never active"),
    "completeness_residual": _share("attributions leave {share} of the output unexplained"),
    "explanation_stability": _score("explanations of two runs agree to {value} only (rank correlation)"),
    "explainer_rank_correlation": _score("two explainers agree to {value} only (rank correlation)"),
    "churn": _share("{share} of decisions change"),
    "compression_loss": _points("compressing the model costs {points}"),
    "excess_loss": _points("{group}: compressing costs more than elsewhere by {points}"),
    "missing_label_share": _share("{share} of rows have no label"),
    "gap_p_value_adjusted": _score("gaps among groups of {what} are larger than chance makes them (p {value})"),
}
"""How a metric is told; what stands here in no sentence is told by its name."""
