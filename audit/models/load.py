"""A model as an audit sees it: something that predicts, loaded without running code.

Formats that run code when they are loaded (pickle, joblib, ``.pt2``) are refused before a byte of them is
run, unless the user trusts the file in so many words; the record then says so (``SEC001``).
"""

from __future__ import annotations

import importlib
import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from audit.data.tables import files_sha256
from audit.errors import AuditError, ConfigError, ModelError, UntrustedTypesError, hint, quote, quote_all
from audit.models.boosters import SUFFIXES, adapt, load_booster, taught_categories, with_classes
from audit.models.column_names import known_count, known_names
from audit.models.containment import guard_call
from audit.models.keras_files import load_keras, of_keras
from audit.models.one_output import OneOutput, output_names, place_of
from audit.models.skops_state import validate_trees
from audit.models.skops_types import ALLOWED_TYPES
from audit.models.skops_values import disarm
from audit.models.torch_files import load_program, load_script
from audit.models.torch_modules import TorchModel, is_module, of_skorch
from reports.record import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE_FORMATS = {
    ".joblib": "joblib",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".pt2": "pt2",
    ".pt": "torch",
    ".pth": "torch",
}


@runtime_checkable
class Predictor(Protocol):
    """What an audit asks of a model; ``predict_proba``, ``decision_function`` and ``fit`` are used if there."""

    def predict(self, X: object, /) -> object:
        """Return a label or a number for each row of X."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A predictor and its identity.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> model = wrap(DummyClassifier().fit([[0], [1]], [0, 1]))
    >>> model.info.kind, model.feature_count
    ('sklearn.dummy.DummyClassifier', 1)
    """

    predictor: Predictor
    info: ModelInfo
    warnings: tuple[str, ...] = field(default=())
    categories: Mapping[int, Sequence[object]] = field(default_factory=dict)
    """Categories it was taught, by place of the column; a refitted copy is given the same."""

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns it was fitted on, if it knows them."""
        return known_names(self.predictor)

    @property
    def feature_count(self) -> int | None:
        """Number of columns it was fitted on, if it knows; of rows with a shape, the values of a row."""
        shape = self.row_shape
        if shape and not bool(getattr(self.predictor, "token_count_", False)):
            return math.prod(shape)
        return known_count(self.predictor)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of a row that a network reads: (channels, height, width), (steps, channels) or (features,); or ()."""
        shape = getattr(self.predictor, "input_shape_", None)
        return tuple(int(size) for size in shape) if isinstance(shape, tuple | list) else ()

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width of the images that it reads, if it reads any."""
        shape = self.row_shape
        return (shape[0], shape[1], shape[2]) if len(shape) == 3 and shape[0] in {1, 3} else None

    @property
    def classes(self) -> npt.NDArray[np.generic] | None:
        """Labels in the order of the columns of ``predict_proba``, if it knows them."""
        classes = getattr(self.predictor, "classes_", None)
        return None if classes is None else np.asarray(classes)

    @property
    def last(self) -> object:
        """The estimator at the end of a pipeline, or the predictor itself."""
        steps = getattr(self.predictor, "steps", None)
        return steps[-1][1] if isinstance(steps, list) and steps else self.predictor

    @property
    def reads_texts(self) -> bool:
        """Whether it begins with a vectorizer of texts, which reads a column and no table."""
        first = getattr(self.predictor, "inner", self.predictor)
        while isinstance(steps := getattr(first, "steps", None), list) and steps:
            first = steps[0][1]
        return hasattr(first, "build_analyzer") or bool(getattr(first, "reads_texts_", False))

    def obstacle_to_refit(self) -> str:
        """Say why scikit-learn cannot clone and refit it; nothing where it can."""
        kind = type(self.predictor).__name__
        parameters = getattr(self.predictor, "get_params", None)
        if parameters is None or not hasattr(self.predictor, "fit"):
            return f"{kind} has no fit or get_params; an estimator of scikit-learn has both"
        if any(_is_frozen(part) for part in (self.predictor, *parameters().values())):
            return f"{kind} holds a FrozenEstimator, which stays as it is whatever rows are given"
        return ""


def _is_frozen(part: object) -> bool:
    return type(part).__name__ == "FrozenEstimator" and hasattr(part, "predict")


def wrap(
    predictor: object, *, name: str = "", format_: str = "object", file: Path | None = None, runs_code: bool = False
) -> Model:
    """Give a predictor its identity.

    Raises
    ------
    ModelError
        If it has no ``predict``.
    """
    if isinstance(predictor, type):
        called = quote(predictor.__name__)
        raise ModelError(
            f"model is the class {called} itself; give a fitted object of it, such as {predictor.__name__}().fit(X, y)."
        )
    predictor = adapt(predictor)
    if (of_its_own := of_keras(predictor)) is not None:
        predictor = of_its_own
    elif is_module(predictor):
        predictor = TorchModel(predictor)  # type: ignore[arg-type]  # is_module has seen what it is
    elif (taken := of_skorch(predictor)) is not None:
        predictor = taken
    if not isinstance(predictor, Predictor):
        raise ModelError(f"{quote(type(predictor).__name__)} has no predict method; a model needs predict(X).")
    last = predictor
    if isinstance(steps := getattr(predictor, "steps", None), list) and steps:
        last = steps[-1][1]
    kind = kind_of(last)
    info = ModelInfo(
        name=name or type(last).__name__,
        kind=kind if last is predictor else f"Pipeline ending in {kind}",
        format=format_,
        file=file.name if file else "",
        sha256=files_sha256(getattr(predictor, "files", ()) if format_ == "onnx" else [file]) if file else "",
        size_bytes=file.stat().st_size if file else None,
        runs_code=runs_code,
        parameters=_parameters(last),
        training={str(k): str(v) for step in _steps(predictor) for k, v in _document(step).items()},
    )
    return Model(predictor=predictor, info=info, categories=taught_categories(predictor))


def _steps(predictor: object) -> list[object]:
    steps = getattr(predictor, "steps", None)
    return [step for _, step in steps] if isinstance(steps, list) and steps else [predictor]


def _document(step: object) -> Mapping[object, object]:
    """Return what a step says of its own making (``training_``), if it does."""
    facts = getattr(step, "training_", {})
    return facts if isinstance(facts, Mapping) else {}


def kind_of(estimator: object) -> str:
    """Name the class of an estimator, or of the module within."""
    inner = type(estimator.module if isinstance(estimator, TorchModel) else estimator)
    return f"{inner.__module__}.{inner.__qualname__}"


def with_output(
    model: Model,
    *,
    output: str = "auto",
    classes: Sequence[object] | None = None,
    shape: Sequence[int] = (),
    column: int | str | None = None,
    target: str = "",
) -> Model:
    """Tell a torch module or an ONNX graph what its outputs are, and a model of several which of them is audited.

    Parameters
    ----------
    model : Model
    output, classes, shape : what a torch module gives, labels of its outputs, shape of a row
    column : int or str, optional
        Number from 0, or name, of the output; without it the one that has the name of `target`, where the model
        names its outputs.
    target : str
        Name of the target.

    Raises
    ------
    ConfigError
        If something is stated that this kind of model says itself.
    """
    if column is None and target in output_names(model.predictor):
        column = target
    model = model if column is None else _with_column(model, column)
    inner = model.predictor
    if isinstance(inner, TorchModel):
        inner.state(output=output, classes=classes, shape=shape)
        return model
    if classes and hasattr(inner, "state_classes"):
        inner.state_classes(classes)
    elif classes:
        with_classes(inner, classes)
    if hasattr(inner, "state_output"):
        inner.state_output(output)
    elif output != "auto":
        raise ConfigError(
            f"[model] output is {quote(output)}, and {quote(model.info.name)} ({model.info.format}) says itself what "
            "its outputs are. Leave it out; it is for torch modules and ONNX graphs."
        )
    return model


def _with_column(model: Model, column: int | str) -> Model:
    """Take one output of a model of several; the record names it."""
    inner = model.predictor
    names = output_names(inner)
    place = place_of(column, names)
    if hasattr(inner, "state_column"):
        inner.state_column(place)
    else:
        model = replace(model, predictor=OneOutput(inner, place))
    said = f"{place} ({names[place]})" if place < len(names) else str(place)
    return replace(model, info=replace(model.info, parameters={**model.info.parameters, "output_column": said}))


def _parameters(estimator: object) -> Mapping[str, str]:
    get_params = getattr(estimator, "get_params", None)
    if get_params is None:
        return {}
    return {str(name): " ".join(repr(value).split())[:120] for name, value in sorted(get_params(deep=False).items())}


def load(path: Path, *, trust: bool = False, trusted_types: Sequence[str] = ()) -> Model:
    """Load a model file.

    Parameters
    ----------
    path : Path
        ``.skops``, a format of an installed loader (entry-point group ``audit.loaders``, such as the
        networks' ``.safetensors``), ``.onnx``, or with `trust` ``.joblib``, ``.pkl``, ``.pt2``.
    trust : bool
        The user's word that code in the file may run.
    trusted_types : sequence of str
        Further types that a ``.skops`` file may hold; their modules are imported.

    Raises
    ------
    ModelError
        If the file is missing, broken, of another format than its name says, or not trusted.
    """
    if path.is_dir() and (path / "config.json").is_file():
        return _load_folder(path)
    if not path.is_file():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(
            f"no model file {quote(path)}." + (hint(path.name, siblings) or " Paths are relative to the configuration.")
        )
    suffix = path.suffix.lower()
    if suffix in CODE_FORMATS and not trust:
        raise ModelError(
            f"{quote(path.name)}: loading a {suffix} file runs code from it, so it was not opened. Save the model as "
            ".skops (scikit-learn), .onnx or .safetensors (networks of trainers; your own: [model] torch = "
            '"package.module:build", weights = "state.safetensors"), or state [model] trust = true if you trust its '
            "author."
        )
    loader = _loader(suffix, path, trusted_types)
    with _catch(path) as caught, guard_call(f"loading {path.name}"):
        predictor = loader(path)
    named = CODE_FORMATS.get(suffix, suffix.lstrip("."))
    model = wrap(predictor, format_=named, file=path, runs_code=suffix in CODE_FORMATS)
    return replace(model, warnings=tuple(dict.fromkeys(caught)))


def _load_folder(path: Path) -> Model:
    """Load a text classifier of Hugging Face; its largest file of weights stands for it in the record."""
    from audit.models.transformer_folders import TextClassifier

    with _catch(path) as caught, guard_call(f"loading {path.name}"):
        predictor = TextClassifier(path)
    weights = max(path.glob("*.safetensors"), key=lambda file: file.stat().st_size)
    model = wrap(predictor, name=path.name, format_="transformers", file=weights)
    return replace(model, warnings=tuple(dict.fromkeys(caught)))


def _loader(suffix: str, path: Path, trusted_types: Sequence[str]) -> Callable[[Path], object]:
    if suffix == ".skops":
        return lambda file: _load_skops(file, trusted_types)
    if suffix == ".onnx":
        from audit.models.onnx import OnnxModel

        return OnnxModel
    if suffix in SUFFIXES:
        return load_booster
    if suffix in OTHERS:
        return OTHERS[suffix]
    if suffix in {".h5", ".hdf5"}:
        raise ModelError(
            f"{quote(path.name)} is in Keras's old format, which can hold code. Save the model again: "
            f'keras.models.load_model("{path.name}").save("model.keras"), and state [model] path = "model.keras".'
        )
    table = {f".{entry.name}": entry for entry in entry_points(group="audit.loaders")}
    if suffix in table:
        loader: Callable[[Path], object] = table[suffix].load()
        return loader
    known = [".skops", ".onnx", *SUFFIXES, *OTHERS, *sorted(table)]
    raise ModelError(
        f"{quote(path.name)}: no loader for {suffix or 'a file without suffix'}; formats are {', '.join(known)}."
    )


WEIGHTS = 'Weights of a torch module of your own need the code that builds it: [model] torch = "package.module:Class"'
"""What to do with a file that holds no more than numbers."""


@contextmanager
def _catch(path: Path) -> Iterator[list[str]]:
    """Turn whatever a broken file makes a loader raise into a plain message; collect warnings."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield lines
        except AuditError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:300].rstrip(".")
            weights = f' {WEIGHTS} with weights = "{path.name}".' if path.suffix.lower() == ".safetensors" else ""
            raise ModelError(
                f"{quote(path.name)} could not be loaded: {type(error).__name__}: {said}. "
                f"Check that the file is complete and has the format that its name says.{weights}"
            ) from error
        finally:
            lines += [f"loading {path.name}: {' '.join(str(warning.message).split())[:300]}" for warning in caught]


def _load_joblib(path: Path) -> object:
    import joblib

    return joblib.load(path)


OTHERS: Mapping[str, Callable[[Path], object]] = {
    **dict.fromkeys((".joblib", ".pkl", ".pickle"), _load_joblib),
    **dict.fromkeys((".pt", ".pth"), load_script),
    ".pt2": load_program,
    ".keras": load_keras,
}
"""Loaders that need no more than the file."""


def import_skops() -> ModuleType:
    """Import skops.io without torch, dask and cupy, which it brings along when it lists scikit-learn's estimators."""
    hidden = [f"sklearn.externals.array_api_compat.{name}" for name in ("torch", "dask", "cupy")]
    hidden = [name for name in hidden if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes their import fail, as if not installed
    try:
        return importlib.import_module("skops.io")
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def scorer_functions() -> set[str]:
    """Name the functions that scikit-learn's scorers call; a search keeps the scorer it was made with."""
    from sklearn.metrics import get_scorer, get_scorer_names

    functions = [get_scorer(name)._score_func for name in get_scorer_names()]
    return {f"{function.__module__}.{function.__qualname__}" for function in functions}


def _load_skops(path: Path, trusted_types: Sequence[str]) -> object:
    skops_io = import_skops()
    allowed = ALLOWED_TYPES | scorer_functions() | set(trusted_types)
    unknown = [name for name in skops_io.get_untrusted_types(file=path) if name not in allowed]
    if unknown:
        drawn = any(name.startswith("scipy.stats.") for name in unknown)
        instead = " A search keeps the distributions that it drew from; its best_estimator_ does not." if drawn else ""
        raise UntrustedTypesError(
            f"{quote(path.name)} holds types that are not on the allow-list: {quote_all(unknown)}. If you trust them, "
            f"state [model] trusted_types = [{', '.join(repr(name) for name in unknown[:5])}].{instead}",
            unknown,
        )
    predictor: object = skops_io.load(path, trusted=sorted(allowed))
    for note in disarm(predictor, trusted=trusted_types):
        warnings.warn(note, stacklevel=2)
    validate_trees(predictor)
    return predictor
