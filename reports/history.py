"""Many records, one page: what became of each gate and number. No server, no script, standard library and jinja2."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from reports.phrases import metric_words, significant
from reports.printable import visible
from reports.strips import axis_of
from reports.turns import turns

MOST_COLUMNS = 120
"""Columns of a strip; more records share a column, which shows the worst of them."""
MOST_LINES = 40
ORDER = ("error", "fail", "inconclusive", "waived", "not_assessed", "pass")
"""Outcomes, worst first."""
HEIGHT = 14
BARS = {"error": HEIGHT, "fail": HEIGHT, "inconclusive": 9, "pass": 5}
"""How high the bar of an outcome is, so that it is read without colors; others are a line."""
PERFORMANCE = ("classification", "regression")
"""Checks whose numbers of all test rows are drawn."""
MOST_NUMBERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the page needs of one record."""

    name: str
    created: str
    data: str
    """Fingerprint of the rows that the model was judged on."""
    policy: Mapping[str, str]
    """Gates with their thresholds, in words."""
    outcomes: Mapping[str, str]
    """Worst outcome by gate."""
    values: Mapping[str, tuple[float, float, float]]
    """Value and limits of the verdict that the outcome rests on; none of a plain count of alarms."""
    numbers: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    """How good the model was on all test rows, with limits."""
    topics: Mapping[str, str] = field(default_factory=dict)
    """What each gate asks, in a few words."""
    model: str = ""
    """Fingerprint of the model file, or its kind."""
    window: bool = False
    """Whether it is a window of a log."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Rows with a label by version or model, where a log says which answered."""
    target: str = ""
    """What the model predicts."""


def entry(name: str, record: Mapping[str, object]) -> Entry:
    """Take from a parsed ``audit.json`` what the page needs.

    Examples
    --------
    >>> verdict = {"gate": "G", "outcome": "pass", "estimate": {"value": 0.5, "low": 0.4, "high": 0.6}}
    >>> made = entry("a.json", {"created": "2025-01-01", "verdicts": [verdict]})
    >>> dict(made.outcomes), dict(made.values)
    ({'G': 'pass'}, {'G': (0.5, 0.4, 0.6)})
    """
    outcomes: dict[str, str] = {}
    values: dict[str, tuple[float, float, float]] = {}
    for verdict in _list(record, "verdicts"):
        gate, outcome = str(verdict.get("gate", "")), str(verdict.get("outcome", ""))
        if gate in outcomes and _rank(outcomes[gate]) <= _rank(outcome):
            continue
        outcomes[gate] = outcome
        values.pop(gate, None)
        numbers = _numbers(verdict.get("estimate"))
        if numbers is not None and numbers[1] < numbers[2]:
            values[gate] = numbers
    data, policy, model = (record.get(part) for part in ("data", "policy", "model"))
    splits = _list(data, "splits") if isinstance(data, Mapping) else []
    tests = [split for split in splits if split.get("name") == "test"]
    gates = _list(policy, "gates") if isinstance(policy, Mapping) else []
    words = {f"{gate.get('id')} {gate.get('metric')}": f"{gate.get('op')} {gate.get('threshold')}" for gate in gates}
    made_by = [str(model.get(part) or "") for part in ("sha256", "kind")] if isinstance(model, Mapping) else [""]
    return Entry(
        name=name, created=str(record.get("created", "")), data=str(tests[0].get("sha256", "")) if tests else "",
        policy=words, outcomes=outcomes, values=values, numbers=_performance(record),
        topics={str(gate.get("id")): str(gate.get("topic") or "") for gate in gates},
        model=next((text for text in made_by if text), ""),
        window=bool(tests) and str(tests[0].get("file", "")).startswith("window "), versions=_versions(record),
        target=str(data.get("target") or "") if isinstance(data, Mapping) else "",
    )  # fmt: skip


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Put records in order of time: windows of one log by their window, as late files renew earlier ones.

    Examples
    --------
    >>> from functools import partial
    >>> window = partial(Entry, created="", data="", policy={}, outcomes={}, values={}, window=True)
    >>> [one.name for one in in_order([window(name="rows-10"), window(name="rows-9")])]
    ['rows-9', 'rows-10']
    """
    every = list(entries)
    if all(entry.window for entry in every):
        return sorted(every, key=lambda entry: _words_and_numbers(entry.name))
    return sorted(every, key=lambda entry: (entry.created, entry.name))


def _words_and_numbers(name: str) -> list[tuple[str, int]]:
    return [(text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]{0,18})", name)]


def _performance(record: Mapping[str, object]) -> dict[str, tuple[float, float, float]]:
    """Return numbers of all test rows."""
    performance = {}
    for finding in _list(record, "findings"):
        measurement = finding.get("measurement")
        if finding.get("check") in PERFORMANCE and isinstance(measurement, Mapping):
            for estimate in _list(measurement, "estimates"):
                numbers = _numbers(estimate)
                if numbers is not None and estimate.get("where") == {"split": "test"}:
                    performance[metric_words(str(estimate.get("metric", "")))] = numbers
        if finding.get("check") == "window_performance" and isinstance(measurement, Mapping):
            curves = (_last_of(curve) for curve in _list(measurement, "exhibits"))
            performance |= {name: numbers for name, numbers in curves if numbers and name not in performance}
    return performance


def _last_of(curve: Mapping[str, object]) -> tuple[str, tuple[float, float, float] | None]:
    """Return the number of the last window that a curve over windows ends with, and its name."""
    names, series = curve.get("x_names"), _list(curve, "series")
    lines = [series[0].get(part) for part in ("x", "y", "low", "high")] if len(series) > 1 else []
    places, *numbers = [line if isinstance(line, list | tuple) and line else [None] for line in lines] or [[None]]
    if not numbers or not isinstance(names, list | tuple) or places[-1] != len(names) - 1:
        return "", None
    value, low, high = (line[-1] for line in numbers)
    return str(curve.get("y_label", "")), _numbers({"value": value, "low": low, "high": high})


def _versions(record: Mapping[str, object]) -> dict[str, int]:
    """Return the rows of each version that decided; of each version of each model, where both are known."""
    rows: dict[tuple[str, ...], int] = {}
    for finding in _list(record, "findings"):
        measurement = finding.get("measurement")
        if finding.get("check") in PERFORMANCE and isinstance(measurement, Mapping):
            for estimate in _list(measurement, "estimates"):
                where, n = estimate.get("where"), estimate.get("n")
                keys = {*where} - {"split"} if isinstance(where, Mapping) and where.get("split") == "test" else set()
                if isinstance(where, Mapping) and keys and keys <= {"model", "version"}:
                    name = tuple(str(where[key]) for key in sorted(keys))
                    rows[name] = max(rows.get(name, 0), n if isinstance(n, int) else 0)
    longest = max(map(len, rows), default=0)
    return {" ".join(name): n for name, n in rows.items() if len(name) == longest}


def _list(where: object, name: str) -> list[Mapping[str, object]]:
    result = where.get(name) if isinstance(where, Mapping) else None
    return [value for value in result if isinstance(value, Mapping)] if isinstance(result, list | tuple) else []


def _rank(outcome: str) -> int:
    return ORDER.index(outcome) if outcome in ORDER else len(ORDER)


def _numbers(estimate: object) -> tuple[float, float, float] | None:
    if not isinstance(estimate, Mapping):
        return None
    value = estimate.get("value")
    limits = [estimate.get(name) for name in ("low", "high")]
    numbers = [float(item) if isinstance(item, int | float) else math.nan for item in (value, *limits)]
    if not math.isfinite(numbers[0]):
        return None
    low, high = (number if math.isfinite(number) else numbers[0] for number in numbers[1:])
    return numbers[0], low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One gate over time, ready to be drawn."""

    gate: str
    last: str
    failed: int
    since: str
    """Record from which on it has failed without a break up to the last; ``""`` where the last did not fail."""
    paths: tuple[tuple[str, str], ...]
    """Outcome and path of its columns."""
    line: str
    band: str
    words: str
    topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number over time, ready to be drawn."""

    name: str
    line: str
    band: str
    words: str
    range: str
    """From what to what the picture goes."""


def page(entries: Sequence[Entry]) -> str:
    """Draw the page.

    Parameters
    ----------
    entries : sequence of Entry
        In order of time.

    Examples
    --------
    >>> one = Entry(name="a", created="2025-01-01", data="", policy={}, outcomes={"G": "fail"}, values={})
    >>> "<script" in page([one]), "G" in page([one])
    (False, True)
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("reports", "templates"), autoescape=True, undefined=StrictUndefined)
    gates = sorted({gate for entry in entries for gate in entry.outcomes})
    strips = sorted(
        (_strip(gate, entries) for gate in gates), key=lambda strip: (_rank(strip.last), -strip.failed, strip.gate)
    )
    names = dict.fromkeys(name for entry in entries for name in entry.numbers)
    numbers = [number for name in names if (number := _number(name, entries)) is not None]
    return environment.get_template("history.html.j2").render(
        entries=entries, strips=strips, numbers=numbers[:MOST_NUMBERS], marks=_marks(entries),
        targets=list(dict.fromkeys(entry.target for entry in entries if entry.target)),
        happened=[f"{name}: {words}" for name, words in events(entries).items()][-MOST_LINES:],
        models=models(entries)[-MOST_LINES:], flips=flips(entries)[-MOST_LINES:],
        changes=changes(entries)[-MOST_LINES:], uses=uses(entries)[:MOST_LINES], dates=_dates(entries),
        columns=min(len(entries), MOST_COLUMNS), height=HEIGHT, visible=visible,
    )  # fmt: skip


def _dates(entries: Sequence[Entry]) -> str:
    """Say on which days the records were made."""
    days = sorted(entry.created[:10] for entry in entries)
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def events(entries: Sequence[Entry]) -> dict[str, str]:
    """Say at which records the model, its leading version or the rules changed, or a version first answered.

    Examples
    --------
    >>> made = [Entry(name=n, created="", data="", policy={}, outcomes={}, values={}, model=m) for n, m in ("ax", "by")]
    >>> events(made)
    {'b': 'another model'}
    """
    turned, lines = turns([entry.versions for entry in entries]), dict[str, str]()
    for place, (before, after) in enumerate(pairwise(entries), start=1):
        words = ["another model"] if before.model != after.model else []
        words += turned.get(place, [])
        words += ["rules changed"] if dict(before.policy) != dict(after.policy) else []
        lines |= {after.name: ", ".join(words)} if words else {}
    return lines


def _marks(entries: Sequence[Entry]) -> str:
    """Draw a line where something happened."""
    happened = events(entries)
    groups = enumerate(_columns(entries))
    return "".join(f"M{place} 0v{HEIGHT * 2}" for place, group in groups if any(e.name in happened for e in group))


def _number(name: str, entries: Sequence[Entry]) -> Number | None:
    """Draw a number of all test rows; the last one of records that share a column."""
    drawn = [
        next((entry.numbers[name] for entry in group[::-1] if name in entry.numbers), None)
        for group in _columns(entries)
    ]
    line, band, words = _curve(drawn)
    there = [numbers for numbers in drawn if numbers is not None]
    if not line:
        return None
    lowest, highest = min(numbers[1] for numbers in there), max(numbers[2] for numbers in there)
    return Number(name=name, line=line, band=band, words=words, range=f"{_text(lowest)} to {_text(highest)}")


def _strip(gate: str, entries: Sequence[Entry]) -> Strip:
    groups = _columns(entries)
    worst = [
        min((entry.outcomes[gate] for entry in group if gate in entry.outcomes), key=_rank, default="")
        for group in groups
    ]
    paths = []
    for outcome in dict.fromkeys(text for text in worst if text):
        places = [place for place, text in enumerate(worst) if text == outcome]
        paths.append((outcome, "".join(f"M{place}.5 {HEIGHT}v-{BARS.get(outcome, 2)}" for place in places)))
    judged = [entry for entry in entries if gate in entry.outcomes]
    outcomes = [entry.outcomes[gate] for entry in judged]
    run = len(list(takewhile(lambda outcome: outcome == "fail", reversed(outcomes))))
    line, band, words = _curve(
        [next((e.values[gate] for e in group[::-1] if gate in e.values), None) for group in groups]
    )
    failed = sum(outcome == "fail" for outcome in outcomes)
    topic = next((entry.topics[gate] for entry in reversed(entries) if gate in entry.topics), "")
    return Strip(
        gate=gate, last=outcomes[-1], failed=failed, since=judged[-run].name if run else "", paths=tuple(paths),
        line=line, band=band, words=words, topic=topic,
    )  # fmt: skip


def _columns(entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    columns = min(len(entries), MOST_COLUMNS)
    edges = [round(place * len(entries) / columns) for place in range(columns + 1)]
    return [entries[low:high] for low, high in pairwise(edges)]


def _curve(values: Sequence[tuple[float, float, float] | None]) -> tuple[str, str, str]:
    """Return line and band of the values within a strip, and their range in words."""
    there = [(place, numbers) for place, numbers in enumerate(values) if numbers is not None]
    if len(there) < 2:
        return "", "", ""
    low, high = min(numbers[1] for _, numbers in there), max(numbers[2] for _, numbers in there)
    bottom, height = axis_of(low, high)

    def at(value: float) -> str:
        return f"{HEIGHT * 2 * (1 - (value - bottom) / height):.1f}"

    line = " ".join(f"{place + 0.5},{at(numbers[0])}" for place, numbers in there)
    upper = [f"{place + 0.5},{at(numbers[2])}" for place, numbers in there]
    lower = [f"{place + 0.5},{at(numbers[1])}" for place, numbers in reversed(there)]
    last = there[-1][1]
    return line, " ".join(upper + lower), f"{_text(last[0])} [{_text(last[1])}, {_text(last[2])}]"


def _text(value: float) -> str:
    return significant(value).replace("-", "−")


def flips(entries: Sequence[Entry]) -> list[str]:
    """Say which gates turned between pass and fail on the same rows.

    Examples
    --------
    >>> one = Entry(name="a", created="", data="x", policy={}, outcomes={"G": "pass"}, values={})
    >>> two = Entry(name="b", created="", data="x", policy={}, outcomes={"G": "fail"}, values={})
    >>> flips([one, two])
    ['G changed from pass to fail on the same rows, from a to b']
    """
    lines, last = [], dict[tuple[str, str], Entry]()
    for entry in entries:
        for gate, outcome in entry.outcomes.items():
            before = last.get((entry.data, gate)) if entry.data else None
            if before is not None and {before.outcomes[gate], outcome} == {"pass", "fail"}:
                turned = f"{gate} changed from {before.outcomes[gate]} to {outcome}"
                lines.append(f"{turned} on the same rows, from {before.name} to {entry.name}")
            if entry.data and outcome in ("pass", "fail"):
                last[entry.data, gate] = entry
    return lines


def changes(entries: Sequence[Entry]) -> list[str]:
    """Say where the policy changed: gates that came, went, or have another threshold.

    Examples
    --------
    >>> one = Entry(name="a", created="", data="", policy={"G m": "<= 1"}, outcomes={}, values={})
    >>> two = Entry(name="b", created="", data="", policy={"G m": "<= 2"}, outcomes={}, values={})
    >>> changes([one, two])
    ['b: G m <= 1 became <= 2']
    """
    lines = []
    for before, after in pairwise(entries):
        new = [key for key in after.policy if key not in before.policy]
        gone = [key for key in before.policy if key not in after.policy]
        other = [key for key in after.policy if before.policy.get(key, after.policy[key]) != after.policy[key]]
        names = [f"{key} {before.policy[key]} became {after.policy[key]}" for key in other[:5]]
        names += [f"{len(new)} gates were added, such as {new[0]}"] if new else []
        names += [f"{len(gone)} gates were removed, such as {gone[0]}"] if gone else []
        lines += [f"{after.name}: {'; '.join(names)}"] if names else []
    return lines


def models(entries: Sequence[Entry]) -> list[str]:
    """Say from which record on another model was audited.

    Examples
    --------
    >>> made = [Entry(name=n, created="", data="", policy={}, outcomes={}, values={}, model=m) for n, m in ("ax", "by")]
    >>> models(made)
    ['b: another model (y) than in a (x)']
    """
    return [
        f"{after.name}: another model ({after.model[:12]}) than in {before.name} ({before.model[:12]})"
        for before, after in pairwise(entries)
        if before.model != after.model
    ]


def uses(entries: Sequence[Entry]) -> list[tuple[str, int]]:
    """Count how often the same rows were used for a test, most often first; rows used once are left out.

    Examples
    --------
    >>> one = Entry(name="a", created="", data="0123456789abcdef", policy={}, outcomes={}, values={})
    >>> uses([one, one])
    [('0123456789ab', 2)]
    """
    counted = Counter(entry.data for entry in entries if entry.data)
    return [(data[:12], number) for data, number in counted.most_common() if number > 1]
