"""What a mitigation came to, in at most fifteen lines: the gap, the cost, who gained and who lost."""

from __future__ import annotations

from collections.abc import Iterable

from reports.phrases import estimate_text, metric_words, percent, percent_interval, visible
from reports.record import AuditRecord, Estimate

MOST_PEOPLE = 5
"""Groups of people that are shown, those with most changes first."""


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
    finding = next((finding for finding in record.findings if finding.check == "mitigation"), None)
    if finding is None or finding.measurement is None:
        return ()
    estimates = finding.measurement.estimates
    known = {estimate.metric: estimate for estimate in estimates if "variant" not in estimate.where}
    names = [_line("Gap before", known.get("gap_before")), _line("Gap after", known.get("gap_after"))]
    names += [_line("Gap with one moved threshold", known.get("gap_control"))]
    change = known.get("gap_change")
    widened = change is not None and change.value is not None and change.value < 0
    names += [_line("The gap WIDENED; narrowed by" if widened else "Narrowed by", change)]
    names += [_line("Beyond the moved threshold", known.get("gap_beyond_control"))]
    names += [
        _line(f"Cost in {metric_words(estimate.metric.removesuffix('_cost'))}", estimate)
        for estimate in estimates
        if estimate.metric.endswith("_cost")
    ][:1]
    names += [_line("A decision costs more by", known.get("expected_cost_change"))]
    names += list(people(record, estimates))
    names += _levelling(known)
    return tuple(line for line in names if line)[:12]


def _line(name: str, estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None or estimate.unit != "difference" or abs(estimate.value) > 1:
        return "" if estimate is None else f"{name}: {estimate_text(estimate)}"
    return f"{name}: {percent(estimate.value).removesuffix(' %')} points {percent_interval(estimate)}".rstrip()


def people(record: AuditRecord, estimates: Iterable[Estimate]) -> tuple[str, ...]:
    """Say who gained and who lost, in rows of each 1,000 of a group and outcome, most changes first."""
    pairs: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for estimate in estimates:
        if estimate.metric in ("gained", "lost") and estimate.value is not None:
            address = tuple((key, level) for key, level in estimate.where.items() if key != "split")
            pairs.setdefault(address, {})[estimate.metric] = estimate.value
    most = sorted(pairs.items(), key=lambda pair: -sum(pair[1].values()))[:MOST_PEOPLE]
    favorable = visible(record.data.favorable or record.data.positive or "the favorable answer")
    lines = []
    for address, moved in most:
        where = dict(address)
        outcome = where.pop("class", "")
        group = ", ".join(
            f"{visible(key)} {visible(record.data.names.get(key, {}).get(level, level))}"
            for key, level in where.items()
        )
        lines.append(sentence(group, outcome, favorable, moved.get("gained", 0.0), moved.get("lost", 0.0)))
    return tuple(lines)


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
