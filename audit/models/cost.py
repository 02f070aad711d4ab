"""How dear one prediction is, from the size of a model alone, so that budgets are the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np

TREE_STEP = 20
"""Operations that one step down a decision tree stands for."""
GRADIENT_TREE = 200
"""Operations that one tree of histogram gradient boosting stands for."""
CHEAP = 20_000
"""Operations up to which a prediction counts once: what handing over a row costs anyway."""
VALUE = 20
"""Operations that handing over one value of a row stands for: an image is dear to pass on, whatever reads it."""
CHEAP_TO_LEARN = 500_000
"""Operations up to which a training row counts once, over all epochs."""
BACKWARD = 3
"""Passes forward that one step of training a network stands for."""
DEEPEST = 8
UNREAD = frozenset({"_bin_mapper", "_optimizer", "_best_coefs", "cv_results_", "coefs_paths_", "scores_", "mse_path_",
                    "labels_", "covariance_", "covariances_", "sigma_", "train_score_", "oob_prediction_",
                    "oob_decision_function_"})  # fmt: skip
"""What fitting leaves behind in scikit-learn's estimators and no prediction reads."""


def operations(predictor: object) -> int:
    """Count the numbers that one prediction goes through: coefficients, weights, kept rows, steps down trees.

    Parameters
    ----------
    predictor : object

    Returns
    -------
    int
        At least 1; an order of magnitude, not a count of instructions.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> import numpy as np
    >>> operations(KNeighborsClassifier().fit(np.zeros((500, 4)), np.arange(500) % 2)) >= 2000
    True
    """
    columns = _attribute(predictor, "n_features_in_")
    handed_over = VALUE * columns if isinstance(columns, int) else 0
    return max(1, handed_over, _count(predictor, set(), 0))


def learnable(rows: int, predictor: object) -> int:
    """Return how many training rows a budget of `rows` pays for: fewer of a network that takes many epochs.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> learnable(1000, DummyClassifier())
    1000
    """
    passes = _epochs(predictor)
    if passes is None:
        return affordable(rows, predictor)
    return max(1, int(rows / max(1.0, BACKWARD * passes * operations(predictor) / CHEAP_TO_LEARN)))


def counts_epochs(predictor: object) -> bool:
    """Tell whether it is known how often a model went over its training rows."""
    return _epochs(predictor) is not None


def _epochs(predictor: object) -> int | None:
    """Return the epochs of a network, alone or as the last step of a pipeline; ``None`` for other models."""
    steps = _attribute(predictor, "steps")
    last = steps[-1][1] if isinstance(steps, list) and steps else predictor
    done = _attribute(last, "n_iter_")
    return max(1, int(done)) if _attribute(last, "network_") is not None and isinstance(done, int) else None


def affordable(evaluations: int, predictor: object) -> int:
    """Return how many predictions a budget pays for: all of them for a small model, fewer for a large one.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> affordable(1000, DummyClassifier())
    1000
    """
    return max(1, int(evaluations / max(1.0, operations(predictor) / CHEAP)))


def _count(value: object, seen: set[int], depth: int) -> int:
    if depth > DEEPEST or id(value) in seen:
        return 0
    seen.add(id(value))
    known = _leaf(value)
    if known is None:
        known = _through_network(value)
    if known is not None:
        return known
    return sum(_count(part, seen, depth + 1) for part in _parts(value))


def _leaf(value: object) -> int | None:
    """Return what a value without parts counts, or ``None`` for one that has parts."""
    if isinstance(value, np.ndarray):
        return int(value.size) if value.dtype != object else None
    if isinstance(value, str | bytes | int | float | bool | type | ModuleType | None.__class__):
        return 0
    if type(value).__name__ == "TreePredictor":
        return GRADIENT_TREE
    if type(value).__name__ == "Tree":
        deep = _attribute(value, "max_depth")
        return TREE_STEP * (deep + 1) if isinstance(deep, int) else None
    rounds = _rounds(value)
    if rounds is not None:
        return GRADIENT_TREE * rounds
    size = _attribute(value, "numel")  # of a tensor
    return int(size()) if callable(size) else None


def _through_network(estimator: object) -> int | None:
    """Count what one row costs in a torch network: a convolution uses its weights at every place of an image."""
    network, shape = _attribute(estimator, "network_"), _attribute(estimator, "input_shape_")
    if network is None or not isinstance(shape, tuple) or not callable(_attribute(network, "register_forward_hook")):
        return None
    import torch

    counts: list[int] = []
    handles: list[Any] = []
    first = next(network.parameters(), torch.zeros(1))
    kind = torch.int64 if _attribute(estimator, "token_count_") else first.dtype
    training = network.training
    try:
        handles.extend(part.register_forward_hook(_counter(counts)) for part in network.modules())
        with torch.no_grad():
            network.eval()(torch.zeros(1, *shape, dtype=kind, device=first.device))
    except Exception:  # one that insists on another number of rows, or a script: its weights alone are counted
        return sum(int(parameter.numel()) for parameter in network.parameters())
    finally:
        for handle in handles:
            handle.remove()
        network.train(training)
    return sum(counts)


def _counter(counts: list[int]) -> Callable[[Any, object, Any], None]:
    def count(part: Any, _inputs: object, answer: Any) -> None:  # noqa: ANN401 -- modules of torch
        weights = [parameter for parameter in part.parameters(recurse=False) if parameter.dim() > 1]
        given = answer[0] if isinstance(answer, tuple) else answer
        if not weights or not hasattr(given, "numel") or type(part).__name__.endswith(("Embedding", "EmbeddingBag")):
            return
        wide = _attribute(part, "out_channels") or given.shape[-1]
        counts.append(sum(weight.numel() for weight in weights) * max(1, given.numel() // int(wide)))

    return count


def _rounds(value: object) -> int | None:
    """Return the trees of a booster of LightGBM, xgboost or CatBoost, whose memory is not Python's."""
    if type(value).__module__.partition(".")[0] not in {"lightgbm", "xgboost", "catboost"}:
        return None
    for name in ("num_trees", "num_boosted_rounds"):
        if callable(count := _attribute(value, name)):
            return int(count())
    count = _attribute(value, "tree_count_")
    return int(count) if isinstance(count, int) else None


def _attribute(value: object, name: str) -> Any:  # noqa: ANN401 -- whatever the object has there
    """Return an attribute, ``None`` without one; an object of the user's own may raise whatever it likes."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    parameters = _attribute(value, "parameters")
    if callable(parameters) and _attribute(value, "state_dict") is not None:  # a torch module
        return list(parameters())
    own = _attribute(value, "__dict__")
    if not isinstance(own, dict):
        return ()
    unread = UNREAD if type(value).__module__.startswith("sklearn.") else frozenset()
    return [part for name, part in own.items() if name not in unread]
