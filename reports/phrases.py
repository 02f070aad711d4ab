"""Numbers, addresses and rules in words: the one place where every renderer takes them from.

Everything a user names is hostile text. :func:`visible` makes it one printable line; escaping for a
format is that format's own work.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

from reports.addresses import address as address
from reports.printable import NAME_LIMIT as NAME_LIMIT
from reports.printable import list_names as list_names
from reports.printable import visible as visible
from reports.record import Estimate, Gate, Verdict

NEARLY = 1.1
"""Times the rows at hand up to which the number needed is given as a few more."""
BEYOND_REACH = 20
"""Times the rows at hand beyond which a number of rows needed is given in words."""

_KNOWN_WORDS = {
    "auc": "AUC", "roc": "ROC", "pr": "PR", "tpr": "TPR", "fpr": "FPR", "tnr": "TNR", "fnr": "FNR", "ppv": "PPV",
    "npv": "NPV", "mcc": "MCC", "f1": "F1", "mae": "MAE", "mse": "MSE", "rmse": "RMSE", "r2": "R²", "ece": "ECE",
    "psi": "PSI", "shap": "SHAP", "lime": "LIME", "brier": "Brier", "matthews": "Matthews", "corrcoef": "correlation",
    "cohen": "Cohen's",
}  # fmt: skip
_REFERENCES = {
    "": "the reference group's",
    "largest": "the largest group's",
    "most_favored": "the most favored group's",
    "overall": "the overall value",
}


def paragraphs(text: str, limit: int = 20_000) -> tuple[str, ...]:
    r"""Split a person's words into printable paragraphs, one for each run of lines.

    Examples
    --------
    >>> paragraphs("One\nline.\n\nAnother.")
    ('One line.', 'Another.')
    """
    kept = text if len(text) <= limit else text[: limit - 1] + "…"
    blocks = re.split(r"\n\s*\n", kept.replace("\r\n", "\n"))
    return tuple(line for block in blocks if (line := visible(block, limit)))


def slug(name: str) -> str:
    """Return an anchor that stays the same and stays apart: readable part, then a short hash.

    Examples
    --------
    >>> slug("FAIR001")
    'fair001-cb0042'
    """
    readable = re.sub(r"[^a-z0-9]+", "-", name[:200].lower()).strip("-")[:40] or "x"
    return f"{readable}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


def metric_words(metric: str) -> str:
    """Write a metric's name as people say it.

    Examples
    --------
    >>> metric_words("selection_rate_ratio")
    'selection rate ratio'
    >>> metric_words("roc_auc")
    'ROC AUC'
    """
    words = visible(metric).replace("_", " ").split(" ")
    return " ".join(_KNOWN_WORDS.get(word.lower(), word) for word in words)


def number(value: float | None, unit: str = "") -> str:
    """Write a number with the precision of its unit.

    Examples
    --------
    >>> number(0.81234, "proportion"), number(12345, "count"), number(0.00002, "p-value")
    ('0.812', '12,345', '< 0.001')
    >>> number(None)
    '–'
    """
    if value is None:
        return "–"
    if unit == "count":
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
    if unit == "p-value":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if value == 0:
        return "0.000"
    size = abs(value)
    if size < 1e-6 or size >= 1e9:
        return f"{value:.2g}"
    if size < 0.001:
        return f"{value:.{1 - math.floor(math.log10(size))}f}"
    if size < 100:
        return f"{value:.3f}"
    return f"{value:,.1f}" if size < 100_000 else f"{value:,.0f}"


def significant(value: float) -> str:
    """Write a number of any unit with three digits that count, and no exponent where people would write none.

    Examples
    --------
    >>> significant(48.218), significant(12345.6), significant(0.04321), significant(-7.0)
    ('48.2', '12,346', '0.0432', '-7')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.3g}"


def significant_interval(estimate: Estimate) -> str:
    """Write the interval of a number with three digits that count.

    Examples
    --------
    >>> significant_interval(Estimate(metric="mean_absolute_error", value=48.218, low=42.244, high=55.267))
    '[42.2, 55.3]'
    """
    if estimate.low is None or estimate.high is None or estimate.method == "count":
        return ""
    return f"[{significant(estimate.low)}, {significant(estimate.high)}]"


def percent(value: float) -> str:
    """Write a share in percent, with one decimal where it tells something.

    Examples
    --------
    >>> percent(0.175), percent(0.024), percent(0.5), percent(0.0004), percent(0.0), percent(0.9996)
    ('17.5 %', '2.4 %', '50 %', '< 0.1 %', '0 %', '> 99.9 %')
    """
    if 0 < value < 0.0005:
        return "< 0.1 %"
    if 0.9995 < value < 1:
        return "> 99.9 %"
    if -0.0005 < value < 0:
        return "0 %"
    return f"{100 * value:.1f}".removesuffix(".0").replace("-", "−") + " %"


def percent_interval(estimate: Estimate) -> str:
    """Write the interval of a share in percent, without the sign.

    Examples
    --------
    >>> percent_interval(Estimate(metric="recall", value=0.8, low=0.7, high=0.874, unit="proportion"))
    '[70, 87.4]'
    >>> percent_interval(Estimate(metric="recall_difference", value=0.01, low=-0.0001, high=0.04, unit="difference"))
    '[0, 4]'
    """
    if estimate.low is None or estimate.high is None or estimate.method == "count":
        return ""
    low, high = (f"{100 * value:z.1f}".removesuffix(".0").replace("-", "−") for value in (estimate.low, estimate.high))
    return f"[{low}, {high}]"


def size_of_change(estimate: Estimate) -> str:
    """Write a difference in points where it is one of shares.

    Examples
    --------
    >>> size_of_change(Estimate(metric="performance_change", value=-0.0412, where={}, unit="difference"))
    '−4.1 points'
    >>> size_of_change(Estimate(metric="performance_change", value=12.34, where={}, unit="target"))
    '12.3'
    >>> size_of_change(Estimate(metric="performance_change", value=-0.01, where={}, unit="difference"))
    '−1 point'
    """
    value = estimate.value or 0.0
    if estimate.unit != "difference":
        return significant(value).replace("-", "−")
    size = percent(value).removesuffix(" %")
    return f"{size} {'point' if size in ('1', '−1') else 'points'}"


def signed_change(estimate: Estimate) -> str:
    """Write a difference with its sign.

    Examples
    --------
    >>> signed_change(Estimate(metric="performance_change", value=0.0412, where={}, unit="difference"))
    '+4.1 points'
    """
    return ("+" if (estimate.value or 0.0) > 0 else "") + size_of_change(estimate)


def per_hundred(value: float) -> str:
    """Write a share as people count.

    Examples
    --------
    >>> per_hundred(0.652), per_hundred(0.004), per_hundred(0.998)
    ('65 of 100', '4 of 1,000', '998 of 1,000')
    """
    if 0 < value < 0.01 or 0.99 < value < 1:
        return f"{1000 * value:.0f} of 1,000"
    return f"{100 * value:.0f} of 100"


def roughly(count: int) -> str:
    """Write a number of rows that is an estimate with two digits, rounded up.

    Examples
    --------
    >>> roughly(94), roughly(3404), roughly(100_001)
    ('94', '3,500', '110,000')
    """
    step = 10 ** max(len(str(count)) - 2, 0)
    return f"{-(-count // step) * step:,}"


def rows_needed(verdict: Verdict) -> str:
    """Say what an inconclusive verdict needs; no number of rows that nobody will ever collect.

    Examples
    --------
    >>> close = Estimate(metric="gap", value=0.09, low=0.05, high=0.13, n=100)
    >>> asks = Verdict(gate="g", where={}, outcome="inconclusive", severity="warning", estimate=close, n_needed=900)
    >>> rows_needed(asks)
    'about 900 rows of this kind needed, 100 here'
    >>> from dataclasses import replace
    >>> rows_needed(replace(asks, n_needed=104))
    'a few more rows of this kind needed, 100 here'
    >>> rows_needed(replace(asks, n_needed=254_085)), rows_needed(replace(asks, n_needed=None))
    ('practically at the threshold; more rows will not help', 'these rows cannot tell')
    """
    n = verdict.estimate.n if verdict.estimate else None
    if verdict.n_needed is None:
        return "these rows cannot tell"
    if verdict.n_needed > BEYOND_REACH * max(n or 0, 1) and n is not None:
        return "practically at the threshold; more rows will not help"
    few = n is not None and verdict.n_needed <= NEARLY * n
    needed = "a few more rows" if few else f"about {roughly(verdict.n_needed)} rows"
    return f"{needed} of this kind needed" + (f", {n:,} here" if n is not None else "")


def interval(estimate: Estimate) -> str:
    """Write an estimate's interval, or nothing where there is none.

    Examples
    --------
    >>> interval(Estimate(metric="recall", value=0.8, low=0.7, high=0.87, unit="proportion"))
    '[0.700, 0.870]'
    """
    if estimate.value is None or estimate.method == "count" or (estimate.low is None and estimate.high is None):
        return ""
    low = "…" if estimate.low is None else number(estimate.low, estimate.unit)
    high = "…" if estimate.high is None else number(estimate.high, estimate.unit)
    return f"[{low}, {high}]"


def estimate_text(estimate: Estimate | None) -> str:
    """Write an estimate with its interval, or say why there is none.

    Examples
    --------
    >>> estimate_text(Estimate(metric="recall", value=0.8, low=0.7, high=0.87, unit="proportion"))
    '0.800 [0.700, 0.870]'
    >>> estimate_text(Estimate(metric="recall", value=None, reason="no positive rows"))
    'undefined: no positive rows'
    """
    if estimate is None:
        return "no number"
    if estimate.value is None:
        return f"undefined: {visible(estimate.reason, 300)}"
    unit = estimate.unit or ("count" if estimate.method == "count" else "")
    return f"{number(estimate.value, unit)} {interval(estimate)}".rstrip()


def rule(gate: Gate) -> str:
    """Write what a gate demands, and whether the number alone decides.

    Examples
    --------
    >>> rule(Gate(id="floor", title="", check="", metric="recall", threshold=0.5, decide="point"))
    'recall ≥ 0.5, by the number alone'
    """
    return _rule(gate) + (", by the number alone" if gate.decide == "point" else "")


def _rule(gate: Gate) -> str:
    """Write what a gate demands as a sentence without a verb too many.

    Examples
    --------
    >>> _rule(Gate(id="PERF003", title="", check="", metric="recall", where={"class": "*"}, threshold=0.5))
    'recall ≥ 0.5 for every class'
    >>> _rule(Gate(id="FAIR001", title="", check="", metric="selection_rate", where={"*": "*"}, kind="ratio",
    ...           reference="most_favored", threshold=0.8))
    "selection rate ≥ 0.8 × the most favored group's, for every group"
    """
    name = metric_words(gate.metric)
    scope = _scope(gate.where)
    if gate.kind == "no_regression":
        return f"{name} at most {_bounds(gate)[0].lstrip('-')} worse than the baseline{_comma(scope)}"
    if gate.kind == "value":
        return f"{_demand(name, gate)}{' ' + scope if scope else ''}"
    other = reference_words(gate.reference)
    if gate.kind == "ratio":
        return f"{_ratio_demand(name, gate, other)}{_comma(scope)}"
    if gate.op == "abs<=":
        return f"{name} within ±{_bounds(gate)[0]} of {other}{_comma(scope)}"
    return f"{_demand(name + ' minus ' + other, gate)}{_comma(scope)}"


def reference_words(reference: str | Mapping[str, str]) -> str:
    """Name the group that differences and ratios are taken against.

    Examples
    --------
    >>> reference_words({"sex": "Male"})
    'that of sex: Male'
    """
    if isinstance(reference, str):
        return _REFERENCES.get(reference, f"that of {visible(reference)}")
    return f"that of {address(reference)}"


def _bounds(gate: Gate) -> tuple[str, ...]:
    bounds = gate.threshold if isinstance(gate.threshold, tuple) else (gate.threshold,)
    return tuple(f"{bound:g}" for bound in bounds)


def _demand(name: str, gate: Gate) -> str:
    bounds = _bounds(gate)
    if gate.op == "between":
        return f"{name} between {bounds[0]} and {bounds[1]}"
    if gate.op == "abs<=":
        return f"|{name}| ≤ {bounds[0]}"
    return f"{name} {'≥' if gate.op == '>=' else '≤'} {bounds[0]}"


def _ratio_demand(name: str, gate: Gate, other: str) -> str:
    bounds = _bounds(gate)
    if gate.op == "between":
        return f"{name} between {bounds[0]} × and {bounds[1]} × {other}"
    return f"{name} {'≥' if gate.op == '>=' else '≤'} {bounds[0]} × {other}"


def _scope(where: Mapping[str, str]) -> str:
    """Say which slices a gate speaks of, from its address with wildcards."""
    every = [f"every {'group' if key == '*' else visible(key, 60)}" for key in sorted(where) if where[key] == "*"]
    fixed = {key: value for key, value in where.items() if value != "*"}
    named = address(fixed) if set(fixed) - {"split"} else ""
    split = visible(fixed.get("split", "test"), 40)
    parts = [part for part in (" and ".join(every), named) if part]
    scope = f"for {' within '.join(parts)}" if parts else ""
    return scope if split == "test" or named else f"{scope} on {split} rows".strip()


def _comma(scope: str) -> str:
    return f", {scope}" if scope else ""


def moment(text: str) -> str:
    """Write an ISO time for people; anything else as it stands.

    Examples
    --------
    >>> moment("2026-11-20T12:00:00+00:00"), moment("yesterday")
    ('2026-11-20 12:00 UTC', 'yesterday')
    """
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)", text)
    return f"{match[1]} {match[2]} UTC" if match else visible(text, 60)


def count_noun(n: int, noun: str, plural: str = "") -> str:
    """Count things in words.

    Examples
    --------
    >>> count_noun(1, "warning"), count_noun(3, "warning"), count_noun(2, "class", "classes")
    ('1 warning', '3 warnings', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def link(reference: str) -> str | None:
    """Return the address of a reference, only where it is one that a reader may follow.

    Examples
    --------
    >>> link("doi:10.1145/3287560.3287596"), link("javascript:alert(1)"), link("Wilson (1927)")
    ('https://doi.org/10.1145/3287560.3287596', None, None)
    """
    text = visible(reference, 400)
    if re.fullmatch(r"doi:10\.\d{4,9}/[^\s\"<>]+", text):
        return "https://doi.org/" + text.removeprefix("doi:")
    return text if re.fullmatch(r"https?://[^\s\"<>\\]+", text) else None


def span_words(first: str, last: str) -> str:
    """Name what goes from one window of a log to another.

    Examples
    --------
    >>> span_words("2025-01", "2025-03"), span_words("2025-01", "2025-01")
    ('2025-01 to 2025-03', '2025-01')
    >>> span_words("rows 1 to 1,000", "rows 9,001 to 10,000")
    'rows 1 to 10,000'
    """
    if first == last:
        return first
    begin, end = (re.fullmatch(r"rows ([\d,]+) to ([\d,]+)", name) for name in (first, last))
    return f"rows {begin[1]} to {end[2]}" if begin and end else f"{first} to {last}"
