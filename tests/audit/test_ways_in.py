"""Every kind of table with every kind of label and model: scikit-learn computes the right value on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline

import modelassay as ma
from audit.config.configuration import Config, DataTable
from audit.config.loading import load_dataset
from audit.data.dataset import Dataset
from audit.evidence import Settings
from audit.gather import Context
from audit.models.load import wrap
from tests.audit.ways_in import (
    FILES,
    FRAMES,
    LABELS,
    LIBRARIES,
    MODELS,
    PAGE,
    TWO_CLASSES,
    categories,
    page,
    rows,
    truth,
)

FEATURES = ["income", "count", "region", "kind", "flag", "size"]


def labelled(frame: pd.DataFrame, label: str, seed: int) -> pd.DataFrame:
    words = LABELS[label].words
    column = pd.Series([words[code] for code in truth(frame, seed, len(words))])
    return frame.assign(y=column.to_numpy() if column.dtype != object else column)


@cache
def fitted(label: str, model: str) -> object:
    train = labelled(rows(300, 0), label, 0)
    return MODELS[model](train[FEATURES], train["y"].to_numpy())


@cache
def right_values(label: str, name: str) -> tuple[float, float | None]:
    """Return accuracy and ROC AUC as scikit-learn has them on the test rows."""
    model, frame = fitted(label, name), labelled(rows(200, 1), label, 1)
    X, y = frame[FEATURES], frame["y"].to_numpy()
    X = categories(X) if name in LIBRARIES else X
    accuracy = float(accuracy_score(y.astype(str), np.ravel(model.predict(X)).astype(str)))  # type: ignore[attr-defined]
    inner: Any = getattr(model, "inner", model)
    method = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    if not hasattr(model, method) or len(LABELS[label].words) > 2:
        return accuracy, None
    score = getattr(inner, method)(X)
    score = score[:, 1] if score.ndim == 2 else score
    return accuracy, float(roc_auc_score(y == inner.classes_[1], score))  # the same, whichever class is positive


def values(dataset: Dataset, model: object) -> tuple[float, float | None]:
    wrapped = wrap(model)
    narrowed = dataset.for_model(wrapped.feature_names, wrapped.feature_count)
    found = Context(model=wrapped, dataset=narrowed, settings=Settings()).need("predictions")
    test = found.select(split="test")  # type: ignore[attr-defined]
    accuracy = float((test.y_pred == test.y_true).mean())
    if test.y_score is None or test.y_score.ndim > 1:
        return accuracy, None
    return accuracy, float(roc_auc_score(test.y_true, test.y_score))


def _goes(label: str, model: str) -> bool:
    """Tell whether a kind of model is tried with a kind of label: the dear ones with three kinds."""
    if find_spec(LIBRARIES.get(model, "sklearn")) is None or (len(LABELS[label].words) > 2 and model in TWO_CLASSES):
        return False
    return list(MODELS).index(model) < CHEAP or label in THREE


CHEAP = 5
THREE = {"words, the first positive", "numbers of unequal length (9, 10)", "three classes"}
PAIRS = [(label, model) for label in LABELS for model in MODELS if _goes(label, model)]


def asked(kind: str, label: str) -> list[str]:
    """Name the models to ask of these labels: all with CSV, with other files in turn."""
    models = [model for name, model in PAIRS if name == label]
    turn = list(FILES).index(kind) + list(LABELS).index(label)
    return models if kind == "CSV" else [models[turn % len(models)]]


@pytest.mark.parametrize("kind", FILES)
def test_files(kind: str, tmp_path: Path) -> None:
    way = FILES[kind]
    for label in LABELS:
        train, test = (labelled(rows(count, seed), label, seed) for seed, count in enumerate((300, 200)))
        paths = {}
        for split, frame in (("train", train), ("test", test)):
            folder = tmp_path / label.replace(" ", "_").replace(",", "") / split
            folder.mkdir(parents=True)
            way.write(frame, folder / way.name)
            paths[split] = str(folder / way.name)
        task = "multiclass" if len(LABELS[label].words) > 2 else "binary"
        said = {"target": "y", "task": task, "positive": LABELS[label].positive, "features": FEATURES, **way.said}
        dataset = load_dataset(Config(data=DataTable(**paths, **said)), tmp_path)  # type: ignore[arg-type]
        if kind.startswith("Parquet"):
            assert dataset.frame["size"].cat.ordered
        for model in asked(kind, label):
            assert values(dataset, fitted(label, model)) == pytest.approx(right_values(label, model)), (label, model)


@pytest.mark.parametrize("kind", FRAMES)
def test_frames(kind: str) -> None:
    for label in ("False and True", "words, the first positive", "three classes"):
        frame = labelled(rows(200, 1), label, 1)
        model = fitted(label, "any object with predict and predict_proba")
        task = "multiclass" if len(LABELS[label].words) > 2 else "binary"
        record = ma.run(
            model, FRAMES[kind](frame[FEATURES]), frame["y"], task=task,  # type: ignore[arg-type]
            positive=LABELS[label].positive,
            features=FEATURES, checks=["classification"], sensitive=frame["region"].rename("area"),
        )  # fmt: skip
        accuracy, _ = right_values(label, "any object with predict and predict_proba")
        assert record.metric("accuracy").value == pytest.approx(accuracy), label
        assert {group.level for group in record.data.groups} == {"NA", "EU", "None"}


@pytest.mark.parametrize("sparse", [False, True])
def test_arrays(sparse: bool) -> None:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X: npt.NDArray[np.float64] = rng.normal(size=(300, 3)) * (rng.random((300, 3)) < 0.5)
    y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
    model = LogisticRegression().fit(csr_matrix(X) if sparse else X, y)
    record = ma.run(model, csr_matrix(X) if sparse else X, list(y), checks=["classification"])
    assert record.metric("accuracy").value == pytest.approx(model.score(X, y))


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.audit.ways_in"


@pytest.mark.parametrize("given", [list, np.array, lambda texts: pd.Series(texts, name="note")])
def test_texts_go_in_as_a_vectorizer_takes_them(given: Callable[[list[str]], object]) -> None:
    texts = [f"{'good' if place % 3 else 'bad'} {'day' if place % 2 else 'night'}" for place in range(60)]
    y = np.array([place % 3 > 0 for place in range(60)]) ^ (np.arange(60) % 20 == 0)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y)
    record = ma.run(model, given(texts), y, positive=True, checks=["classification"])
    assert record.metric("accuracy").value == accuracy_score(y, model.predict(texts))
