"""Native files of xgboost, LightGBM and CatBoost, which hold data only, as models with scikit-learn's methods.

A file tells its objective, its columns and the categories it was taught; columns of words, whatever the table's format,
are given to the library as the categories that its file names. A value the model was never taught is missing to it.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, softmax

from audit.data.columns import label_text
from audit.errors import ModelError, quote, quote_all
from audit.models import catboost_files, lightgbm_text, xgboost_files
from audit.models.offered import available_if
from audit.optional import require

EXTRA = "boosting"
SUFFIXES = (".ubj", ".json", ".txt", ".cbm")
PROBABLE = ("binary:logistic", "multi:softprob", "multi:softmax", "binary", "multiclass", "multiclassova", "softmax")
"""Objectives whose model gives probabilities of classes."""
CATBOOST_NUMBERS = {"Poisson": "Exponent", "Tweedie": "Exponent", "RMSEWithUncertainty": "RMSEWithUncertainty"}
"""What CatBoost's regressor asks for by objective, where it is not the raw sum of leaves."""
LOG_ODDS = "binary:logitraw"
"""The objective of xgboost that gives the log-odds of the second class."""


class Booster(ABC):
    """A booster of any library: labels, and probabilities where its objective gives them."""

    classes_: npt.NDArray[Any] | None
    feature_names_in_: npt.NDArray[Any]
    n_features_in_: int

    @abstractmethod
    def scores(self, X: object) -> npt.NDArray[Any]:
        """Return probabilities of shape (n,) or (n, classes), or numbers of shape (n,)."""

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return a label or a number for each row."""
        if self.classes_ is None:
            return np.asarray(self.scores(X), dtype=np.float64)
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    @available_if(lambda self: self.classes_ is not None)
    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return the probability of each class, shape (n, classes)."""
        scores = np.asarray(self.scores(X), dtype=np.float64)
        return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores


class LightgbmModel(Booster):
    """A LightGBM booster."""

    def __init__(self, booster: Any, name: str) -> None:  # noqa: ANN401 -- lightgbm has no types
        self.booster_ = booster
        text = booster.model_to_string(num_iteration=1)
        table = dict(re.findall(r"^\[?(objective|categorical_feature)[=:] ?([^\]\n]*)", text, flags=re.MULTILINE))
        self.objective_ = table.get("objective", "").split(" ")[0]
        self.feature_names_in_ = np.array(self.booster_.feature_name(), dtype=object)
        self.n_features_in_ = int(self.booster_.num_feature())
        count = int(self.booster_.num_model_per_iteration())
        self.classes_ = np.arange(max(count, 2)) if self.objective_ in PROBABLE else None
        categories = self.booster_.pandas_categorical or []
        places = [int(match) for match in re.findall(r"\d+", table.get("categorical_feature", ""))]
        if categories and len(places) != len(categories):
            raise ModelError(f"{quote(name)} keeps categories of {len(categories)} columns and does not say which.")
        self.categories_ = dict(zip(places, categories, strict=True)) if categories else {}

    def scores(self, X: object) -> npt.NDArray[Any]:
        """Return what the booster predicts."""
        return np.asarray(self.booster_.predict(typed_frame(X, self.categories_), num_threads=1))


class XgboostModel(Booster):
    """An xgboost booster."""

    def __init__(self, booster: Any, name: str) -> None:  # noqa: ANN401 -- xgboost's own class
        self._xgboost = require("xgboost", extra=EXTRA, purpose="xgboost models")
        self.booster_ = booster
        learner = json.loads(self.booster_.save_config())["learner"]
        self.objective_ = str(learner["objective"]["name"])
        self.n_features_in_ = int(self.booster_.num_features())
        names = self.booster_.feature_names
        self.feature_names_in_ = np.array(names or [f"f{place}" for place in range(self.n_features_in_)], dtype=object)
        self._named = names is not None
        count = int(learner["learner_model_param"].get("num_class", 0))
        self.classes_ = np.arange(max(count, 2)) if self.objective_ in {*PROBABLE, LOG_ODDS} else None
        self.categories_ = self._categories(name)

    def _categories(self, name: str) -> dict[int, Sequence[object]]:
        kinds = self.booster_.feature_types or []
        if "c" not in kinds:
            return {}
        stored = dict(self.booster_.get_categories(export_to_arrow=True).to_arrow() or [])
        table: dict[int, Sequence[object]] = {}
        for place, kind in enumerate(kinds):
            if kind != "c":
                continue
            held = stored.get(str(self.feature_names_in_[place]))
            if held is None:
                raise ModelError(
                    f"{quote(name)} does not hold the categories of column "
                    f"{quote(self.feature_names_in_[place])}. Save it with xgboost 3.1 or later."
                )
            table[place] = self._plain(held, name, place)
        return table

    def _plain(self, held: Any, name: str, place: int) -> list[object]:  # noqa: ANN401 -- an array of arrow
        """Return categories, unless xgboost cut their names apart: it takes letters for bytes."""
        try:
            levels: list[object] = held.to_pylist()
            plain = all(not isinstance(level, str) or level.isascii() for level in levels)
        except UnicodeDecodeError:
            plain = False
        if not plain:
            raise ModelError(
                f"{quote(name)} holds categories of column {quote(self.feature_names_in_[place])} with letters beyond "
                "ASCII, which xgboost does not keep whole. Rename them in the training table (Sao for São) and train "
                "again, or encode them in a step before the model."
            )
        return levels

    def scores(self, X: object) -> npt.NDArray[Any]:
        """Return what the booster predicts at its best iteration, probabilities for classes."""
        frame = typed_frame(X, self.categories_)
        names = [str(name) for name in self.feature_names_in_] if self._named else None
        frame.columns = pd.Index(names or range(frame.shape[1])) if names is None else pd.Index(names)
        matrix = self._xgboost.DMatrix(
            frame if names else frame.to_numpy(dtype=np.float64),
            feature_names=names,
            enable_categorical=True,
            nthread=1,
        )
        best = self.booster_.attr("best_iteration")
        span = (0, 0 if best is None else int(best) + 1)
        margin = self.objective_ == "multi:softmax"
        values = np.asarray(self.booster_.predict(matrix, output_margin=margin, iteration_range=span))
        if self.objective_ == LOG_ODDS:
            return np.asarray(expit(values.astype(np.float64)))
        if not margin:
            return values

        return np.asarray(softmax(values.astype(np.float64), axis=1))


class CatboostModel(Booster):
    """A CatBoost model from its ``.cbm`` file."""

    def __init__(self, path: Path) -> None:
        self._model = require("catboost", extra=EXTRA, purpose="CatBoost models").CatBoost()
        catboost_files.require_sound(path)
        self._model.load_model(str(path))
        self.feature_names_in_ = np.array(self._model.feature_names_, dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        classes = np.asarray(self._model.classes_)
        self.classes_ = classes if classes.size else None
        objective = json.loads(self._model.get_metadata()["params"])["loss_function"]["type"]
        self._number = CATBOOST_NUMBERS.get(objective, "RawFormulaVal")
        self._words = {*self._model.get_cat_feature_indices(), *self._model.get_text_feature_indices()}

    def scores(self, X: object) -> npt.NDArray[Any]:
        """Return probabilities of the classes, or the number of a regression; counts are not logarithms."""
        frame = typed_frame(X, {})
        frame.columns = pd.Index([str(name) for name in self.feature_names_in_])
        for place in self._words:
            name = frame.columns[place]
            where, distinct = pd.factorize(frame[name])
            frame[name] = np.array([*map(label_text, distinct.tolist()), "nan"], dtype=object)[where]
        kind = self._number if self.classes_ is None else "Probability"
        values = np.asarray(self._model.predict(frame, prediction_type=kind, thread_count=1))
        return values[:, 0] if kind == "RMSEWithUncertainty" else values


def typed_frame(X: object, categories: Mapping[int, Sequence[object]]) -> pd.DataFrame:
    """Return a table of numbers, and of the categories that a model was taught at their places.

    Examples
    --------
    >>> frame = pd.DataFrame({"kind": ["b", "a", "?"], "n": [1, 2, 3]})
    >>> typed_frame(frame, {0: ["a", "b"]})["kind"].cat.codes.tolist()
    [1, 0, -1]
    """
    frame = X.copy() if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    for place, known in categories.items():
        name = frame.columns[place]
        by_text = {label_text(value): code for code, value in enumerate(known)}
        where, distinct = pd.factorize(frame[name])  # missing is -1, which takes the last of the codes
        codes = np.array([*(by_text.get(label_text(value), -1) for value in distinct.tolist()), -1], dtype=np.int64)
        frame[name] = pd.Categorical.from_codes(codes[where], categories=pd.Index(list(known)))
    return frame


def load_booster(path: Path) -> Booster:
    """Load a native file by its suffix.

    Raises
    ------
    MissingExtra
        If the library is not installed.
    ModelError
        If the file does not say what it needs to be asked rightly.
    """
    suffix = path.suffix.lower()
    if suffix == ".cbm":
        return CatboostModel(path)
    if suffix == ".txt":
        lightgbm = require("lightgbm", extra=EXTRA, purpose="LightGBM models")
        lightgbm_text.require_sound(path)
        return LightgbmModel(lightgbm.Booster(model_file=str(path)), path.name)
    booster = require("xgboost", extra=EXTRA, purpose="xgboost models").Booster()
    xgboost_files.require_sound(path)
    booster.load_model(str(path))
    return XgboostModel(booster, path.name)


def adapt(predictor: object) -> object:
    """Give a bare booster of LightGBM or xgboost scikit-learn's methods; return anything else as it is."""
    kind = type(predictor)
    adapters = {"lightgbm": LightgbmModel, "xgboost": XgboostModel}
    library = kind.__module__.partition(".")[0]
    if kind.__name__ != "Booster" or library not in adapters:
        return predictor
    value: object = adapters[library](predictor, "the booster")
    return value


def taught_categories(predictor: object) -> Mapping[int, Sequence[object]]:
    """Return the categories of the columns that a booster with scikit-learn's methods was taught as categories.

    Such an estimator refuses the same words as text, which is how a CSV file holds them.

    Parameters
    ----------
    predictor : object
        An estimator of xgboost or LightGBM, histogram boosting of scikit-learn, or a search or calibration around one.

    Returns
    -------
    mapping of int to sequence
        Categories by place of the column; empty for anything else.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> frame = pd.DataFrame({"n": range(40), "kind": pd.Categorical(["a", "b"] * 20)})
    >>> model = HistGradientBoostingClassifier(categorical_features="from_dtype").fit(frame, [0, 1] * 20)
    >>> {place: list(levels) for place, levels in taught_categories(model).items()}
    {1: ['a', 'b']}
    """
    for inner in _within(predictor):
        try:
            if (booster := getattr(inner, "booster_", None)) is not None and hasattr(booster, "pandas_categorical"):
                return LightgbmModel(booster, "the model").categories_
            if callable(getattr(inner, "get_booster", None)):
                return XgboostModel(inner.get_booster(), "the model").categories_  # type: ignore[attr-defined]
        except ModelError:  # no names of categories, or none that are whole: the table's own are handed over
            return {}
        if (levels := _histogram_categories(inner)) is not None:
            return levels
    return {}


def _within(predictor: object) -> Iterator[object]:
    """Yield an estimator and those fitted within it that read the same columns."""
    yield predictor
    inside = [getattr(predictor, name, None) for name in ("best_estimator_", "estimator_")]
    folds = getattr(predictor, "calibrated_classifiers_", None) or getattr(predictor, "estimators_", None)
    if isinstance(folds, list) and folds:
        inside.append(getattr(folds[0], "estimator", folds[0]))
    for inner in inside:
        if inner is not None:
            yield from _within(inner)


def _histogram_categories(estimator: object) -> Mapping[int, Sequence[object]] | None:
    """Return the categories of histogram boosting that takes them from the table's types."""
    if getattr(estimator, "categorical_features", None) != "from_dtype":
        return None
    named = getattr(getattr(estimator, "_preprocessor", None), "named_transformers_", {})
    levels = getattr(named["encoder"], "categories_", []) if "encoder" in named else []
    places = np.flatnonzero(np.asarray(getattr(estimator, "is_categorical_", None)))
    return {int(at): [value for value in known if value == value] for at, known in zip(places, levels, strict=False)}


def with_classes(predictor: object, classes: Sequence[object]) -> None:
    """Name the classes of a booster, in the order of its scores.

    Raises
    ------
    ModelError
        If it has another number of classes, or is not a booster from a native file.
    """
    if not isinstance(predictor, Booster) or predictor.classes_ is None:
        raise ModelError(
            "[model] classes names the classes of torch modules, ONNX graphs and native boosters, in the order of "
            "their outputs; this model knows its own or has none. Leave it out."
        )
    if len(classes) != len(predictor.classes_):
        there = f"the model has {len(predictor.classes_)}"
        raise ModelError(f"[model] classes names {len(classes)} classes, {quote_all(classes)}; {there}.")
    predictor.classes_ = np.array(list(classes), dtype=object)
