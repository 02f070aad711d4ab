"""The front door in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

import audit
from audit.errors import ConfigError, DataError, ModelError
from audit.evidence import Settings
from audit.models.load import wrap
from reports.record import AuditRecord


def _parts() -> tuple[pd.DataFrame, np.ndarray]:
    generator = np.random.default_rng(0)
    X = pd.DataFrame(generator.normal(size=(400, 3)), columns=list("abc"))
    return X, (X["a"] + 0.3 * generator.normal(size=400) > 0).to_numpy().astype(int)


def _run(**given: object) -> AuditRecord:
    X, y = _parts()
    model = LogisticRegression().fit(X[:200], y[:200])
    usual: dict[str, object] = {
        "train": (X[:200], y[:200]),
        "test": (X[200:], y[200:]),
        "checks": ["skill", "disparities"],
    }
    return audit.run(model, **{**usual, **given})  # type: ignore[arg-type]


GROUPS = np.array(["u", "v"] * 100)


@pytest.mark.parametrize(
    "sensitive",
    [
        GROUPS,
        pd.Series(GROUPS, name="side"),
        pd.DataFrame({"side": GROUPS}),
        {"side": GROUPS},
        {"test": {"side": GROUPS}},
    ],
    ids=["array", "series", "frame", "mapping", "by split"],
)
def test_groups_in_any_form(sensitive: object) -> None:
    record = _run(sensitive=sensitive)
    assert len(record.data.sensitive) == 1
    assert [one.rows for one in record.data.groups] == [100, 100]


def test_round_trip_and_card(tmp_path: Path) -> None:
    record = _run(sensitive=GROUPS)
    audit.save(record, tmp_path / "audit.json")
    assert audit.load(tmp_path / "audit.json") == record
    audit.write_card(record, tmp_path / "card.html")
    assert "</html>" in (tmp_path / "card.html").read_text()


def test_arrays_and_several_classes() -> None:
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X[::2], y[::2])
    record = audit.run(model, test=(X[1::2], y[1::2]), task="multiclass", checks=["classification", "skill"])
    assert record.task == "multiclass"
    assert {verdict.outcome for verdict in record.verdicts if verdict.gate == "PERF001"} == {"pass"}


def test_adding_a_check_moves_no_other_number() -> None:
    few = _run(sensitive=GROUPS, checks=["permutation_importance"], settings=Settings())
    many = _run(sensitive=GROUPS, checks=["permutation_importance", "attribution_ranking", "cross_validation"])
    one = {finding.check: finding.measurement for finding in few.findings}
    other = {finding.check: finding.measurement for finding in many.findings}
    assert one["permutation_importance"] == other["permutation_importance"]


def test_suppressed_groups_leave_no_count() -> None:
    groups = np.array(["big"] * 193 + ["tiny"] * 7)
    record = _run(sensitive=groups, checks=[])
    shown = {(one.level, one.rows) for one in record.data.groups}
    assert shown == {("big", None), ("tiny", None)}, "all rows less the big group would be the tiny one"
    for finding in record.findings:
        for estimate in finding.measurement.estimates if finding.measurement else ():
            if "tiny" in estimate.where.values():
                assert estimate.n is None or estimate.n >= 10, finding.check
                assert estimate.value is None or estimate.n is None, finding.check


def test_mistakes_are_told() -> None:
    X, y = _parts()
    with pytest.raises(ConfigError, match=r"Did you mean 'skill'"):
        _run(checks=["skil"])
    with pytest.raises(DataError, match=r"3 rows of X|one value for each"):
        _run(test=(X[200:], y[:3]))
    with pytest.raises(DataError, match="200"):
        _run(sensitive=GROUPS[:50])
    with pytest.raises(DataError, match="'target' is not in the test table"):
        _run(test=X.to_numpy())


def _texts() -> tuple[pd.DataFrame, np.ndarray]:
    generator = np.random.default_rng(0)
    kinds = (["win a free prize now", "claim your cash today"], ["see you at home soon", "are we meeting for lunch"])
    y = generator.integers(0, 2, 300)
    tails = generator.choice(["please", "ok", "call", "later", "thanks", "tonight"], (300, 3))
    said = [f"{kinds[one][k % 2]} {' '.join(tail)} {k}" for k, (one, tail) in enumerate(zip(y, tails, strict=True))]
    return pd.DataFrame({"text": said}), y


def test_a_vectorizer_reads_the_column_and_no_table() -> None:
    X, y = _texts()
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(X["text"][:200], y[:200])
    checks = ["classification", "missing_sensitivity", "corruption_sensitivity", "cross_validation", "determinism"]
    record = audit.run(model, train=(X[:200], y[:200]), test=(X[200:], y[200:]), task="binary", checks=checks)
    assert {one.check: one.outcome for one in record.findings} == dict.fromkeys(checks, "measured")
    with pytest.raises(ModelError, match="one column of texts"):
        audit.run(model, test=(X[200:].assign(length=3), y[200:]), task="binary", checks=["classification"])


def test_weights_and_clusters_by_name() -> None:
    X, y = _parts()
    model = LogisticRegression().fit(X[:200], y[:200])
    weight = np.random.default_rng(1).integers(1, 5, 400)
    frame = X.assign(w=weight, person=np.arange(400) // 4)
    record = audit.run(
        wrap(model),
        train=(frame[:200], y[:200]),
        test=(frame[200:], y[200:]),
        weight="w",
        cluster="person",
        checks=["classification"],
    )
    measured = next(one for one in record.findings if one.check == "classification").measurement
    assert measured is not None
    found = next(one for one in measured.estimates if one.metric == "accuracy")
    assert found.value == pytest.approx(accuracy_score(y[200:], model.predict(X[200:]), sample_weight=weight[200:]))
    assert [feature.name for feature in record.data.features] == ["a", "b", "c"]


def test_residual_gaps_are_held_against_the_weighted_spread_of_the_target() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"g": ["u", "v"] * 300, "w": generator.exponential(size=600), "said": np.zeros(600)})
    frame["target"] = generator.normal(size=600) + (frame["g"] == "v")

    def gap(weight: pd.Series) -> float:
        made = audit.run(
            test=frame.assign(w=weight), sensitive=["g"], task="regression", prediction="said", weight="w",
            checks=["residual_disparities"],
        ).findings[0].measurement  # fmt: skip
        assert made is not None
        found = [one for one in made.estimates if one.metric == "standardized_mean_error" and one.where["g"] == "v"]
        assert found[0].value is not None
        return found[0].value

    mean = np.average(frame["target"], weights=frame["w"])
    spread = np.sqrt(np.average((frame["target"] - mean) ** 2, weights=frame["w"]))
    own = frame["g"] == "v"
    expected = np.average(-frame["target"][own], weights=frame["w"][own]) / spread
    assert abs(gap(frame["w"])) == pytest.approx(abs(expected), rel=0.01)
    assert gap(frame["w"] / frame["w"].sum()) == pytest.approx(gap(frame["w"]))
