"""Read images from a folder of folders, and texts from a CSV file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainers.errors import TrainerError, hint, need, quote, quote_all
from trainers.pictures import SUFFIXES, labeled_files, left_out, picture_values

if TYPE_CHECKING:
    import pandas as pd


class Images(NamedTuple):
    """Pixels, labels and where each came from."""

    X: NDArray[np.uint8]
    """Shape (rows, channels, height, width), bytes from 0 to 255: what a saved network is given wherever it is used."""
    y: NDArray[np.str_]
    """Name of the folder that held the image."""
    files: tuple[str, ...]
    """Path below the folder, one a row."""


class Texts(NamedTuple):
    """Texts and labels; y is None where no target was named."""

    X: list[str]
    y: NDArray[np.generic] | None


def image_folder(folder: str | os.PathLike[str], *, size: tuple[int, int] | None = None, channels: int = 1) -> Images:
    """Read ``folder/<label>/<image>``, in the order of names.

    Parameters
    ----------
    folder : path
    size : (height, width), optional
        Every image is resized to it; without it all must be of one size.
    channels : int
        1 for grey, 3 for color.

    Returns
    -------
    Images

    Raises
    ------
    TrainerError
        If there is no such folder, no label, no image, an image that cannot be read, or images of several sizes.
    """
    root = Path(folder)
    return _read(root, _label(root, channels), size, channels)


def image_batches(
    folder: str | os.PathLike[str], *, size: tuple[int, int], channels: int = 1, rows: int = 256, seed: int = 0
) -> Iterator[Images]:
    """Read ``folder/<label>/<image>`` a part at a time, in random order, for ``partial_fit``: memory holds one part.

    Parameters
    ----------
    folder, size, channels : as in :func:`image_folder`
    rows : int
        Images of a part.
    seed : int
        Of the order; another one for each pass.

    Yields
    ------
    Images
    """
    root = Path(folder)
    files = _label(root, channels)
    order = np.random.default_rng(seed).permutation(len(files))
    for start in range(0, len(files), rows):
        yield _read(root, [files[place] for place in order[start : start + rows]], size, channels)


def table_batches(
    path: str | os.PathLike[str], *, target: str, rows: int = 8192
) -> Iterator[tuple[pd.DataFrame, NDArray[np.generic]]]:
    """Read a Parquet file a part at a time, for ``partial_fit``: memory holds one part.

    Parameters
    ----------
    path : path
    target : str
        Column of the target.
    rows : int
        Rows of a part.

    Yields
    ------
    tuple of DataFrame and ndarray
        Features and target.

    Raises
    ------
    TrainerError
        If the file or the column is missing.
    """
    need("pyarrow", extra="tables", purpose="reading Parquet a part at a time")
    from pyarrow import ArrowInvalid, parquet

    source = Path(path)
    if not source.is_file():
        raise TrainerError(f"there is no file {quote(source)}; expected a Parquet file")
    try:
        table = parquet.ParquetFile(source)
    except ArrowInvalid as error:
        raise TrainerError(f"{quote(source)} cannot be read as Parquet ({error})") from error
    with table:
        names = table.schema_arrow.names
        if target not in names:
            raise TrainerError(f"column {quote(target)} is not in {quote(source.name)}.{hint(target, names)}")
        for part in table.iter_batches(batch_size=rows):
            frame = part.to_pandas()
            yield frame.drop(columns=target), frame[target].to_numpy()


def _label(root: Path, channels: int) -> list[tuple[str, Path]]:
    """List label and path of every image, in the order of names."""
    if not root.is_dir():
        raise TrainerError(f"there is no folder {quote(root)}; expected one with a folder for each label")
    if channels not in {1, 3}:
        raise TrainerError(f"channels is {channels}; expected 1 (grey) or 3 (color)")
    files = labeled_files(root)
    if not files:
        raise TrainerError(
            f"folder {quote(root)} holds no folders with images; expected <label>/<image> with names that end in "
            f"{quote_all(SUFFIXES)}"
        )
    note = left_out(root)
    if note:
        warnings.warn(note, UserWarning, stacklevel=3)
    return files


def _read(root: Path, files: list[tuple[str, Path]], size: tuple[int, int] | None, channels: int) -> Images:
    arrays = [_pixels(path, size, channels) for _, path in files]
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise TrainerError(f"the images have {len(shapes)} sizes; pass size=(height, width) to resize them")
    names = tuple(path.relative_to(root).as_posix() for _, path in files)
    return Images(np.stack(arrays), np.array([label for label, _ in files]), names)


def _pixels(path: Path, size: tuple[int, int] | None, channels: int) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                return picture_values(opened, size, channels)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TrainerError(
            f"image {quote(f'{path.parent.name}/{path.name}')} cannot be read ({error}); take it out or replace it"
        ) from error


def text_table(path: str | os.PathLike[str], *, text: str, target: str | None = None) -> Texts:
    """Read texts, and labels if a target is named, from a CSV file.

    Parameters
    ----------
    path : path
    text, target : str
        Names of columns.

    Returns
    -------
    Texts

    Raises
    ------
    TrainerError
        If the file or a column is missing, a target is missing, or there are no rows.
    """
    import pandas as pd

    source = Path(path)
    if not source.is_file():
        raise TrainerError(f"there is no file {quote(source)}; expected a CSV file")
    try:
        table = pd.read_csv(source, dtype={text: str}, keep_default_na=False, na_values={target or "": [""]})
    except (ValueError, OSError) as error:
        raise TrainerError(f"{quote(source)} cannot be read as CSV ({error})") from error
    for name in (text, target):
        if name is not None and name not in table.columns:
            raise TrainerError(
                f"column {quote(name)} is not in {quote(source.name)}; its columns are {quote_all(table.columns)}."
                f"{hint(name, table.columns)}"
            )
    if not len(table):
        raise TrainerError(f"{quote(source)} holds no rows; expected at least one text")
    if target is None:
        return Texts(table[text].tolist(), None)
    missing = int(table[target].isna().sum())
    if missing:
        raise TrainerError(
            f"target {quote(target)} is missing in {missing} of {len(table)} rows; drop those rows first"
        )
    return Texts(table[text].tolist(), table[target].to_numpy())
