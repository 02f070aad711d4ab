"""From a ``train.toml`` to a model file: read rows, prepare, hold out, fit or search or transfer, save."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from trainers import files
from trainers.errors import TrainerError, hint, quote, quote_all
from trainers.estimators import NetworkClassifier, NetworkRegressor
from trainers.history import HistoryRow
from trainers.loaders import image_folder
from trainers.preparation import TablePreparation, needs_preparation
from trainers.schema import DataPart, Recipe, dimension, read
from trainers.search import search as search_for
from trainers.space import Space, default_space
from trainers.splits import split_rows
from trainers.transfer import STAGES, Stage, transfer

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 20
"""Different numbers up to which a target looks like classes."""
Model = NetworkClassifier | NetworkRegressor
Progress = Callable[[str, int, int], object]
"""Called with what is counted, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Rows as they were read."""

    X: Any
    """A frame of features, a frame of one text column, or an array of images."""
    y: Any
    """One column as an array, several as a frame."""
    weight: NDArray[np.float64] | None
    cluster: NDArray[Any] | None
    time: NDArray[Any] | None
    groups: NDArray[Any] | None
    about: dict[str, object]
    """Name, SHA-256 and number of rows of what was read."""


def fit_from_config(
    path: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    search: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Fit what a configuration asks for and write the model file.

    Parameters
    ----------
    path : path
        A ``train.toml``; paths in it are relative to it.
    out : path, optional
        Model file, or a folder for ``model.safetensors``; else ``[model] path``, else the configuration's own name.
    search : bool
        Search the space of ``[search]``, or the network's default space, before fitting.
    progress : callable (what, done, total), optional

    Returns
    -------
    Path
        Where the model file stands.

    Raises
    ------
    TrainerError
        If the configuration, the data or a file do not fit; nothing was written then.
    """
    recipe = read(path)
    folder = Path(path).parent
    if search and recipe.transfer is not None:
        raise TrainerError("a search was asked for together with [transfer]; do one of them")
    target = _target(recipe, Path(path), out)
    _require_own(target)
    loaded = load_rows(recipe.data, folder, recipe.search.sensitive if recipe.search else "")
    model = _model(recipe, progress)
    fitted = _search(recipe, folder, model, loaded, progress) if search else _fit(recipe, folder, model, loaded)
    last = fitted.steps[-1][1] if isinstance(fitted, Pipeline) else fitted
    last.data_ = loaded.about
    return files.save(fitted, target)


def _require_own(target: Path) -> None:
    """Refuse to write over anything but a model file of an earlier training, before the long work begins."""
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise TrainerError(f"{quote(target)} is not a regular file; it is left as it is. Name a new file")
    if target.exists() and target.stat().st_size:
        with target.open("rb") as file:
            head = file.read(1_000_000)
        if files.KEY.encode() not in head:
            raise TrainerError(
                f"{quote(target)} is not a model of an earlier training; it is left as it is. Name a new file"
            )


def _target(recipe: Recipe, path: Path, out: str | os.PathLike[str] | None) -> Path:
    if out is not None:
        target = Path(out)
        target = target / "model.safetensors" if target.suffix != files.SUFFIX else target
    else:
        target = path.parent / (recipe.model.path or path.stem + files.SUFFIX)
    if target.suffix != files.SUFFIX:
        raise TrainerError(f"[model] path is {quote(target.name)}; expected a name that ends in {files.SUFFIX!r}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainerError(
            f"cannot write into {quote(target.parent)}: {error.strerror}. Choose another folder"
        ) from error
    return target


def _model(recipe: Recipe, progress: Progress | None) -> Model:
    """Make the estimator from ``[network]``."""
    kind: type[Model] = NetworkRegressor if recipe.data.task == "regression" else NetworkClassifier
    known = kind().get_params()
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in recipe.network.items()
    }
    for name in given:
        if name not in known or name in {"on_epoch", "random_state"}:
            other = f" It belongs in [data]: {name} = …" if name in DataPart.model_fields else hint(name, known)
            raise TrainerError(f"[network] {quote(name)} is not a parameter of the network.{other}")
    given.setdefault("validation_fraction", recipe.data.validation)
    if recipe.data.text:
        given.setdefault("tokens", "word")
        given.setdefault("network", "gru")
    model: Model = kind(**given, random_state=recipe.seed)
    if progress is not None:
        model.on_epoch = lambda rows: _tell(progress, model, rows)
    return model


def _tell(progress: Progress, model: Model, rows: tuple[HistoryRow, ...]) -> None:
    progress("epochs", rows[0].epoch, max(int(model.epochs), rows[0].epoch))


# --- rows -----------------------------------------------------------------------------------------


def load_rows(data: DataPart, folder: Path, sensitive: str) -> Loaded:
    """Read the table, or the folder of images, that ``[data]`` names.

    Raises
    ------
    TrainerError
        If a file or a column is missing, or the target has holes or too few classes.
    """
    if bool(data.train) == bool(data.images):
        raise TrainerError("[data] names both or neither of train and images; expected one of them")
    if data.images:
        images = image_folder(folder / data.images, size=data.size, channels=data.channels)
        if data.task not in {"", "binary", "multiclass"}:
            raise TrainerError(f"task is {data.task!r}, and the labels of images are the names of their folders")
        _require_two(data, len(set(images.y)), f"{quote(data.images)} has pictures of")
        digest = hashlib.sha256(images.X.tobytes() + "\n".join(images.files).encode()).hexdigest()
        about: dict[str, object] = {"file": data.images, "sha256": digest, "rows": len(images.y)}
        return Loaded(X=images.X, y=images.y, weight=None, cluster=None, time=None, groups=None, about=about)
    table = _table(folder / data.train)
    named = [
        *data.targets,
        data.text,
        data.weight,
        data.cluster,
        data.time,
        sensitive,
        *data.drop,
        *(data.features or []),
    ]
    for name in named:
        if name and name not in table.columns:
            raise TrainerError(
                f"column {quote(name)} is not in {quote(data.train)}; its columns are {quote_all(table.columns)}."
                f"{hint(name, table.columns)}"
            )
    _check_targets(table, data)
    return Loaded(
        X=_features(table, data),
        y=table[data.targets] if isinstance(data.target, list) else table[data.target].to_numpy(),
        weight=table[data.weight].to_numpy(dtype=np.float64) if data.weight else None,
        cluster=table[data.cluster].to_numpy() if data.cluster else None,
        time=table[data.time].to_numpy() if data.time else None,
        groups=table[sensitive].to_numpy() if sensitive else None,
        about={"file": data.train, "sha256": _sha256(folder / data.train), "rows": len(table)},
    )


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise TrainerError(f"there is no file {quote(path)}; expected a table in CSV or Parquet")
    if path.suffix not in {".csv", ".parquet"}:
        raise TrainerError(f"{quote(path.name)} ends in {path.suffix!r}; expected '.csv' or '.parquet'")
    try:
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise TrainerError(f"{quote(path)} cannot be read ({error})") from error
    if not len(table):
        raise TrainerError(f"{quote(path)} holds no rows; expected at least a few dozen")
    return table


def _check_targets(table: pd.DataFrame, data: DataPart) -> None:
    if not data.targets:
        raise TrainerError("[data] names no target; expected target = a column")
    for name in data.targets:
        missing = int(table[name].isna().sum())
        if missing:
            raise TrainerError(
                f"target {quote(name)} is missing in {missing} of {len(table)} rows; drop those rows first"
            )
    _check_task(table, data)


def _check_task(table: pd.DataFrame, data: DataPart) -> None:
    several = len(data.targets) > 1
    if not data.task:
        task = _fitting_task(table, data)
        raise TrainerError(f"[data] task is missing; for {quote_all(data.targets)} write task = {task!r}")
    if several != isinstance(data.target, list) or (several and data.task in {"binary", "multiclass"}):
        raise TrainerError(
            f"task is {data.task!r} and target names {quote_all(data.targets)}; several columns are several labels of "
            "0 and 1 (task = 'multilabel') or several numbers (task = 'regression'), one is target = a column"
        )
    if not several and data.task == "multilabel":
        raise TrainerError("task is 'multilabel' and target is one column; expected a list of columns of 0 and 1")
    _require_two(data, table[data.targets[0]].nunique(), f"target {quote(data.target)} has")


def _require_two(data: DataPart, classes: int, where: str) -> None:
    if data.task == "binary" and classes != 2:
        raise TrainerError(f"task is 'binary', and {where} {classes} classes; expected 2")


def _fitting_task(table: pd.DataFrame, data: DataPart) -> str:
    """Guess the task from what stands in the columns of the target."""
    columns = [table[name] for name in data.targets]
    classes = max(column.nunique() for column in columns)
    numbers = all(column.dtype.kind in "iuf" for column in columns)
    if len(columns) > 1:
        return "regression" if numbers and classes > 2 else "multilabel"
    if classes == 2:
        return "binary"
    return "regression" if numbers and classes > MOST_CLASSES else "multiclass"


def _features(table: pd.DataFrame, data: DataPart) -> pd.DataFrame:
    if data.text:
        return table[[data.text]].fillna("")
    aside = {*data.targets, data.weight, data.cluster, data.time, *data.drop}
    names = data.features if data.features is not None else [name for name in table.columns if name not in aside]
    if not names:
        raise TrainerError("no features are left; expected at least one column beside the target")
    return table[names]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- fitting --------------------------------------------------------------------------------------


def _preparation(recipe: Recipe, X: Any) -> TablePreparation | None:  # noqa: ANN401
    """Prepare a table where the configuration says so, or where there are categories or holes."""
    part = recipe.preparation
    table = hasattr(X, "columns") and not recipe.data.text
    if part.use is False or not table or (part.use is None and not needs_preparation(X)):
        return None
    return TablePreparation(clip=part.clip, min_count=part.min_count, max_levels=part.max_levels)


def _fit(recipe: Recipe, folder: Path, model: Model, loaded: Loaded) -> Any:  # noqa: ANN401
    kept, held = _hold_out(recipe, loaded)
    preparation = _preparation(recipe, loaded.X)
    X, test = _safe_indexing(loaded.X, kept), _safe_indexing(loaded.X, held)
    y, truth = _safe_indexing(loaded.y, kept), _safe_indexing(loaded.y, held)
    if preparation is not None:
        X = preparation.fit(X).transform(X)
        test = preparation.transform(test) if len(held) else test
    weight = None if loaded.weight is None else loaded.weight[kept]
    rest = () if loaded.weight is None else (loaded.weight[held],)
    validation = (test, truth, *rest) if len(held) else None
    if validation is None:
        model.set_params(validation_fraction=0.0)
    if recipe.transfer is not None:
        stages = [Stage(**stage.model_dump()) for stage in recipe.transfer.stage] or STAGES
        source = folder / recipe.transfer.backbone
        model = transfer(source, X, y, model=model, stages=stages, sample_weight=weight, validation=validation)
    else:
        model.fit(X, y, weight, validation=validation)
    return model if preparation is None else Pipeline([("prepare", preparation), ("network", model)])


def _hold_out(recipe: Recipe, loaded: Loaded) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw validation rows that respect classes, clusters or time."""
    rows = len(loaded.y)
    share = float(recipe.network.get("validation_fraction", recipe.data.validation))
    if share <= 0 or rows * share < 8:
        return np.arange(rows), np.arange(0)
    strata = loaded.y if recipe.data.task in {"", "binary", "multiclass"} else None
    if loaded.time is not None:
        parts = split_rows(rows, validation=share, test=0.0, time=loaded.time, seed=recipe.seed)
    else:
        parts = split_rows(rows, validation=share, test=0.0, strata=strata, clusters=loaded.cluster, seed=recipe.seed)
    return parts.train, parts.validation


def _search(recipe: Recipe, folder: Path, model: Model, loaded: Loaded, progress: Progress | None) -> Any:  # noqa: ANN401
    part = recipe.search
    if loaded.weight is not None:
        raise TrainerError("[data] weight is set and a search was asked for, which does not weigh rows; leave one out")
    preparation = _preparation(recipe, loaded.X)
    network = str(model.network)
    space: Space = (
        {name: dimension(name, dimension_part) for name, dimension_part in part.space.items()}
        if part and part.space
        else {}
    )
    space = space or default_space(network)
    whole: Any = model
    if preparation is not None:
        whole = Pipeline([("prepare", preparation), ("network", model)])
        space = {name if "__" in name else f"network__{name}": choice for name, choice in space.items()}
    model.on_epoch = None
    more = {} if part is None else part.model_dump(exclude={"space", "journal", "sensitive"})
    search = search_for(
        whole,
        space,
        loaded.X,
        loaded.y,
        **more,
        sensitive=loaded.groups,
        clusters=loaded.cluster,
        seed=recipe.seed,
        journal=folder / part.journal if part and part.journal else None,
        on_trial=None if progress is None else lambda trial, total: progress("trials", trial.number + 1, total),
    )
    return search.model
