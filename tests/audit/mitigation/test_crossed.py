"""Groups that several features make together, and features of very many levels: one rule for those with few rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from audit.deploy.export import export
from audit.integrations.mitigation import Mitigation, mitigate
from audit.models.load import load
from tests.audit.mitigation.worlds import pipeline, table

FEATURES = ["x", "z", "kind"]
METHODS = ("thresholds", "reweigh", "group-calibration", "remove-correlation")


def _parts(rows: int = 800) -> dict[str, pd.DataFrame]:
    """Return tables whose gap hangs on sex and age together; few are old and of kind c."""
    parts = {}
    for place, name in enumerate(("train", "validation", "test")):
        frame = table(rows, place, gap=0.6)
        age = np.random.default_rng(place).integers(20, 80, rows)
        frame["x"] += 0.8 * (age >= 60) * (frame["sex"] == "m")
        parts[name] = frame.assign(age=age).drop(columns="v")
    return parts


PARTS = _parts()


def _mitigated(parts: dict[str, Any], feature: str, method: str = "thresholds", **more: Any) -> Mitigation:  # noqa: ANN401
    model = pipeline(LogisticRegression()).fit(parts["train"][FEATURES], parts["train"]["y"])
    asked = {"sensitive": ["sex", "age"], "bins": {"age": (60,)}, **more}
    return mitigate(
        model, **parts, target="y", positive="yes", favorable="yes", features=FEATURES, method=method,
        constraint="demographic-parity", feature=feature, anyway=True, **asked,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_the_gap_among_crossings_is_narrowed_and_told_beside_that_of_each_feature(method: str) -> None:
    done = _mitigated(PARTS, "sex, age", method)
    assert done.record is not None
    before, after = (done.record.metric(f"gap_{arm}", feature="sex × age") for arm in ("before", "after"))
    assert (before.value or 0) > 0.3
    assert method == "group-calibration" or (after.value or 0) < (before.value or 0)
    rates = pd.Series(np.asarray(done.model.predict(PARTS["test"][list(done.model.feature_names_in_)])) == "yes")
    groups = rates.groupby([PARTS["test"]["sex"], PARTS["test"]["age"] >= 60]).mean()
    assert after.value == pytest.approx(groups.max() - groups.min())
    for feature, keys in (("sex", PARTS["test"]["sex"]), ("age", PARTS["test"]["age"] >= 60)):
        own = rates.groupby(keys).mean()
        told = done.record.metric("other_gap_after", feature=feature).value
        assert told == pytest.approx(own.max() - own.min())
    gained = done.record.metric("gained", {"sex": "f", "age": "60 and over", "class": "yes"})
    assert gained.value is not None


def test_a_rule_by_crossing_refuses_by_name_and_is_exported(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    done = _mitigated(PARTS, "sex × age")
    done.write(tmp_path)
    sealed = load(tmp_path / "model.skops")
    export(sealed, PARTS["train"], PARTS["test"], tmp_path / "model.onnx")
    graph, X = load(tmp_path / "model.onnx").predictor, PARTS["test"][[*FEATURES, "sex", "age"]]
    assert np.array_equal(np.asarray(graph.predict(X)), np.asarray(sealed.predictor.predict(X)))
    assert len(done.model.thresholds) == 4
    with pytest.raises(ValueError, match="'sex × age' is 'd, under 60'"):
        done.model.predict(X.assign(sex="d", age=30))
    for change in ({"sex": "d"}, {"age": np.nan}):
        with pytest.raises(Exception, match="out of data bounds"):
            graph.predict(X.assign(**change))


def test_crossings_with_few_rows_have_one_rule_together() -> None:
    few = {name: part.assign(kin=np.where(part.index < 80, ["p", "q"] * 400, "r")) for name, part in PARTS.items()}
    done = _mitigated(few, "sex,kin", sensitive=["sex", "kin"], bins={})
    rules = {name: rule for name, rule in done.model.thresholds.items() if not name.endswith("r")}
    assert len(rules) == 4
    assert len(set(rules.values())) == 1
    assert len(set(done.model.thresholds.values())) == 3
    assert done.record is not None
    finding = next(one for one in done.record.findings if one.check == "mitigation")
    assert finding.measurement is not None
    assert any("4 groups of 'sex × kin' have fewer than 30 rows" in note for note in finding.measurement.notes)
    large = few["test"]["kin"] == "r"
    said = np.asarray(done.model.predict(few["test"][list(done.model.feature_names_in_)])) == "yes"
    rates = pd.Series(said[large]).groupby(few["test"]["sex"][large].to_numpy()).mean()
    after = done.record.metric("gap_after", feature="sex × kin")
    assert after.value == pytest.approx(rates.max() - rates.min()), "groups under 30 rows are not assessed"


def test_levels_beyond_the_largest_have_one_rule_together() -> None:
    wide = {}
    for place, (name, part) in enumerate(_parts(1600).items()):
        town = np.random.default_rng(place).integers(0, 120, len(part))
        town = np.where(part.index % 2 == 0, np.where(part["sex"] == "m", 200, 201), town)
        wide[name] = part.assign(town=[f"t{number}" for number in town])
    done = _mitigated(wide, "", sensitive=["town"], bins={})
    assert done.record is not None
    assert len(set(done.model.thresholds.values())) == 3
    assert len(done.model.thresholds) > 100
    before, after = (done.record.metric(f"gap_{arm}", feature="town").value for arm in ("before", "after"))
    assert (after or 0) < (before or 0)
    with pytest.raises(ValueError, match="'town' is 'elsewhere'"):
        done.model.predict(wide["test"][[*FEATURES, "town"]].assign(town="elsewhere"))


def test_one_group_that_is_large_enough_has_no_gap() -> None:
    many = {name: part.assign(town=[f"t{row % 60}" for row in range(len(part))]) for name, part in PARTS.items()}
    with pytest.raises(Exception, match="one group of 'town' that is large enough for a rule"):
        _mitigated(many, "", sensitive=["town"], bins={})
