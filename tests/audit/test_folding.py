"""Verdicts that hold no question are told as one where there are very many; nothing that is decided changes."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import audit
from audit.judging import gate as judging
from audit.judging.folding import MOST, fold_verdicts
from reports import html
from reports.record import AuditRecord, Verdict, VerdictOutcome
from reports.results import exit_code, gate_results
from reports.topics import topics


def verdicts(features: int, outcome: VerdictOutcome, levels: int = 3) -> list[Verdict]:
    return [
        Verdict(
            gate="g", where={"split": "test", f"f{a}": str(x), f"f{b}": str(y)}, outcome=outcome, severity="warning"
        )
        for a, b in combinations(range(features), 2)
        for x in range(levels)
        for y in range(levels)
    ]


def test_few_verdicts_stay_as_they_are() -> None:
    few = verdicts(3, "pass")
    assert fold_verdicts(few) == tuple(few)


def test_passes_are_folded_before_what_is_open_and_failures_never() -> None:
    made = [*verdicts(10, "fail"), *verdicts(10, "inconclusive"), *verdicts(10, "pass")]
    once, twice = fold_verdicts(made, most=900), fold_verdicts(made, most=500)
    assert Counter(one.outcome for one in once) == {"fail": 405, "inconclusive": 405, "pass": 45}
    assert Counter(one.outcome for one in twice) == {"fail": 405, "inconclusive": 45, "pass": 45}
    for told in (once, twice):
        for outcome in ("fail", "inconclusive", "pass"):
            assert sum(one.slices for one in told if one.outcome == outcome) == 405
    assert twice[-1].where == {"split": "test", "f8": "*", "f9": "*"}


def test_columns_are_folded_after_crossings_and_groups_of_one_feature_never() -> None:
    columns = [
        Verdict(gate="d", where={"split": "test", "feature": f"x{k}"}, outcome="pass", severity="note")
        for k in range(50)
    ]
    single = [Verdict(gate="g", where={"sex": f"s{k}"}, outcome="pass", severity="note") for k in range(50)]
    (one, *rest) = fold_verdicts([*columns, *single], most=60)
    assert (dict(one.where), one.slices) == ({"split": "test", "feature": "*"}, 50)
    assert tuple(rest) == tuple(single)


def test_the_one_nearest_to_failing_speaks() -> None:
    made = [
        Verdict(gate="g", where={"a": str(k), "b": "x"}, outcome="pass", severity="note", p_adjusted=p, message=f"m{k}")
        for k, p in enumerate((1.0, 0.2, 0.7))
    ]
    (told,) = fold_verdicts(made, most=1)
    assert told.message == "3 of a × b, of which all pass; nearest to the limit: m1"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 3000
    truth = rng.random(rows) < 0.4
    groups = {f"g{k}": rng.choice(["a", "b", "c"], rows) for k in range(12)}
    wrong = rng.random(rows) < np.where(groups["g0"] == "a", 0.35, 0.1)
    made = pd.DataFrame({**groups, "truth": truth, "answer": truth ^ wrong})
    return made.replace({True: "yes", False: "no"})


def audited(frame: pd.DataFrame) -> AuditRecord:
    return audit.run(
        test=frame, target="truth", positive="yes", favorable="yes", prediction="answer",
        sensitive=[f"g{k}" for k in range(12)],
    )  # fmt: skip


def test_twelve_features_are_decided_as_before_and_stay_readable(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = audited(frame)
    monkeypatch.setattr(judging, "fold_verdicts", tuple)
    every = judging.judge(told, told.policy)
    assert len(every.verdicts) > MOST
    assert len(told.verdicts) <= 3000
    assert [one for one in told.verdicts if one.outcome == "fail"] == [
        one for one in every.verdicts if one.outcome == "fail"
    ]
    for outcome in ("pass", "inconclusive", "not_assessed"):
        assert sum(one.slices for one in told.verdicts if one.outcome == outcome) == sum(
            one.outcome == outcome for one in every.verdicts
        )
    assert exit_code(told) == exit_code(every)
    assert [(one.gate_id, one.worst.outcome) for one in gate_results(told)] == [
        (one.gate_id, one.worst.outcome) for one in gate_results(every)
    ]
    assert [(one.name, one.open, one.asked) for one in topics(told)] == [
        (one.name, one.open, one.asked) for one in topics(every)
    ]
    assert len(html.render(told).encode()) <= html.USUAL_LIMIT
