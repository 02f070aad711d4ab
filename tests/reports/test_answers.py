from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import unescape

import pytest

from reports.actions import actions
from reports.answer import Answer
from reports.answers import answers
from reports.html import first_screen
from reports.record import (
    AuditRecord,
    DataInfo,
    Environment,
    Estimate,
    FeatureInfo,
    Finding,
    Gate,
    GroupInfo,
    Measurement,
    ModelInfo,
    Policy,
    SplitInfo,
    Verdict,
    VerdictOutcome,
)
from reports.summary import largest, title, unnamed_codes, verdict_sentence
from reports.topics import topics

NAMES = {"afam": {"yes": "Black applicants", "no": "others"}, "deny": {"yes": "refused", "no": "granted"}}


def rate(metric: str, value: float, n: int, unit: str = "proportion", **where: str) -> Estimate:
    low, high = max(0.0, value - 0.03), min(1.0, value + 0.03)
    return Estimate(metric=metric, value=value, low=low, high=high, n=n, unit=unit, where={"split": "test", **where})


def rule(code: str, metric: str, **more: object) -> Gate:
    return Gate(id=code, title=code.lower(), check=CHECKS[code], metric=metric, from_catalogue=True, **more)  # type: ignore[arg-type]


CHECKS = {"FAIR001": "disparities", "FAIR003": "disparities", "SLICE001": "weak_slices", "LEAK001": "overlap",
          "CARD001": "card_blanks", "CAL003": "group_calibration", "PERF003": "classification"}  # fmt: skip
FAMILIES = {"disparities": "fairness", "weak_slices": "slices", "overlap": "leakage", "card_blanks": "card",
            "classification": "performance", "regression": "performance", "group_calibration": "fairness"}  # fmt: skip
RATES = (
    rate("accuracy", 0.901, 952), rate("recall", 0.27, 114), rate("precision", 0.7, 44),
    rate("roc_auc", 0.855, 952), rate("class_share", 0.88, 952, **{"class": "no"}),
    rate("class_share", 0.12, 952, **{"class": "yes"}),
)  # fmt: skip


def verdict(gate: str, outcome: VerdictOutcome, one: Estimate | None, **more: object) -> Verdict:
    where = one.where if one is not None else {}
    return Verdict(gate=gate, where=where, outcome=outcome, severity="warning", estimate=one, **more)  # type: ignore[arg-type]


def audit(
    estimates: Mapping[str, tuple[Estimate, ...]] | None = None,
    gates: tuple[Gate, ...] = (),
    verdicts: tuple[Verdict, ...] = (),
    **data: object,
) -> AuditRecord:
    found = tuple(
        Finding(
            check=check, title=check, family=FAMILIES[check], revision=1, outcome="measured",
            measurement=Measurement(summary="", estimates=made),
        )
        for check, made in {"classification": RATES, **(estimates or {})}.items()
    )  # fmt: skip
    info = DataInfo(
        target="deny", positive="yes", classes=("no", "yes"), sensitive=("afam",),
        features=(FeatureInfo(name="afam", kind="categorical"),), **data,  # type: ignore[arg-type]
    )  # fmt: skip
    return AuditRecord(
        tool="modelassay 1", created="", seed=0, task="binary", headline="roc_auc", findings=found, verdicts=verdicts,
        model=ModelInfo(name="m", kind="k", format="skops"), data=info, environment=Environment(),
        policy=Policy(gates=gates),
    )  # fmt: skip


def mortgages(favorable: str, names: Mapping[str, Mapping[str, str]] = NAMES) -> AuditRecord:
    """Refused: 17.5 % of 126 and 2.4 % of 826; selection rates speak of the favorable outcome, where it is stated."""
    refused = {"yes": (0.175, 126), "no": (0.024, 826)}
    rates = tuple(
        rate("selection_rate", 1 - share if favorable == "no" else share, n, afam=level)
        for level, (share, n) in refused.items()
    )
    return audit({"disparities": rates}, favorable=favorable, names=names)


def answer(record: AuditRecord, name: str) -> Answer:
    return next(one for one in answers(record) if one.id == name)


def test_a_refusal_is_called_one_and_of_whom() -> None:
    said = answer(mortgages("no"), "worse").sentence
    assert said == "Black applicants: 17.5 % refused (n 126); others 2.4 % (n 826)."


@pytest.mark.parametrize(
    ("sizes", "said"), [((None, None), True), ((None, 300, None), True), ((None, 300, 200), False)]
)
def test_groups_that_are_withheld_are_not_told_as_small(sizes: tuple[int | None, ...], said: bool) -> None:
    groups = tuple(GroupInfo(feature="afam", level=str(k), rows=rows) for k, rows in enumerate(sizes))
    sentence = answer(audit(groups=groups), "worse").sentence
    assert sentence.startswith("Not compared: groups of afam are withheld") == said
    told = mortgages("no")
    other = tuple(GroupInfo(feature="race", level=str(k), rows=rows) for k, rows in enumerate(sizes))
    told = replace(told, data=replace(told.data, sensitive=("afam", "race"), groups=other))
    details = answer(told, "worse").details
    assert any(one.startswith("Not compared: groups of race are withheld") for one in details) == said


@pytest.mark.parametrize(
    ("levels", "missing", "said"),
    [
        ("1", 316, "Not compared: afam has fewer than two groups; 316 test rows without a value."),
        ("1", 0, "Not compared: afam has fewer than two groups."),
        ("", 600, "Not compared: afam has fewer than two groups; 600 test rows without a value."),
        ("12", 0, "No group holds enough rows to be compared alone."),
    ],
)
def test_one_group_alone_is_not_told_as_small(levels: str, missing: int, said: str) -> None:
    groups = tuple(GroupInfo(feature="afam", level=level, rows=284) for level in levels)
    assert answer(audit(groups=groups, missing_sensitive={"afam": missing}), "worse").sentence == said


@pytest.mark.parametrize(("high", "said"), [(0.49, True), (0.51, False)])
def test_scores_of_the_other_class_are_told(high: float, said: bool) -> None:
    record = audit()
    known = record.findings[0].measurement
    assert known is not None
    turned = tuple(replace(one, value=0.4, low=0.3, high=high) if one.metric == "roc_auc" else one for one in RATES)
    finding = replace(record.findings[0], measurement=replace(known, estimates=turned))
    details = answer(replace(record, findings=(finding,)), "good").details
    assert ("worse than chance: higher scores go with the other class" in details[0]) == said


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.0, 0.0, 0.0, "All its answers are alike: a constant does as well."),
        (0.01, -0.03, 0.05, "These rows do not show that it does better than a constant answer."),
        (-0.2, -0.3, -0.1, "It does worse than a constant answer."),
        (0.2, 0.1, 0.3, ""),
    ],
)
def test_a_model_that_may_be_no_better_than_a_constant_is_told_so(
    value: float, low: float, high: float, said: str
) -> None:
    record = audit()
    measured = record.findings[0].measurement
    assert measured is not None
    where = {"split": "test"}
    skill = Estimate(metric="skill_over_constant", value=value, low=low, high=high, unit="difference", where=where)
    finding = replace(record.findings[0], measurement=replace(measured, estimates=(*measured.estimates, skill)))
    first = answer(replace(record, findings=(finding,)), "good").details[0]
    assert (first == said) if said else ("constant" not in first)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"class": "fire"}, "Class “fire”: weight it"),
        ({"slice": "age up to 30"}, "age up to 30: weight it"),
        ({}, "Weight it"),
    ],
)
def test_a_step_names_the_class_or_the_rows_it_is_about(where: dict[str, str], said: str) -> None:
    gate = rule("PERF003", "recall", remedy="Weight it.")
    failed = verdict("PERF003", "fail", rate("recall", 0.1, 90, **where))
    assert actions(audit(gates=(gate,), verdicts=(failed,)))[0].text.startswith(said)


@pytest.mark.parametrize("favorable", ["no", ""])
def test_the_same_people_are_named_whichever_class_the_rates_speak_of(favorable: str) -> None:
    assert "Black applicants: 17.5 % refused (n 126); others 2.4 %" in answer(mortgages(favorable), "worse").sentence


def test_an_open_direction_shows_both_rates_and_says_so() -> None:
    said = " ".join(answer(mortgages(""), "worse").details)
    assert "was not stated" in said
    assert "called granted: 82.5 % and 97.6 %" in said
    assert "not stated" not in " ".join(answer(mortgages("no"), "worse").details)


def over_the_limit(record: AuditRecord, outcome: VerdictOutcome = "fail") -> AuditRecord:
    """Judge the ratio of the two groups' rates by four fifths."""
    gap = rate("selection_rate_ratio", 0.6, 126, "ratio", afam="yes")
    gate = rule("FAIR001", "selection_rate_ratio", op=">=", threshold=0.8)
    return replace(record, verdicts=(verdict("FAIR001", outcome, gap),), policy=Policy(gates=(gate,)))


@pytest.mark.parametrize(
    ("favorable", "outcome", "strong"),
    [("", "fail", 0), ("no", "fail", 1), ("no", "inconclusive", 0), ("no", "pass", 0)],
)
def test_a_group_is_marked_as_worse_off_where_a_limit_is_passed_and_the_direction_known(
    favorable: str, outcome: VerdictOutcome, strong: int
) -> None:
    said = answer(over_the_limit(mortgages(favorable), outcome), "worse")
    assert said.strip is not None
    assert sum(row.strong for row in said.strip.rows) == strong
    assert ("No gap over the limits is shown" in " ".join(said.details)) == (outcome != "fail")
    assert ("; not ruled out for Black applicants (n 126)." in " ".join(said.details)) == (outcome == "inconclusive")


def test_the_reach_of_the_gap_that_was_told_says_what_for() -> None:
    gap = rate("selection_rate_ratio", 0.84, 126, "ratio", afam="yes")
    failed = verdict("FAIR001", "fail", gap, extent=extent(74.0))
    record = replace(
        mortgages("no"),
        verdicts=(failed,),
        policy=Policy(gates=(rule("FAIR001", "selection_rate_ratio", threshold=0.9),)),
    )
    assert answer(record, "worse").details[0].startswith("To keep the limit, about 74 of 1,000")


def test_without_value_labels_classes_stand_between_quotation_marks() -> None:
    said = answer(mortgages("no", {}), "worse").sentence
    assert said == "Called “yes”: 17.5 % of afam: yes (n 126), 2.4 % of afam: no (n 826)."


@pytest.mark.parametrize(
    ("target", "levels", "said"),
    [
        (
            {},
            (),
            """The values of deny are shown as codes. To show words, write under [data.names]: \
deny = { "0" = "…", "1" = "…" }""",
        ),
        (
            {},
            ("1", "2"),
            """The values of deny, sex are shown as codes. To show words, write under [data.names]: \
deny = { "0" = "…", "1" = "…" }""",
        ),
        (
            {"1": "refused", "0": "granted"},
            ("1", "2"),
            """The values of sex are shown as codes. \
To show words, write under [data.names]: sex = { "1" = "…", "2" = "…" }""",
        ),
        ({"1": "refused", "0": "granted"}, ("f", "m"), ""),
        ({"1": "refused", "0": "granted"}, tuple(map(str, range(18, 60))), ""),
    ],
)
def test_codes_without_words_are_asked_for(target: dict[str, str], levels: tuple[str, ...], said: str) -> None:
    groups = tuple(GroupInfo(feature="sex", level=level, rows=100) for level in levels)
    record = audit()
    data = replace(record.data, classes=("0", "1"), positive="1", favorable="", groups=groups, names={"deny": target})
    assert unnamed_codes(replace(record, data=data)) == said
    assert said in unescape(first_screen(replace(record, data=data)))


def test_a_title_says_what_is_predicted() -> None:
    assert title(mortgages("no")) == "Predicts deny: refused or granted"
    assert title(mortgages("no", {})) == "Predicts whether deny is “yes”"


@pytest.mark.parametrize(("favorable", "order"), [("no", "cab"), ("yes", "bac")])
def test_a_chart_of_groups_begins_with_the_one_that_fares_worst(favorable: str, order: str) -> None:
    shares = {"a": (0.2, 900), "b": (0.1, 105), "c": (0.4, 300)}
    rates = tuple(
        rate("selection_rate", 1 - share if favorable == "no" else share, n, afam=level)
        for level, (share, n) in shares.items()
    )
    strip = answer(audit({"disparities": rates}, favorable=favorable, names={}), "worse").strip
    assert strip is not None
    assert [row.label for row in strip.rows] == [f"afam: {level}" for level in order]


@pytest.mark.parametrize("favorable", ["no", "yes"])
def test_a_dashed_line_stands_where_the_outcome_is_true_unless_rows_have_weights(favorable: str) -> None:
    """40 of the 126 and 41 of the 826 were refused in truth: the counts behind two true positive rates."""
    rates = tuple(
        rate("selection_rate", 1 - share if favorable == "no" else share, n, afam=level)
        for level, (share, n) in {"yes": (0.175, 126), "no": (0.024, 826)}.items()
    )
    positives = tuple(rate("true_positive_rate", 0.3, n, afam=level) for level, n in (("yes", 40), ("no", 41)))
    record = audit({"disparities": (*rates, *positives)}, favorable=favorable, names={})
    strip = answer(record, "worse").strip
    assert strip is not None
    assert {row.label: round(row.mark or 0, 3) for row in strip.rows} == {"afam: yes": 0.317, "afam: no": 0.05}
    assert "dashed: truly so" in strip.note
    assert all(row.mark is not None and row.mark <= strip.high for row in strip.rows)
    assert strip.note.endswith("axis to 40 %")
    weighted = answer(replace(record, data=replace(record.data, weight="w")), "worse").strip
    assert weighted is not None
    assert [row.mark for row in weighted.rows] == [None, None]


def test_without_groups_the_classes_that_are_missed_are_drawn() -> None:
    recalls = (rate("recall", 0.25, 40, **{"class": "yes"}), rate("recall", 0.99, 400, **{"class": "no"}))
    record = audit({"classification": (*RATES, *recalls)}, names={})
    strip = answer(replace(record, data=replace(record.data, sensitive=())), "worse").strip
    assert strip is not None
    assert [(row.label, row.text) for row in strip.rows] == [("“yes”", "75 % [72, 78]"), ("“no”", "1 % [0, 4]")]


def test_all_other_concerns_are_named_beside_the_first_two() -> None:
    codes = ("FAIR001", "SLICE001", "LEAK001", "CAL003")
    metrics = ("selection_rate_ratio", "slice_error_ratio", "overlap_share", "mean_calibration_gap")
    named = [rule(code, metric, topic=f"topic of {code}") for code, metric in zip(codes, metrics, strict=True)]
    verdicts = [verdict(code, "fail", rate(metric, 0.5, 90)) for code, metric in zip(codes, metrics, strict=True)]
    lines = largest(audit({}, tuple(named), tuple(verdicts)))
    assert len(lines) == 3
    assert lines[-1].startswith("2 more: topic of ")
    assert len(largest(audit({}, tuple(named[:2]), tuple(verdicts[:2])))) == 2


@pytest.mark.parametrize(
    ("constant", "said"),
    [(0.88, "; always saying"), (0.895, "; hardly better than always"), (0.95, "; worse than always")],
)
def test_a_constant_that_does_as_well_is_called_so(constant: float, said: str) -> None:
    rates = tuple(one for one in RATES if one.metric != "class_share")
    record = audit({"classification": (*rates, rate("class_share", constant, 952, **{"class": "no"}))}, names={})
    assert said in answer(record, "good").sentence


def test_many_open_questions_ask_for_more_test_rows() -> None:
    gates = tuple(rule("LEAK001", "overlap_share") for _ in range(1))
    record = audit({}, gates, (verdict("LEAK001", "fail", rate("overlap_share", 0.5, 90)),))
    split = replace(record.data, splits=(SplitInfo(name="test", rows=90, sha256=""),))
    few = replace(record, data=split)
    assert "Test on more rows" not in " ".join(step.text for step in actions(few))
    codes = ("FAIR001", "FAIR003", "SLICE001", "CAL003", "PERF003")
    more = tuple(verdict(code, "inconclusive", rate("error_rate", 0.5, 90)) for code in codes)
    many = replace(few, verdicts=(*few.verdicts, *more),
                   policy=Policy(gates=(*gates, *(rule(code, "error_rate") for code in codes))))  # fmt: skip
    assert [step.text for step in actions(many)][1] == "Test on more rows: 5 of 6 rules are not settled by these 90."


def test_performance_stands_beside_a_constant() -> None:
    said = answer(mortgages("no"), "good")
    assert said.sentence.startswith("Right in 90 of 100 decisions [87.1, 93.1]; always saying “granted” is right in 88")
    assert said.strip is not None
    assert [row.label for row in said.strip.rows][1:] == [
        "found among all refused",
        "right among those called refused",
    ]


def test_concerns_are_no_criteria() -> None:
    weak = Estimate(metric="slice_error_ratio", value=2.0, low=1.6, high=2.5, n=91, where={"slice": "a = b"})
    concern = audit(
        {"weak_slices": (weak,)}, (rule("SLICE001", "slice_error_ratio"),), (verdict("SLICE001", "fail", weak),)
    )
    assert verdict_sentence(concern) == "1 concern. No release criteria have been set."
    own = Gate(id="floor", title="recall floor", check="", metric="recall", threshold=0.5)
    met = replace(
        concern,
        policy=Policy(gates=(*concern.policy.gates, own)),
        verdicts=(*concern.verdicts, verdict("floor", "pass", RATES[1])),
    )
    assert verdict_sentence(met) == "Meets its 1 release criterion; 1 concern."
    missed = replace(met, verdicts=(*concern.verdicts, verdict("floor", "fail", RATES[1])))
    assert verdict_sentence(missed) == "Does not meet 1 of 1 release criterion: recall floor; 1 concern."
    assert verdict_sentence(audit()) == "Not judged: no rule was evaluated."


def test_a_leak_speaks_before_everything_else() -> None:
    leak = rate("overlap_share", 0.3, 952)
    weak = Estimate(metric="slice_error_ratio", value=2.0, low=1.6, high=2.5, n=91, where={"slice": "a = b"})
    record = audit(
        {"overlap": (leak,), "weak_slices": (weak,)},
        (rule("SLICE001", "slice_error_ratio", remedy="Look."), rule("LEAK001", "overlap_share", invalidates=True)),
        (verdict("SLICE001", "fail", weak), verdict("LEAK001", "fail", leak)),
    )
    assert verdict_sentence(record).startswith("This audit cannot be relied on: 30 % [27, 33] of test rows are in")
    assert answer(record, "trusted").sentence.startswith("The numbers cannot be relied on: ")
    assert actions(record)[0].gate_id == "LEAK001"


def extent(value: float) -> Estimate:
    return Estimate(metric="extent", value=value, low=value, high=value, unit="rows per 1,000")


@pytest.mark.parametrize(("rows", "said"), [(196.0, "mind a note"), (3.0, "No test gives a reason to doubt")])
def test_a_note_that_reaches_many_rows_is_told_where_there_is_no_concern(rows: float, said: str) -> None:
    gate = Gate(id="DATA012", title="out-of-range", check="overlap", metric="unseen_share", from_catalogue=True)
    found = rate("unseen_share", 0.01 + rows / 1000, 228, feature="area")
    extent = Estimate(metric="extent", value=rows, low=rows, high=rows, n=228, unit="count")
    noted = replace(verdict("DATA012", "fail", found, extent=extent), severity="note")
    answer = answers(audit({"overlap": (found,)}, (gate,), (noted,)))[2]
    assert said in answer.sentence


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("pass", "doubt the numbers."),
        (
            "inconclusive",
            "1 of 5 kinds of test is not settled (leak from training to test), the others give no reason for doubt.",
        ),
    ],
)
def test_trust_says_how_much_is_not_settled(outcome: VerdictOutcome, said: str) -> None:
    gate = rule("LEAK001", "overlap_share")
    measured = rate("overlap_share", 0.004, 500)
    answer = answers(audit({"overlap": (measured,)}, (gate,), (verdict("LEAK001", outcome, measured),)))[2]
    assert answer.sentence.endswith(said)


def test_actions_are_ranked_by_reach_and_paperwork_comes_last() -> None:
    gap = rate("selection_rate_ratio", 0.4, 126, "ratio", afam="yes")
    weak = Estimate(metric="slice_error_ratio", value=2.0, low=1.6, high=2.5, n=91, where={"slice": "a = b"})
    blanks = Estimate(metric="blank_sections", value=16, method="count")
    record = audit(
        {"disparities": (gap,), "weak_slices": (weak,), "card_blanks": (blanks,)},
        (
            rule("CARD001", "blank_sections", remedy="Fill in."),
            rule("FAIR001", "selection_rate_ratio", remedy="Compare."),
            rule("SLICE001", "slice_error_ratio", remedy="Look."),
        ),
        (
            verdict("CARD001", "fail", blanks),
            verdict("FAIR001", "fail", gap, extent=extent(8)),
            verdict("SLICE001", "fail", weak, extent=extent(25)),
        ),
    )
    assert [one.gate_id for one in actions(record)] == ["SLICE001", "FAIR001", ""]
    assert [one.who for one in actions(record)] == ["data scientist", "data scientist, with the owner", "owner"]
    assert "release criteria" in actions(record)[-1].text


@pytest.mark.parametrize(
    ("needed", "said"),
    [(900, "needs about 900 rows in place of 126"), (254_085, "practically at the threshold"), (None, "cannot tell")],
)
def test_open_questions_name_no_number_that_nobody_will_reach(needed: int | None, said: str) -> None:
    open_gap = rate("mean_calibration_gap", 0.04, 126, "difference", afam="yes")
    record = audit(
        {"group_calibration": (open_gap,)},
        (rule("CAL003", "mean_calibration_gap", topic="calibration by group"),),
        (verdict("CAL003", "inconclusive", open_gap, n_needed=needed),),
    )
    (topic,) = topics(record)
    assert topic.line.startswith("calibration by group: ")
    assert said in topic.line
    assert "calibration by group" in answer(record, "unknown").sentence


def test_what_was_not_asked_is_said() -> None:
    record = replace(mortgages("no"), data=replace(mortgages("no").data, sensitive=()))
    assert answer(record, "worse").sentence.startswith("Not asked")
    assert answer(record, "breaks").sentence.startswith("Not tested")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("income", "page"), ()),
        (("income", "race"), ("race sounds as if it does: name in [data] sensitive those that do, and audit again.",)),
        (
            ("SEX", "Nationalität"),
            ("SEX, Nationalität sound as if they do: name in [data] sensitive those that do, and audit again.",),
        ),
    ],
)
def test_columns_that_sound_like_traits_of_people_are_named(names: tuple[str, ...], said: tuple[str, ...]) -> None:
    features = tuple(FeatureInfo(name=name, kind="categorical") for name in names)
    record = audit()
    record = replace(record, data=replace(record.data, sensitive=(), features=features))
    assert answer(record, "worse").details == said


def test_a_regression_says_what_it_explains() -> None:
    made = (rate("mean_absolute_error", 0.32, 952), rate("r2_score", 0.712, 952))
    record = replace(audit({"regression": made}), task="regression", headline="r2_score")
    record = replace(record, findings=tuple(one for one in record.findings if one.check == "regression"))
    said = answer(record, "good")
    assert "explains 71.2 % of its variation" in said.sentence
    assert said.strip is not None


@pytest.mark.parametrize(
    ("low", "said"),
    [
        (0.02, "varies by 5 points [2, 8] between the levels of zip, beyond chance."),
        (0.0, "is not shown to vary between the levels of zip beyond chance (by 5 points [0, 8])."),
    ],
)
def test_levels_too_small_to_be_compared_alone_are_told_together(low: float, said: str) -> None:
    spread = Estimate(
        metric="selection_rate_spread", value=0.05, low=low, high=0.08, unit="difference",
        where={"split": "test", "feature": "zip"},
    )  # fmt: skip
    finding = Finding(
        check="level_ranking", title="", family="groups", revision=1, outcome="measured",
        measurement=Measurement(summary="", estimates=(spread,)),
    )  # fmt: skip
    record = AuditRecord(
        tool="", created="", seed=0, task="binary", findings=(finding,), environment=Environment(),
        model=ModelInfo(name="m", kind="", format="none"),
        data=DataInfo(target="y", positive="yes", favorable="yes", classes=("no", "yes"), sensitive=("zip",)),
    )  # fmt: skip
    sentence = {one.id: one.sentence for one in answers(record)}["worse"]
    assert sentence == f"No group holds enough rows to be compared alone; the share called “yes” {said}"
