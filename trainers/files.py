"""One safe file for a model: weights as safetensors, everything else as JSON in its header.

Nothing in a file is code, and no name in it is imported: the estimator and the network are looked up in closed
tables. Equal models give equal bytes; the seconds of the history are left out for that.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers import fitting, reading, state
from trainers.errors import FileError, TrainerError, need, quote, quote_all
from trainers.estimators import NetworkClassifier, NetworkRegressor
from trainers.history import HistoryRow, without_seconds
from trainers.preparation import TablePreparation
from trainers.text import FIRST

FORMAT = "modelassay.network"
VERSION = 1
KEY = "modelassay"
SUFFIX = ".safetensors"
ESTIMATORS = {"NetworkClassifier": NetworkClassifier, "NetworkRegressor": NetworkRegressor}
NUMBERS = ("n_features_in_", "n_iter_", "best_epoch_", "seed_", "validation_rows_")
EXTRAS = ("search_", "transfer_", "data_")
"""What else may be in the file, as JSON: trials of a search, the origin of a backbone, fingerprints of data."""
LABELS = {"b": "bool", "i": "int64", "u": "uint64", "f": "float64", "U": "str", "O": "object"}

Model = NetworkClassifier | NetworkRegressor


def save(model: Any, path: str | os.PathLike[str]) -> Path:  # noqa: ANN401 -- estimator, or a pipeline that ends in one
    """Write a fitted estimator, or a pipeline of :class:`TablePreparation` and one, into one file.

    The file appears whole or not at all.

    Parameters
    ----------
    model : NetworkClassifier, NetworkRegressor or sklearn Pipeline
    path : path
        Ends in ``.safetensors``.

    Returns
    -------
    Path
        Where the file stands.

    Raises
    ------
    FileError
        If the model is not fitted, holds what is not plain data (a function as network), or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> model = NetworkClassifier(epochs=1, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bool((load(save(model, folder + "/m.safetensors")).predict([[0.0]]) == model.predict([[0.0]])).all())
    True
    """
    target = Path(path)
    if target.suffix != SUFFIX:
        raise FileError(f"the model file is called {quote(target.name)}; expected a name that ends in {SUFFIX!r}")
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise FileError(f"{quote(target)} is not a regular file; it is left as it is. Name a new file")
    content = to_bytes(model)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    except OSError as error:
        raise FileError(f"cannot write into {quote(target.parent)}: {error.strerror}. Choose another folder") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except OSError as error:
        raise FileError(f"cannot write {quote(target)}: {error.strerror}. Choose another place") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def to_bytes(model: Any) -> bytes:  # noqa: ANN401 -- estimator, or a pipeline that ends in one
    """Give the content of the file that :func:`save` writes."""
    import safetensors.numpy

    preparation, estimator = _parts(model)
    tensors = {"network." + name: values for name, values in state.weights_of(estimator.network_).items()}
    for name in ("center", "scale"):
        values = getattr(estimator, name + "_")
        if values is not None:
            tensors["preprocessing." + name] = np.ascontiguousarray(values, dtype=np.float64)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "estimator": type(estimator).__name__,
        "parameters": _parameters(estimator),
        "preparation": None if preparation is None else preparation.to_plain(),
        "state": _state(estimator),
        "history": [list(row) for row in without_seconds(estimator.history_)],
        "extras": {name: getattr(estimator, name) for name in EXTRAS if hasattr(estimator, name)},
        "fingerprints": {"weights": fingerprint(tensors)},
    }
    try:
        text = json.dumps(header, allow_nan=False, sort_keys=True, default=_plain)
    except (TypeError, ValueError) as error:
        raise FileError(f"the model holds what is not plain data: {error}. Save it with skops instead") from error
    content: bytes = safetensors.numpy.save(tensors, metadata={KEY: text})
    return content


def _parts(model: Any) -> tuple[TablePreparation | None, Model]:  # noqa: ANN401
    """Take a pipeline apart; only our own steps fit into the file."""
    steps = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    preparation = steps[0] if len(steps) == 2 else None
    estimator = steps[-1]
    known = preparation is None or isinstance(preparation, TablePreparation)
    if len(steps) > 2 or not known or not isinstance(estimator, NetworkClassifier | NetworkRegressor):
        names = quote_all(type(step).__name__ for step in steps)
        raise FileError(
            f"the model is made of {names}; expected NetworkClassifier or NetworkRegressor, alone or after "
            "TablePreparation. Other pipelines are saved with skops"
        )
    if not hasattr(estimator, "network_"):
        raise FileError("the model is not fitted; call fit first")
    if estimator.spec_ is None:
        raise FileError(
            "the network is a function of yours, which is code; a model file holds none. Use a network name"
        )
    return preparation, estimator


def _parameters(estimator: Model) -> dict[str, object]:
    parameters: dict[str, object] = estimator.get_params(deep=False)
    parameters["on_epoch"] = None
    parameters["device"] = "auto"
    parameters["checkpoint"] = None
    if not isinstance(parameters["random_state"], int | np.integer):
        parameters["random_state"] = None
    if isinstance(parameters.get("class_weight"), Mapping):
        weights = parameters["class_weight"]
        parameters["class_weight"] = [[_plain(name), float(weight)] for name, weight in weights.items()]  # type: ignore[attr-defined]
    return parameters


def _plain(value: object) -> object:
    """Turn numpy scalars into Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} is not plain data")


def _state(estimator: Model) -> dict[str, object]:
    names = getattr(estimator, "feature_names_in_", None)
    state: dict[str, object] = {name: int(getattr(estimator, name)) for name in NUMBERS}
    state |= {
        "stopped_": estimator.stopped_,
        "token_count_": int(estimator.token_count_),
        "input_shape_": list(estimator.input_shape_),
        "vocabulary_": None if estimator.vocabulary_ is None else list(estimator.vocabulary_),
        "feature_names_in_": None if names is None else [str(name) for name in names],
        "n_outputs_": int(estimator.n_outputs_),
        "target_names_": list(estimator.target_names_),
    }
    if isinstance(estimator, NetworkRegressor):
        center, scale = np.asarray(estimator.target_center_), np.asarray(estimator.target_scale_)
        state["target_center_"], state["target_scale_"] = center.tolist(), scale.tolist()
    elif estimator.n_outputs_ == 1:
        kind = LABELS.get(estimator.classes_.dtype.kind)
        if kind is None:
            raise FileError(f"classes are of type {estimator.classes_.dtype}; expected text, numbers or truth values")
        state["classes_"] = {"dtype": kind, "values": estimator.classes_.tolist()}
    return state


def fingerprint(tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, types, shapes and bytes of arrays, in the order of names.

    Examples
    --------
    >>> fingerprint({})[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name])
        digest.update(f"{name}:{values.dtype.str}:{values.shape};".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def load(path: str | os.PathLike[str]) -> Any:  # noqa: ANN401 -- estimator, or a pipeline that ends in one
    """Read a model file; no code of it runs.

    Parameters
    ----------
    path : path

    Returns
    -------
    NetworkClassifier, NetworkRegressor or sklearn Pipeline
        Fitted.

    Raises
    ------
    FileError
        If the file is missing, cut short, foreign, damaged, or of a newer version.

    Examples
    --------
    >>> load("nowhere.safetensors")
    Traceback (most recent call last):
    trainers.errors.FileError: there is no file 'nowhere.safetensors'; expected one that trainers.save wrote
    """
    source = Path(path)
    if not source.is_file():
        raise FileError(f"there is no file {quote(source)}; expected one that trainers.save wrote")
    for module in ("safetensors", "torch"):
        need(module, extra="torch", purpose="a model file of networks")
    header, tensors = _read(source)
    try:
        return _rebuild(header, tensors)
    except FileError as error:
        raise FileError(f"{quote(source)}: {error}") from error
    except (TrainerError, KeyError, TypeError, AttributeError, ValueError, RuntimeError, OverflowError) as error:
        raise FileError(
            f"{quote(source)} is damaged ({type(error).__name__}: {error}); its parts do not fit each other. "
            "Save the model again"
        ) from error


def history_of(path: str | os.PathLike[str]) -> tuple[HistoryRow, ...]:
    """Read the training history of a model file.

    Raises
    ------
    FileError
        As :func:`load`.
    """
    model = load(path)
    history: tuple[HistoryRow, ...] = _parts(model)[1].history_
    return history


def _read(source: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    import safetensors

    try:
        with safetensors.safe_open(source, framework="np") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- no mapping
    except (safetensors.SafetensorError, OSError, TypeError, ValueError) as error:
        raise FileError(
            f"{quote(source)} is not a complete safetensors file ({error}); it was cut short, or is of another kind"
        ) from error
    try:
        header = json.loads(text) if text is not None else None
    except (ValueError, RecursionError) as error:
        raise FileError(f"{quote(source)}: the header cannot be read ({error}); the file is damaged") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FileError(
            f"{quote(source)} is a safetensors file of another program; expected one that trainers.save wrote. "
            "A backbone's weights are read by trainers.transfer"
        )
    return header, tensors


def _rebuild(header: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Any:  # noqa: ANN401
    if header["version"] != VERSION:
        raise FileError(
            f"version {quote(header['version'])} of the format; this program reads version {VERSION}. Update it"
        )
    if header["estimator"] not in ESTIMATORS:
        raise FileError(f"estimator {quote(header['estimator'])} is unknown; expected {quote_all(ESTIMATORS)}")
    if header["fingerprints"]["weights"] != fingerprint(tensors):
        raise FileError(
            "the weights differ from the fingerprint in the header; the file was changed after it was saved"
        )
    parameters = {"readout": "flatten"} | _restore(header["parameters"])  # old files do not hold it
    estimator = ESTIMATORS[header["estimator"]](**parameters)
    estimator._check_parameters()
    if callable(estimator.network):
        raise FileError("the network is not named; the file is damaged")
    _restore_state(estimator, header["state"])
    estimator.center_ = tensors.get("preprocessing.center")
    estimator.scale_ = tensors.get("preprocessing.scale")
    _check_inputs(estimator)
    estimator.history_ = tuple(HistoryRow(int(e), str(s), str(q), float(v)) for e, s, q, v in header["history"])
    for name in EXTRAS:
        if name in header["extras"]:
            setattr(estimator, name, header["extras"][name])
    spec = fitting.spec_for(estimator, estimator._objective()[1])
    estimator.spec_ = replace(spec, centered="network.center.mean" in tensors)
    weights = {name.removeprefix("network."): tensors[name] for name in tensors if name.startswith("network.")}
    estimator.network_ = state.rebuilt(estimator.spec_, weights)
    if header["preparation"] is None:
        return estimator
    from sklearn.pipeline import Pipeline

    return Pipeline([("prepare", TablePreparation.from_plain(header["preparation"])), ("network", estimator)])


def _check_inputs(estimator: Model) -> None:
    """Refuse a vocabulary or scales that are not those of the rows, before a row meets them."""
    words, count = estimator.vocabulary_, estimator.token_count_
    if bool(estimator.tokens) != bool(count) or (words is not None and count != len(words) + FIRST):
        raise FileError("the vocabulary does not fit the tokens; the file is damaged")
    for values in (estimator.center_, estimator.scale_):
        if values is not None and np.broadcast_shapes(values.shape, estimator.input_shape_) != estimator.input_shape_:
            raise FileError("the scales do not fit the rows; the file is damaged")


def _restore(parameters: dict[str, Any]) -> dict[str, Any]:
    """Turn JSON's lists into the tuples that parameters were."""
    weights = parameters.get("class_weight")
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    if isinstance(weights, list):
        plain["class_weight"] = {name: float(weight) for name, weight in weights}
    return plain


def _restore_state(estimator: Model, state: dict[str, Any]) -> None:
    for name in NUMBERS:
        setattr(estimator, name, int(state[name]))
    estimator.stopped_ = str(state["stopped_"])
    words = state["vocabulary_"]
    reading.learn(
        estimator,
        tuple(int(size) for size in state["input_shape_"]),
        None if words is None else tuple(str(word) for word in words),
        int(state["token_count_"]),
    )
    if state["feature_names_in_"] is not None:
        estimator.feature_names_in_ = np.array([str(name) for name in state["feature_names_in_"]], dtype=object)
    estimator.n_outputs_ = int(state.get("n_outputs_", 1))  # old files do not hold it
    estimator.target_names_ = tuple(str(name) for name in state.get("target_names_", ()))
    if isinstance(estimator, NetworkRegressor):
        estimator.target_center_, estimator.target_scale_ = (
            _numbers(state[name], estimator.n_outputs_) for name in ("target_center_", "target_scale_")
        )
    elif estimator.n_outputs_ > 1:
        estimator.classes_ = np.arange(estimator.n_outputs_)
    else:
        kind = state["classes_"]["dtype"]
        if kind not in LABELS.values():
            raise FileError(f"classes are of type {quote(kind)}; expected {quote_all(LABELS.values())}")
        estimator.classes_ = np.array(state["classes_"]["values"], dtype=np.str_ if kind == "str" else kind)
        if estimator.classes_.ndim != 1 or len(np.unique(estimator.classes_)) < max(2, len(estimator.classes_)):
            raise FileError("the classes are not a list of two or more different labels; the file is damaged")


def _numbers(value: Any, outputs: int) -> float | NDArray[np.float64]:  # noqa: ANN401
    """Read one number, or one for each of several outputs."""
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.shape != (() if outputs == 1 else (outputs,)):
        raise FileError("the scales do not fit the outputs; the file is damaged")
    return float(numbers) if outputs == 1 else numbers


def skops_types() -> tuple[str, ...]:
    """Names that skops must trust for our estimators, alone or in a pipeline.

    Examples
    --------
    >>> skops_types()[0]
    'trainers.estimators.NetworkClassifier'
    """
    return tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in (*ESTIMATORS.values(), TablePreparation))
