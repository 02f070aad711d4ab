"""Explanations look through pipelines that prepare column by column, and say the same to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from audit.explain.encoding import Encoding
from audit.gather import _explained
from audit.gather._column_wise import lookup, splits_by_column
from audit.models.load import wrap
from reports.record import Json

NUMBERS, WORDS = ["age", "pay", "count"], ["job", "city"]


def _table(rows: int = 160) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    frame = pd.DataFrame(generator.normal(size=(rows, 2)).round(3), columns=["age", "pay"])
    frame["count"] = generator.integers(0, 6, rows)
    frame["job"] = generator.choice(np.array(["nurse", "cook", "clerk", None], dtype=object), rows)
    frame["city"] = pd.Categorical(generator.choice(["Ulm", "Bonn"], rows))
    frame.loc[generator.random(rows) < 0.1, "pay"] = np.nan
    return frame


def _model(last: object, *, encoder: object = None, density: float = 0.3) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    words = encoder or OneHotEncoder(handle_unknown="ignore")
    preparation = make_column_transformer((numbers, NUMBERS), (words, WORDS), sparse_threshold=density)
    frame = _table()
    y = (frame["age"] + (frame["job"] == "cook") + 0.3 * frame["count"] > 1).astype(int)
    return make_pipeline(preparation, last).fit(frame, y)


def _passed_through() -> Pipeline:
    codes = make_column_transformer((OrdinalEncoder(encoded_missing_value=-1), WORDS), remainder="passthrough")
    frame = _table()
    return make_pipeline(codes, HistGradientBoostingClassifier(max_iter=20, random_state=0)).fit(
        frame, frame["age"] > 0
    )


MODELS: dict[str, Callable[[], Pipeline]] = {
    "passed through": _passed_through,
    "trees": lambda: _model(GradientBoostingClassifier(n_estimators=20, random_state=0)),
    "linear": lambda: _model(LogisticRegression()),
    "sparse": lambda: _model(LogisticRegression(), density=1.0),
    "ordinal": lambda: _model(LogisticRegression(), encoder=OrdinalEncoder(encoded_missing_value=-1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_mixed_rows_get_the_very_same_answers(name: str) -> None:
    model, frame = wrap(MODELS[name]()), _table()
    encoding = Encoding.of(frame)
    rows = encoding.encode(frame)
    found = lookup(model, encoding, rows, "predict_proba")
    assert found is not None
    generator = np.random.default_rng(11)
    mixed = rows[generator.integers(len(rows), size=(3000, rows.shape[1])), np.arange(rows.shape[1])]
    answer = found.ask("predict_proba", mixed)
    assert answer is not None
    np.testing.assert_array_equal(answer, model.predictor.predict_proba(encoding.decode(mixed)))  # type: ignore[attr-defined]
    places = found.places_of(mixed)
    assert places is not None
    np.testing.assert_array_equal(answer, replace(found, placed=True).ask("predict_proba", places.astype(float)))


def test_a_value_never_prepared_is_not_looked_up() -> None:
    model, frame = wrap(MODELS["linear"]()), _table()
    encoding = Encoding.of(frame)
    rows = encoding.encode(frame)
    found = lookup(model, encoding, rows, "predict_proba")
    assert found is not None
    strange = rows[:2].copy()
    strange[1, 0] = 1234.5
    assert found.ask("predict_proba", strange) is None


class Own(Pipeline):  # type: ignore[misc]  # scikit-learn has no types
    """A pipeline of the user's own."""


@pytest.mark.parametrize(
    "first", [PCA(), KNNImputer(), FunctionTransformer(np.abs), make_column_transformer((PCA(), ["age"]))], ids=repr
)
def test_what_may_mix_columns_is_asked_as_a_whole(first: object) -> None:
    model = make_pipeline(first, LogisticRegression())
    assert splits_by_column(model.fit(pd.DataFrame({"age": [0.0, 1.0, 2.0]}), [0, 1, 1])) is None
    assert splits_by_column(Own([("scale", StandardScaler()), ("last", LogisticRegression())])) is None


def test_explanations_say_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    import audit
    from reports.store import dumps

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    frame, model = _table(120), _model(AdaBoostClassifier(n_estimators=10, random_state=0))
    y = model.predict(frame) ^ (np.arange(len(frame)) % 7 == 0)
    options: dict[str, dict[str, Json]] = {
        "local_cases": {"most": 3, "samples": 200, "evaluations": 20_000},
        "attributions": {"rows": 8, "background": 12, "pairs": 6, "method": "permutation"},
    }

    def record() -> str:
        return dumps(
            audit.run(model, frame, y, positive=1, checks=["attribution_ranking", "local_cases"], gather=options)
        )

    quick = record()
    asked: list[object] = []
    monkeypatch.setattr(_explained, "lookup", lambda *given: asked.append(given))
    assert record() == quick
    assert asked, "the quicker way was not tried"
