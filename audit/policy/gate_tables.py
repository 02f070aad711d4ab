"""From the ``[[gate]]`` and ``[[override]]`` tables of a policy file to gates that make sense together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from audit.errors import PolicyError, hint, quote, quote_all
from audit.policy.limits import limits
from audit.policy.policy_file import GateTable, PolicyTable
from reports.record import Gate, Policy

REFERENCES = frozenset({"largest", "most_favored", "overall", ""})
PLAIN = (
    "title", "check", "metric", "kind", "op", "decide", "decided", "invalidates", "topic", "on_inconclusive", "min_n",
    "min_share", "family", "remedy",
)  # fmt: skip
"""Fields that a table gives as they are."""


def gates_of(table: GateTable, policy: PolicyTable, margin: float, file: str) -> list[Gate]:
    """Make gates of one table: one, or one for each entry of ``by``.

    Raises
    ------
    PolicyError
        If a field is missing or does not fit the others.
    """
    if not table.id.strip():
        raise PolicyError(f"{file}: a [[gate]] has an empty id; name it, as verdicts and waivers will.")
    if table.metric is None:
        raise PolicyError(f"{file}: gate {quote(table.id)} names no metric.")
    kind = table.kind or "value"
    if kind != "no_regression" and table.threshold is None:
        raise PolicyError(f"{file}: gate {quote(table.id)} names no threshold.")
    blank = Gate(
        id=table.id,
        title=table.title or table.id,
        check="",
        metric=table.metric,
        where={"split": "test"},
        kind=kind,
        threshold=-margin if kind == "no_regression" else 0.0,
        decide="interval" if kind == "no_regression" else policy.decide or "interval",
        on_inconclusive=policy.on_inconclusive or "warn",
        min_n=policy.min_n if policy.min_n is not None else 30,
        family=table.id,
    )
    gate = override_gate(blank, table, file)
    gates = [replace(gate, where={**gate.where, **extra}) for extra in _addresses(table, gate, file)] or [gate]
    for rule in gates:
        _require_groups(rule, file)
    return gates


def _require_groups(gate: Gate, file: str) -> None:
    if gate.kind in {"difference", "ratio"} and set(gate.where) <= {"split", "class"}:
        raise PolicyError(
            f'{file}: gate {quote(gate.id)} asks for a {gate.kind} but names no groups; add e.g. by = ["sex"].'
        )


def _addresses(table: GateTable, gate: Gate, file: str) -> list[dict[str, str]]:
    """Spell out ``by``: ``sex*race`` is every crossing of the two, ``*`` any sensitive features."""
    entries = []
    for text in table.by or []:
        names = ["*"] if text.strip() == "*" else [name.strip() for name in text.split("*")]
        if not all(names) or len(set(names)) != len(names):
            raise PolicyError(
                f"{file}: gate {quote(gate.id)} has by {quote(text)}; expected a feature, 'sex*race' or '*'."
            )
        twice = [name for name in names if name in gate.where]
        if twice:
            raise PolicyError(f"{file}: gate {quote(gate.id)} names {quote_all(twice)} in both 'where' and 'by'.")
        entries.append(dict.fromkeys(names, "*"))
    return entries


def override_gate(gate: Gate, table: GateTable, file: str) -> Gate:
    """Put the fields that a table states over those of a gate.

    Raises
    ------
    PolicyError
        If what comes out makes no sense.
    """
    stated: dict[str, object] = {name: getattr(table, name) for name in PLAIN if getattr(table, name) is not None}
    words = {
        "because": table.because or table.rationale,
        "evidence_for": tuple(table.evidence_for or table.evidence or ()),
        "references": tuple(table.references or ()),
        "severity": "warning" if table.severity == "warn" else table.severity,
        "reference": "most_favored" if table.reference == "most_favoured" else table.reference,
    }
    stated |= {name: value for name, value in words.items() if value}
    if table.where is not None:
        stated["where"] = table.where
    stated |= _threshold(gate, table, file)
    if table.decided == "proof" and table.on_inconclusive is None:
        stated["on_inconclusive"] = "block"
    try:
        rule = replace(gate, **stated)  # type: ignore[arg-type]
    except ValueError as error:
        raise PolicyError(f"{file}: {error}.") from error
    if rule.kind in {"difference", "ratio"} and rule.reference == "":
        rule = replace(rule, reference="largest" if rule.kind == "difference" else "most_favored")
    if rule.decide == "point" and table.on_inconclusive is not None:
        raise PolicyError(
            f"{file}: gate {quote(gate.id)} is decided by the number alone and so is never inconclusive; "
            "leave 'on_inconclusive' out."
        )
    require_sense(rule, file)
    return rule


def _threshold(gate: Gate, table: GateTable, file: str) -> dict[str, object]:
    kind = table.kind or gate.kind
    if table.margin is not None:
        if kind != "no_regression":
            raise PolicyError(f'{file}: gate {quote(gate.id)} has a margin, which belongs to kind = "no_regression".')
        if not 0 <= table.margin < math.inf:
            raise PolicyError(f"{file}: gate {quote(gate.id)} has margin {table.margin}; expected 0 or more.")
        return {"threshold": -table.margin}
    if table.threshold is None:
        return {}
    if kind == "no_regression":
        raise PolicyError(f"{file}: gate {quote(gate.id)} is no_regression: it takes 'margin', not 'threshold'.")
    pair = isinstance(table.threshold, list)
    return {"threshold": tuple(table.threshold) if isinstance(table.threshold, list) else float(table.threshold)} | (
        {"op": "between"} if pair and table.op is None else {}
    )


def require_sense(gate: Gate, file: str) -> None:
    """Refuse a gate that nothing, or anything, could pass, or whose parts do not fit each other.

    Raises
    ------
    PolicyError
        Saying what was seen and what was expected.
    """
    name = f"{file}: gate {quote(gate.id)}"
    if isinstance(gate.reference, str) and gate.reference not in REFERENCES:
        raise PolicyError(
            f"{name} has reference {quote(gate.reference)}; expected 'largest', 'most_favored', "
            f"'overall' or a table such as {{ sex = \"Male\" }}." + hint(gate.reference, REFERENCES)
        )
    if gate.reference and gate.kind not in {"difference", "ratio"}:
        raise PolicyError(f'{name} has a reference, which belongs to kind = "difference" or "ratio".')
    if isinstance(gate.threshold, tuple) and (len(gate.threshold) != 2 or not gate.threshold[0] <= gate.threshold[1]):
        raise PolicyError(f"{name} has threshold {list(gate.threshold)}; expected two increasing numbers.")
    if gate.op == "abs<=" and isinstance(gate.threshold, float) and gate.threshold < 0:
        raise PolicyError(f"{name} holds |x| under {gate.threshold}, which no number can meet.")
    _require_fitting(gate, name)
    if gate.min_n < 0 or not 0 <= gate.min_share < 1:
        raise PolicyError(f"{name} has min_n {gate.min_n} and min_share {gate.min_share}; expected ≥ 0 and a share.")


def _require_fitting(gate: Gate, name: str) -> None:
    """Refuse an operator that does not fit the kind."""
    if gate.kind == "ratio":
        least, most = limits(gate)
        if gate.op == "abs<=" or (most is not None and most < 0) or (least is not None and least < 0):
            raise PolicyError(
                f"{name} holds a ratio {gate.op} {gate.threshold}; expected >=, <= or between, from 0 on."
            )
    if gate.kind == "no_regression" and gate.decide == "point":
        raise PolicyError(
            f"{name} is no_regression decided by the number alone: that blocks half of all models that are as good as "
            "before. Leave 'decide' out; the margin is compared with the interval."
        )
    if gate.kind == "no_regression" and gate.op != ">=":
        raise PolicyError(f"{name} is no_regression with op {gate.op!r}; leave 'op' out: losses count either way.")


def require_consistent(gates: Iterable[Gate], file: str) -> None:
    """Refuse gates that stand twice, and gates on one number that no value can pass together.

    Raises
    ------
    PolicyError
        Naming both.
    """
    by_number: dict[object, list[Gate]] = {}
    for gate in gates:
        reference = gate.reference if isinstance(gate.reference, str) else tuple(sorted(gate.reference.items()))
        key = (gate.check, gate.metric, tuple(sorted(gate.where.items())), gate.kind, reference)
        by_number.setdefault(key, []).append(gate)
    for alike in by_number.values():
        for rule, other in combinations(alike, 2):
            _require_compatible(rule, other, file)


def _require_compatible(gate: Gate, other: Gate, file: str) -> None:
    if gate.id == other.id:
        raise PolicyError(
            f"{file}: gate {quote(gate.id)} occurs twice for {quote(gate.metric)} at the same address; "
            'keep one, or use op = "between".'
        )
    if "off" in {gate.severity, other.severity}:
        return
    bounds = [limits(gate), limits(other)]
    least = max((low for low, _ in bounds if low is not None), default=-math.inf)
    most = min((high for _, high in bounds if high is not None), default=math.inf)
    if least > most:
        raise PolicyError(
            f"{file}: gates {quote(gate.id)} and {quote(other.id)} contradict each other: {quote(gate.metric)} cannot "
            f"be both at least {least:g} and at most {most:g}."
        )


def overridden_by(gates: tuple[Gate, ...], overrides: Iterable[GateTable], file: str) -> tuple[Gate, ...]:
    """Put ``[[override]]`` tables over gates; one that names a metric changes that part of a rule alone.

    Raises
    ------
    PolicyError
        If an override names no gate.
    """
    for table in overrides:
        ids = {gate.id for gate in gates}
        if table.id not in ids:
            raise PolicyError(f"{file}: [[override]] names unknown gate {quote(table.id)}.{hint(table.id, ids)}")
        if table.by:
            raise PolicyError(f"{file}: [[override]] of {quote(table.id)} has 'by'; state the whole 'where' instead.")
        metrics = [gate.metric for gate in gates if gate.id == table.id]
        if table.metric is not None and table.metric not in metrics and len(metrics) > 1:
            raise PolicyError(
                f"{file}: [[override]] of {quote(table.id)} names metric {quote(table.metric)}; it has "
                f"{quote_all(metrics)}.{hint(table.metric, metrics)}"
            )
        gates = tuple(override_gate(gate, table, file) if _is_meant(gate, table, metrics) else gate for gate in gates)
    return gates


def _is_meant(gate: Gate, table: GateTable, metrics: list[str]) -> bool:
    return gate.id == table.id and (table.metric in {None, gate.metric} or len(metrics) == 1)


def with_margin(policy: Policy, margin: float) -> Policy:
    """Return the policy with another accepted loss, for all ``no_regression`` gates that follow the policy's.

    Raises
    ------
    PolicyError
        If the margin is negative or no number.
    """
    if not 0 <= margin < math.inf:
        raise PolicyError(f"margin is {margin}; expected 0 or more, e.g. 0.01.")
    gates = tuple(
        replace(gate, threshold=-margin) if gate.kind == "no_regression" and gate.threshold == -policy.margin else gate
        for gate in policy.gates
    )
    return replace(policy, gates=gates, margin=margin)
