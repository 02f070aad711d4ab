"""Models of models, and the steps before them: written as ONNX where both answer alike, also on rows they never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from audit.deploy.export import export
from audit.errors import ModelError
from audit.models.load import load, wrap

pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

GENERATOR = np.random.default_rng(11)
ROWS = 240
TABLE = pd.DataFrame(
    {
        "part.0": GENERATOR.integers(18, 80, ROWS),  # called like the insides of a graph
        "label": GENERATOR.lognormal(1, 0.5, ROWS),
        "final/X": GENERATOR.choice(["São", "Köln", "b"], ROWS),
        "flag": GENERATOR.random(ROWS) < 0.4,
    }
)
NUMBERS, WORDS = ["part.0", "label"], ["final/X"]
SIGNAL = TABLE["part.0"] / 20 + TABLE["label"] - 2 * (TABLE["final/X"] == "b") + GENERATOR.normal(0, 0.6, ROWS)
TWO = np.where(SIGNAL > 4, "yes", "no")
THREE = np.array([3, 7, 12])[np.digitize(SIGNAL, [3, 5])]
WORDED = np.array(["c", "a", "b"])[np.digitize(SIGNAL, [3, 5])]
GAPS = TABLE.assign(
    label=TABLE["label"].mask(GENERATOR.random(ROWS) < 0.2),
    **{"final/X": TABLE["final/X"].mask(GENERATOR.random(ROWS) < 0.2)},
)


def behind(last: Any, numbers: Any = None, words: Any = None) -> Any:  # noqa: ANN401
    columns = (numbers or StandardScaler(), NUMBERS), (words or OneHotEncoder(sparse_output=False), WORDS)
    return make_pipeline(make_column_transformer(*columns, ("passthrough", ["flag"])), last)


def require_alike(model: Any, table: pd.DataFrame, y: Any, folder: Path, unseen: pd.DataFrame) -> None:  # noqa: ANN401
    model.fit(table, y)
    parity = export(wrap(model), table, table, folder / "m.onnx").parity
    assert parity.get("changed_labels", 0) == 0
    written: Any = load(folder / "m.onnx").predictor
    if np.asarray(y).dtype.kind == "f":
        np.testing.assert_allclose(written.predict(unseen), model.predict(unseen), rtol=0, atol=1e-9)
        return
    assert (np.asarray(written.predict(unseen)) == model.predict(unseen)).all()
    assert hasattr(written, "predict_proba") == hasattr(model, "predict_proba")
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(written.predict_proba(unseen), model.predict_proba(unseen), rtol=0, atol=1e-6)


LINE, TREE = LogisticRegression(), DecisionTreeClassifier(max_depth=3)
COMBINED: dict[str, tuple[Any, Any]] = {
    "mean of shares": (behind(VotingClassifier([("a", LINE), ("b", TREE)], voting="soft", weights=[2, 1])), THREE),
    "count of labels": (behind(VotingClassifier([("a", LINE), ("b", "drop"), ("c", SVC()), ("d", GaussianNB())])), TWO),
    "vote of pipelines": (VotingClassifier([("a", behind(LINE)), ("b", behind(TREE))], voting="soft"), TWO),
    "mean of numbers": (
        behind(VotingRegressor([("a", LinearRegression()), ("b", RandomForestRegressor(5))], weights=[1, 3])),
        SIGNAL,
    ),
    "stack": (behind(StackingClassifier([("a", LinearSVC()), ("b", RandomForestClassifier(5))], cv=2)), TWO),
    "stack of pipelines": (StackingClassifier([("a", behind(LINE)), ("b", behind(SVC()))], cv=2), THREE),
    "stack of labels": (StackingClassifier([("a", behind(TREE))], stack_method="predict", cv=2), TWO),
    "stack without shares": (StackingClassifier([("a", behind(TREE))], LinearSVC(), cv=2), TWO),
    "stack of a vote of a calibration": (
        StackingClassifier(
            [("a", VotingClassifier([("c", CalibratedClassifierCV(behind(LinearSVC()), cv=2))], voting="soft"))], cv=2
        ),
        TWO,
    ),
    "stack of numbers": (StackingRegressor([("a", behind(LinearRegression()))], RandomForestRegressor(5)), SIGNAL),
    "pairs by margins": (behind(OneVsOneClassifier(LinearSVC())), WORDED),
    "pairs by shares": (behind(OneVsOneClassifier(KNeighborsClassifier(5))), THREE),
    "one pair": (behind(OneVsOneClassifier(LINE)), TWO),
    "a threshold": (FixedThresholdClassifier(behind(LINE), threshold=0.3), TWO),
    "a threshold of the first class": (FixedThresholdClassifier(behind(LINE), threshold=0.8, pos_label="no"), TWO),
    "a tuned threshold": (TunedThresholdClassifierCV(behind(LINE), cv=2), (TWO == "yes").astype(int)),
    "two classes by discriminants": (behind(LinearDiscriminantAnalysis()), TWO),
    "probabilities of margins": (behind(SVC(probability=True, random_state=0)), TWO),
    "neighbors": (behind(KNeighborsClassifier(5)), THREE),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The `probability` parameter")
@pytest.mark.parametrize("kind", COMBINED)
def test_models_of_models(kind: str, tmp_path: Path) -> None:
    model, y = COMBINED[kind]
    unseen = TABLE.assign(**{"part.0": TABLE["part.0"] * 2, "label": -TABLE["label"]})
    require_alike(model, TABLE, y, tmp_path, unseen)


def test_a_vote_that_was_fitted_without_names(tmp_path: Path) -> None:
    model = VotingClassifier([("a", LINE), ("b", TREE)], voting="soft").fit(TABLE[NUMBERS].to_numpy(), TWO)
    export(wrap(model), TABLE, TABLE, tmp_path / "m.onnx", features=tuple(NUMBERS))
    written: Any = load(tmp_path / "m.onnx").predictor
    rows = TABLE[NUMBERS].to_numpy() * 1.1
    np.testing.assert_allclose(written.predict_proba(rows), model.predict_proba(rows), rtol=0, atol=1e-12)


FILL = SimpleImputer(add_indicator=True)
STEPS: dict[str, tuple[Any, Any]] = {
    "fill and flag": (make_pipeline(FILL, StandardScaler()), None),
    "fill with a number of one's own": (SimpleImputer(strategy="constant", fill_value=-1), None),
    "fill words": (FILL, make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())),
    "missing words are a level": (FILL, OneHotEncoder(handle_unknown="ignore")),
    "one level is dropped": (FILL, OneHotEncoder(drop="first")),
    "rare levels are one": (FILL, OneHotEncoder(min_frequency=70, handle_unknown="infrequent_if_exist")),
    "levels are numbered": (
        FILL,
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    ),
    "functions": (make_pipeline(SimpleImputer(), FunctionTransformer(np.square), FunctionTransformer(np.log1p)), None),
}  # fmt: skip


@pytest.mark.parametrize("kind", STEPS)
def test_steps_over_missing_values(kind: str, tmp_path: Path) -> None:
    numbers, words = STEPS[kind]
    table = TABLE if words is None else GAPS
    model = behind(LINE, numbers, words)
    require_alike(model, table.assign(label=GAPS["label"]), TWO, tmp_path, GAPS.iloc[::-1] if words else table)


def test_boosting_behind_numbered_levels(tmp_path: Path) -> None:
    model = behind(HistGradientBoostingClassifier(max_iter=5), "passthrough", OrdinalEncoder())
    require_alike(model, GAPS, THREE, tmp_path, GAPS.iloc[::-1])


@pytest.mark.parametrize("encode", ["onehot-dense", "ordinal"])
def test_numbers_at_the_edges_of_bins(tmp_path: Path, encode: str) -> None:
    model = make_pipeline(KBinsDiscretizer(6, encode=encode), LINE)
    table = TABLE[NUMBERS].astype(float)
    edges = np.quantile(table["label"], [0, 1 / 6, 0.5, 1])
    require_alike(model, table, TWO, tmp_path, table.iloc[:4].assign(label=edges))


def test_levels_that_are_numbers_are_compared_in_double_precision(tmp_path: Path) -> None:
    counted = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["part.0"]), ("passthrough", ["label"]))
    unseen = TABLE.assign(**{"part.0": TABLE["part.0"] + np.where(np.arange(ROWS) % 2, 1e-9, 0.0)})
    require_alike(make_pipeline(counted, LINE), TABLE[[*NUMBERS]], TWO, tmp_path, unseen[NUMBERS])


def test_words_that_xgboost_cuts_apart_are_refused(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    for refused, words in ((True, "final/X"), (False, "plain")):
        table = TABLE[NUMBERS].assign(**{words: TABLE["final/X"].replace({} if refused else {"São": "a", "Köln": "k"})})
        table[words] = table[words].mask(GENERATOR.random(ROWS) < 0.1).astype("category")
        model = xgboost.XGBClassifier(n_estimators=4, enable_categorical=True).fit(table, TWO == "yes")
        if refused:
            with pytest.raises(ModelError, match="letters beyond ASCII"):
                export(wrap(model), table, table, tmp_path / "m.onnx")
        else:
            assert export(wrap(model), table, table, tmp_path / "m.onnx").parity["changed_labels"] == 0
