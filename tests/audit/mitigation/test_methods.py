"""Every method keeps its promises on every kind of model that it is for; fairlearn is the measure where it has one."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from audit.errors import AuditError
from audit.integrations.mitigation import Mitigation, mitigate
from audit.mitigation.constraints import CONSTRAINTS
from audit.mitigation.sealed import MitigatedClassifier
from audit.models.load import load as load_model
from tests.audit.mitigation.worlds import misled, pipeline, table

FEATURES = ["x", "z", "kind"]
PARTS = {name: table(900, place) for place, name in enumerate(("train", "validation", "test"))}


def _done(
    model: Any = None,  # noqa: ANN401
    *,
    method: str,
    constraint: str = "demographic-parity",
    **more: Any,  # noqa: ANN401
) -> Mitigation:
    target = more.pop("target", "y")
    parts = more.pop("parts", PARTS)
    features = more.pop("features", FEATURES)
    last = LinearRegression() if target == "v" else LogisticRegression()
    fitted = pipeline(last).fit(parts["train"][features], parts["train"][target]) if model is None else model
    other = {"y", "v", "w"} - {target}
    given = {name: part.drop(columns=list(other & set(part.columns))) for name, part in parts.items()}
    binary = {"positive": "yes", "favorable": "yes"} if target == "y" else {}
    asked = {"sensitive": ["sex"], "features": features, "target": target, **binary, **more}
    return mitigate(fitted, **given, method=method, constraint=constraint, **asked)


def _gaps(done: Mitigation) -> tuple[float, float]:
    assert done.record is not None, done.reason
    before, after = (done.record.metric(f"gap_{name}", feature="sex").value for name in ("before", "after"))
    assert before is not None
    assert after is not None
    return before, after


def _errors(done: Mitigation) -> list[str]:
    assert done.record is not None
    return [f"{one.check}: {one.reason}" for one in done.record.findings if one.outcome == "error"]


@pytest.mark.parametrize("method", ["relaxed-thresholds", "remove-correlation"])
def test_methods_narrow_the_gap(method: str) -> None:
    done = _done(method=method)
    before, after = _gaps(done)
    assert after < 0.6 * before
    assert _errors(done) == []


@pytest.mark.parametrize("constraint", [one.name for one in CONSTRAINTS if "binary" in one.tasks])
def test_thresholds_serve_every_constraint(constraint: str) -> None:
    make = misled if constraint == "error-rate" else table  # errors of groups are alike in the other
    parts = {name: make(2500, place) for place, name in enumerate(("train", "validation", "test"))}
    before, after = _gaps(_done(method="thresholds", constraint=constraint, parts=parts, anyway=True))
    assert after < max(before, 0.07)


def test_resampling_serves_estimators_that_take_no_weights() -> None:
    neighbors = pipeline(KNeighborsClassifier(25)).fit(PARTS["train"][FEATURES], PARTS["train"]["y"])
    with pytest.raises(AuditError, match=r"takes no sample weights.*resample"):
        _done(neighbors, method="reweigh")
    before, after = _gaps(_done(neighbors, method="resample"))
    assert after < before


def test_what_is_drawn_by_weights_has_independent_group_and_outcome() -> None:
    from audit.data.dataset import Roles, build
    from audit.evidence import Settings
    from audit.mitigation.candidates import _drawn, cell_weights
    from audit.mitigation.constraints import constraint
    from audit.mitigation.preparation import prepare
    from audit.models.load import wrap

    frames = {name: part.drop(columns="v") for name, part in PARTS.items()}
    roles = Roles(target="y", task="binary", positive="yes", sensitive=("sex",), features=tuple(FEATURES))
    model = wrap(pipeline(LogisticRegression()).fit(frames["train"][FEATURES], frames["train"]["y"]))
    bench = prepare(
        build(frames, roles), model, constraint("demographic-parity", "binary"), Settings(), feature="", seed=0
    )
    rows = bench.rows("train")
    weight = cell_weights(bench, rows, 1.0)
    for count in (weight, np.bincount(_drawn(bench, rows, 1.0, 0), minlength=len(rows))[: len(rows)].astype(float)):
        part = frames["train"].assign(count=count)
        rate = part[part["y"] == "yes"].groupby("sex")["count"].sum() / part.groupby("sex")["count"].sum()
        assert abs(rate["f"] - rate["m"]) < 0.01
        assert count.sum() == pytest.approx(len(rows))


def test_removing_correlation_agrees_with_fairlearn_and_tells_what_it_leaves() -> None:
    pre = pytest.importorskip("fairlearn.preprocessing")
    generator = np.random.default_rng(0)
    parts = {}
    for name in ("train", "validation", "test"):
        one = table(1500, int(generator.integers(1000)))
        # a trace that no line finds: the same mean in both groups, another spread
        one["trace"] = generator.normal(size=len(one)) * np.where(one["sex"] == "m", 3.0, 0.3)
        parts[name] = one
    names = ["x", "z", "trace"]
    base = LogisticRegression().fit(parts["train"][names], parts["train"]["y"])
    done = _done(base, method="remove-correlation", parts=parts, features=names)
    assert done.record is not None
    known: dict[str, Any] = {}
    for finding in done.record.findings:
        if finding.measurement is not None:
            known |= {one.where["variant"]: one for one in finding.measurement.estimates if one.metric == "proxy_auc"}
    assert known["linear, after"].value < 0.56 < known["linear, before"].value
    assert known["nonlinear, after"].value > 0.8
    numbers = parts["train"][names].assign(sex=(parts["train"]["sex"] == "m").astype(float))
    wanted = pre.CorrelationRemover(sensitive_feature_ids=["sex"]).fit_transform(numbers)
    model = done.model
    share = float(done.strength.split("%")[0]) / 100
    found = model.last_inputs(parts["train"][[*names, "sex"]])
    plain = numbers[names].to_numpy()
    assert np.asarray(found) == pytest.approx(share * np.asarray(wanted) + (1 - share) * plain, abs=1e-8)


def test_calibration_by_group_makes_scores_mean_the_same() -> None:
    parts = {name: misled(900, place) for place, name in enumerate(PARTS)}
    done = _done(method="group-calibration", constraint="equal-opportunity", parts=parts, anyway=True)
    assert done.record is not None
    gap = {}
    for variant in ("before", "after"):
        found = done.record.metric("mean_calibration_gap", {"sex": "f", "variant": variant}).value
        assert found is not None
        gap[variant] = abs(found)
    assert gap["after"] < 0.5 * gap["before"]


@pytest.mark.parametrize("method", ["reweigh", pytest.param("reduction", marks=pytest.mark.slow), "group-calibration"])
def test_regression_is_bounded_by_group_loss(method: str) -> None:
    if method == "reduction":
        pytest.importorskip("fairlearn")
    parts = {name: part.copy() for name, part in PARTS.items()}
    for part in parts.values():
        part.loc[part["sex"] == "f", "v"] += 1.5 + part.loc[part["sex"] == "f", "x"]
    done = _done(method=method, constraint="bounded-group-loss", target="v", parts=parts)
    before, after = _gaps(done)
    assert after < before
    assert done.record is not None
    control = done.record.metric("gap_control", feature="sex").value
    assert control is not None
    assert _errors(done) == []


def _control_matches(done: Mitigation, model: Any, test: pd.DataFrame) -> None:  # noqa: ANN401
    """Work the control of three classes out by hand: the favorable class from a margin on, at the mitigated rate."""
    assert done.record is not None
    score = model.predict_proba(test[FEATURES])
    place = list(model.classes_).index("grant")
    margin = score[:, place] - np.delete(score, place, axis=1).max(axis=1)
    told = done.record.metric("gap_control", feature="sex").value
    near = []
    for share in np.linspace(-0.04, 0.04, 81) + (np.asarray(done.model.predict(test[FEATURES])) == "grant").mean():
        granted = pd.Series(margin >= np.quantile(margin, 1 - share)).groupby(test["sex"]).mean()
        near.append(abs(granted["m"] - granted["f"]))
    assert min(abs(one - told) for one in near) < 1e-9


def test_a_model_of_labels_alone_has_no_control_and_the_record_says_why() -> None:
    voting = VotingClassifier([("one", LogisticRegression())], voting="hard")
    labels = pipeline(voting).fit(PARTS["train"][FEATURES], PARTS["train"]["y"])
    done = _done(labels, method="resample")
    assert done.record is not None
    finding = next(one for one in done.record.findings if one.check == "mitigation")
    assert finding.measurement is not None
    assert any("the model gives only labels" in note for note in finding.measurement.notes)
    assert not [one for one in finding.measurement.estimates if one.metric == "gap_control"]


def test_gaps_of_other_sensitive_features_are_told() -> None:
    parts = {name: part.assign(race=np.where(part["x"] > 0.2, "b", "w")) for name, part in PARTS.items()}
    done = _done(method="thresholds", parts=parts, sensitive=["sex", "race"], feature="sex")
    assert done.record is not None
    X = parts["test"]
    yes = pd.Series(np.asarray(done.model.predict(X[[*FEATURES, "sex"]])) == "yes").groupby(X["race"]).mean()
    assert done.record.metric("other_gap_after", feature="race").value == pytest.approx(abs(yes["b"] - yes["w"]))
    assert [one.where["feature"] for one in done.record.verdicts if one.gate == "MIT001"] == ["sex"]


def test_several_classes_need_a_favorable_one() -> None:
    parts = {}
    for name, part in PARTS.items():
        parts[name] = part.assign(w=np.select([part["v"] > 1.5, part["v"] > 0.3], ["grant", "wait"], "refuse"))
    model = pipeline(LogisticRegression()).fit(parts["train"][FEATURES], parts["train"]["w"])
    with pytest.raises(AuditError, match="favorable"):
        _done(model, method="reweigh", target="w", parts=parts)
    done = _done(model, method="reweigh", target="w", parts=parts, favorable="grant")
    before, after = _gaps(done)
    assert after < before
    _control_matches(done, model, parts["test"])
    with pytest.raises(AuditError, match="these do: 'reweigh', 'resample', 'penalty', 'remove-correlation'"):
        _done(model, method="thresholds", target="w", parts=parts, favorable="grant")


def test_margins_and_forests_have_thresholds_too() -> None:
    for last in (LinearSVC(), RandomForestClassifier(5, min_samples_leaf=10, random_state=0)):
        model = pipeline(last).fit(PARTS["train"][FEATURES], PARTS["train"]["y"])
        before, after = _gaps(_done(model, method="thresholds"))
        assert after < before - 0.05


@pytest.mark.parametrize(
    "library",
    ["xgboost", pytest.param("lightgbm", marks=pytest.mark.slow), pytest.param("catboost", marks=pytest.mark.slow)],
)
def test_boosters_are_sealed_as_data(library: str, tmp_path: Path) -> None:
    module = pytest.importorskip(library)
    kinds = {
        "xgboost": lambda: module.XGBClassifier(n_estimators=15, max_depth=3),
        "lightgbm": lambda: module.LGBMClassifier(n_estimators=15, num_leaves=8, verbose=-1),
        "catboost": lambda: module.CatBoostClassifier(iterations=15, depth=3, verbose=False, allow_writing_files=False),
    }
    train = {name: part.assign(y=(part["y"] == "yes").astype(int)) for name, part in PARTS.items()}
    model = pipeline(kinds[library]()).fit(train["train"][FEATURES], train["train"]["y"])
    done = _done(model, method="thresholds", parts=train, positive=1, favorable=1)
    before, after = _gaps(done)
    assert after < before - 0.05
    done.write(tmp_path / "out")
    again = load_model(tmp_path / "out" / "model.skops").predictor  # no trusted types
    X = PARTS["test"][[*FEATURES, "sex"]]
    assert np.array_equal(np.asarray(again.predict(X)), np.asarray(done.model.predict(X)))
    score = model.predict_proba(X[FEATURES])[:, 1]
    assert done.model.predict_proba(X)[:, 1] == pytest.approx(score, abs=1e-5)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="networks need torch")
def test_networks_are_mitigated_too() -> None:
    from trainers import NetworkClassifier

    network = NetworkClassifier(hidden=(8,), epochs=6, random_state=0)
    network.fit(PARTS["train"][["x", "z"]], PARTS["train"]["y"])
    for method in ("thresholds", "reweigh"):
        done = _done(network, method=method, features=["x", "z"])
        before, after = _gaps(done)
        assert after < before
        assert _errors(done) == []


def test_weights_and_costs_count() -> None:
    parts = {name: part.assign(n=np.where(part["sex"] == "f", 2.0, 1.0)) for name, part in PARTS.items()}
    plain = _done(method="thresholds", parts=parts)
    dear = _done(method="thresholds", parts=parts, weight="n", costs={"false_positive": 1, "false_negative": 6})
    assert plain.record is not None
    assert dear.record is not None
    X = parts["test"][[*FEATURES, "sex"]]
    rates = [(np.asarray(one.model.predict(X)) == "yes").mean() for one in (plain, dear)]
    assert rates[1] > rates[0] + 0.1


def test_thresholds_lose_no_more_than_fairlearn_within_sampling_error() -> None:
    post = pytest.importorskip("fairlearn.postprocessing")
    done = _done(method="thresholds")
    train, test = PARTS["validation"], PARTS["test"]
    base = pipeline(LogisticRegression()).fit(PARTS["train"][FEATURES], PARTS["train"]["y"] == "yes")
    rival = post.ThresholdOptimizer(
        estimator=base, constraints="demographic_parity", prefit=True, predict_method="predict_proba"
    )
    rival.fit(train[FEATURES], train["y"] == "yes", sensitive_features=train["sex"])
    said = np.asarray(rival.predict(test[FEATURES], sensitive_features=test["sex"], random_state=0)) == 1
    own = np.asarray(done.model.predict(test[[*FEATURES, "sex"]])) == "yes"
    truth = (test["y"] == "yes").to_numpy()
    accuracy = [(part == truth).mean() for part in (said, own)]
    assert accuracy[1] > accuracy[0] - 2 * np.sqrt(0.25 / len(test))
    gaps = [abs(np.diff(pd.Series(part).groupby(test["sex"]).mean()))[0] for part in (said, own)]
    assert gaps[1] < gaps[0] + 0.07


def test_the_reduction_gives_up_the_coins_and_little_else() -> None:
    reductions = pytest.importorskip("fairlearn.reductions")
    done = _done(method="reduction")
    before, after = _gaps(done)
    train, test = PARTS["train"], PARTS["test"]
    columns = pipeline(LogisticRegression()).fit(train[FEATURES], train["y"])[:-1]
    rival = reductions.ExponentiatedGradient(LogisticRegression(), reductions.DemographicParity(), max_iter=15)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about how fairlearn fills its tables
        rival.fit(columns.transform(train[FEATURES]), train["y"] == "yes", sensitive_features=train["sex"])
    said = np.asarray(rival.predict(columns.transform(test[FEATURES]), random_state=0)) == 1
    own = np.asarray(done.model.predict(test[FEATURES])) == "yes"
    gaps = [abs(np.diff(pd.Series(part).groupby(test["sex"]).mean()))[0] for part in (said, own)]
    assert gaps[1] < gaps[0] + 0.1
    assert after < 0.6 * before


def test_sensitive_features_may_stand_apart() -> None:
    apart = {name: part[["sex"]] for name, part in PARTS.items()}
    parts = {name: part.drop(columns="sex") for name, part in PARTS.items()}
    done = _done(method="thresholds", parts=parts, sensitive=apart)
    before, after = _gaps(done)
    assert after < before - 0.05
    assert list(done.model.feature_names_in_) == [*FEATURES, "sex"]


def test_names_of_groups_are_hostile_text() -> None:
    names = {"f": '<script>alert(1)</script>, "f"', "m": "m = 1; [x]"}
    parts = {name: part.assign(sex=part["sex"].map(names)) for name, part in PARTS.items()}
    done = _done(method="thresholds", parts=parts)
    before, after = _gaps(done)
    assert after < before
    assert done.record is not None
    from reports.html import render

    assert "<script>" not in render(done.record)


def test_groups_that_no_training_row_has_are_left_out_and_counted() -> None:
    test = PARTS["test"].assign(sex=np.where(np.arange(len(PARTS["test"])) < 50, "q", PARTS["test"]["sex"]))
    done = _done(method="thresholds", parts={**PARTS, "test": test})
    assert done.record is not None
    finding = next(one for one in done.record.findings if one.check == "mitigation")
    assert finding.measurement is not None
    assert "50 rows have no group of 'sex', or one that no training row has" in " ".join(finding.measurement.notes)
    with pytest.raises(ValueError, match="'sex' is 'q'"):
        done.model.predict(test[[*FEATURES, "sex"]])


def test_clusters_stay_whole_where_validation_rows_are_carved_out() -> None:
    parts = {name: part.assign(person=np.arange(len(part)) // 3) for name, part in PARTS.items()}
    del parts["validation"]
    before, after = _gaps(_done(method="thresholds", parts=parts, cluster="person"))
    assert after < before


def test_the_unit_of_the_target_does_not_matter_to_the_reduction() -> None:
    pytest.importorskip("fairlearn")
    gaps = []
    for unit in (1.0, 1e4):
        parts = {name: part.assign(v=unit * part["v"] + unit * (part["sex"] == "f")) for name, part in PARTS.items()}
        done = _done(method="reduction", constraint="bounded-group-loss", target="v", parts=parts, anyway=True)
        gaps.append(_gaps(done)[1])
    assert gaps[1] == pytest.approx(gaps[0], rel=1e-6)


@pytest.mark.parametrize("method", ["remove-correlation", "reweigh"])
def test_what_was_mitigated_can_be_mitigated_again(method: str) -> None:
    numbers = ["x", "z"]
    inside = LogisticRegression().fit(PARTS["train"][numbers], PARTS["train"]["y"])
    sealed = MitigatedClassifier(inside, thresholds=0.4).seal(numbers, bare=False)
    before, after = _gaps(_done(sealed, method=method, features=numbers))
    assert after < before
