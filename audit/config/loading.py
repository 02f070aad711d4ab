"""Models and tables that a configuration names become a `Model` and a `Dataset`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from audit.config.configuration import Config, DataTable
from audit.data.dataset import Dataset, Roles, build
from audit.data.images import read_images
from audit.data.tables import file_sha256, read_table
from audit.errors import ConfigError, DataError, listed, shown
from audit.models.load import Model, from_object, load
from reports.record import SplitInfo


def load_model(config: Config, folder: Path) -> Model | None:
    """Load what ``[model]`` names; paths are relative to `folder`.

    Raises
    ------
    ModelError, ConfigError
        If it cannot be loaded.
    """
    if config.model is None:
        return None
    if config.model.object is not None:
        return from_object(config.model.object, folder)
    path = folder / str(config.model.path)
    return load(path, trust=config.model.trust, trusted_types=config.model.trusted_types)


def load_dataset(config: Config, folder: Path) -> Dataset:
    """Read the tables that ``[data]`` names; paths are relative to `folder`.

    Raises
    ------
    DataError
        If a table cannot be read or does not fit.
    """
    data = config.data
    roles = Roles(
        target=data.target,
        task=data.task,
        positive=data.positive,
        favorable=data.favorable,
        names=data.names,
        sensitive=tuple(data.sensitive),
        features=None if data.features is None else tuple(data.features),
        drop=(*data.drop, *([data.split] if data.split else [])),
        weight=data.weight,
        cluster=data.cluster,
        time=data.time,
        prediction=data.prediction,
        score=data.score,
        bins={name: tuple(edges) for name, edges in data.bins.items()},
        drop_missing_target=data.drop_missing_target,
    )
    named = {"train": data.train, "test": data.test} if data.path is None else {"test": data.path}
    files = {name: folder / file for name, file in named.items() if file is not None}
    frames = {name: _read(file, data) for name, file in files.items()}
    infos = {
        name: SplitInfo(name=name, rows=0, file=file.name, sha256=file_sha256(file)) for name, file in files.items()
    }
    if data.path is not None:
        whole = infos["test"]
        frames = _divided(frames["test"], data, config.audit.seed)
        infos = {name: SplitInfo(name=name, rows=0, file=whole.file, sha256=whole.sha256) for name in frames}
    dataset = build(frames, roles, infos=infos)
    _require_references(data.reference, dataset)
    return dataset


def read_rows(path: Path) -> tuple[pd.DataFrame, tuple[int, ...]]:
    """Read a table, whose rows have no shape, or a folder of images and their shape.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    return read_images(path) if path.is_dir() else (read_table(path), ())


def _read(path: Path, data: DataTable) -> pd.DataFrame:
    frame, shape = read_rows(path)
    if shape and (data.modality != "image" or tuple(data.shape) != shape):
        raise ConfigError(
            f'{shown(path.name)} is a folder of images. State [data] modality = "image" and shape = {list(shape)} '
            '(channels, height, width); its folders are the labels: target = "label".'
        )
    return frame


def _divided(frame: pd.DataFrame, data: DataTable, seed: int) -> dict[str, pd.DataFrame]:
    """Split one table by its column, or at random (by class, or by cluster where one is declared)."""
    if data.split is not None:
        if data.split not in frame.columns:
            raise DataError(
                f"split column {shown(data.split)} is not in the table; columns are {listed(frame.columns)}."
            )
        names = frame[data.split].astype(str)
        if "test" not in set(names):
            raise DataError(
                f"split column {shown(data.split)} holds {listed(sorted(set(names)))}; expected 'test' (and 'train')."
            )
        order = [name for name in ("train", "test") if name in set(names)]
        return {name: frame[names == name].reset_index(drop=True) for name in order}
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    if data.cluster is not None and data.cluster in frame.columns:
        splitter = GroupShuffleSplit(n_splits=1, test_size=data.test_size, random_state=seed)
        train, test = next(splitter.split(frame, groups=frame[data.cluster].astype(str)))
        return {"train": frame.iloc[train], "test": frame.iloc[test]}
    column = frame[data.target] if data.target in frame.columns else None
    few = column is not None and column.nunique() <= 50 and column.value_counts().min() >= 2
    rows = train_test_split(frame, test_size=data.test_size, random_state=seed, stratify=column if few else None)
    return {"train": rows[0].reset_index(drop=True), "test": rows[1].reset_index(drop=True)}


def _require_references(reference: Mapping[str, str], dataset: Dataset) -> None:
    for feature, level in reference.items():
        groups = dataset.sensitive.get(feature)
        if groups is None:
            raise DataError(
                f"[data.reference] names {shown(feature)}, which is no sensitive feature; "
                f"there are {listed(dataset.sensitive)}."
            )
        if level not in groups.levels:
            raise DataError(
                f"[data.reference] {feature} = {shown(level)} is no group of it; there are {listed(groups.levels)}."
            )
