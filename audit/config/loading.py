"""Models and tables that a configuration names become a `Model` and a `Dataset`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audit.config.configuration import Config, DataTable
from audit.config.model_table import ModelTable
from audit.data.columns import label_text
from audit.data.dataset import Dataset, Roles, build
from audit.data.images import Shape, read_images
from audit.data.reading import Reading, Tables
from audit.data.tables import display_name, files_sha256, match_files, read_tables
from audit.errors import ConfigError, DataError, hint, quote, quote_all
from audit.models.endpoint import Address, connect
from audit.models.load import Model, load, with_output
from audit.models.objects import from_builder, from_object
from audit.models.taught import taught_words
from reports.record import SplitInfo
from trainers.pictures import left_out


def load_model(config: Config, folder: Path) -> Model | None:
    """Load what ``[model]`` names; paths are relative to `folder`.

    Raises
    ------
    ModelError, ConfigError
        If it cannot be loaded.
    """
    if config.model is None:
        return None
    asked = config.model
    if asked.url is not None:
        return connect(_address(asked, folder))
    if asked.object is not None:
        model = from_object(asked.object, folder, trust=asked.trust)
    elif asked.torch is not None:
        model = from_builder(asked.torch, None if asked.weights is None else folder / asked.weights, folder)
    else:
        model = load(folder / str(asked.path), trust=asked.trust, trusted_types=asked.trusted_types)
    return with_output(
        model,
        output=asked.output,
        classes=asked.classes or None,
        shape=config.data.shape,
        column=asked.output_column,
        target=config.data.target,
    )


def load_source(config: Config, folder: Path) -> Model | None:
    """Load the model that the audited one was compressed from, if one is named.

    Raises
    ------
    ModelError
        If it cannot be loaded.
    """
    if config.model is None or config.model.source is None:
        return None
    return load(folder / config.model.source, trust=config.model.trust, trusted_types=config.model.trusted_types)


def _address(model: ModelTable, folder: Path) -> Address:
    return Address(
        url=str(model.url),
        protocol=model.protocol,
        token_env=model.token_env,
        inputs=model.inputs,
        outputs=model.outputs,
        budget=model.budget,
        cache=folder / model.cache if model.cache else None,
    )


def load_dataset(config: Config, folder: Path, model: Model | None = None, *, validation: bool = False) -> Dataset:
    """Read the tables that ``[data]`` names; paths are relative to `folder`.

    Parameters
    ----------
    config : Config
    folder : Path
    model : Model, optional
        Columns that it was taught as words are read as words.
    validation : bool
        Whether the rows to choose on are read, too.

    Raises
    ------
    DataError
        If a table cannot be read or does not fit.
    """
    data = config.data
    roles = roles_of(data)
    named = {"test": data.path}
    if data.path is None:
        named = {"train": data.train, "validation": data.validation if validation else None, "test": data.test}
    files = {name: folder / file for name, file in named.items() if file is not None}
    tables = _read(files, data, reading_of(data, model), model)
    frames = tables.frames
    infos = {
        name: SplitInfo(name=name, rows=0, file=display_name(file), sha256=files_sha256(match_files(file)))
        for name, file in files.items()
    }
    if data.path is not None:
        whole = infos["test"]
        frames = _divide(frames["test"], data, config.audit.seed, validation=validation)
        infos = {name: SplitInfo(name=name, rows=0, file=whole.file, sha256=whole.sha256) for name in frames}
    roles = replace(roles, indexes=tables.indexes)
    dataset = build(frames, roles, infos=infos, tables=tables)
    require_references(data.reference, dataset)
    return dataset


def roles_of(data: DataTable) -> Roles:
    """Return which column plays which part."""
    return Roles(
        target=data.target,
        task=data.task,
        positive=data.positive,
        favorable=data.favorable,
        order=tuple(data.order),
        names=data.names,
        monotone=data.monotone,
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
        labels={left: label_text(right) for left, right in data.words.items()},
        text=tuple(data.text),
        number=tuple(data.number),
    )


def reading_of(data: DataTable, model: Model | None = None) -> Reading:
    """Return how tables are to be read: as the user says, then as the model was taught."""
    taught = taught_words(model, data.target) if model is not None else set()
    stated = set(data.number)
    return Reading(
        missing=tuple(data.missing),
        text=(*data.text, *sorted(taught - stated - set(data.text))),
        number=tuple(data.number),
        separator=data.csv.separator,
        decimal=data.csv.decimal,
        thousands=data.csv.thousands,
        encoding=data.csv.encoding,
        table=data.table,
        stated=tuple(dict.fromkeys((*data.text, *data.number))),
    )


def read_rows(
    files: Mapping[str, Path], reading: Reading | None = None, images: Shape | None = None
) -> tuple[Tables, dict[str, tuple[int, ...]]]:
    """Read the rows of each split: tables, whose rows have no shape, or folders of images and their shape.

    Parameters
    ----------
    files : mapping of split to Path
    reading : Reading, optional
        How tables are read.
    images : (channels, height, width), optional
        What images are resized to.

    Raises
    ------
    DataError
        If they cannot be read.
    """
    frames: dict[str, pd.DataFrame] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for split, path in files.items():
        if path.is_dir():
            frames[split], shapes[split] = read_images(path, images)
    rest = {split: path for split, path in files.items() if split not in frames}
    tables = read_tables(rest, reading) if rest else Tables(frames={})
    whole = {split: frames[split] if split in frames else tables.frames[split] for split in files}
    notes = [note for split in shapes if (note := left_out(files[split]))]
    return replace(tables, frames=whole, notes=(*tables.notes, *notes)), {
        split: shapes.get(split, ()) for split in files
    }


def _read(files: Mapping[str, Path], data: DataTable, reading: Reading, model: Model | None) -> Tables:
    stated = (data.shape[0], data.shape[1], data.shape[2]) if len(data.shape) == 3 else None
    tables, shapes = read_rows(files, reading, (model.image_shape if model is not None else None) or stated)
    for split, shape in shapes.items():
        if shape and (data.modality != "image" or tuple(data.shape) != shape):
            raise ConfigError(
                f'{quote(files[split].name)} is a folder of images. State [data] modality = "image" and '
                f'shape = {list(shape)} (channels, height, width); its folders are the labels: target = "label".'
            )
    return tables


def _divide(frame: pd.DataFrame, data: DataTable, seed: int, *, validation: bool) -> dict[str, pd.DataFrame]:
    """Split one table by its column, or at random (by class, or by cluster where one is declared)."""
    if data.split is not None:
        if data.split not in frame.columns:
            raise DataError(
                f"split column {quote(data.split)} is not in the table; columns are {quote_all(frame.columns)}."
            )
        names = frame[data.split].astype(str)
        if "test" not in set(names):
            raise DataError(
                f"split column {quote(data.split)} holds {quote_all(sorted(set(names)))}; expected 'test' (and "
                "'train')."
            )
        wanted = ("train", "validation", "test") if validation else ("train", "test")
        order = [name for name in wanted if name in set(names)]
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


def require_references(reference: Mapping[str, str], dataset: Dataset) -> None:
    """Refuse a reference group that does not exist.

    Raises
    ------
    DataError
        Naming feature or level.
    """
    for feature, level in reference.items():
        groups = dataset.sensitive.get(feature)
        if groups is None:
            raise DataError(
                f"[data.reference] names {quote(feature)}, which is not a sensitive feature; "
                f"there are {quote_all(dataset.sensitive)}."
            )
        if level not in groups.levels:
            if feature in dataset.levels and level in dataset.levels[feature].levels:
                raise DataError(
                    f"[data.reference] {feature} = {quote(level)} is one of {len(dataset.levels[feature].levels):,} "
                    f"levels; only the {len(groups.levels) - 1} largest can be a reference: {quote_all(groups.levels)}."
                )
            raise DataError(
                f"[data.reference] {feature} = {quote(level)}: {quote(level)} is not a level of {quote(feature)} "
                f"(levels: {quote_all(groups.levels)}).{hint(level, groups.levels)}"
            )
