"""Read a folder of images, one folder a label, as a table of pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from audit.data.bounded import require_size
from audit.data.reading import explain_broken_file
from audit.data.tables import read_table
from audit.errors import DataError, quote, quote_all
from trainers.pictures import SUFFIXES, labeled_files, picture_values

GREY = ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B")
MOST_PIXELS = 100_000_000
"""Pixels of a picture, before it is resized."""

Shape = tuple[int, int, int]


def read_images(folder: Path, shape: Shape | None = None) -> tuple[pd.DataFrame, Shape]:
    """Read ``folder/<label>/<image>``, in the order of names.

    Parameters
    ----------
    folder : Path
    shape : (channels, height, width), optional
        What the model reads: images are turned upright, made grey or colored, and resized (bilinear), as
        ``trainers`` does before it trains. Without it all must be of one size.

    Returns
    -------
    DataFrame
        A column of bytes (0 to 255) for each value, channel by channel and line by line, and ``label``.
    (channels, height, width)
        One channel where every image is grey, else three.

    Raises
    ------
    DataError
        If there is no image in a folder of its label, one cannot be read, or they differ in size.
    """
    files = [path for _, path in labeled_files(folder)]
    for path in files:
        if not path.is_file():  # a pipe or a device would be waited for
            raise DataError(f"{quote(str(path.relative_to(folder)))} is not a regular file; expected an image.")
    if not files:
        raise DataError(
            f"{quote(folder.name)} holds no images: expected {quote(folder.name + '/<label>/<image>')} "
            f"with images of {quote_all(SUFFIXES, limit=10)}."
        )
    channels, height, width = shape or (1, *_size(files[0], folder))
    require_size(len(files), channels * height * width, folder.name)  # known from the first before any is decoded
    images = [_pixels(file, folder, shape) for file in files]
    channels = shape[0] if shape else max(len(image) for image in images)
    height, width = images[0].shape[1:]
    for file, image in zip(files, images, strict=True):
        if image.shape[1:] != (height, width):
            raise DataError(
                f"{quote(str(file.relative_to(folder)))} has {image.shape[1]} × {image.shape[2]} pixels, others "
                f"{height} × {width}; state the size that the model reads, and all are resized: [data] "
                f'modality = "image", shape = [{channels}, {height}, {width}] (channels, height, width).'
            )
    require_size(len(files), channels * height * width, folder.name)
    block = np.stack([np.broadcast_to(image, (channels, height, width)).ravel() for image in images])
    digits = len(str(block.shape[1] - 1))
    frame = pd.DataFrame(block, columns=[f"x{place:0{digits}d}" for place in range(block.shape[1])])
    labels = pd.DataFrame({"label": [file.parent.name for file in files]})
    return pd.concat([frame, labels], axis=1), (channels, height, width)


def read_examples(path: Path, shape: Shape | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a table, or a folder of images with the names of its values in the order in which a network reads them.

    Parameters
    ----------
    path : Path
    shape : (channels, height, width), optional
        As in :func:`read_images`.

    Returns
    -------
    DataFrame, tuple of str
        The names are empty for a table.
    """
    if not path.is_dir():
        return read_table(path), ()
    frame, _ = read_images(path, shape)
    return frame, tuple(frame.columns[:-1])


def _size(file: Path, folder: Path) -> tuple[int, int]:
    """Return height and width that a picture's header states."""
    from PIL import Image

    name = str(file.relative_to(folder))
    with explain_broken_file(name), Image.open(file) as opened:
        _require_pixels(opened.height, opened.width, name)
        return opened.height, opened.width


def _require_pixels(height: int, width: int, name: str) -> None:
    """Refuse a picture by its header, before a pixel is decoded."""
    if width * height > MOST_PIXELS:
        raise DataError(f"{quote(name)} has {height} × {width} pixels; at most {MOST_PIXELS:,} are read.")


def _pixels(file: Path, folder: Path, shape: Shape | None) -> np.ndarray:
    """Return one image as bytes, shape (channels, height, width)."""
    from PIL import Image

    name = str(file.relative_to(folder))
    with explain_broken_file(name), Image.open(file) as opened:
        _require_pixels(opened.height, opened.width, name)
        grey = opened.mode in GREY if shape is None else shape[0] == 1
        return picture_values(opened, None if shape is None else (shape[1], shape[2]), 1 if grey else 3)
