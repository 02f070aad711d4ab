"""What a mitigation came to, in at most fifteen lines: the gap, the cost, who gained and who lost."""

from __future__ import annotations

from collections.abc import Iterable

from reports.phrases import estimate_text, metric_words, percent, percent_interval, visible
from reports.record import AuditRecord, Estimate

MOST_PEOPLE = 5
"""Groups of people that are told of, those with most changes first."""


def lines(record: AuditRecord) -> tuple[str, ...]:
    """Tell what the finding ``mitigation`` of a record says.

    Parameters
    ----------
    record : AuditRecord
        Of ``modelassay mitigate``.

    Returns
    -------
    tuple of str
        At most twelve lines, so that verdict and file names fit below; none if nothing was mitigated.
    """
    finding = next((one for one in record.findings if one.check == "mitigation"), None)
    if finding is None or finding.measurement is None:
        return ()
    made = finding.measurement.estimates
    known = {one.metric: one for one in made if "variant" not in one.where}
    told = [_line("Gap before", known.get("gap_before")), _line("Gap after", known.get("gap_after"))]
    told += [_line("Gap with one moved threshold", known.get("gap_control"))]
    told += [_line("Narrowed by", known.get("gap_change"))]
    told += [_line("Beyond the moved threshold", known.get("gap_beyond_control"))]
    told += [
        _line(f"Cost in {metric_words(one.metric.removesuffix('_cost'))}", one)
        for one in made
        if one.metric.endswith("_cost")
    ][:1]
    told += list(people(record, made))
    told += _levelling(known)
    return tuple(line for line in told if line)[:12]


def _line(name: str, one: Estimate | None) -> str:
    if one is None or one.value is None or one.unit != "difference" or abs(one.value) > 1:
        return "" if one is None else f"{name}: {estimate_text(one)}"
    return f"{name}: {percent(one.value).removesuffix(' %')} points {percent_interval(one)}".rstrip()


def people(record: AuditRecord, made: Iterable[Estimate]) -> tuple[str, ...]:
    """Say who gained and who lost, in rows of each 1,000 of a group and outcome, most changes first."""
    pairs: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for one in made:
        if one.metric in ("gained", "lost") and one.value is not None:
            address = tuple((key, level) for key, level in one.where.items() if key != "split")
            pairs.setdefault(address, {})[one.metric] = one.value
    most = sorted(pairs.items(), key=lambda pair: -sum(pair[1].values()))[:MOST_PEOPLE]
    favorable = visible(record.data.favorable or record.data.positive or "the favorable answer")
    found = []
    for address, moved in most:
        where = dict(address)
        outcome = where.pop("class", "")
        group = ", ".join(
            f"{visible(key)} {visible(record.data.names.get(key, {}).get(level, level))}"
            for key, level in where.items()
        )
        found.append(sentence(group, outcome, favorable, moved.get("gained", 0.0), moved.get("lost", 0.0)))
    return tuple(found)


def sentence(group: str, outcome: str, favorable: str, gained: float, lost: float) -> str:
    """Say of a group and outcome how many of 1,000 gained the favorable answer, and how many lost it.

    Examples
    --------
    >>> sentence("sex f", "repaid", "loan", 0.034, 0.002)
    'Of 1,000 with sex f whose outcome was repaid: 34 more get loan, 2 get it no longer'
    """
    return (
        f"Of 1,000 with {group} whose outcome was {visible(outcome)}: {1000 * gained:.0f} more get {favorable}, "
        f"{1000 * lost:.0f} get it no longer"
    )


def _levelling(known: dict[str, Estimate]) -> list[str]:
    excess = known.get("levelling_down")
    if excess is None or excess.value is None or excess.value <= 0:
        return []
    shown = excess.low is not None and excess.low > 0
    begin = "LEVELLING DOWN: over half" if shown else "Levelling down cannot be ruled out: about half"
    lost = "of the change is a loss of the better-off group, not a gain of the worse-off"
    return [f"{begin} {lost} (excess {percent(excess.value).removesuffix(' %')} points {percent_interval(excess)})"]
