"""What may stand inside a sealed estimator: estimators that a ``.skops`` file holds without code, boosters as bytes."""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from audit.errors import ModelError
from audit.models.boosters import Booster, load_booster, with_classes
from audit.models.load import kind_of

LIBRARIES = {"xgboost": ".ubj", "lightgbm": ".txt", "catboost": ".cbm"}
"""Format in which each library writes a model as data."""


class HeldBooster(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A fitted booster as the bytes of its library's own format, which hold data only.

    Parameters
    ----------
    raw : ndarray of uint8
    suffix : {".ubj", ".txt", ".cbm"}
    classes : sequence, optional
        Labels in the order of the scores; none in regression.
    """

    def __init__(
        self, raw: npt.NDArray[np.uint8] | None = None, suffix: str = ".ubj", classes: Sequence[Any] | None = None
    ) -> None:
        self.raw = raw
        self.suffix = suffix
        self.classes = classes

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: object, y: object) -> HeldBooster:  # noqa: ARG002 -- what every estimator is asked
        """Refuse: bytes cannot be trained anew.

        Raises
        ------
        ValueError
        """
        raise ValueError("a booster that is held as bytes cannot be trained again; train it with its own library")

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """Labels in the order of the scores."""
        if self.classes is None:
            raise AttributeError("a regression has no classes")
        return np.asarray(self.classes)

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return a label or a number for each row."""
        return self.booster().predict(X)

    @available_if(lambda self: self.classes is not None)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return the probability of each class, shape (n, classes)."""
        return np.asarray(self.booster().predict_proba(X), dtype=np.float64)

    def booster(self) -> Booster:
        """Return the booster, ready to be asked."""
        if self.raw is None:
            raise ValueError("there is no booster to ask")
        content = np.asarray(self.raw, dtype=np.uint8).tobytes()
        known = None if self.classes is None else tuple(np.asarray(self.classes).tolist())
        return _open(hashlib.sha256(content).hexdigest(), _Content(content), self.suffix, known)


class _Content:
    """Bytes that a cache does not look at: their hash stands beside them."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=16)
def _open(_sha256: str, content: _Content, suffix: str, classes: tuple[Any, ...] | None) -> Booster:
    with tempfile.TemporaryDirectory(prefix="booster-") as folder:
        path = Path(folder) / f"model{suffix}"
        path.write_bytes(content.content)
        booster = load_booster(path)
    if classes is not None and booster.classes_ is not None:
        with_classes(booster, classes)
    return booster


def hold(estimator: Any) -> Any:  # noqa: ANN401 -- any estimator
    """Return an estimator as a sealed one holds it: boosters as bytes, networks in double precision, others as is.

    Raises
    ------
    ModelError
        If it cannot be written without code.
    """
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list) and steps:
        last = hold(steps[-1][1])
        return estimator if last is steps[-1][1] else Pipeline([*steps[:-1], (steps[-1][0], last)])
    library = type(estimator).__module__.partition(".")[0]
    if isinstance(estimator, Booster):
        return _of_native(estimator)
    if library in LIBRARIES:
        classes = getattr(estimator, "classes_", None)
        return _as_bytes(
            _native(estimator, library), library, None if classes is None else np.asarray(classes).tolist()
        )
    if library == "trainers" and getattr(estimator, "dtype", "") == "float32" and hasattr(estimator, "network_"):
        return _in_double_precision(estimator)
    if not hasattr(estimator, "get_params"):
        raise ModelError(
            f"{kind_of(estimator)} is not an estimator of scikit-learn's kind; it cannot be sealed in a .skops file."
        )
    return estimator


def _in_double_precision(network: Any) -> Any:  # noqa: ANN401 -- of trainers, which is optional
    """Return a copy of a network that calculates in float64: in float32 a score depends on the rows beside it."""
    own = copy.copy(network)
    own.network_, own.dtype = copy.deepcopy(network.network_).double(), "float64"
    return own


def _of_native(booster: Booster) -> HeldBooster:
    """Hold a booster that was loaded from a native file."""
    inner = getattr(booster, "booster_", None) or getattr(booster, "_model", None)
    library = type(inner).__module__.partition(".")[0]
    classes = None if booster.classes_ is None else np.asarray(booster.classes_).tolist()
    return _as_bytes(inner, library, classes)


def _native(estimator: Any, library: str) -> Any:  # noqa: ANN401
    """Return the library's own object inside its scikit-learn class."""
    if library == "xgboost" and hasattr(estimator, "get_booster"):
        return estimator.get_booster()
    return estimator.booster_ if library == "lightgbm" and hasattr(estimator, "booster_") else estimator


def _as_bytes(inner: Any, library: str, classes: list[Any] | None) -> HeldBooster:  # noqa: ANN401
    with tempfile.TemporaryDirectory(prefix="booster-") as folder:
        path = Path(folder) / f"model{LIBRARIES[library]}"
        inner.save_model(str(path))
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    return HeldBooster(content, LIBRARIES[library], classes)
