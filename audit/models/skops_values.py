"""What a model file says beyond the types it holds: values that name files or code, and states of compiled estimators.

Types are checked before a ``.skops`` file is loaded, which leaves two ways to harm: parameters whose value makes
scikit-learn read files or run what stands in them (a joblib cache is a pickle), and fitted states that compiled code
trusts without looking. The first are disarmed or refused; of the second, each family of estimators that is loaded
without further trust is validated here or in :mod:`audit.models.skops_state`, or computes with numpy alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.data.factor import crossed_levels
from audit.errors import ModelError, quote, quote_all
from audit.models.skops_fitted import is_consistent
from audit.models.skops_state import walk

FAMILIES = (
    "base", "calibration", "cluster._agglomerative", "cluster._feature_agglomeration", "cluster._kmeans", "compose",
    "covariance", "cross_decomposition", "decomposition", "discriminant_analysis", "dummy", "ensemble",
    "feature_extraction", "feature_selection", "frozen", "gaussian_process", "impute", "isotonic",
    "kernel_approximation", "kernel_ridge", "linear_model", "metrics", "mixture", "model_selection", "multiclass",
    "multioutput", "naive_bayes", "neighbors", "neural_network", "pipeline", "preprocessing", "random_projection",
    "semi_supervised._self_training", "svm", "tree", "utils", "_loss",
)  # fmt: skip
"""Families of scikit-learn whose fitted states are validated or reach no compiled code that trusts them."""
NATIVE = (".ubj", ".txt", ".cbm")
"""Formats of boosters that hold data only, as a held one may have them."""
MOST_CLASSES = 1000
MOST_JOBS = 4
"""Threads for each core that a model file may ask for."""
BROKEN = "the file is broken or hostile."


def disarm(root: object, *, trusted: Iterable[str] = ()) -> tuple[str, ...]:
    """Take caches out of a loaded model and refuse values and states that reach files, code or foreign memory.

    Parameters
    ----------
    root : object
        What a ``.skops`` file held; changed in place.
    trusted : iterable of str
        Types that the user trusts beyond the validated families.

    Returns
    -------
    tuple of str
        What was changed, for the record.

    Raises
    ------
    ModelError
        Naming the estimator and the value.
    """
    notes: dict[str, None] = {}
    known = set(trusted)
    for value in walk(root):
        _require_family(value, known)
        if isinstance(value, dict):
            _refuse_settings(value)
        elif hasattr(value, "__dict__"):
            _refuse_shadows(value)
            notes |= dict.fromkeys(_disarm(value))
            _validate(is_consistent, value)
        for kind in type(value).__mro__:
            if kind.__name__ in STATES:
                _validate(STATES[kind.__name__], value)
        if hasattr(value, "check_format") and hasattr(value, "indptr"):
            _validate(_sparse, value)
    return tuple(notes)


def _validate(validate: Callable[[Any], bool], value: object) -> None:
    """Refuse a state that does not fit together, or cannot even be looked at."""
    name = type(value).__name__
    try:
        sound = validate(value)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name} in the model file has a state that cannot be read ({error}); {BROKEN}") from error
    if not sound:
        raise ModelError(f"{name} in the model file has an inconsistent state; {BROKEN}")


def _require_family(value: object, trusted: set[str]) -> None:
    kind = type(value)
    module, name = kind.__module__, f"{kind.__module__}.{kind.__qualname__}"
    if not module.startswith("sklearn.") or any(text.startswith(f"{module}.") for text in trusted):
        return
    inside = module.removeprefix("sklearn.")
    if not any(inside == family or inside.startswith(f"{family}.") for family in FAMILIES):
        raise ModelError(
            f"{quote(kind.__name__)} in the model file belongs to a family whose state is not validated. If you trust "
            f"the file's author, state [model] trusted_types = [{name!r}]."
        )


# --- values ---------------------------------------------------------------------------------------


def _disarm(value: object) -> Iterable[str]:
    held = vars(value)
    name = type(value).__name__
    if held.get("memory") is not None:
        held["memory"] = None
        yield f"the cache of {name} was left out: reading a cache runs code from it"
    jobs = held.get("n_jobs")
    if isinstance(jobs, int) and abs(jobs) > MOST_JOBS * (os.cpu_count() or 1):
        held["n_jobs"] = None
        yield f"n_jobs = {jobs} of {name} was left out"
    for key in ("input", "pre_dispatch"):
        if key in held:
            _require_harmless(key, held[key], name)


def _refuse_settings(table: dict[object, object]) -> None:
    """Refuse parameters to be set later, as those of a search, that name files or code."""
    for key, value in table.items():
        last = str(key).rpartition("__")[2]
        if last == "memory" and not _all_none(value):
            raise ModelError(f"the model file sets {quote(key)} to a cache, whose reading runs code; {BROKEN}")
        if last in ("input", "pre_dispatch") and "__" in str(key):
            for item in value if isinstance(value, list | tuple) else [value]:
                _require_harmless(last, item, str(key))


def _all_none(value: object) -> bool:
    values = value if isinstance(value, list | tuple | np.ndarray) else [value]
    return all(value is None for value in values)


def _require_harmless(key: str, value: object, owner: str) -> None:
    if key == "input" and isinstance(value, str) and value in ("filename", "file"):
        raise ModelError(
            f"{quote(owner)} reads its texts from files (input = {value!r}); the model file may name any. "
            "Fit it with input='content'."
        )
    expression = isinstance(value, str) and not re.fullmatch(r"all|\d{1,4}|(\d{1,4}\s*\*\s*)?n_jobs", value)
    if key == "pre_dispatch" and expression:
        raise ModelError(f"{quote(owner)} has pre_dispatch = {quote(value)}; expected a number, such as '2*n_jobs'.")


def _refuse_shadows(value: object) -> None:
    """Refuse an attribute that takes a method's place."""
    kind = type(value)
    if not kind.__module__.startswith(("sklearn.", "trainers.", "audit.")):
        return
    shadows = [name for name in vars(value) if callable(getattr(kind, name, None)) and callable(vars(value)[name])]
    if shadows:
        raise ModelError(f"{kind.__name__} in the model file replaces its methods {quote_all(shadows)}; {BROKEN}")


# --- states ---------------------------------------------------------------------------------------


def _length(values: object) -> int:
    return len(values) if hasattr(values, "__len__") else 0


def _sparse(matrix: Any) -> bool:  # noqa: ANN401 -- scipy's matrices share no public type
    matrix.check_format(full_check=True)
    return True


def _support_vectors(machine: Any) -> bool:  # noqa: ANN401 -- an estimator of scikit-learn
    """Tell whether the arrays that libsvm walks have the sizes it computes from the number of classes."""
    if not hasattr(machine, "_n_support"):
        return True
    classes = _length(getattr(machine, "classes_", ())) if type(machine).__name__ in ("SVC", "NuSVC") else 2
    if classes > MOST_CLASSES:
        raise ModelError(f"{type(machine).__name__} in the model file has {classes} classes; {BROKEN}")
    counts = np.asarray(machine._n_support).astype(np.int64)
    vectors, pairs = machine.support_vectors_, classes * (classes - 1) // 2
    rows = int(machine.support_.shape[0])
    one_class = type(machine).__name__ not in ("SVC", "NuSVC")
    sound = classes >= 2 and len(counts) == classes and bool((counts >= 0).all())
    sound = sound and (int(counts[0]) if one_class else int(counts.sum())) == rows
    sound = sound and tuple(machine._dual_coef_.shape) == (1 if one_class else classes - 1, rows)
    sound = sound and _length(machine._intercept_) == (1 if one_class else pairs)
    sound = sound and all(_length(getattr(machine, name, ())) in (0, pairs) for name in ("_probA", "_probB"))
    sound = sound and float(getattr(machine, "_gamma", 0.0)) >= 0
    width, support = int(machine.n_features_in_), np.asarray(machine.support_).astype(np.int64)
    if machine.kernel == "precomputed":
        return sound and bool(((support >= 0) & (support < width)).all())
    shape = tuple(vectors.shape)
    return sound and shape[0] == rows and (callable(machine.kernel) or shape[1] == width or rows == 0)


def _boosting(model: Any) -> bool:  # noqa: ANN401
    """Tell whether each stage has as many trees as there are outputs, each with one value a leaf."""
    trees = getattr(model, "estimators_", None)
    if trees is None:
        return True
    classes = _length(getattr(model, "classes_", ()))
    outputs = classes if classes > 2 else 1
    shapes = {np.shape(value.tree_.value)[1:] for value in np.ravel(trees)}
    return np.ndim(trees) == 2 and np.shape(trees)[1] == outputs <= MOST_CLASSES and shapes <= {(1, 1)}


def _histogram_boosting(model: Any) -> bool:  # noqa: ANN401
    """Tell whether stages fit the outputs, and categories belong to columns that have some."""
    stages = getattr(model, "_predictors", None)
    if stages is None:
        return True
    classes = _length(getattr(model, "classes_", ()))
    outputs = classes if classes > 2 else 1
    result = getattr(model._bin_mapper, "is_categorical_", None)
    categorical = np.asarray(() if result is None else result, dtype=bool)
    if not _keeps_columns(getattr(model, "_preprocessor", None), int(model.n_features_in_)):
        return False
    for stage in stages:
        if len(stage) != outputs:
            return False
        for tree in stage:
            asked = tree.nodes[(tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] != 0)]["feature_idx"]
            if len(asked) and (int(asked.max()) >= len(categorical) or not categorical[asked.astype(np.intp)].all()):
                return False
    return True


def _keeps_columns(preparation: Any, width: int) -> bool:  # noqa: ANN401
    """Tell whether a table has as many columns after its categories were encoded; trees read them unchecked."""
    if preparation is None:
        return True
    steps, chosen = [], np.zeros(width, dtype=np.int64)
    for _, step, columns in preparation.transformers_[:2]:
        mask = np.asarray(columns)
        if mask.dtype != bool or mask.shape != (width,):
            return False
        chosen += mask
        steps.append(getattr(getattr(step, "func", step), "func", step))
    kinds = [getattr(step, "__name__", type(step).__name__) for step in steps]
    rest = [step for _, step, _ in preparation.transformers_[2:]]
    return kinds == ["OrdinalEncoder", "check_array"] and rest in ([], ["drop"]) and bool((chosen == 1).all())


def _neighbors(model: Any) -> bool:  # noqa: ANN401
    """Tell whether each row memorized has a class that exists."""
    rows = getattr(model, "_fit_X", None)
    if rows is None:
        return True
    sound = rows.shape[1] == int(model.n_features_in_) and _is_finite_for(model.metric, rows)
    classes, y = getattr(model, "classes_", None), getattr(model, "_y", None)
    if y is None:
        return bool(sound)
    sound = sound and len(y) == rows.shape[0]
    if classes is None or isinstance(classes, list):
        return bool(sound)
    codes: npt.NDArray[Any] = np.asarray(y)
    return bool(sound and codes.min() >= 0 and codes.max() < len(classes) <= MOST_CLASSES)


def _is_finite_for(metric: object, rows: Any) -> bool:  # noqa: ANN401 -- dense or sparse
    values = rows.data if hasattr(rows, "indptr") else np.asarray(rows)
    if metric == "nan_euclidean" or values.dtype.kind not in "fc":
        return True
    return values.dtype.kind == "f" and bool(np.isfinite(values).all())


def _centers(model: Any) -> bool:  # noqa: ANN401
    centers = getattr(model, "cluster_centers_", None)
    threads = getattr(model, "_n_threads", 1)
    fits = centers is None or (np.ndim(centers) == 2 and np.shape(centers)[1] == int(model.n_features_in_))
    return fits and 0 < int(threads) <= 1024


def _vocabulary(model: Any) -> bool:  # noqa: ANN401
    """Tell whether words stand for the columns 0 … n − 1."""
    if model.input in ("filename", "file"):
        return False
    words = getattr(model, "vocabulary_", None)
    return words is None or sorted(int(place) for place in words.values()) == list(range(len(words)))


def _hashing(model: Any) -> bool:  # noqa: ANN401
    return 0 < int(model.n_features) < 2**31


def _one_hot(model: Any) -> bool:  # noqa: ANN401
    """Tell whether columns are counted as the categories say."""
    result = getattr(model, "_n_features_outs", None)
    return result is None or [int(value) for value in result] == [
        int(compute_n_features_out) for compute_n_features_out in model._compute_n_features_outs()
    ]


def _hold(model: Any) -> bool:  # noqa: ANN401
    """Tell whether a booster is bytes of a format that holds data only."""
    raw = model.raw
    return isinstance(raw, np.ndarray) and raw.dtype == np.uint8 and raw.ndim == 1 and model.suffix in NATIVE


def _seal(model: Any) -> bool:  # noqa: ANN401
    """Tell whether a rule of decision holds numbers by group, each group in words, around a model that answers."""
    model.get_params(deep=False)  # a parameter that is missing is as bad as a broken one
    rules = [getattr(model, name, None) for name in ("thresholds", "calibration", "offsets")]
    for rule in rules:
        by_group = rule if isinstance(rule, dict) else None
        if by_group is not None and not _names_groups(by_group, model.sensitive):
            return False
        for value in by_group.values() if by_group is not None else [] if rule is None else [rule]:
            numbers = list(value) if isinstance(value, list | tuple) else [value]
            if len(numbers) != (2 if rule is rules[1] else 1) or not all(map(_is_finite, numbers)):
                return False
    shifts = getattr(model, "shifts", None)
    if shifts is not None and not _are_shifts(shifts, model.sensitive):
        return False
    slopes = [float(line[0]) for line in (rules[1] or {}).values()]
    columns = getattr(model, "columns_", None)
    named = columns is None or all(isinstance(column, str) for column in columns)
    inner = getattr(model, "estimator_", None)
    return named and all(slope > 0 for slope in slopes) and (inner is None or callable(getattr(inner, "predict", None)))


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _are_shifts(shifts: object, sensitive: object) -> bool:
    if not isinstance(shifts, dict) or not _names_groups(shifts, sensitive):
        return False
    lines = list(shifts.values())
    widths = {len(line) if isinstance(line, list | tuple) else -1 for line in lines}
    return len(widths) == 1 and -1 not in widths and all(_is_finite(value) for line in lines for value in line)


def _names_groups(rule: dict[Any, Any], sensitive: object) -> bool:
    """Tell whether groups are words, of one column or of several."""
    columns = [sensitive] if isinstance(sensitive, str) else sensitive
    if not isinstance(columns, list | tuple) or not all(isinstance(name, str) for name in columns) or not rule:
        return False
    if not all(isinstance(value, str) for value in rule):
        return False
    return len(columns) == 1 or all(len(crossed_levels(value)) == len(columns) > 1 for value in rule)


STATES: dict[str, Callable[[Any], bool]] = {
    "BaseLibSVM": _support_vectors,
    "BaseGradientBoosting": _boosting,
    "BaseHistGradientBoosting": _histogram_boosting,
    "NeighborsBase": _neighbors,
    "_BaseKMeans": _centers,
    "CountVectorizer": _vocabulary,
    "HashingVectorizer": _hashing,
    "FeatureHasher": _hashing,
    "OneHotEncoder": _one_hot,
    "HeldBooster": _hold,
    "_Sealed": _seal,
}
"""By the class that reads a state in compiled code: does the state fit together?"""
