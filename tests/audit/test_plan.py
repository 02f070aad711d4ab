"""One plan, from a file or from Python: what the command line can do, Python can."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB

import modelassay as ma
from audit.config.configuration import read_config
from audit.errors import AuditError, ConfigError, DataError
from audit.judging.ledger import Spent
from reports.record import AuditRecord

CHECKS = ["classification", "group_performance", "baseline_change", "fingerprints", "disparities"]


def _table(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, rows)
    answer = np.where(generator.random(rows) < 0.8, truth, 1 - truth)
    return pd.DataFrame({"y": truth, "p": answer, "sex": generator.choice(["f", "m"], rows)})


def _run(frame: pd.DataFrame, **settings: object) -> AuditRecord:
    asked = {"target": "y", "prediction": "p", "task": "binary", "positive": 1, "sensitive": ["sex"], "checks": CHECKS}
    return ma.run(test=frame, **{**asked, **settings})  # type: ignore[arg-type]


def _outcome(record: AuditRecord, gate: str) -> set[str]:
    return {verdict.outcome for verdict in record.verdicts if verdict.gate == gate}


def test_a_baseline_is_compared_from_python_too(tmp_path: Path) -> None:
    frame = _table()
    before = _run(frame)
    worse = frame.assign(p=np.where(np.arange(len(frame)) % 4 == 0, 1 - frame["p"], frame["p"]))
    assert _outcome(_run(worse, baseline=before), "BASE001") == {"fail"}
    ma.save(before, tmp_path / "before.json")
    assert _outcome(_run(worse, baseline=tmp_path / "before.json"), "BASE001") == {"fail"}
    with pytest.raises(ConfigError, match="rows"):
        _run(_table(seed=1), baseline=before)
    assert "BASE001" in {verdict.gate for verdict in _run(_table(seed=1), baseline=before, unpaired=True).verdicts}


def test_a_policy_file_brings_its_suppression_and_its_budget(tmp_path: Path) -> None:
    policy = tmp_path / "gates.toml"
    policy.write_text(
        'schema_version = 1\n[policy]\nname = "p"\nextends = "default"\nsuppress_n = 25\n'
        '[test_set]\nmax_uses = 1\nledger = "uses.json"\n'
    )
    frame = _table()
    frame.loc[:19, "sex"] = "x"
    record = _run(frame, policy=policy)
    assert {group.level: group.rows for group in record.data.groups}["x"] is None
    assert len(json.loads((tmp_path / "uses.json").read_text())) == 1
    second = _run(frame.assign(p=1 - frame["p"]), policy=str(policy))
    assert any("test set has been used for 2 different models" in warning for warning in second.warnings)
    told = [one for one in pickle.loads(pickle.dumps(second)).warnings if isinstance(one, Spent)]
    assert len(told) == 1, "the terminal tells it by its type, across processes"


def test_settings_by_name_and_changes_to_the_policy() -> None:
    frame = _table()
    record = _run(frame, level=0.9, override=[{"id": "FAIR001", "threshold": 0.5}], ignore=["FAIR005"])
    assert all(e.level == 0.9 for f in record.findings if f.measurement for e in f.measurement.estimates if e.low)
    assert next(gate for gate in record.policy.gates if gate.id == "FAIR001").threshold == 0.5
    assert "FAIR005" not in {gate.id for gate in record.policy.gates}


def test_fingerprints_are_held_against_what_was_given() -> None:
    frame = _table()
    sha256 = next(split.sha256 for split in _run(frame).data.splits)
    assert _outcome(_run(frame, fingerprints={"test": sha256}), "SEC002") == {"pass"}
    assert _outcome(_run(frame, fingerprints={"test": "0" * 64}), "SEC002") == {"fail"}
    with pytest.raises(ConfigError, match="'tset'"):
        _run(frame, fingerprints={"tset": sha256})


def test_the_card_is_given_as_words_or_as_a_file(tmp_path: Path) -> None:
    assert _run(_table(), card={"owner": "credit team"}).card.owner == "credit team"
    (tmp_path / "card.toml").write_text('owner = "credit team"\n')
    assert _run(_table(), card=tmp_path / "card.toml").card.owner == "credit team"
    with pytest.raises(ConfigError, match=r"'ownr'.*owner"):
        _run(_table(), card={"ownr": "credit team"})


def test_rows_are_given_once() -> None:
    from sklearn.dummy import DummyClassifier

    X, y = pd.DataFrame({"x": np.arange(60.0)}), np.arange(60) % 2
    model = DummyClassifier().fit(X, y)
    record = ma.run(model, X, y, positive=1, checks=["classification"])
    assert record.data.splits[0].rows == 60
    assert ma.run(model, X.assign(target=y), positive=1, checks=["classification"]).data.splits[0].rows == 60
    for given in ({"X": X, "y": y, "test": (X, y)}, {}, {"X": X.to_numpy()}, {"test": (X, None)}):
        with pytest.raises(DataError):
            ma.run(model, **given)


def test_the_front_door_shows_its_names() -> None:
    assert set(ma.__all__) <= set(dir(ma))
    assert ma.__version__
    with pytest.raises(AttributeError, match="nothing"):
        ma.nothing  # noqa: B018
    assert issubclass(ma.AuditError, AuditError)


def test_a_scikit_learn_estimator_says_the_task_itself() -> None:
    """Amounts and digits are both whole numbers: the estimator knows which, and a statement goes before it."""
    generator = np.random.default_rng(0)
    X, digits = generator.normal(size=(300, 2)), np.arange(300) % 10
    amounts = np.round(100 * X[:, 0]).astype(int)
    asked = {"checks": ["skill"], "train": (X[:150], digits[:150])}
    assert ma.run(GaussianNB().fit(X, digits), X[150:], digits[150:], **asked).task == "multiclass"  # type: ignore[arg-type]
    assert ma.run(Ridge().fit(X, amounts), X, amounts, checks=["skill"]).task == "regression"
    assert ma.run(Ridge().fit(X, digits), X, digits, checks=["skill"]).task == "regression"
    binary = ma.run(GaussianNB().fit(X, digits > 4), X, digits > 4, checks=["skill"])
    assert (binary.task, binary.data.positive) == ("binary", "True")
    with pytest.raises(DataError, match="classes or amounts"):
        ma.run(test=pd.DataFrame({"y": amounts, "p": amounts}), target="y", prediction="p", checks=["skill"])


@pytest.mark.parametrize(
    ("modality", "shape", "said"), [("image", [8, 8], "channels, height, width"), ("sequence", [24], "steps, channels")]
)
def test_a_shape_of_too_few_numbers_is_refused(modality: str, shape: list[int], said: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(
        f'[data]\ntest = "t.npz"\ntarget = "y"\nprediction = "p"\nmodality = "{modality}"\nshape = {shape}\n', "utf-8"
    )
    with pytest.raises(ConfigError, match=f"shape is .*; expected {said}"):
        read_config(path)
